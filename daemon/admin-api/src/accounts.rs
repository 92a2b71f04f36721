//! Users and tokens. Moments are RFC 3339 in UTC, lengths bytes.

use serde::{Deserialize, Serialize};

/// Limits of a user's own, by name.
pub type Limits = serde_json::Map<String, serde_json::Value>;

/// Bytes that a user may keep and stage: a number, or `"configured"`, or `"unbounded"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Quota {
    /// So many.
    Bytes(u64),
    /// What has a name.
    Named(NamedQuota),
}

/// A quota that is no number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedQuota {
    /// As many as anybody may.
    #[default]
    Configured,
    /// Any number.
    Unbounded,
}

impl Default for Quota {
    fn default() -> Self {
        Self::Named(NamedQuota::Configured)
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The name.
    pub name: String,
    /// Whether nothing is believed that says it is this user.
    pub disabled: bool,
    /// What the user may keep and stage.
    pub quota: Quota,
    /// Other limits of the user's own.
    pub limits: Limits,
    /// When the user was added.
    pub created_at: String,
}

/// A user, with what they keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserDetail {
    /// The user.
    #[serde(flatten)]
    pub user: User,
    /// Bytes of their files together.
    pub used_bytes: u64,
    /// Bytes that open uploads have reserved or received.
    pub staged_bytes: u64,
    /// Open uploads.
    pub open_uploads: u64,
    /// The quota that holds; absent is none.
    pub quota_bytes: Option<u64>,
    /// Their tokens.
    pub tokens: Vec<Token>,
}

/// A user who is to be added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewUser {
    /// The name.
    pub name: String,
    /// What the user may keep and stage.
    #[serde(default)]
    pub quota: Quota,
    /// Other limits of the user's own.
    #[serde(default)]
    pub limits: Limits,
}

/// What is to change of a user; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UserChange {
    /// Whether nothing is believed that says it is this user.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub disabled: Option<bool>,
    /// What the user may keep and stage.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quota: Option<Quota>,
    /// Limits to set, by name; `null` takes one away.
    #[serde(default)]
    pub limits: Limits,
}

/// How a user is to be removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveUser {
    /// Whether their files and open uploads go too. Otherwise a user who has any is not removed.
    #[serde(default)]
    pub purge: bool,
    /// Whether to tell what would go and to remove nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A user who was removed, or would be, and what went along.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RemovedUser {
    /// The user.
    pub user: User,
    /// Tokens of theirs.
    pub tokens: u64,
    /// Files of theirs.
    pub files: u64,
    /// Bytes of these files.
    pub used_bytes: u64,
    /// Uploads of theirs that are remembered, open ones or ended ones.
    pub uploads: u64,
    /// Whether nothing was removed.
    pub dry_run: bool,
}

/// Which tokens a listing is of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TokenQuery {
    /// Of this user only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The `next_cursor` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The most items wanted; 1 to 1000, 100 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Which users a listing is of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PageQuery {
    /// The `next_cursor` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The most items wanted; 1 to 1000, 100 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// A token as everybody may know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// Its public name.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// What it is good for: some of `read`, `write` and `admin`.
    pub scopes: Vec<String>,
    /// `valid`, `expired` or `revoked`.
    pub state: String,
    /// When it was made.
    pub created_at: String,
    /// From when on it is good for nothing; absent is never.
    pub expires_at: Option<String>,
    /// When it was last used, to the hour; absent is never.
    pub used_at: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<String>,
}

/// A token that is to be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewToken {
    /// Whose it will be.
    pub user: String,
    /// What it will be good for: some of `read`, `write` and `admin`.
    pub scopes: Vec<String>,
    /// For how many seconds; absent is for ever.
    #[serde(default)]
    pub expires_in: Option<u64>,
}

/// A token that was made, with its text, which is told here and never again.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct MadeToken {
    /// The text: what goes after `Bearer`, or for the password of the user.
    pub text: String,
    /// What everybody may know of it.
    #[serde(flatten)]
    pub token: Token,
}

impl std::fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeToken").field("token", &self.token).finish_non_exhaustive()
    }
}
