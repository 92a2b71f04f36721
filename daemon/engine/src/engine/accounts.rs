//! Users and tokens: who may ask.
//!
//! Whoever asks often is looked up once: what was found is kept until any user or token changes, and every change goes
//! through here. So a token that was revoked, or whose user was disabled, is refused at the very next look. Whoever
//! has something running for somebody waits for [`Engine::account_changes`] and looks again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::Engine;
use crate::account::{Limits, Quota, Scopes, Token, TokenId, TokenText, User};
use crate::contracts::{HeldToken, Page, PageRequest, StoreError, UserChange};
use crate::owner::Owner;
use crate::time::Timestamp;

/// The most tokens, and the most users, that are kept in mind.
const KEPT_IN_MIND: usize = 10_000;
/// A token's use is noted at most once in this time.
const USE_IS_NOTED_EVERY: Duration = Duration::from_secs(3600);

/// Why nothing was done about a user or a token.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// There is no such user.
    #[error("there is no such user")]
    NoUser,
    /// There is one of that name.
    #[error("there is a user of that name already")]
    UserExists,
    /// There is no such token.
    #[error("there is no such token")]
    NoToken,
    /// It would be over before it begins.
    #[error("the token would be expired from the start")]
    ExpiredFromTheStart,
    /// The store failed.
    #[error("users and tokens cannot be asked for")]
    Store(#[from] StoreError),
}

/// Who shows a token.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    /// Whose it is.
    pub user: Arc<User>,
    /// The token.
    pub token: Token,
}

/// What was looked up since the last change.
pub(super) struct Known {
    found: Mutex<Found>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Found {
    tokens: HashMap<TokenId, HeldToken>,
    users: HashMap<Owner, Option<Arc<User>>>,
}

impl Default for Known {
    fn default() -> Self {
        Self { found: Mutex::default(), changes: watch::Sender::new(0) }
    }
}

impl Known {
    fn lock(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many changes there have been. What is looked up afterwards is at least as new.
    fn changes(&self) -> u64 {
        *self.changes.borrow()
    }

    /// Keeps what was looked up, unless something changed since it was begun with.
    fn keep(&self, changes: u64, keep: impl FnOnce(&mut Found)) {
        let mut found = self.lock();
        if self.changes() == changes {
            if found.tokens.len() >= KEPT_IN_MIND || found.users.len() >= KEPT_IN_MIND {
                *found = Found::default();
            }
            keep(&mut found);
        }
    }

    fn forget(&self) {
        let mut found = self.lock();
        *found = Found::default();
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }
}

/// A change on its way: what is known is forgotten when it ends, however it ends.
struct Changing<'a>(&'a Known);

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.forget();
    }
}

impl Engine {
    /// Whose token this text is, if it is good for anything now. Its use is noted, to the hour.
    ///
    /// # Errors
    /// The store failed.
    pub async fn holder(&self, text: &str) -> Result<Option<Holder>, StoreError> {
        let Ok(shown) = text.parse::<TokenText>() else { return Ok(None) };
        let Some(held) = self.held_token(shown.id).await? else { return Ok(None) };
        let now = self.now();
        if held.hash != shown.hash() || held.user.disabled || !held.token.is_valid(now) {
            return Ok(None);
        }
        self.note_use(&held.token, now);
        Ok(Some(Holder { user: Arc::new(held.user), token: held.token }))
    }

    async fn held_token(&self, id: TokenId) -> Result<Option<HeldToken>, StoreError> {
        if let Some(held) = self.known.lock().tokens.get(&id) {
            return Ok(Some(held.clone()));
        }
        let changes = self.known.changes();
        let held = self.ground.accounts.find_token(id).await?;
        if let Some(held) = &held {
            self.known.keep(changes, |found| {
                found.tokens.insert(id, held.clone());
            });
        }
        Ok(held)
    }

