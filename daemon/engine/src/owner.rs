//! Whose a thing is, and who is asking.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Whose an upload or a file is: 1 to 255 bytes of text without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Owner(String);

/// The text cannot name an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user's name is 1 to 255 bytes without control characters")]
pub struct BadOwner;

impl Owner {
    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Owner {
    /// Whoever asks where nobody is named and nobody is asked: `default`.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl FromStr for Owner {
    type Err = BadOwner;

    fn from_str(text: &str) -> Result<Self, BadOwner> {
        if text.is_empty() || text.len() > 255 || text.chars().any(char::is_control) {
            return Err(BadOwner);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Owner {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A user: sees what is theirs, and nothing of anybody else's.
    User(Owner),
    /// The operator at the admin socket: sees everything.
    Operator,
}

impl Caller {
    /// Whether this caller may know of what belongs to `owner`.
    pub fn may_see(&self, owner: &Owner) -> bool {
        match self {
            Self::User(user) => user == owner,
            Self::Operator => true,
        }
    }
}
