//! Uploads in progress, every call timed. What is recorded here is what counts as a received chunk.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use cairn_engine::contracts::*;
use cairn_engine::{Owner, Receipt, State, Timestamp, Upload, UploadId};

use super::timed;
use crate::metrics::Metrics;

pub(super) struct MeteredSessions {
    pub(super) metrics: Arc<Metrics>,
    pub(super) inner: Arc<dyn SessionStore>,
    pub(super) gate: Gate,
}

/// While it is closed, every call is told that the store does not answer: what it holds is not to be believed yet.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<AtomicBool>);

impl Gate {
    /// Nobody gets through from now on.
    pub fn close(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Everybody gets through from now on.
    pub fn open(&self) {
        self.0.store(false, Ordering::Release);
    }

    fn pass(&self, operation: &'static str) -> Result<(), StoreError> {
        if !self.0.load(Ordering::Acquire) {
            return Ok(());
        }
        let cause = "open uploads are to be looked at first, after the machine was started again";
        Err(StoreError::new(Store::Sessions, operation, Failure::Unavailable, cause))
    }
}

impl MeteredSessions {
    async fn call<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.gate.pass(operation)?;
        timed(&self.metrics, Store::Sessions, None, operation, call).await
    }
}

#[async_trait]
impl SessionStore for MeteredSessions {
    async fn create(&self, upload: &Upload, admission: &Admission) -> Result<Creation, StoreError> {
        self.call("create", self.inner.create(upload, admission)).await
    }

    async fn load(&self, id: UploadId, view: View) -> Result<Option<Session>, StoreError> {
        self.call("load", self.inner.load(id, view)).await
    }

    async fn record(
        &self,
        id: UploadId,
        receipt: &Receipt,
        epoch: Option<u64>,
        expires_at: Timestamp,
    ) -> Result<Recording, StoreError> {
        let recording = self.call("record", self.inner.record(id, receipt, epoch, expires_at)).await?;
        if matches!(recording, Recording::Recorded { .. }) {
            self.metrics.chunk();
        }
        Ok(recording)
    }

    async fn claim(&self, id: UploadId) -> Result<Option<u64>, StoreError> {
        self.call("claim", self.inner.claim(id)).await
    }

    async fn settle(&self, id: UploadId, from: &[State], change: Settlement) -> Result<Settled, StoreError> {
        self.call("settle", self.inner.settle(id, from, change)).await
    }

    async fn save_prefix(&self, id: UploadId, prefix: &SavedPrefix) -> Result<(), StoreError> {
        self.call("save_prefix", self.inner.save_prefix(id, prefix)).await
    }

    async fn load_prefix(&self, id: UploadId) -> Result<Option<SavedPrefix>, StoreError> {
        self.call("load_prefix", self.inner.load_prefix(id)).await
    }

    async fn save_challenge(&self, id: UploadId, challenge: &Challenge) -> Result<(), StoreError> {
        self.call("save_challenge", self.inner.save_challenge(id, challenge)).await
    }

    async fn take_challenge(&self, id: UploadId) -> Result<Option<Challenge>, StoreError> {
        self.call("take_challenge", self.inner.take_challenge(id)).await
    }

    async fn restore(&self, session: &Session) -> Result<(), StoreError> {
        self.call("restore", self.inner.restore(session)).await
    }

    async fn vouch(&self, id: UploadId) -> Result<(), StoreError> {
        self.call("vouch", self.inner.vouch(id)).await
    }

    async fn list(&self, filter: &UploadFilter, page: &PageRequest) -> Result<Page<Upload>, StoreError> {
        self.call("list", self.inner.list(filter, page)).await
    }

    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<Upload>, StoreError> {
        self.call("expired", self.inner.expired(now, limit)).await
    }

    async fn remove(&self, id: UploadId) -> Result<(), StoreError> {
        self.call("remove", self.inner.remove(id)).await
    }

    async fn staged(&self, owner: &Owner) -> Result<Staged, StoreError> {
        self.call("staged", self.inner.staged(owner)).await
    }

    async fn count(&self) -> Result<Vec<StateCount>, StoreError> {
        self.call("count", self.inner.count()).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.call("check", self.inner.check()).await
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        self.call("standing", self.inner.standing()).await
    }
}
