//! Rights, and what a request needs of them.

/// What an identity may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Read its own files and uploads.
    pub read: bool,
    /// Make, change and remove its own files and uploads.
    pub write: bool,
    /// See how the daemon is doing. It opens nobody else's files, and not the admin API.
    pub admin: bool,
}

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// Nothing: everybody may.
    Open,
    /// To read or to write: how far an upload is concerns both.
    Either,
    /// To read.
    Read,
    /// To write.
    Write,
    /// To see how the daemon is doing.
    Admin,
}

impl Rights {
    /// Every right: what everybody has where nobody is asked.
    pub const ALL: Self = Self { read: true, write: true, admin: true };

    /// Whether these are enough.
    pub fn suffice(self, needed: Needed) -> bool {
        match needed {
            Needed::Open => true,
            Needed::Either => self.read || self.write,
            Needed::Read => self.read,
            Needed::Write => self.write,
            Needed::Admin => self.admin,
        }
    }
}

impl Needed {
    /// The scopes of which one is needed, as a sentence tells them.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "none",
            Self::Either => "read or write",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_right_is_part_of_another() {
        let read = Rights { read: true, ..Rights::default() };
        let write = Rights { write: true, ..Rights::default() };
        let admin = Rights { admin: true, ..Rights::default() };
        let needs = [Needed::Open, Needed::Either, Needed::Read, Needed::Write, Needed::Admin];
        assert_eq!(needs.map(|needed| read.suffice(needed)), [true, true, true, false, false]);
        assert_eq!(needs.map(|needed| write.suffice(needed)), [true, true, false, true, false]);
        assert_eq!(needs.map(|needed| admin.suffice(needed)), [true, false, false, false, true]);
        assert!(needs.into_iter().all(|needed| Rights::ALL.suffice(needed)));
    }
}
