//! Uploads in progress: hot, expiring, small.

use std::ops::Range;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Page, PageRequest, Standing, StoreError};
use crate::digest::Digest;
use crate::extent::{Extent, Receipt};
use crate::id::UploadId;
use crate::owner::Owner;
use crate::time::Timestamp;
use crate::upload::{State, Upload};

/// How much of an upload's record is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// The head alone.
    Head,
    /// The head, and the receipts whose extents overlap these bytes.
    Range(Range<u64>),
    /// The head, and the receipts whose extents overlap chunk `n` (from 1) of the upload's own chunk size. No
    /// receipts if the chunk's range does not fit 64 bits.
    Chunk(u64),
    /// The head and every receipt.
    All,
}

/// An upload's record, or the part of it that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The head.
    pub upload: Upload,
    /// The receipts of the view, in the order in which they were recorded.
    pub receipts: Vec<Receipt>,
    /// The store may have forgotten something of it since it was last known to be whole: it was restarted, another
    /// server took over, or a part of the record is gone. What is here is true, and there may be more.
    pub doubted: bool,
}

impl Session {
    /// A record that is known to be whole.
    pub fn whole(upload: Upload, receipts: Vec<Receipt>) -> Self {
        Self { upload, receipts, doubted: false }
    }
}

/// What an owner may stage; checked together with the creation, so that two at once cannot both slip through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The most uploads the owner may have open or completing, this one included.
    pub max_open: u64,
    /// The most bytes the owner may have staged, this upload's included; `None` is without bound.
    pub max_staged_bytes: Option<u64>,
}

/// What became of a creation.
#[derive(Clone, Debug, PartialEq)]
pub enum Creation {
    /// It is stored.
    Created,
    /// The owner has an upload under the same idempotency key: this one. Nothing was stored.
    Exists(Box<Upload>),
    /// The owner has as many open uploads as are allowed. Nothing was stored.
    TooMany {
        /// How many are open.
        open: u64,
    },
    /// The owner's staged bytes would pass the limit. Nothing was stored.
    OverQuota {
        /// Bytes that are staged already.
        staged_bytes: u64,
    },
}

/// What became of a receipt.
#[derive(Clone, Debug, PartialEq)]
pub enum Recording {
    /// It is recorded.
    Recorded {
        /// Bytes that the extents now cover, each counted once.
        received_bytes: u64,
        /// Extents that the new one covers whole; they are no longer in the record.
        replaced: Vec<Extent>,
    },
    /// The upload is not open; nothing was recorded.
    NotOpen(State),
    /// The upload was claimed under a newer epoch; nothing was recorded.
    Superseded {
        /// The epoch that counts.
        epoch: u64,
    },
    /// There is no such upload.
    Unknown,
}

/// A change of an upload's head. What is declared with it is in the manifest before: a record may be lost.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// The new state.
    pub state: State,
    /// The length, if it becomes known with this change.
    pub length: Option<u64>,
    /// The digest, if it is declared with this change.
    pub digest: Option<Digest>,
    /// When the record may go, if that changes.
    pub expires_at: Option<Timestamp>,
}

impl Settlement {
    /// A change of the state and nothing else.
    pub fn to(state: State) -> Self {
        Self { state, length: None, digest: None, expires_at: None }
    }
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// It is made; the head after it.
    Changed(Box<Upload>),
    /// The upload was in none of the states expected; its head, unchanged.
    Other(Box<Upload>),
    /// There is no such upload.
    Unknown,
}

/// A digest state along the contiguous prefix of an upload, saved so that a restart re-reads little.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPrefix {
    /// Bytes from the upload's beginning that the state has taken.
    pub length: u64,
    /// The upload's `rewrites` when the state was taken; of another count it must not be used.
    pub rewrites: u64,
    /// The state as the digest module writes it, its own checksum included.
    pub state: Vec<u8>,
}

/// What an uploader must show of a content that lies here already, to have it without sending it: HMAC-SHA-256, under
/// the nonce as its key, over the bytes of the ranges in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// The key: 32 bytes that were never used before.
    pub nonce: [u8; 32],
    /// The blob that it is about.
    pub blob: Digest,
    /// Bytes of that blob.
    pub length: u64,
    /// Offset and length of each stretch, in the order in which they are taken; chosen after the claim.
    pub ranges: Vec<(u64, u64)>,
    /// The moment from which on an answer comes too late.
    pub expires_at: Timestamp,
}

