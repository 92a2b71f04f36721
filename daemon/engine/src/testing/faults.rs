//! Stores that fail when they are told to: wrapped around any three, with one count of calls over all of them.
//!
//! [`FaultPlan::fail_at`] makes one call fail, as a store does that is away for a moment. [`FaultPlan::stop_at`] makes
//! that call and every later one fail, as if the process had been killed there: what the operation would still have
//! done comes to nothing. A new engine over the inner stores, or [`Faults::heal`], is the restart. Either way the
//! call may have had its effect before the failure was told ([`FaultPlan::after_effect`]): an answer that got lost.
//!
//! Every method of a contract that can fail is one call, and so is every item of a stream and each `write`, `commit`
//! and `discard` of an attempt. A `discard` that fails does nothing.
//!
//! [`Faults::before`] lets something else happen just before a call: another request, say, or the loss of all
//! sessions.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;

use crate::contracts::*;
use crate::digest::{Checksum, Digest};
use crate::extent::{Extent, Receipt};
use crate::file::{Blob, File};
use crate::id::{ObjectKey, UploadId};
use crate::owner::Owner;
use crate::path::FilePath;
use crate::time::Timestamp;
use crate::upload::{Manifest, Upload};

mod catalog;
mod objects;
mod sessions;

/// What is to go wrong. Calls count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultPlan {
    /// The one call that fails.
    pub fail_at: Option<u64>,
    /// The first of the calls that all fail.
    pub stop_at: Option<u64>,
    /// Whether the first call that fails has its effect all the same.
    pub after_effect: bool,
    /// What the failure is.
    pub failure: Failure,
}

impl FaultPlan {
    /// Nothing goes wrong; calls are counted.
    pub const NONE: Self =
        Self { fail_at: None, stop_at: None, after_effect: false, failure: Failure::Unavailable };

    /// The `n`-th call fails, and no other.
    pub fn fail_at(n: u64) -> Self {
        Self { fail_at: Some(n), ..Self::NONE }
    }

    /// Every call from the `n`-th on fails.
    pub fn stop_at(n: u64) -> Self {
        Self { stop_at: Some(n), ..Self::NONE }
    }

    /// The same, but the first call that fails has its effect.
    #[must_use]
    pub fn after_effect(self) -> Self {
        Self { after_effect: true, ..self }
    }

    fn fate(&self, call: u64) -> Fate {
        let first = self.fail_at == Some(call) || self.stop_at == Some(call);
        if first && self.after_effect {
            Fate::FailsAfter(self.failure)
        } else if first || self.stop_at.is_some_and(|stop| stop < call) {
            Fate::FailsBefore(self.failure)
        } else {
            Fate::Passes
        }
    }
}

/// What becomes of one call.
#[derive(Clone, Copy)]
enum Fate {
    Passes,
    FailsBefore(Failure),
    FailsAfter(Failure),
}

/// The plan and the count that three wrapped stores share.
pub struct Faults {
    state: Mutex<Tally>,
}

