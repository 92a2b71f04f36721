//! Who is at the door: an identity, and what it may.
//!
//! One layer of `http` finds out who asks, before a body is read, and puts an [`Identity`] into the extensions of the
//! request. What a route needs stands beside the route, and a route that says nothing of it does not compile.

mod gate;
pub mod jwt;
mod link;
mod presented;
mod rights;

pub use gate::{Gate, Unknown};
pub use link::{BadKey, BadLink, Grant, Keys, Link};
pub use presented::Presented;
pub use rights::{Needed, Rights};

use cairn_engine::{Owner, Timestamp};

/// Who asks, and what they may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who. Where nobody was asked to prove it, whom the head of the request names, or `default`.
    pub owner: Owner,
    /// What they may.
    pub rights: Rights,
    /// How they are known.
    pub by: By,
    /// From when on what they showed is not believed any more, if that is known.
    pub until: Option<Timestamp>,
}

/// How an identity is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Nobody was asked: they are whoever they say they are, wherever in the request they say it.
    Nobody,
    /// By a token, of this public id.
    Token(String),
    /// By a signed link, of this id.
    Link(String),
    /// By a token that somebody else issued.
    Jwt,
    /// By the certificate of their connection.
    Certificate,
}

impl Identity {
    /// Somebody who was not asked, and so may do everything as whoever they say they are.
    pub fn believed(owner: Owner) -> Self {
        Self { owner, rights: Rights::ALL, by: By::Nobody, until: None }
    }

    /// Whether the other is the same asker with the same rights, known in the same way.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.owner, &self.rights, &self.by) == (&other.owner, &other.rights, &other.by)
    }

    /// Whether a name that the request tells is theirs.
    pub fn answers_to(&self, name: &Owner) -> bool {
        self.by == By::Nobody || self.owner == *name
    }
}
