//! Signed links: the keys that sign them, and how long one may last.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::values::period;

/// The most characters of a key's id.
const MAX_ID: usize = 32;

/// Signed links. Without a key there are none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Links {
    /// The first signs, each verifies.
    pub keys: Vec<LinkKey>,
    /// The longest that a link may last.
    #[serde(with = "period")]
    pub max_ttl: Duration,
}

impl Default for Links {
    fn default() -> Self {
        Self { keys: Vec::new(), max_ttl: Duration::from_secs(7 * 24 * 3600) }
    }
}

/// A key: its id, which every link of it names, and the file that holds the secret. Written `id=file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkKey {
    /// Letters, digits, `-` and `_`.
    pub id: String,
    /// Where the secret is.
    pub secret_file: PathBuf,
}

/// What is written is no key.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not the id of a key (1 to {MAX_ID} letters, digits, - and _), \"=\", and the name of its file"
)]
pub struct BadLinkKey(String);

impl FromStr for LinkKey {
    type Err = BadLinkKey;

    fn from_str(text: &str) -> Result<Self, BadLinkKey> {
        let bad = || BadLinkKey(text.to_owned());
        let (id, file) = text.split_once('=').ok_or_else(bad)?;
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if id.is_empty() || id.len() > MAX_ID || !id.chars().all(known) || file.is_empty() {
            return Err(bad());
        }
        Ok(Self { id: id.to_owned(), secret_file: file.into() })
    }
}

impl fmt::Display for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.id, self.secret_file.display())
    }
}

impl Serialize for LinkKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LinkKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