struct Tally {
    plan: FaultPlan,
    calls: Vec<(Store, &'static str)>,
    struck: bool,
    interludes: Vec<(u64, Interlude)>,
}

/// What happens just before a call.
type Interlude = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Tally {
    fn new(plan: FaultPlan) -> Self {
        Self { plan, calls: Vec::new(), struck: false, interludes: Vec::new() }
    }
}

/// The cause of every failure made here.
#[derive(Debug, thiserror::Error)]
#[error("made to fail: call {call}")]
struct MadeToFail {
    call: u64,
}

impl Faults {
    /// Faults by this plan.
    pub fn new(plan: FaultPlan) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(Tally::new(plan)) })
    }

    /// These sessions, failing by the plan.
    pub fn sessions(self: &Arc<Self>, inner: Arc<dyn SessionStore>) -> Arc<dyn SessionStore> {
        Arc::new(sessions::FaultySessions { faults: Arc::clone(self), inner })
    }

    /// This catalog, failing by the plan.
    pub fn catalog(self: &Arc<Self>, inner: Arc<dyn Catalog>) -> Arc<dyn Catalog> {
        Arc::new(catalog::FaultyCatalog { faults: Arc::clone(self), inner })
    }

    /// These objects, failing by the plan, and their attempts too.
    pub fn objects(self: &Arc<Self>, inner: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        Arc::new(objects::FaultyObjects { faults: Arc::clone(self), inner })
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.state().calls.len() as u64
    }

    /// Whether a call has failed by the plan.
    pub fn struck(&self) -> bool {
        self.state().struck
    }

    /// The name of the `n`-th call, for a test's message.
    pub fn name_of(&self, n: u64) -> String {
        let index = usize::try_from(n).unwrap_or_default().wrapping_sub(1);
        let named = self.state().calls.get(index).map(|(store, operation)| format!("{store} {operation}"));
        named.unwrap_or_else(|| "no call".to_owned())
    }

    /// Nothing goes wrong from now on.
    pub fn heal(&self) {
        self.state().plan = FaultPlan::NONE;
    }

    /// Counts from 1 again, by another plan.
    pub fn restart(&self, plan: FaultPlan) {
        *self.state() = Tally::new(plan);
    }

    /// Lets this happen just before the `n`-th call, which waits for it.
    pub fn before(&self, n: u64, interlude: impl Future<Output = ()> + Send + 'static) {
        self.state().interludes.push((n, Box::pin(interlude)));
    }

    fn state(&self) -> MutexGuard<'_, Tally> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call; its number and what becomes of it.
    fn next(&self, store: Store, operation: &'static str) -> (u64, Fate) {
        let mut state = self.state();
        state.calls.push((store, operation));
        let call = state.calls.len() as u64;
        let fate = state.plan.fate(call);
        state.struck |= !matches!(fate, Fate::Passes);
        (call, fate)
    }

    /// Makes a call, if it is not to fail before.
    async fn call<T>(
        &self,
        store: Store,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let (number, fate) = self.next(store, operation);
        let due: Vec<_> = self.state().interludes.extract_if(.., |(n, _)| *n == number).collect();
        for (_, interlude) in due {
            interlude.await;
        }
        let failed = |failure| StoreError::new(store, operation, failure, MadeToFail { call: number });
        match fate {
            Fate::Passes => call.await,
            Fate::FailsBefore(failure) => Err(failed(failure)),
            Fate::FailsAfter(failure) => {
                call.await?;
                Err(failed(failure))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::memory_objects::MemoryObjects;

    fn key(nonce: u128) -> ObjectKey {
        ObjectKey::merged(nonce)
    }

    /// Writes three small objects; which of the calls failed, and which of the objects are there.
    async fn three_writes(plan: FaultPlan) -> (Vec<bool>, usize) {
        let inner = Arc::new(MemoryObjects::new(Placement::Objects));
        let faults = Faults::new(plan);
        let objects = faults.objects(inner.clone());
        let mut failed = Vec::new();
        for nonce in 1..=3 {
            failed.push(objects.write_small(&key(nonce), Bytes::from_static(b"x")).await.is_err());
        }
        assert_eq!(faults.calls(), 3);
        assert_eq!(faults.struck(), failed.contains(&true));
        assert_eq!(faults.name_of(2), "objects write_small");
        (failed, inner.keys().len())
    }

    #[tokio::test]
    async fn the_nth_call_fails_or_every_call_from_it_on_before_or_after_its_effect() {
        for (plan, failed, kept) in [
            (FaultPlan::NONE, [false, false, false], 3),
            (FaultPlan::fail_at(2), [false, true, false], 2),
            (FaultPlan::fail_at(2).after_effect(), [false, true, false], 3),
            (FaultPlan::stop_at(2), [false, true, true], 1),
            (FaultPlan::stop_at(2).after_effect(), [false, true, true], 2),
        ] {
            assert_eq!(three_writes(plan).await, (failed.to_vec(), kept), "{plan:?}");
        }
    }

    #[tokio::test]
    async fn a_stream_breaks_at_the_item_that_is_the_nth_call() {
        let faults = Faults::new(FaultPlan::NONE);
        let objects = faults.objects(Arc::new(MemoryObjects::new(Placement::Objects)));
        for nonce in 1..=3 {
            objects.write_small(&key(nonce), Bytes::from_static(b"x")).await.unwrap();
        }
        faults.restart(FaultPlan::fail_at(3));
        let listed: Vec<_> = objects.list().await.unwrap().map(|item| item.is_ok()).collect().await;
        assert_eq!(listed, [true, false, true]);
    }

    #[tokio::test]
    async fn what_is_healed_works_again() {
        let faults = Faults::new(FaultPlan::stop_at(1));
        let objects = faults.objects(Arc::new(MemoryObjects::new(Placement::Objects)));
        assert!(objects.check().await.is_err());
        faults.heal();
        assert!(objects.check().await.is_ok());
        assert!(faults.struck());
    }
}
