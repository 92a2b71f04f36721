//! What operations take and answer.

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;

use crate::contracts::{Challenge, IfExists, Precondition, Standing, Store, StoreError};
use crate::digest::body::BodyDigest;
use crate::digest::{Checksum, Digest};
use crate::extent::Extent;
use crate::file::File;
use crate::id::StorageName;
use crate::path::FilePath;
use crate::refusal::BodyError;
use crate::upload::{Metadata, Naming, Upload};

/// A request's body on its way in.
pub struct Incoming {
    /// The bytes. Not polled before every check that needs no body is passed.
    pub body: BoxStream<'static, Result<Bytes, BodyError>>,
    /// Bytes announced (`Content-Length`), if they were.
    pub length: Option<u64>,
    /// Digests of this body to verify (`Content-Digest`); all of them must agree.
    pub digests: Vec<BodyDigest>,
}

/// Digests of a body that are known only when it is over.
pub type LateDigests = BoxFuture<'static, Result<Vec<BodyDigest>, BodyError>>;

/// An append, and everything that may be said with it.
pub struct Append {
    /// Where it begins: must be the upload's offset.
    pub offset: u64,
    /// Bytes of the whole upload, if that is declared only now.
    pub length: Option<u64>,
    /// The body.
    pub incoming: Incoming,
    /// Digests that follow the body, if some were announced. Asked for once the body is at its end.
    pub late: Option<LateDigests>,
}

impl Append {
    /// Whether a digest of the body decides if it counts.
    pub fn is_verified(&self) -> bool {
        self.late.is_some() || !self.incoming.digests.is_empty()
    }
}

/// Where an upload stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The head.
    pub upload: Upload,
    /// Where the next append goes.
    pub offset: u64,
}

impl Progress {
    /// Whether nothing is left to be sent.
    pub fn is_whole(&self) -> bool {
        self.upload.length == Some(self.offset)
    }
}

/// What a client wants to upload.
#[derive(Clone, Debug, PartialEq)]
pub struct NewUpload {
    /// What the file will be called; if nobody said, as the upload's id.
    pub path: Option<FilePath>,
    /// Bytes of the whole, if known.
    pub length: Option<u64>,
    /// The digest, if known.
    pub digest: Option<Digest>,
    /// Bytes per chunk, if the client has a wish.
    pub chunk_size: Option<u64>,
    /// The media type.
    pub content_type: Option<String>,
    /// Whatever the client attaches.
    pub metadata: Metadata,
    /// What is said of the path.
    pub naming: Naming,
    /// The same key finds the same upload again.
    pub idempotency_key: Option<String>,
}

/// What a creation made.
#[derive(Clone, Debug, PartialEq)]
pub enum Created {
    /// A new upload.
    Upload(Box<UploadStatus>),
    /// The upload that the idempotency key names already.
    Known(Box<UploadStatus>),
    /// Nothing needs to be sent: the content was there and the caller may have it. The file is made.
    Instant(Box<File>),
}

/// What became of an upload's record when it was to be made sure of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebuilt {
    /// It was there, and not doubted.
    There,
    /// It was gone, and is back.
    PutBack {
        /// Stretches found in the object store.
        extents: usize,
    },
    /// It was doubted, and is whole.
    Vouched {
        /// Stretches that it lacked.
        extents: usize,
    },
    /// There is none and need be none: the upload is a file.
    Finished,
}

/// An upload as its owner sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct UploadStatus {
    /// The head.
    pub upload: Upload,
    /// Chunks of the whole; `None` while the length is unknown.
    pub chunk_count: Option<u64>,
    /// Chunks that are there whole: inclusive ranges of numbers from 1.
    pub received: Vec<(u64, u64)>,
    /// Chunks that are not there whole; empty while the length is unknown and no gap is known.
    pub missing: Vec<(u64, u64)>,
    /// Bytes from the beginning without a gap: where the next append goes.
    pub offset: u64,
    /// The file it became.
    pub file: Option<File>,
    /// What may be shown instead of sending it: in the answer to its creation only.
    pub challenge: Option<Challenge>,
}

/// A chunk that is stored and recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkReceived {
    /// Its number, from 1.
    pub number: u64,
    /// Its bytes.
    pub length: u64,
    /// Their checksum.
    pub checksum: Checksum,
    /// Bytes of the upload that are there now.
    pub received_bytes: u64,
}

/// What `complete` may say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Completion {
    /// The digest, if it is declared only now.
    pub digest: Option<Digest>,
    /// The length, if it is declared only now.
    pub length: Option<u64>,
    /// If the path is taken: other than was said when the upload began.
    pub if_exists: Option<IfExists>,
}

/// A whole file in one request.
#[derive(Clone, Debug, PartialEq)]
pub struct WholeFile {
    /// What it will be called.
    pub path: FilePath,
    /// A digest of the content to verify (`Repr-Digest`).
    pub digest: Option<Digest>,
    /// The media type.
    pub content_type: Option<String>,
    /// What must hold of the path.
    pub precondition: Option<Precondition>,
}