/// Which uploads a listing is of. Every field that is set narrows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadFilter {
    /// Of this owner only.
    pub owner: Option<Owner>,
    /// In this state only.
    pub state: Option<State>,
    /// Created before this moment only.
    pub created_before: Option<Timestamp>,
}

/// How many uploads there are in one state, and what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateCount {
    /// The state.
    pub state: State,
    /// How many.
    pub uploads: u64,
    /// Their [`Upload::staged_bytes`] together.
    pub staged_bytes: u64,
}

/// What an owner has in progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Staged {
    /// Uploads that are open or completing.
    pub uploads: u64,
    /// Their [`Upload::staged_bytes`] together.
    pub bytes: u64,
}

/// Uploads in progress.
///
/// Every change is whole, and durable when its call returns, as far as the adapter can promise that at all: a crash
/// leaves it made or not made. That an upload is being completed, is complete, or is open again may be lost with the
/// power: the catalog is the truth about what is complete.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Stores a new upload, if the admission allows it.
    ///
    /// An idempotency key counts among the uploads of one owner, whatever their state. The upload's id is new; storing
    /// an id that is there already is a failure, not a change.
    async fn create(&self, upload: &Upload, admission: &Admission) -> Result<Creation, StoreError>;

    /// An upload's record as far as the view asks for it.
    async fn load(&self, id: UploadId, view: View) -> Result<Option<Session>, StoreError>;

    /// Records one extent: an increment whose cost does not grow with the number of extents.
    ///
    /// Only while the upload is open, and, with `epoch`, only if that is still the upload's epoch. Extents that the
    /// new one covers whole leave the record and are named in the answer; those it covers in part stay beneath it,
    /// as the order of recording says. `rewrites` rises by one if it overlaps any. `received_bytes` counts each
    /// covered byte once. `expires_at` moves to the moment given.
    async fn record(
        &self,
        id: UploadId,
        receipt: &Receipt,
        epoch: Option<u64>,
        expires_at: Timestamp,
    ) -> Result<Recording, StoreError>;

    /// Raises the upload's epoch by one, whatever its state, and returns it: from then on nothing is recorded under
    /// an older one.
    async fn claim(&self, id: UploadId) -> Result<Option<u64>, StoreError>;

    /// Changes the head if the upload is in one of the states `from`.
    async fn settle(&self, id: UploadId, from: &[State], change: Settlement) -> Result<Settled, StoreError>;

    /// Keeps a digest state; the last one kept counts. Of an unknown upload: nothing happens. It is a cache: it may be
    /// lost, and it is not worth a sync.
    async fn save_prefix(&self, id: UploadId, prefix: &SavedPrefix) -> Result<(), StoreError>;

    /// The digest state kept last.
    async fn load_prefix(&self, id: UploadId) -> Result<Option<SavedPrefix>, StoreError>;

    /// Keeps a challenge of an upload; the last one kept counts. Of an unknown upload: nothing happens. It outlives the
    /// process, and may be lost with the power: the upload is then an ordinary one.
    async fn save_challenge(&self, id: UploadId, challenge: &Challenge) -> Result<(), StoreError>;

    /// Takes the challenge away. Of many that take it at once, one gets it; nobody gets it again, not even after a
    /// power failure.
    async fn take_challenge(&self, id: UploadId) -> Result<Option<Challenge>, StoreError>;

    /// Puts a rebuilt session back: the head and its receipts. If the upload is there, nothing happens: what is there
    /// counts.
    async fn restore(&self, session: &Session) -> Result<(), StoreError>;

    /// The record of this upload was compared with its objects: it is whole, and no longer doubted until the store
    /// loses something again. Of an unknown upload: nothing happens.
    async fn vouch(&self, id: UploadId) -> Result<(), StoreError>;

    /// The uploads of the filter, by id.
    async fn list(&self, filter: &UploadFilter, page: &PageRequest) -> Result<Page<Upload>, StoreError>;

    /// Uploads whose `expires_at` is at or before `now`, in any state, the longest expired first, at most `limit`.
    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<Upload>, StoreError>;

    /// Forgets an upload whole. Absent is fine.
    async fn remove(&self, id: UploadId) -> Result<(), StoreError>;

    /// What an owner has in progress.
    async fn staged(&self, owner: &Owner) -> Result<Staged, StoreError>;

    /// Counts by state; states without an upload may be left out.
    async fn count(&self) -> Result<Vec<StateCount>, StoreError>;

    /// Whether the store answers.
    async fn check(&self) -> Result<(), StoreError>;

    /// What the operator should know of the store as it is now.
    async fn standing(&self) -> Result<Standing, StoreError>;
}
