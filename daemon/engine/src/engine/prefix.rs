//! What is known of the contiguous prefix of an upload: how long it is, and its SHA-1 and SHA-256 where wanted.
//!
//! BLAKE3 needs no order, these two do. A body that arrives just where the prefix ends feeds them as it passes; what
//! came out of order is caught up from the store after its answer. The state is saved with the session now and then,
//! so that a restart re-reads little. What is kept here in memory is a cache: losing it costs reading, never truth.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Engine;
use super::rebuild::is_sound;
use crate::contracts::{SavedPrefix, StoreError, View};
use crate::coverage::Coverage;
use crate::digest::running::PrefixDigests;
use crate::digest::{Algorithm, Digest};
use crate::id::UploadId;
use crate::refusal::Refusal;
use crate::upload::Upload;

/// The state is saved whenever this many bytes more were digested.
const SAVE_EVERY: u64 = 32 << 20;
/// How far ahead of the prefix the catching up looks at a time.
const WINDOW: u64 = 64 << 20;

/// The prefixes of the uploads that this process is busy with.
#[derive(Default)]
pub(super) struct Prefixes {
    of: Mutex<HashMap<UploadId, Arc<Prefix>>>,
}

#[derive(Default)]
struct Prefix {
    /// The prefix is at least this long: it never shrinks while the upload is open.
    offset: AtomicU64,
    digests: tokio::sync::Mutex<Option<Digesting>>,
}

struct Digesting {
    digests: PrefixDigests,
    rewrites: u64,
    saved: u64,
}

impl Prefixes {
    fn of(&self, id: UploadId) -> Arc<Prefix> {
        Arc::clone(self.lock().entry(id).or_default())
    }

    /// Whether this is still what is known of the upload: it was not forgotten since.
    fn knows(&self, id: UploadId, prefix: &Arc<Prefix>) -> bool {
        self.lock().get(&id).is_some_and(|known| Arc::ptr_eq(known, prefix))
    }

