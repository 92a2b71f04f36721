//! The engine: every operation that any protocol or the operator asks for, over the three contracts.
//!
//! A method takes parsed words and answers a value or a [`Refusal`]. It holds no lock while bytes flow. The daemon
//! runs each operation in a supervised task, so that a dropped connection does not stop it half-way.

use std::sync::Arc;

use bytes::Bytes;
use futures_core::stream::BoxStream;

use crate::contracts::*;
use crate::digest::body::BodyDigest;
use crate::digest::{Checksum, Digest};
use crate::file::{Blob, File};
use crate::id::{Chance, ObjectKey, UploadId};
use crate::owner::{Caller, Owner};
use crate::path::FilePath;
use crate::policy::Policy;
use crate::refusal::{BodyError, Refusal};
use crate::time::{Clock, Timestamp};
use crate::upload::{Metadata, Upload};

/// A request's body on its way in.
pub struct Incoming {
    /// The bytes. Not polled before every check that needs no body is passed.
    pub body: BoxStream<'static, Result<Bytes, BodyError>>,
    /// Bytes announced (`Content-Length`), if they were.
    pub length: Option<u64>,
    /// Digests of this body to verify (`Content-Digest`); all of them must agree.
    pub digests: Vec<BodyDigest>,
}

/// What a client wants to upload.
#[derive(Clone, Debug, PartialEq)]
pub struct NewUpload {
    /// What the file will be called.
    pub path: FilePath,
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
    /// If the path is taken.
    pub if_exists: IfExists,
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
    pub damaged: Vec<crate::Extent>,
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
    /// Why orphans were left alone altogether, if they were.
    pub held: Option<String>,
}

/// The engine.
pub struct Engine {
    /// Uploads in progress.
    pub(crate) sessions: Arc<dyn SessionStore>,
    /// Finished content.
    pub(crate) catalog: Arc<dyn Catalog>,
    /// Bytes.
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Chance.
    pub(crate) chance: Arc<dyn Chance>,
    /// What the operator decided; replaced as a whole on reload.
    pub(crate) policy: std::sync::RwLock<Arc<Policy>>,
}

/// How to sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sweeping {
    /// Tell what would go and remove nothing.
    pub dry_run: bool,
    /// The operator says that many orphans, or a restored catalog, are no mistake.
    pub forced: bool,
}

impl Engine {
    /// An engine over three stores.
    pub fn new(
        sessions: Arc<dyn SessionStore>,
        catalog: Arc<dyn Catalog>,
        objects: Arc<dyn ObjectStore>,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
        policy: Policy,
    ) -> Self {
        Self { sessions, catalog, objects, clock, chance, policy: std::sync::RwLock::new(Arc::new(policy)) }
    }

    /// Puts other limits and habits in force, for every operation that begins from now on.
    pub fn set_policy(&self, policy: Policy) {
        *self.policy.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(policy);
    }

    /// The limits and habits in force.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The moment it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Begins an upload, or answers with the finished file where the `instant` rule allows it.
    ///
    /// # Errors
    /// What the client asked for is outside a limit, or a store failed.
    pub async fn create(&self, owner: &Owner, new: NewUpload) -> Result<Created, Refusal> {
        todo!()
    }

    /// Makes a file of content that is there already, under the `instant` rule; `None` if it must be uploaded.
    ///
    /// # Errors
    /// The quota does not hold it, or a store failed.
    pub async fn adopt(
        &self,
        owner: &Owner,
        path: &FilePath,
        digest: &Digest,
        length: Option<u64>,
    ) -> Result<Option<File>, Refusal> {
        todo!()
    }

    /// The state of an upload. A finished one is told as long as it is remembered.
    ///
    /// # Errors
    /// [`Refusal::NoUpload`], or a store failed.
    pub async fn status(&self, caller: &Caller, id: UploadId) -> Result<UploadStatus, Refusal> {
        todo!()
    }

    /// Uploads of the filter.
    ///
    /// # Errors
    /// A store failed.
    pub async fn list_uploads(
        &self,
        filter: &UploadFilter,
        page: &PageRequest,
    ) -> Result<Page<UploadStatus>, Refusal> {
        todo!()
    }

    /// Stores one chunk. The body must have exactly the chunk's bytes; else nothing of it is kept.
    ///
    /// # Errors
    /// The chunk, the body or the upload's state refuses it, or a store failed.
    pub async fn put_chunk(
        &self,
        owner: &Owner,
        id: UploadId,
        number: u64,
        incoming: Incoming,
    ) -> Result<ChunkReceived, Refusal> {
        todo!()
    }

    /// Appends a body at an offset that must be the upload's; answers the new one. What arrives counts, even if the
    /// body breaks off, unless a digest was announced with it.
    ///
    /// # Errors
    /// The offset, the body or the upload's state refuses it, or a store failed.
    pub async fn append(
        &self,
        owner: &Owner,
        id: UploadId,
        offset: u64,
        incoming: Incoming,
    ) -> Result<u64, Refusal> {
        todo!()
    }

    /// Makes a file of an upload whose bytes are all there. Repeats give the same file.
    ///
    /// # Errors
    /// [`Refusal::Incomplete`], [`Refusal::Digest`], a conflict with what was declared, or a store failed.
    pub async fn complete(
        &self,
        caller: &Caller,
        id: UploadId,
        completion: Completion,
    ) -> Result<File, Refusal> {
        todo!()
    }

