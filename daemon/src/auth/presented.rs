//! What a request presents to say who asks: the field `Authorization` (RFC 9110, section 11.6.2).
//!
//! `Bearer` (RFC 6750) and `Basic` (RFC 7617) are read, their names in any case. Anything else, a field that is there
//! twice, and one that does not decode, is [`Presented::Unreadable`]: it was meant to say who asks, and does not.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};

/// What a request presents. `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Presented {
    /// Nothing at all.
    #[default]
    Nothing,
    /// A token, as it came.
    Bearer(String),
    /// A user's name and what goes for a password.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// Something that is neither.
    Unreadable,
}

impl Presented {
    /// What the head of a request presents.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut fields = headers.get_all(AUTHORIZATION).iter();
        match (fields.next(), fields.next()) {
            (None, _) => Self::Nothing,
            (Some(field), None) => read(field).unwrap_or(Self::Unreadable),
            (Some(_), Some(_)) => Self::Unreadable,
        }
    }
}

fn read(field: &HeaderValue) -> Option<Presented> {
    let (scheme, rest) = field.to_str().ok()?.split_once(' ')?;
    let credentials = rest.trim_matches(' ');
    if credentials.is_empty() {
        return None;
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Presented::Bearer(credentials.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(Presented::Basic { user: user.to_owned(), password: password.to_owned() })
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("Nothing"),
            Self::Bearer(_) => f.write_str("Bearer((hidden))"),
            Self::Basic { user, .. } => f.debug_struct("Basic").field("user", user).finish_non_exhaustive(),
            Self::Unreadable => f.write_str("Unreadable"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[&str]) -> Presented {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(AUTHORIZATION, HeaderValue::from_str(field).unwrap());
        }
        Presented::of(&headers)
    }

    fn basic(user: &str, password: &str) -> Presented {
        Presented::Basic { user: user.to_owned(), password: password.to_owned() }
    }

    #[test]
    fn bearer_and_basic_are_read_in_any_case_of_their_names() {
        assert_eq!(of(&[]), Presented::Nothing);
        for scheme in ["Bearer", "bearer", "BEARER"] {
            assert_eq!(of(&[&format!("{scheme} abc")]), Presented::Bearer("abc".to_owned()));
        }
        // "ann:a:b", "зоя:x", ":"
        assert_eq!(of(&["Basic YW5uOmE6Yg=="]), basic("ann", "a:b"));
        assert_eq!(of(&["basic 0LfQvtGPOng="]), basic("зоя", "x"));
        assert_eq!(of(&["Basic Og=="]), basic("", ""));
    }

    #[test]
    fn what_is_neither_is_not_taken_for_nothing() {
        // Without a colon, not UTF-8, not base64, without padding.
        for bad in
            ["", "Bearer", "Bearer ", "Digest a=b", "Basic YW5u", "Basic //86eA==", "Basic a:b", "Basic Og"]
        {
            assert_eq!(of(&[bad]), Presented::Unreadable, "{bad:?}");
        }
        assert_eq!(of(&["Bearer a", "Bearer a"]), Presented::Unreadable);
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?} {:?}", Presented::Bearer("canary".to_owned()), basic("ann", "canary"));
        assert!(shown.contains("ann") && !shown.contains("canary"), "{shown}");
    }
}
