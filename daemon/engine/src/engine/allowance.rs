//! What an owner may still keep and stage: the arithmetic of quotas.
//!
//! Files and uploads in progress lie in two stores, so a look at both and the change that relies on it are not one
//! act. Where there is a quota, everything that makes the sum larger takes the owner's turn first: a creation, a
//! stretch of an upload whose length is unknown, a length that becomes known, a file that no upload reserved room for, a
//! copy, a publication. So the sum of both never passes the quota, however many come at once. Without a quota nobody
//! waits.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::Engine;
use crate::account::Quota;
use crate::overrides::Overrides;
use crate::owner::Owner;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::upload::Upload;

/// An owner's turn; dropped, it is the next one's. Without a quota there is none to take.
pub(super) type Turn = Option<OwnedMutexGuard<()>>;

/// What an owner keeps and stages, and the quota on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    used: u64,
    quota: u64,
}

impl Allowance {
    /// Bytes that still fit.
    pub(super) fn left(&self) -> u64 {
        self.quota.saturating_sub(self.used)
    }

    /// The refusal of bytes that do not fit.
    pub(super) fn refusal(&self, asked: u64) -> Refusal {
        Refusal::Quota { asked, used: self.used, quota: self.quota }
    }

    fn admit(&self, asked: u64) -> Result<(), Refusal> {
        if asked <= self.left() { Ok(()) } else { Err(self.refusal(asked)) }
    }
}

impl Engine {
    /// The limits and habits in force for an owner: a user's own in the place of everybody's.
    ///
    /// # Errors
    /// The store of users failed.
    pub async fn policy_of(&self, owner: &Owner) -> Result<Arc<Policy>, Refusal> {
        let policy = self.policy();
        match self.user(owner).await? {
            Some(user) if user.quota != Quota::AsConfigured || !user.limits.is_empty() => {
                let quota = user.quota.or(policy.quota);
                let own = Overrides::heeded(&user.limits);
                Ok(Arc::new(own.over(Policy { quota, ..(*policy).clone() })))
            }
            _ => Ok(policy),
        }
    }

    /// The limits of an owner's own.
    ///
    /// # Errors
    /// A store failed.
    pub async fn overrides_of(&self, owner: &Owner) -> Result<Overrides, Refusal> {
        let user = self.user(owner).await?;
        Ok(user.map(|user| Overrides::heeded(&user.limits)).unwrap_or_default())
    }

    /// Waits for an owner's turn, if there is a quota.
    pub(super) async fn owner_turn(&self, owner: &Owner) -> Result<Turn, Refusal> {
        match self.policy_of(owner).await?.quota {
            Some(_) => Ok(Some(self.owners.turn(owner.clone()).await)),
            None => Ok(None),
        }
    }

    /// What an owner may still keep and stage; `None` is without bound.
    pub(super) async fn allowance(&self, owner: &Owner) -> Result<Option<Allowance>, Refusal> {
        let Some(quota) = self.policy_of(owner).await?.quota else { return Ok(None) };
        let staged = self.ground.sessions.staged(owner).await?;
        let usage = self.ground.catalog.usage(owner).await?;
        Ok(Some(Allowance { used: usage.bytes.saturating_add(staged.bytes), quota }))
    }

    /// What an upload may still grow by; `None` is without bound. One whose length is known reserved its room already.
    pub(super) async fn growth(&self, upload: &Upload) -> Result<Option<Allowance>, Refusal> {
        if upload.length.is_some() {
            return Ok(None);
        }
        self.allowance(&upload.owner).await
    }

    /// Makes sure that an upload may grow by `bytes`, until the turn is dropped.
    ///
    /// # Errors
    /// [`Refusal::Quota`], or a store failed.
    pub(super) async fn reserve_growth(&self, upload: &Upload, bytes: u64) -> Result<Turn, Refusal> {
        if upload.length.is_some() || bytes == 0 {
            return Ok(None);
        }
        let turn = self.owner_turn(&upload.owner).await?;
        if let Some(allowance) = self.allowance(&upload.owner).await? {
            allowance.admit(bytes)?;
        }
        Ok(turn)
    }

    /// The most bytes that an owner's files may have together, if what is staged is to be finished too.
    pub(super) async fn most_used(&self, owner: &Owner) -> Result<Option<u64>, Refusal> {
        let Some(quota) = self.policy_of(owner).await?.quota else { return Ok(None) };
        let staged = self.ground.sessions.staged(owner).await?;
        Ok(Some(quota.saturating_sub(staged.bytes)))
    }
}
