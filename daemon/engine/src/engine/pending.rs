//! Signatures whose bodies are on their way.
#![allow(clippy::todo, unused_variables, reason = "the bodies are on their way")]

use super::*;
use crate::contracts::*;
use crate::digest::Digest;
use crate::file::{Blob, File};
use crate::id::UploadId;
use crate::owner::{Caller, Owner};
use crate::path::FilePath;
use crate::refusal::Refusal;

impl Engine {
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
}
