//! Signed links. Moments are RFC 3339 in UTC, lengths bytes.

use serde::{Deserialize, Serialize};

/// A link that is to be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewLink {
    /// Whose files it is about.
    pub user: String,
    /// `upload` or `download`.
    #[serde(rename = "for")]
    pub purpose: String,
    /// Which file.
    pub path: String,
    /// For how many seconds; absent is an hour.
    #[serde(default)]
    pub expires_in: Option<u64>,
    /// Whether it is good for one use only.
    #[serde(default)]
    pub once: bool,
    /// Of an upload: the most bytes.
    #[serde(default)]
    pub max_length: Option<u64>,
    /// Of an upload: the only media type.
    #[serde(default)]
    pub content_type: Option<String>,
}

/// A link that was made. Its addresses are all that somebody needs to use it; they are told here and never again.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct MadeLink {
    /// Names it where it may be told, as in the audit log.
    pub id: String,
    /// `upload` or `download`.
    #[serde(rename = "for")]
    pub purpose: String,
    /// Which file.
    pub path: String,
    /// Whether it is good for one use only.
    pub once: bool,
    /// Of an upload: the most bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u64>,
    /// Of an upload: the only media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// When it is over.
    pub expires_at: String,
    /// Where to send the file to, or to read it from; a path alone if `server.public_url` is not configured.
    pub url: String,
    /// Of an upload: the endpoint for a client of tus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tus_url: Option<String>,
}

impl std::fmt::Debug for MadeLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeLink").field("id", &self.id).finish_non_exhaustive()
    }
}