    /// Forgets an upload that is over, or of which something else is known now.
    pub(super) fn forget(&self, id: UploadId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<UploadId, Arc<Prefix>>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Where the next append of an upload goes, with its head and its coverage from there on; `None` if its record is
    /// not there, or doubted.
    pub(super) async fn offset_of(
        &self,
        id: UploadId,
    ) -> Result<Option<(u64, Upload, Coverage)>, StoreError> {
        let prefix = self.prefixes.of(id);
        let known = prefix.offset.load(Ordering::Acquire);
        let session = self.ground.sessions.load(id, View::Range(known..u64::MAX)).await?;
        let Some(session) = session.filter(is_sound) else {
            self.prefixes.forget(id);
            return Ok(None);
        };
        let coverage = Coverage::of(session.receipts);
        let offset = contiguous(&coverage, known);
        prefix.offset.fetch_max(offset, Ordering::AcqRel);
        Ok(Some((offset, session.upload, coverage)))
    }

    /// Digests that need the bytes in order and are wanted of this upload.
    pub(super) fn wanted_digests(&self, upload: &Upload) -> Vec<Algorithm> {
        let mut wanted = self.policy().digests.clone();
        wanted.extend(upload.digest.as_ref().map(Digest::algorithm));
        wanted.retain(|algorithm| *algorithm != Algorithm::Blake3);
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// The digest state for a body that begins at this offset, if the prefix ends there.
    pub(super) async fn live_digests(
        &self,
        upload: &Upload,
        offset: u64,
    ) -> Result<Option<PrefixDigests>, StoreError> {
        let wanted = self.wanted_digests(upload);
        if wanted.is_empty() {
            return Ok(None);
        }
        let prefix = self.prefixes.of(upload.id);
        let Ok(mut digesting) = prefix.digests.try_lock() else { return Ok(None) };
        let digesting = self.revive(&mut digesting, upload, &wanted).await?;
        Ok((digesting.digests.length() == offset).then(|| digesting.digests.clone()))
    }

    /// A body that fed these digests is recorded: they count, if the prefix still ends where the body began.
    pub(super) async fn advance_with(&self, upload: &Upload, from: u64, live: Option<PrefixDigests>) {
        if self.wanted_digests(upload).is_empty() {
            return;
        }
        if let Some(live) = live {
            let prefix = self.prefixes.of(upload.id);
            if let Ok(mut digesting) = prefix.digests.try_lock()
                && let Some(digesting) = digesting.as_mut()
                && digesting.digests.length() == from
                && digesting.rewrites == upload.rewrites
            {
                digesting.digests = live;
            }
        }
        let engine = self.clone();
        let id = upload.id;
        self.errand("catch up a digest", async move {
            if let Err(error) = engine.catch_up(id).await {
                tracing::warn!(upload.id = %id, error = &error as &dyn std::error::Error, "catching up a digest failed; complete will try again");
            }
        });
    }

    /// Digests what is recorded beyond the prefix, as far as it goes without a gap. Only one at a time catches up; a
    /// second one leaves it to the first.
    async fn catch_up(&self, id: UploadId) -> Result<(), StoreError> {
        let prefix = self.prefixes.of(id);
        let Ok(mut digesting) = prefix.digests.try_lock() else { return Ok(()) };
        loop {
            let from = digesting.as_ref().map_or(0, |digesting| digesting.digests.length());
            let range = from..from.saturating_add(WINDOW);
            let session = self.ground.sessions.load(id, View::Range(range)).await?;
            let Some(session) = session.filter(is_sound) else {
                self.prefixes.forget(id);
                return Ok(());
            };
            let wanted = self.wanted_digests(&session.upload);
            let state = self.revive(&mut digesting, &session.upload, &wanted).await?;
            if state.digests.length() != from {
                continue;
            }
            let coverage = Coverage::of(session.receipts);
            self.digest_pieces(state, &coverage, u64::MAX).await?;
            if self.prefixes.knows(id, &prefix) {
                self.save(id, state).await?;
            }
            if state.digests.length() == from {
                return Ok(());
            }
        }
    }

    /// The wanted digests of the whole upload, from its frozen coverage.
    pub(super) async fn whole_digests(
        &self,
        upload: &Upload,
        wanted: &[Algorithm],
        coverage: &Coverage,
        length: u64,
    ) -> Result<Vec<Digest>, Refusal> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let prefix = self.prefixes.of(upload.id);
        let mut digesting = prefix.digests.lock().await;
        let state = self.revive(&mut digesting, upload, wanted).await?;
        self.digest_pieces(state, coverage, length).await?;
        if state.digests.length() != length {
            return Err(Refusal::Damaged);
        }
        Ok(state.digests.finish())
    }

    /// Makes sure that there is a state that is good for this upload: the one in memory, the saved one, or a new one.
    async fn revive<'a>(
        &self,
        digesting: &'a mut Option<Digesting>,
        upload: &Upload,
        wanted: &[Algorithm],
    ) -> Result<&'a mut Digesting, StoreError> {
        let good = |state: &Digesting| {
            state.rewrites == upload.rewrites && wanted.iter().all(|a| state.digests.algorithms().contains(a))
        };
        if !digesting.as_ref().is_some_and(good) {
            let saved = self.ground.sessions.load_prefix(upload.id).await?;
            *digesting = saved.and_then(|saved| saved_state(&saved)).filter(good);
        }
        Ok(digesting.get_or_insert_with(|| Digesting {
            digests: PrefixDigests::new(wanted),
            rewrites: upload.rewrites,
            saved: 0,
        }))
    }

    async fn digest_pieces(
        &self,
        state: &mut Digesting,
        coverage: &Coverage,
        until: u64,
    ) -> Result<(), StoreError> {
        for piece in coverage.pieces() {
            let at = state.digests.length();
            let extent = piece.extent();
            if extent.end() <= at {
                continue;
            }
            if extent.offset > at || at >= until {
                break;
            }
            let skip = at - extent.offset;
            let from = extent.object_offset + skip;
            let range = from..from + (extent.length - skip);
            // A state that ends inside a failed read would be one of other bytes: only a copy of it reads.
            let digests = state.digests.clone();
            state.digests = self.scan(&extent.object, range, digests, PrefixDigests::update).await?;
        }
        Ok(())
    }

    /// Nothing that was known of the prefix counts any more, neither here nor in the store.
    pub(super) async fn forget_digests(&self, id: UploadId) -> Result<(), StoreError> {
        self.prefixes.forget(id);
        let nothing = SavedPrefix { length: 0, rewrites: self.unused_rewrites(), state: Vec::new() };
        self.ground.sessions.save_prefix(id, &nothing).await
    }

    async fn save(&self, id: UploadId, state: &mut Digesting) -> Result<(), StoreError> {
        let length = state.digests.length();
        if length < state.saved + SAVE_EVERY {
            return Ok(());
        }
        let saved = SavedPrefix { length, rewrites: state.rewrites, state: state.digests.save() };
        self.ground.sessions.save_prefix(id, &saved).await?;
        state.saved = length;
        Ok(())
    }
}

/// How far coverage goes on without a gap from an offset that is the end of a contiguous prefix.
fn contiguous(coverage: &Coverage, from: u64) -> u64 {
    coverage.pieces().fold(from, |at, piece| {
        let extent = piece.extent();
        if extent.offset <= at { at.max(extent.end()) } else { at }
    })
}

fn saved_state(saved: &SavedPrefix) -> Option<Digesting> {
    let digests = PrefixDigests::restore(&saved.state)?;
    (digests.length() == saved.length).then_some(Digesting {
        digests,
        rewrites: saved.rewrites,
        saved: saved.length,
    })
}
