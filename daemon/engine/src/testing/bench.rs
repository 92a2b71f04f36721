//! A whole engine in memory, with a clock, chance and errands that the test decides.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::memory_accounts::MemoryAccounts;
use super::memory_catalog::MemoryCatalog;
use super::memory_objects::MemoryObjects;
use super::memory_sessions::MemorySessions;
use super::world::{CountingChance, TestClock};
use crate::contracts::{Catalog, ObjectStore, Placement, SessionStore};
use crate::digest::body::BodyDigest;
use crate::engine::{Engine, Errand, Errands, Ground, Incoming, NewUpload};
use crate::file::File;
use crate::owner::Owner;
use crate::policy::Policy;
use crate::refusal::BodyError;
use crate::storages::Storages;
use crate::upload::Metadata;

/// Errands that wait until the test runs them, or drops them as a crash would.
#[derive(Default)]
pub struct QueuedErrands(Mutex<Vec<Errand>>);

impl Errands for QueuedErrands {
    fn start(&self, _name: &'static str, work: Errand) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(work);
    }
}

impl QueuedErrands {
    /// Runs what waits, and what that leaves, to the end.
    pub async fn run(&self) {
        loop {
            let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
            if waiting.is_empty() {
                return;
            }
            for errand in waiting {
                errand.await;
            }
        }
    }

    /// Forgets what waits, as a crash would.
    pub fn lose(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The stores in memory, and what else an engine stands on.
pub struct Bench {
    /// Uploads in progress.
    pub sessions: Arc<MemorySessions>,
    /// Finished content.
    pub catalog: Arc<MemoryCatalog>,
    /// Users and tokens.
    pub accounts: Arc<MemoryAccounts>,
    /// Bytes.
    pub objects: Arc<MemoryObjects>,
    /// Time.
    pub clock: Arc<TestClock>,
    /// Chance.
    pub chance: Arc<CountingChance>,
    /// Work for after the answers.
    pub errands: Arc<QueuedErrands>,
}

impl Bench {
    /// Empty stores that write this way.
    pub fn new(placement: Placement) -> Self {
        let clock = Arc::new(TestClock::default());
        Self {
            sessions: Arc::default(),
            catalog: Arc::new(MemoryCatalog::new(1)),
            accounts: Arc::default(),
            objects: Arc::new(MemoryObjects::new(placement).timed_by(clock.clone())),
            clock,
            chance: Arc::default(),
            errands: Arc::default(),
        }
    }

    /// A new engine over the stores: the first one, or one after a restart.
    pub fn engine(&self, policy: Policy) -> Engine {
        self.engine_over(self.sessions.clone(), self.catalog.clone(), self.objects.clone(), policy)
    }

    /// A new engine over stores that wrap these.
    pub fn engine_over(
        &self,
        sessions: Arc<dyn SessionStore>,
        catalog: Arc<dyn Catalog>,
        objects: Arc<dyn ObjectStore>,
        policy: Policy,
    ) -> Engine {
        self.engine_on(sessions, catalog, Storages::one(objects), policy)
    }

    /// A new engine over these stores and several storages.
    pub fn engine_on(
        &self,
        sessions: Arc<dyn SessionStore>,
        catalog: Arc<dyn Catalog>,
        objects: Storages,
        policy: Policy,
    ) -> Engine {
        let ground = Ground {
            sessions,
            catalog,
            accounts: self.accounts.clone(),
            objects,
            clock: self.clock.clone(),
            chance: self.chance.clone(),
            errands: self.errands.clone(),
        };
        Engine::new(ground, policy)
    }
}

/// A body that arrives whole, in frames of some bytes each.
pub fn body(bytes: impl Into<Bytes>, frame: usize) -> Incoming {
    let bytes = bytes.into();
    let length = Some(bytes.len() as u64);
    let frames: Vec<_> = bytes.chunks(frame.max(1)).map(|f| Ok(bytes.slice_ref(f))).collect();
    Incoming { body: stream::iter(frames).boxed(), length, digests: Vec::new() }
}

/// A body that breaks off after these bytes, though more were announced.
pub fn broken_body(bytes: impl Into<Bytes>, announced: u64) -> Incoming {
    let frames = [Ok(bytes.into()), Err(BodyError::Broken)];
    Incoming { body: stream::iter(frames).boxed(), length: Some(announced), digests: Vec::new() }
}

/// The body with a digest to verify.
pub fn with_digest(mut incoming: Incoming, digest: BodyDigest) -> Incoming {
    incoming.digests.push(digest);
    incoming
}

/// A plain wish for an upload.
///
/// # Panics
/// If the path is none.
#[allow(clippy::expect_used, reason = "for tests only")]
pub fn wish(path: &str, length: Option<u64>, chunk_size: Option<u64>) -> NewUpload {
    NewUpload {
        path: Some(path.parse().expect("a path")),
        length,
        digest: None,
        chunk_size,
        content_type: None,
        metadata: Metadata::new(),
        naming: Default::default(),
        idempotency_key: None,
    }
}

/// An owner of that name.
///
/// # Panics
/// If the name is none.
#[allow(clippy::expect_used, reason = "for tests only")]
pub fn owner(name: &str) -> Owner {
    name.parse().expect("an owner")
}

/// The whole content of a file.
///
/// # Panics
/// If it cannot be read.
#[allow(clippy::expect_used, reason = "for tests only")]
pub async fn content(engine: &Engine, file: &File) -> Vec<u8> {
    let blob = engine.blob_of(file).await.expect("the blob");
    let bytes = engine.read(&blob, 0..blob.length).await.expect("a stream");
    bytes.try_collect::<Vec<_>>().await.expect("the bytes").concat()
}
