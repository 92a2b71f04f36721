//! Users and tokens, every call timed, under the name of the catalog, whose database they are in.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use cairn_engine::account::SecretHash;
use cairn_engine::contracts::*;
use cairn_engine::{Owner, Timestamp, Token, TokenId, User};

use super::timed;
use crate::metrics::Metrics;

pub(super) struct MeteredAccounts {
    pub(super) metrics: Arc<Metrics>,
    pub(super) inner: Arc<dyn Accounts>,
}

impl MeteredAccounts {
    async fn call<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        timed(&self.metrics, Store::Catalog, None, operation, call).await
    }
}

#[async_trait]
impl Accounts for MeteredAccounts {
    async fn add_user(&self, user: &User) -> Result<bool, StoreError> {
        self.call("add_user", self.inner.add_user(user)).await
    }

    async fn find_user(&self, name: &Owner) -> Result<Option<User>, StoreError> {
        self.call("find_user", self.inner.find_user(name)).await
    }

    async fn list_users(&self, page: &PageRequest) -> Result<Page<User>, StoreError> {
        self.call("list_users", self.inner.list_users(page)).await
    }

    async fn change_user(&self, name: &Owner, change: &UserChange) -> Result<Option<User>, StoreError> {
        self.call("change_user", self.inner.change_user(name, change)).await
    }

    async fn remove_user(&self, name: &Owner) -> Result<bool, StoreError> {
        self.call("remove_user", self.inner.remove_user(name)).await
    }

    async fn add_token(&self, token: &Token, hash: &SecretHash) -> Result<bool, StoreError> {
        self.call("add_token", self.inner.add_token(token, hash)).await
    }

    async fn find_token(&self, id: TokenId) -> Result<Option<HeldToken>, StoreError> {
        self.call("find_token", self.inner.find_token(id)).await
    }

    async fn list_tokens(&self, user: Option<&Owner>, page: &PageRequest) -> Result<Page<Token>, StoreError> {
        self.call("list_tokens", self.inner.list_tokens(user, page)).await
    }

    async fn revoke_token(&self, id: TokenId, now: Timestamp) -> Result<Option<Token>, StoreError> {
        self.call("revoke_token", self.inner.revoke_token(id, now)).await
    }

    async fn note_used(&self, id: TokenId, at: Timestamp) -> Result<(), StoreError> {
        self.call("note_used", self.inner.note_used(id, at)).await
    }

    async fn spend_link(&self, id: &str, expires_at: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        self.call("spend_link", self.inner.spend_link(id, expires_at, now)).await
    }
}
