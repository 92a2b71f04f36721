//! The sweeper: removes what nothing needs any more. Mark and sweep with grace, never a reference count alone.
//!
//! Three passes, each of which may die at any point and be run again:
//!
//! 1. uploads whose time ran out, and records of uploads that ended before; not before the engine has run for the
//!    grace period, so that neither a long stop nor a clock that came up wrong ends anything at once;
//! 2. blobs that no file has named for the grace period;
//! 3. objects that neither an upload nor a blob refers to. An object goes only after two sweeps at least the grace
//!    apart saw it so, and the catalog decides inside its own writer that no extent names it. Before that, writes that
//!    were begun the grace ago and that nobody here is about are given up: no listing of objects shows them.
//!
//! Each storage is swept by itself; one that is away is left for the next sweep, and told. Of each, the third pass
//! holds back altogether when the objects belong to another catalog, when the catalog is older than
//! the objects say (it was restored from a backup), or when too large a share of all objects looks orphaned: each of
//! these is more likely a mistake than garbage, until the operator says otherwise.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use futures_util::TryStreamExt;

use super::rebuild::Mended;
use super::{Engine, Happening, SweepReason, SweepReport, Sweeping, Swept, Why};
use crate::contracts::{CatalogIdentity, ListedObject, Store, View};
use crate::file::Blob;
use crate::id::{ObjectKey, StorageName, UploadId};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::upload::{State, Upload};

/// Uploads and blobs looked at in one call of a store.
const BATCH: usize = 256;
/// Below this many orphans their share of all objects says nothing.
const FEW: usize = 64;

impl Engine {
    /// Removes what nothing needs any more: expired uploads, unnamed blobs, orphans older than the grace period.
    ///
    /// # Errors
    /// A store failed; what was removed until then stays removed.
    pub async fn sweep(&self, how: Sweeping) -> Result<SweepReport, Refusal> {
        let mut report = SweepReport::default();
        self.learn_joins().await?;
        if how.forced || self.now() >= self.started_at.after(self.policy().grace) {
            self.sweep_uploads(how, &mut report).await?;
        }
        self.sweep_blobs(how, &mut report).await?;
        self.sweep_objects(how, &mut report).await?;
        if !how.dry_run {
            let before = self.now().before(self.policy().remember);
            self.ground.catalog.forget_origins(before).await?;
        }
        Ok(report)
    }

    async fn sweep_uploads(&self, how: Sweeping, report: &mut SweepReport) -> Result<(), Refusal> {
        let mut staying = 0;
        loop {
            // Uploads with a running body stay, and those whose storage is away: a batch must be larger than there
            // are of those.
            let limit = if how.dry_run { usize::MAX } else { BATCH + self.running.uploads() + staying };
            let due = self.ground.sessions.expired(self.now(), limit).await?;
            let last = due.len() < limit;
            for upload in due.iter().filter(|upload| !self.running.has(upload.id)) {
                if how.dry_run || self.remove_expired_if_it_can(upload, report).await? {
                    report.swept.push(swept_upload(upload));
                }
            }
            staying = due.iter().filter(|upload| report.is_away(&upload.storage)).count();
            if last {
                return Ok(());
            }
        }
    }

    /// Whether it is removed: it stays if its time has not run out after all, or while its storage is away.
    async fn remove_expired_if_it_can(
        &self,
        upload: &Upload,
        report: &mut SweepReport,
    ) -> Result<bool, Refusal> {
        if report.is_away(&upload.storage) {
            return Ok(false);
        }
        match self.remove_expired(upload).await {
            Ok(removed) => Ok(removed),
            Err(refusal) => self.note_away(&upload.storage, refusal, report).map(|()| false),
        }
    }

    /// Notes that a storage is away, so that the sweep goes on with the others; the refusal, if there are no others or
    /// it is another store that failed.
    fn note_away(
        &self,
        storage: &StorageName,
        refusal: Refusal,
        report: &mut SweepReport,
    ) -> Result<(), Refusal> {
        if refusal.failed_store() != Some(Store::Objects) || self.ground.objects.names().len() < 2 {
            return Err(refusal);
        }
        tracing::warn!(%storage, error = &refusal as &dyn std::error::Error, "a sweep goes on without a storage");
        report.away.push(storage.clone());
        Ok(())
    }

    /// Ends an upload whose time ran out; whether it had.
    async fn remove_expired(&self, upload: &Upload) -> Result<bool, Refusal> {
        let _turn = self.completing.turn(upload.id).await;
        // A store that went back in time may have forgotten that the upload was used since.
        self.mend(upload.id).await?;
        let session = self.ground.sessions.load(upload.id, View::Head).await?;
        if session.is_some_and(|session| session.upload.expires_at > upload.expires_at) {
            return Ok(false);
        }
        let settled = self.settle_ended(upload.id, State::Expired).await?;
        self.forget_upload(upload.id, &upload.storage).await?;
        if !upload.state.is_final() && settled != Some(State::Complete) {
            self.tell(Happening::Ended(upload, Why::Expired));
        }
        Ok(true)
    }

