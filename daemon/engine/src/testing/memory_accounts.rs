//! Users and tokens in memory: maps behind a lock.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::account::{SecretHash, Token, TokenId, User};
use crate::contracts::*;
use crate::owner::Owner;
use crate::time::Timestamp;

/// Users and tokens that live as long as this value.
#[derive(Debug, Default)]
pub struct MemoryAccounts(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    users: BTreeMap<Owner, User>,
    tokens: BTreeMap<TokenId, (Token, SecretHash)>,
    spent_links: BTreeMap<String, Timestamp>,
}

impl MemoryAccounts {
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The page of items that come after its cursor, each with its own.
fn page_of<T>(items: impl Iterator<Item = (String, T)>, page: &PageRequest) -> Page<T> {
    let after = |cursor: &String| page.cursor.as_ref().is_none_or(|before| cursor > before);
    let mut items: Vec<(String, T)> = items.filter(|(cursor, _)| after(cursor)).collect();
    items.sort_by(|one, other| one.0.cmp(&other.0));
    let more = items.len() > page.limit.max(1);
    items.truncate(page.limit.max(1));
    let next_cursor = items.last().filter(|_| more).map(|(cursor, _)| cursor.clone());
    Page { items: items.into_iter().map(|(_, item)| item).collect(), next_cursor }
}

#[async_trait]
impl Accounts for MemoryAccounts {
    async fn add_user(&self, user: &User) -> Result<bool, StoreError> {
        let users = &mut self.lock().users;
        if users.contains_key(&user.name) {
            return Ok(false);
        }
        users.insert(user.name.clone(), user.clone());
        Ok(true)
    }

    async fn find_user(&self, name: &Owner) -> Result<Option<User>, StoreError> {
        Ok(self.lock().users.get(name).cloned())
    }

    async fn list_users(&self, page: &PageRequest) -> Result<Page<User>, StoreError> {
        let users = self.lock().users.clone();
        Ok(page_of(users.into_iter().map(|(name, user)| (name.to_string(), user)), page))
    }

    async fn change_user(&self, name: &Owner, change: &UserChange) -> Result<Option<User>, StoreError> {
        let mut tables = self.lock();
        let Some(user) = tables.users.get_mut(name) else { return Ok(None) };
        user.disabled = change.disabled.unwrap_or(user.disabled);
        user.quota = change.quota.unwrap_or(user.quota);
        if let Some(limits) = &change.limits {
            user.limits.clone_from(limits);
        }
        Ok(Some(user.clone()))
    }

    async fn remove_user(&self, name: &Owner) -> Result<bool, StoreError> {
        let mut tables = self.lock();
        tables.tokens.retain(|_, (token, _)| token.user != *name);
        Ok(tables.users.remove(name).is_some())
    }

    async fn add_token(&self, token: &Token, hash: &SecretHash) -> Result<bool, StoreError> {
        let mut tables = self.lock();
        if !tables.users.contains_key(&token.user) {
            return Ok(false);
        }
        if tables.tokens.contains_key(&token.id) {
            return Err(StoreError::new(Store::Catalog, "add_token", Failure::Failed, "the id is taken"));
        }
        tables.tokens.insert(token.id, (token.clone(), *hash));
        Ok(true)
    }

    async fn find_token(&self, id: TokenId) -> Result<Option<HeldToken>, StoreError> {
        let tables = self.lock();
        let found = tables.tokens.get(&id).and_then(|(token, hash)| {
            let user = tables.users.get(&token.user)?.clone();
            Some(HeldToken { token: token.clone(), hash: *hash, user })
        });
        Ok(found)
    }

    async fn list_tokens(&self, user: Option<&Owner>, page: &PageRequest) -> Result<Page<Token>, StoreError> {
        let tokens: Vec<Token> = self.lock().tokens.values().map(|(token, _)| token.clone()).collect();
        let of = tokens.into_iter().filter(|token| user.is_none_or(|user| token.user == *user));
        Ok(page_of(of.map(|token| (format!("{}\n{}", token.user, token.id), token)), page))
    }

    async fn revoke_token(&self, id: TokenId, now: Timestamp) -> Result<Option<Token>, StoreError> {
        let mut tables = self.lock();
        let Some((token, _)) = tables.tokens.get_mut(&id) else { return Ok(None) };
        token.revoked_at = token.revoked_at.or(Some(now));
        Ok(Some(token.clone()))
    }

    async fn note_used(&self, id: TokenId, at: Timestamp) -> Result<(), StoreError> {
        if let Some((token, _)) = self.lock().tokens.get_mut(&id) {
            token.used_at = token.used_at.max(Some(at));
        }
        Ok(())
    }

    async fn spend_link(&self, id: &str, expires_at: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let spent = &mut self.lock().spent_links;
        spent.retain(|_, end| *end > now);
        Ok(spent.insert(id.to_owned(), expires_at).is_none())
    }
}