    /// Notes that a token is used, at most once an hour.
    fn note_use(&self, token: &Token, now: Timestamp) {
        if token.used_at.is_some_and(|at| now.since(at) < USE_IS_NOTED_EVERY) {
            return;
        }
        if let Some(held) = self.known.lock().tokens.get_mut(&token.id) {
            held.token.used_at = Some(now);
        }
        let (accounts, id) = (Arc::clone(&self.ground.accounts), token.id);
        self.errand("note the use of a token", async move {
            if let Err(error) = accounts.note_used(id, now).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "a token's use cannot be noted");
            }
        });
    }

    /// The user of that name, as new as the last change. An owner need not be a user.
    ///
    /// # Errors
    /// The store failed.
    pub async fn user(&self, name: &Owner) -> Result<Option<Arc<User>>, StoreError> {
        if let Some(user) = self.known.lock().users.get(name) {
            return Ok(user.clone());
        }
        let changes = self.known.changes();
        let user = self.ground.accounts.find_user(name).await?.map(Arc::new);
        self.known.keep(changes, |found| {
            found.users.insert(name.clone(), user.clone());
        });
        Ok(user)
    }

    /// Tells of every change of a user or a token after it was made.
    pub fn account_changes(&self) -> watch::Receiver<u64> {
        self.known.changes.subscribe()
    }

    /// Adds a user.
    ///
    /// # Errors
    /// [`AccountError::UserExists`], or the store failed.
    pub async fn add_user(&self, name: Owner, quota: Quota, limits: Limits) -> Result<User, AccountError> {
        let user = User { name, created_at: self.now(), disabled: false, quota, limits };
        let _changing = Changing(&self.known);
        match self.ground.accounts.add_user(&user).await? {
            true => Ok(user),
            false => Err(AccountError::UserExists),
        }
    }

    /// Users, by name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list_users(&self, page: &PageRequest) -> Result<Page<User>, AccountError> {
        Ok(self.ground.accounts.list_users(page).await?)
    }

    /// Changes a user; the user after it.
    ///
    /// # Errors
    /// [`AccountError::NoUser`], or the store failed.
    pub async fn change_user(&self, name: &Owner, change: &UserChange) -> Result<User, AccountError> {
        let _changing = Changing(&self.known);
        self.ground.accounts.change_user(name, change).await?.ok_or(AccountError::NoUser)
    }

    /// Removes a user and all tokens of theirs. What they own stays.
    ///
    /// # Errors
    /// [`AccountError::NoUser`], or the store failed.
    pub async fn remove_user(&self, name: &Owner) -> Result<(), AccountError> {
        let _changing = Changing(&self.known);
        match self.ground.accounts.remove_user(name).await? {
            true => Ok(()),
            false => Err(AccountError::NoUser),
        }
    }

    /// Makes a token of a user, good until `expires_at`. Its text is told here and never again.
    ///
    /// # Errors
    /// [`AccountError::NoUser`], [`AccountError::ExpiredFromTheStart`], or the store failed.
    pub async fn add_token(
        &self,
        user: &Owner,
        scopes: Scopes,
        expires_at: Option<Timestamp>,
    ) -> Result<(Token, TokenText), AccountError> {
        let text = TokenText::make(&*self.ground.chance);
        let created_at = self.now();
        let (id, user) = (text.id, user.clone());
        let token = Token { id, user, scopes, created_at, expires_at, used_at: None, revoked_at: None };
        if !token.is_valid(created_at) {
            return Err(AccountError::ExpiredFromTheStart);
        }
        let _changing = Changing(&self.known);
        match self.ground.accounts.add_token(&token, &text.hash()).await? {
            true => Ok((token, text)),
            false => Err(AccountError::NoUser),
        }
    }

    /// Tokens, of one user or of all, by user and id; those that are good for nothing any more too.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list_tokens(
        &self,
        user: Option<&Owner>,
        page: &PageRequest,
    ) -> Result<Page<Token>, AccountError> {
        Ok(self.ground.accounts.list_tokens(user, page).await?)
    }

    /// Revokes a token, for good; the token after it.
    ///
    /// # Errors
    /// [`AccountError::NoToken`], or the store failed.
    pub async fn revoke_token(&self, id: TokenId) -> Result<Token, AccountError> {
        let _changing = Changing(&self.known);
        self.ground.accounts.revoke_token(id, self.now()).await?.ok_or(AccountError::NoToken)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn user(disabled: bool) -> Option<Arc<User>> {
        let name = Owner::default();
        let (quota, limits) = (Quota::AsConfigured, Limits::new());
        Some(Arc::new(User { name, created_at: Timestamp(0), disabled, quota, limits }))
    }

    #[test]
    fn what_was_looked_up_before_a_change_is_not_kept_after_it() {
        let known = Known::default();
        let keep = |changes, disabled| {
            known.keep(changes, |found| {
                found.users.insert(Owner::default(), user(disabled));
            });
            known.lock().users.get(&Owner::default()).map(|user| user.as_ref().unwrap().disabled)
        };
        let before = known.changes();
        assert_eq!(keep(before, false), Some(false));
        // A look begins, the user is disabled, and only then the look's answer comes.
        drop(Changing(&known));
        assert_eq!(keep(before, false), None);
        assert_eq!(keep(known.changes(), true), Some(true));
    }

    #[test]
    fn no_more_is_kept_in_mind_than_there_is_room_for() {
        let known = Known::default();
        for number in 0..=KEPT_IN_MIND {
            known.keep(0, |found| {
                found.users.insert(format!("{number}").parse().unwrap(), None);
            });
        }
        assert_eq!(known.lock().users.len(), 1);
    }
}