/// A file that is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The file.
    pub file: File,
    /// Whether the path named nothing before.
    pub created: bool,
}

/// What an owner has, keeps and may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Files.
    pub files: u64,
    /// Bytes of all files.
    pub used_bytes: u64,
    /// Bytes of all uploads in progress.
    pub staged_bytes: u64,
    /// Open uploads.
    pub open_uploads: u64,
    /// The most bytes kept and staged together.
    pub quota_bytes: Option<u64>,
}

/// What a verification found of one blob.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// The blob.
    pub blob: Digest,
    /// Bytes read.
    pub length: u64,
    /// Extents whose bytes are not there or not what was stored; empty if all is well.
    pub damaged: Vec<Extent>,
    /// Whether the bytes of the whole have the blob's identity.
    pub identical: bool,
}

/// What became of a merge.
#[derive(Clone, Debug, PartialEq)]
pub enum MergeOutcome {
    /// It lies in one extent (or in the catalog): nothing to do.
    AlreadyOne,
    /// It is one object now.
    Merged {
        /// Extents that it had.
        extents: usize,
        /// Bytes that went through the daemon.
        moved_bytes: u64,
    },
    /// The store never merges.
    NotHere,
    /// Somebody else changed the blob meanwhile; the new object is an orphan.
    Overtaken,
}

/// What became of a move.
#[derive(Clone, Debug, PartialEq)]
pub enum MoveOutcome {
    /// It lies there.
    AlreadyThere,
    /// It lies in the catalog, where it stays.
    Inline,
    /// It lies there now.
    Moved {
        /// Objects that it is there.
        objects: usize,
    },
    /// Somebody else changed the blob meanwhile; what was written is an orphan.
    Overtaken,
}

/// Whether a store answers.
#[derive(Debug)]
pub struct Checked {
    /// Which store.
    pub store: Store,
    /// Of the object store, which storage.
    pub storage: Option<StorageName>,
    /// What it answered.
    pub answer: Result<(), StoreError>,
    /// How it is set up, of a store that can tell.
    pub standing: Option<Standing>,
}

impl Checked {
    pub(super) fn of(store: Store, answer: Result<(), StoreError>) -> Self {
        Self { store, storage: None, answer, standing: None }
    }

    /// `sessions`, `catalog`, `objects`; `objects:cold` for a storage other than the default one.
    pub fn name(&self) -> String {
        match self.storage.as_ref().filter(|storage| !storage.is_default()) {
            Some(storage) => format!("{}:{storage}", self.store),
            None => self.store.to_string(),
        }
    }

    /// Whether next to nothing works without it. Without a storage other than the default one, only what lies there
    /// cannot be had.
    pub fn is_vital(&self) -> bool {
        self.storage.as_ref().is_none_or(StorageName::is_default)
    }
}

/// Why a sweep removes (or, in a dry run, would remove) a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SweepReason {
    /// An upload whose time ran out.
    ExpiredUpload,
    /// The record of an upload that ended before.
    EndedUpload,
    /// A blob that no file names.
    UnnamedBlob,
    /// An object that no upload and no blob refers to.
    OrphanObject,
    /// A write of an object that was begun and never ended.
    UnfinishedWrite,
}

/// One thing that a sweep removed or would remove.
#[derive(Clone, Debug, PartialEq)]
pub struct Swept {
    /// Why.
    pub reason: SweepReason,
    /// The upload, blob or object, as text.
    pub what: String,
    /// Bytes that it held, if known.
    pub length: u64,
}

/// What a sweep did, or would do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SweepReport {
    /// Everything removed, in order.
    pub swept: Vec<Swept>,
    /// Orphans that were seen but are not old enough yet.
    pub waiting: u64,
    /// Why orphans were left alone altogether, if they were; with several storages, those of which.
    pub held: Option<String>,
    /// Storages that did not answer, so that what lies there was left alone.
    pub away: Vec<StorageName>,
}

impl SweepReport {
    /// Whether a storage did not answer.
    pub(super) fn is_away(&self, storage: &StorageName) -> bool {
        self.away.contains(storage)
    }

    /// Adds why the orphans of a storage are left alone, if they are.
    pub(super) fn hold(&mut self, storage: &StorageName, why: Option<String>) {
        let Some(why) = why else { return };
        let why = if storage.is_default() { why } else { format!("storage `{storage}`: {why}") };
        self.held = Some(match self.held.take() {
            Some(before) => format!("{before}; {why}"),
            None => why,
        });
    }
}

/// How to sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sweeping {
    /// Tell what would go and remove nothing.
    pub dry_run: bool,
    /// The operator says that many orphans, or a restored catalog, are no mistake.
    pub forced: bool,
}