    async fn sweep_blobs(&self, how: Sweeping, report: &mut SweepReport) -> Result<(), Refusal> {
        let since_before = self.now().before(self.policy().grace);
        loop {
            let unnamed = self.ground.catalog.unnamed_blobs(since_before, BATCH).await?;
            let all = unnamed.len() < BATCH;
            for blob in unnamed {
                if !how.dry_run {
                    if self.ground.catalog.remove_unnamed(&blob.id).await?.is_none() {
                        continue;
                    }
                    self.tell(Happening::BlobRemoved(&blob));
                }
                report.swept.push(swept_blob(&blob));
            }
            if all || how.dry_run {
                return Ok(());
            }
        }
    }

    /// Sweeps storage after storage. What one that is away holds is neither seen nor missed.
    async fn sweep_objects(&self, how: Sweeping, report: &mut SweepReport) -> Result<(), Refusal> {
        for storage in self.ground.objects.names() {
            if report.is_away(&storage) {
                continue;
            }
            if let Err(refusal) = self.sweep_storage(&storage, how, report).await {
                self.note_away(&storage, refusal, report)?;
            }
        }
        Ok(())
    }

    async fn sweep_storage(
        &self,
        storage: &StorageName,
        how: Sweeping,
        report: &mut SweepReport,
    ) -> Result<(), Refusal> {
        let held = self.belonging(storage, how).await?;
        if held.is_none() || how.forced {
            self.sweep_unfinished(storage, how, report).await?;
        }
        let policy = self.policy();
        let now = self.now();
        let (objects, suspects) = self.suspects_of_sweep(storage, now, &policy, how).await?;
        let keys: Vec<ObjectKey> = suspects.iter().map(|listed| listed.object.clone()).collect();
        let mut orphans = Vec::new();
        for keys in keys.chunks(BATCH) {
            orphans.extend(self.ground.catalog.unreferenced(keys).await?);
        }
        let held = held.or_else(|| too_many(orphans.len(), objects, &policy)).filter(|_| !how.forced);
        if held.is_some() || how.dry_run {
            report.waiting += orphans.len() as u64;
            report.hold(storage, held);
            return Ok(());
        }
        let lengths: HashMap<ObjectKey, u64> =
            suspects.into_iter().map(|listed| (listed.object, listed.length.unwrap_or(0))).collect();
        let seen_before = now.before(policy.grace);
        for orphans in orphans.chunks(BATCH) {
            let due = self.ground.catalog.condemn(orphans, now, seen_before).await?;
            report.waiting += (orphans.len() - due.len()) as u64;
            self.ground.objects.remove(&due).await?;
            self.ground.catalog.pardon(&due).await?;
            let swept = due.into_iter().map(|object| Swept {
                reason: SweepReason::OrphanObject,
                length: lengths.get(&object).copied().unwrap_or(0),
                what: object.to_string(),
            });
            self.tell_of_objects(storage, swept.collect(), report);
        }
        Ok(())
    }

    /// Reports objects, or writes of them, that were removed from a storage for one reason.
    pub(super) fn tell_of_objects(&self, storage: &StorageName, swept: Vec<Swept>, report: &mut SweepReport) {
        if let Some(first) = swept.first() {
            let bytes = swept.iter().map(|swept| swept.length).sum();
            let (reason, objects) = (first.reason, swept.len());
            self.tell(Happening::ObjectsRemoved { storage, reason, objects, bytes });
        }
        report.swept.extend(swept);
    }

    /// How many objects there are, and those among them that no upload accounts for and that are not young.
    async fn suspects_of_sweep(
        &self,
        storage: &StorageName,
        now: Timestamp,
        policy: &Policy,
        how: Sweeping,
    ) -> Result<(usize, Vec<ListedObject>), Refusal> {
        let old = now.before(policy.grace);
        let mut listing = self.ground.objects.find(storage)?.list().await?;
        let marker = ObjectKey::marker().lying_in(storage);
        let mut objects = 0;
        let mut suspects = Vec::new();
        let mut uploads = KnownUploads::default();
        while let Some(listed) = listing.try_next().await? {
            if listed.object == marker {
                continue;
            }
            objects += 1;
            let young = listed.modified_at.is_some_and(|modified| modified > old);
            if !young && !self.is_accounted_for(&listed.object, &mut uploads, how).await? {
                suspects.push(listed);
            }
        }
        // A report reads the same whatever order the store lists in.
        suspects.sort_unstable_by(|one: &ListedObject, other| one.object.cmp(&other.object));
        Ok((objects, suspects))
    }

