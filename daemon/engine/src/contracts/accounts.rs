//! Users and tokens.

use async_trait::async_trait;

use super::{Page, PageRequest, StoreError};
use crate::account::{Limits, Quota, SecretHash, Token, TokenId, User};
use crate::owner::Owner;
use crate::time::Timestamp;

/// What is to change of a user; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserChange {
    /// Whether nothing is believed that says it is this user.
    pub disabled: Option<bool>,
    /// What the user may keep and stage.
    pub quota: Option<Quota>,
    /// Limits of the user's own, all of them.
    pub limits: Option<Limits>,
}

/// A token with all that decides whether it is believed.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldToken {
    /// The token.
    pub token: Token,
    /// What is kept of its secret.
    pub hash: SecretHash,
    /// Whose it is.
    pub user: User,
}

/// Users and tokens: who may ask. It knows nothing of what they own.
///
/// Every change but [`note_used`](Self::note_used) is durable when its call returns, and whole.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Adds a user; `false`, and nothing is changed, if there is one of that name.
    async fn add_user(&self, user: &User) -> Result<bool, StoreError>;

    /// The user of that name: names are compared byte by byte.
    async fn find_user(&self, name: &Owner) -> Result<Option<User>, StoreError>;

    /// Users, by name (bytewise).
    async fn list_users(&self, page: &PageRequest) -> Result<Page<User>, StoreError>;

    /// Changes a user; the user after it, `None` if there is none of that name.
    async fn change_user(&self, name: &Owner, change: &UserChange) -> Result<Option<User>, StoreError>;

    /// Removes a user and all their tokens; whether there was one. Tokens of theirs stay gone if a user of that name
    /// is added again.
    async fn remove_user(&self, name: &Owner) -> Result<bool, StoreError>;

    /// Adds a token of a user; `false`, and nothing is changed, if there is no such user. A token's id is never given
    /// twice: one that is taken is a failure.
    async fn add_token(&self, token: &Token, hash: &SecretHash) -> Result<bool, StoreError>;

    /// The token of that id with its user, be it valid or not.
    async fn find_token(&self, id: TokenId) -> Result<Option<HeldToken>, StoreError>;

    /// Tokens, of one user or of all, by user and id. None is left out: revoked and expired ones are listed too.
    async fn list_tokens(&self, user: Option<&Owner>, page: &PageRequest) -> Result<Page<Token>, StoreError>;

    /// Revokes a token; the token after it, `None` if there is none of that id. One that was revoked before keeps the
    /// moment at which it was.
    async fn revoke_token(&self, id: TokenId, now: Timestamp) -> Result<Option<Token>, StoreError>;

    /// Notes when a token was used, if that is later than what is noted. It may be lost with the power. Absent is
    /// fine.
    async fn note_used(&self, id: TokenId, at: Timestamp) -> Result<(), StoreError>;

    /// Notes that a link of one use was used; `false`, and nothing is changed, if it was before. Links that are over
    /// at `now` may be forgotten.
    async fn spend_link(&self, id: &str, expires_at: Timestamp, now: Timestamp) -> Result<bool, StoreError>;
}