    /// Ends an upload: stops its running bodies and gives its bytes back. Again is fine while it is remembered.
    ///
    /// # Errors
    /// [`Refusal::NoUpload`]; [`Refusal::NotOpen`] if it is complete and the caller is a user; or a store failed.
    pub async fn abort(&self, caller: &Caller, id: UploadId) -> Result<(), Refusal> {
        todo!()
    }

    /// Stores a whole file that comes in one body.
    ///
    /// # Errors
    /// The body, a digest, a precondition or a limit refuses it, or a store failed; then nothing is kept.
    pub async fn put_file(
        &self,
        owner: &Owner,
        file: WholeFile,
        incoming: Incoming,
    ) -> Result<Stored, Refusal> {
        todo!()
    }

    /// The file that a path of the owner names.
    ///
    /// # Errors
    /// [`Refusal::NoFile`], or a store failed.
    pub async fn find_file(&self, owner: &Owner, path: &FilePath) -> Result<File, Refusal> {
        todo!()
    }

    /// The owner's newest file with this digest, whatever the algorithm.
    ///
    /// # Errors
    /// [`Refusal::NoFile`], or a store failed.
    pub async fn find_file_by_digest(&self, owner: &Owner, digest: &Digest) -> Result<File, Refusal> {
        todo!()
    }

    /// Files of the filter.
    ///
    /// # Errors
    /// A store failed.
    pub async fn list_files(&self, filter: &FileFilter, page: &PageRequest) -> Result<Listing, Refusal> {
        todo!()
    }

    /// Gives a file another name, or a second one. Only names move.
    ///
    /// # Errors
    /// [`Refusal::NoFile`], [`Refusal::FileExists`], the quota, or a store failed.
    pub async fn move_file(
        &self,
        owner: &Owner,
        from: &FilePath,
        to: &FilePath,
        how: Move,
    ) -> Result<File, Refusal> {
        todo!()
    }

    /// Removes a name.
    ///
    /// # Errors
    /// [`Refusal::NoFile`], or a store failed.
    pub async fn remove_file(&self, owner: &Owner, path: &FilePath) -> Result<File, Refusal> {
        todo!()
    }

    /// The blob that a file names, with its digests and extents.
    ///
    /// # Errors
    /// [`Refusal::NoFile`] if it is gone meanwhile, or a store failed.
    pub async fn blob_of(&self, file: &File) -> Result<Blob, Refusal> {
        todo!()
    }

    /// The bytes of a range of a blob, extent after extent.
    ///
    /// # Errors
    /// [`Refusal::Range`] if the blob has no such bytes.
    pub async fn read(&self, blob: &Blob, range: std::ops::Range<u64>) -> Result<ByteStream, Refusal> {
        todo!()
    }

    /// What an owner has, keeps and may.
    ///
    /// # Errors
    /// A store failed.
    pub async fn account(&self, owner: &Owner) -> Result<Account, Refusal> {
        todo!()
    }

    /// The blob of an identity, or of any digest if only one blob has it.
    ///
    /// # Errors
    /// [`Refusal::NoFile`], or a store failed.
    pub async fn find_blob(&self, digest: &Digest) -> Result<Blob, Refusal> {
        todo!()
    }

    /// Blobs of the filter.
    ///
    /// # Errors
    /// A store failed.
    pub async fn list_blobs(&self, filter: &BlobFilter, page: &PageRequest) -> Result<Page<Blob>, Refusal> {
        todo!()
    }

    /// Rewrites a blob of many extents as one object. Safe to run again; a reader never notices.
    ///
    /// # Errors
    /// [`Refusal::Damaged`] if stored bytes do not match their checksums, or a store failed.
    pub async fn merge(&self, blob: &Digest) -> Result<MergeOutcome, Refusal> {
        todo!()
    }

    /// Reads a blob and compares every extent with its checksum and the whole with its identity.
    ///
    /// # Errors
    /// [`Refusal::NoFile`], or a store failed otherwise than by what it holds.
    pub async fn verify(&self, blob: &Digest) -> Result<Verified, Refusal> {
        todo!()
    }

    /// Removes an upload in any state, record and bytes that no blob needs; the bytes given back.
    ///
    /// # Errors
    /// [`Refusal::NoUpload`], or a store failed.
    pub async fn purge(&self, id: UploadId) -> Result<u64, Refusal> {
        todo!()
    }

    /// Removes what nothing needs any more: expired uploads, unnamed blobs, orphans older than the grace period.
    ///
    /// # Errors
    /// A store failed; what was removed until then stays removed.
    pub async fn sweep(&self, how: Sweeping) -> Result<SweepReport, Refusal> {
        todo!()
    }

    /// What the catalog holds altogether.
    ///
    /// # Errors
    /// A store failed.
    pub async fn totals(&self) -> Result<Totals, Refusal> {
        todo!()
    }

    /// Uploads by state.
    ///
    /// # Errors
    /// A store failed.
    pub async fn count_uploads(&self) -> Result<Vec<StateCount>, Refusal> {
        todo!()
    }

    /// Asks every store whether it answers.
    pub async fn check(&self) -> Vec<(Store, Result<(), StoreError>)> {
        todo!()
    }
}