    /// Whether an upload in progress needs this object, or may need it, or a move is about to name it.
    async fn is_accounted_for(
        &self,
        object: &ObjectKey,
        uploads: &mut KnownUploads,
        how: Sweeping,
    ) -> Result<bool, Refusal> {
        let Some(id) = object.upload() else { return Ok(self.in_hand.has(object)) };
        if self.running.has(id) || self.joins.holds(object) {
            return Ok(true);
        }
        let known = match uploads.of.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(self.known_upload(id, &object.storage(), how).await?),
        };
        Ok(match known {
            Known::Session { objects } => object.stretch_offset().is_none() || objects.contains(object),
            Known::Everything => true,
            Known::Nobody => false,
        })
    }

    /// What is known of an upload in whose folder an object lies. A session that was lost or is doubted is made whole
    /// here, so that it ends in its own time like any other.
    async fn known_upload(
        &self,
        id: UploadId,
        storage: &StorageName,
        how: Sweeping,
    ) -> Result<Known, Refusal> {
        match self.mend_in(storage, id).await? {
            Mended::Record(_) => {}
            Mended::Finished(_) => {
                // Without its manifest it stays finished, even when the catalog forgets which file it became.
                if !how.dry_run {
                    self.ground.objects.find(storage)?.renounce(id).await?;
                }
                return Ok(Known::Nobody);
            }
            Mended::Nothing => return Ok(Known::Nobody),
        }
        Ok(match self.ground.sessions.load(id, View::All).await? {
            // Of what a complete upload brought, the catalog knows what is still needed.
            Some(session) if session.upload.state == State::Complete => Known::Nobody,
            Some(session) if !session.doubted || session.upload.state.is_final() => Known::Session {
                objects: session.receipts.into_iter().map(|receipt| receipt.extent.object).collect(),
            },
            // The store forgets faster than we look.
            Some(_) | None => Known::Everything,
        })
    }

    /// Why orphans must be left alone, if the objects and the catalog do not belong together. Otherwise the marker is
    /// brought up to date.
    async fn belonging(&self, storage: &StorageName, how: Sweeping) -> Result<Option<String>, Refusal> {
        let ours = self.ground.catalog.identity().await?;
        let store = self.ground.objects.find(storage)?;
        let key = ObjectKey::marker().lying_in(storage);
        let marker = store.read_small(&key).await?;
        let marker: Option<CatalogIdentity> = marker.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let held = match &marker {
            Some(marker) if marker.id != ours.id => {
                Some(format!("the objects belong to catalog {}, not {}", marker.id, ours.id))
            }
            Some(marker) if marker.generation > ours.generation => Some(format!(
                "the catalog is older than the objects: generation {}, not {}; it was restored from a backup",
                ours.generation, marker.generation
            )),
            Some(_) | None => None,
        };
        if how.dry_run || held.is_some() && !how.forced {
            return Ok(held);
        }
        let mut advanced = self.ground.catalog.advance().await?;
        while marker.as_ref().is_some_and(|m| m.id == advanced.id && m.generation > advanced.generation) {
            advanced = self.ground.catalog.advance().await?;
        }
        let bytes = serde_json::to_vec(&advanced).unwrap_or_default();
        store.write_small(&key, bytes.into()).await?;
        Ok(held)
    }
}

/// Uploads that a sweep has looked up already.
#[derive(Default)]
struct KnownUploads {
    of: HashMap<UploadId, Known>,
}

enum Known {
    /// There is a session; these objects are recorded.
    Session { objects: std::collections::HashSet<ObjectKey> },
    /// There is one that may lack something: what lies there may be needed.
    Everything,
    /// There is none, and nothing to rebuild one from.
    Nobody,
}

fn too_many(orphans: usize, objects: usize, policy: &Policy) -> Option<String> {
    let share = orphans.saturating_mul(100) / objects.max(1);
    (orphans > FEW && share > usize::from(policy.max_orphan_percent)).then(|| {
        format!(
            "{orphans} of {objects} objects look orphaned, more than {} percent; if that is right, force the sweep",
            policy.max_orphan_percent
        )
    })
}

fn swept_upload(upload: &Upload) -> Swept {
    let (reason, length) = match upload.state {
        State::Open | State::Completing => (SweepReason::ExpiredUpload, upload.received_bytes),
        State::Complete | State::Aborted | State::Expired => (SweepReason::EndedUpload, 0),
    };
    Swept { reason, what: upload.id.to_string(), length }
}

fn swept_blob(blob: &Blob) -> Swept {
    Swept { reason: SweepReason::UnnamedBlob, what: blob.id.to_string(), length: blob.length }
}
