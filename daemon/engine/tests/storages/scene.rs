//! A default storage that writes in place, a second one that writes objects, and an engine over both.

use std::sync::Arc;
use std::time::Duration;

use cairn_engine::contracts::{ObjectStore, Placement};
use cairn_engine::engine::{Completion, Created, SweepReport, Sweeping};
use cairn_engine::policy::StorageRule;
use cairn_engine::testing::bench::{Bench, body, owner, wish};
use cairn_engine::testing::memory_objects::MemoryObjects;
use cairn_engine::{Blob, Caller, Engine, File, ObjectKey, Policy, StorageName, Storages, UploadId};

pub(crate) const CHUNK: u64 = 4096;
/// The same, as a length in memory.
const CHUNK_LENGTH: usize = 4096;

pub(crate) fn cold() -> StorageName {
    "cold".parse().unwrap()
}

pub(crate) fn ada() -> Caller {
    Caller::User(owner("ada"))
}

pub(crate) fn bytes(length: u64, seed: u64) -> Vec<u8> {
    (0..length).map(|n| ((n * 31 + (n >> 8) * 7 + seed * 13) % 251) as u8).collect()
}

/// A rule that says nothing yet, and so takes everything.
pub(crate) fn everything_to_cold() -> StorageRule {
    StorageRule { path_prefix: None, owner: None, min_length: None, max_length: None, storage: cold() }
}

pub(crate) struct Scene {
    pub(crate) bench: Bench,
    pub(crate) cold: Arc<MemoryObjects>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let bench = Bench::new(Placement::InPlace);
        let cold = MemoryObjects::new(Placement::Objects).timed_by(bench.clock.clone());
        Self { bench, cold: Arc::new(cold) }
    }

    pub(crate) fn engine(&self, policy: Policy) -> Engine {
        self.engine_over(self.bench.objects.clone(), self.cold.clone(), policy)
    }

    /// An engine whose storages wrap these.
    pub(crate) fn engine_over(
        &self,
        default: Arc<dyn ObjectStore>,
        cold_store: Arc<dyn ObjectStore>,
        policy: Policy,
    ) -> Engine {
        let storages = Storages::new(default, [(cold(), cold_store)]);
        self.bench.engine_on(self.bench.sessions.clone(), self.bench.catalog.clone(), storages, policy)
    }

    /// Policy with these rules, and small files kept out of the catalog's way.
    pub(crate) fn ruled(rules: Vec<StorageRule>) -> Policy {
        Policy { storage_rules: rules, ..Policy::default() }
    }

    /// Sweeps until everything that may go is gone.
    pub(crate) async fn sweep_all(&self, engine: &Engine) -> SweepReport {
        let mut last = SweepReport::default();
        for _ in 0..4 {
            self.bench.errands.run().await;
            self.bench.clock.advance(engine.policy().grace + Duration::from_secs(1));
            last = engine.sweep(Sweeping::default()).await.unwrap();
        }
        last
    }

    /// How many objects each of the two holds beside its marker.
    pub(crate) fn objects(&self) -> (usize, usize) {
        let count = |store: &MemoryObjects| {
            store.keys().into_iter().filter(|object| *object != ObjectKey::marker()).count()
        };
        (count(&self.bench.objects), count(&self.cold))
    }
}

pub(crate) async fn begin(engine: &Engine, path: &str, length: Option<u64>) -> UploadId {
    match engine.create(&owner("ada"), wish(path, length, Some(CHUNK))).await.unwrap() {
        Created::Upload(status) => status.upload.id,
        other => panic!("not a new upload: {other:?}"),
    }
}

pub(crate) async fn send(engine: &Engine, id: UploadId, content: &[u8], number: usize) {
    let chunk = content.chunks(CHUNK_LENGTH).nth(number - 1).unwrap().to_vec();
    engine.put_chunk(&owner("ada"), id, number as u64, body(chunk, 1000)).await.unwrap();
}

/// A file of these bytes that came in chunks.
pub(crate) async fn file(engine: &Engine, path: &str, content: &[u8]) -> File {
    let id = begin(engine, path, Some(content.len() as u64)).await;
    for number in 1..=content.chunks(CHUNK_LENGTH).count() {
        send(engine, id, content, number).await;
    }
    engine.complete(&ada(), id, Completion::default()).await.unwrap()
}

/// The storages in which a blob's extents lie.
pub(crate) fn storages_of(blob: &Blob) -> Vec<String> {
    let mut names: Vec<String> =
        blob.content.extents().iter().map(|extent| extent.object.storage().to_string()).collect();
    names.dedup();
    names
}
