//! Bytes under keys that cairn made.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::TryStreamExt;

use super::{Standing, StoreError};
use crate::digest::Checksum;
use crate::extent::{Extent, Receipt};
use crate::id::{ObjectKey, UploadId};
use crate::time::Timestamp;
use crate::upload::Manifest;

/// Bytes of an object as they are read; each item is at most a few MiB.
pub type ByteStream = BoxStream<'static, Result<Bytes, StoreError>>;

/// What takes the bytes of a [scan](ObjectStore::scan), a part at a time.
pub type Taker = Box<dyn FnMut(&[u8]) + Send>;

/// Where an attempt would like to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The upload.
    pub upload: UploadId,
    /// The offset of the first byte in the upload.
    pub offset: u64,
    /// The most bytes that will be written.
    pub max_length: u64,
    /// Bytes of the whole upload, if known: what may be preallocated.
    pub total: Option<u64>,
    /// Whether nobody else writes these bytes and none of them is recorded: only then may they lie in the upload's
    /// own file. Otherwise the attempt gets an object of its own. A store may give it one all the same: bytes that
    /// were committed are never written over, even if no record of them came about.
    pub free: bool,
    /// For the name of such an object: never twice the same, and greater for a later attempt.
    pub nonce: u128,
}

/// One attempt at storing a stretch of bytes.
///
/// Dropped without [`commit`](Attempt::commit) or [`discard`](Attempt::discard), what it wrote is garbage that the
/// sweeper finds (or, in place, a region that is free again).
#[async_trait]
pub trait Attempt: Send {
    /// The object that the bytes go to.
    fn object(&self) -> &ObjectKey;

    /// The offset in that object of the first byte.
    fn object_offset(&self) -> u64;

    /// Writes the next bytes; the batch is empty afterwards, its capacity kept. After an error only `discard` may
    /// follow.
    async fn write(&mut self, batch: &mut Vec<Bytes>) -> Result<(), StoreError>;

    /// The caller has verified what was written. When this returns, the bytes are as durable as the store was told
    /// to make them, they are found by [`ObjectStore::survey`], and the receipt is what it says of them.
    ///
    /// A failure means that nothing counts; what was written must be sent again.
    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), StoreError>;

    /// Gives up: what was written goes away, as far as that can be done at once.
    async fn discard(self: Box<Self>);
}

/// What a survey found of an upload.
#[derive(Clone, Debug, PartialEq)]
pub struct Surveyed {
    /// Where it lies. The checksum is meaningless unless `receipt` says so.
    pub object: ObjectKey,
    /// Bytes of the upload before it.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// The receipt, where the store kept one; `None` means that the bytes must be read to get one.
    pub receipt: Option<Receipt>,
}

/// What a listing tells of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key.
    pub object: ObjectKey,
    /// Bytes, where the service tells them in listings.
    pub length: Option<u64>,
    /// When it was last written, where the service tells.
    pub modified_at: Option<Timestamp>,
}

/// What a merge made.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The one extent; its checksum is computed from the bytes that were written, or combined from the extents'
    /// where the store copied inside itself.
    pub extent: Extent,
    /// Bytes that went through the daemon.
    pub moved_bytes: u64,
}

/// A write that was begun and neither finished nor given up: a process was killed in the middle. The service keeps what
/// came of it, seen by no listing of objects, until it is told to forget it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The object that it would have made.
    pub object: ObjectKey,
    /// When it was begun, where the service tells.
    pub begun_at: Option<Timestamp>,
    /// What the service calls it.
    pub mark: String,
}

/// How a store writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Chunks lie at their offsets in one file per upload.
    InPlace,
    /// A chunk is an object.
    Objects,
}

/// Bytes under keys that cairn made: written once, never changed, never renamed.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// How this store writes.
    fn placement(&self) -> Placement;

    /// Writes the manifest of an upload, durably; over the one that is there, where its length becomes known later.
    async fn announce(&self, manifest: &Manifest) -> Result<(), StoreError>;

    /// The manifest of an upload. A manifest that cannot be read as one is [`Corrupt`](super::Failure::Corrupt).
    async fn manifest(&self, upload: UploadId) -> Result<Option<Manifest>, StoreError>;

    /// Removes the manifest, durably: from then on the upload cannot be rebuilt. Absent is fine.
    async fn renounce(&self, upload: UploadId) -> Result<(), StoreError>;

    /// Begins to write a stretch.
    async fn begin(&self, place: &Place) -> Result<Box<dyn Attempt>, StoreError>;

    /// The verified stretches of an upload that are there, in the order in which they were committed as far as that
    /// is known. What was acknowledged is among them.
    async fn survey(&self, upload: UploadId) -> Result<Vec<Surveyed>, StoreError>;

    /// Makes sure that these extents of the upload and the names of their objects are durable.
    async fn finish(&self, upload: UploadId, extents: &[Extent]) -> Result<(), StoreError>;

    /// The upload is over: closes what is open for it and removes what lies beside its bytes (the receipt log).
    /// Absent is fine.
    async fn release(&self, upload: UploadId) -> Result<(), StoreError>;

    /// The bytes of a range. An object that is not there, or is shorter, is an error of the stream or of the call.
    async fn read(&self, object: &ObjectKey, range: Range<u64>) -> Result<ByteStream, StoreError>;

    /// Gives the bytes of a range to `taker`, in order and without a gap: for whoever computes something of them and
    /// keeps none. Errors as of [`read`](Self::read); what was given until then was right.
    ///
    /// A store whose bytes lie at hand does it in one go and without passing buffers around.
    async fn scan(&self, object: &ObjectKey, range: Range<u64>, taker: Taker) -> Result<(), StoreError> {
        scan_stream(self.read(object, range).await?, taker).await
    }

    /// The length of an object.
    async fn stat(&self, object: &ObjectKey) -> Result<Option<u64>, StoreError>;

    /// Every object, in no particular order; keys that are not cairn's are left out.
    async fn list(&self) -> Result<BoxStream<'static, Result<ListedObject, StoreError>>, StoreError>;

    /// Removes objects; absent ones are fine. May return before the bytes are given back.
    async fn remove(&self, objects: &[ObjectKey]) -> Result<(), StoreError>;

    /// Writes the bytes of these extents, in order, as one new object, durably. `None` where this store never merges.
    /// If it fails or is dropped, at most an object that nothing names is left.
    ///
    /// The checksum of what was written is compared with the extents' own: bytes that do not agree are
    /// [`Corrupt`](super::Failure::Corrupt), and nothing is kept.
    async fn merge(
        &self,
        extents: &[Extent],
        target: &ObjectKey,
        expected: Checksum,
    ) -> Result<Option<Merged>, StoreError>;

    /// Writes what a stream brings as one new object, durably and in bounded memory; how many bytes that were.
    ///
    /// An error of the stream is the answer then, as it is. If it fails or is dropped, at most an object that nothing
    /// names is left.
    async fn write_new(&self, target: &ObjectKey, bytes: ByteStream) -> Result<u64, StoreError>;

    /// The most bytes that one object should have here: more are written as several.
    fn max_object_bytes(&self) -> u64 {
        u64::MAX
    }

    /// Reads a small object whole: the marker.
    async fn read_small(&self, object: &ObjectKey) -> Result<Option<Bytes>, StoreError>;

    /// Writes a small object whole, durably, over what may be there: the marker alone is ever replaced.
    async fn write_small(&self, object: &ObjectKey, bytes: Bytes) -> Result<(), StoreError>;

    /// Writes of objects of ours that are under way or were never ended, where the service keeps such and lists them;
    /// perhaps not all at once.
    async fn unfinished(&self) -> Result<Vec<Unfinished>, StoreError> {
        Ok(Vec::new())
    }

    /// Ends such writes: nothing of them is kept. Whoever still wrote one of them fails. Absent ones are fine.
    async fn give_up(&self, _unfinished: &[Unfinished]) -> Result<(), StoreError> {
        Ok(())
    }

    /// Bytes that can still be written, where the store can tell.
    async fn free_bytes(&self) -> Result<Option<u64>, StoreError>;

    /// Whether the store answers and, where looking costs nothing, can be written.
    async fn check(&self) -> Result<(), StoreError>;

    /// What the operator should know of the store as it is now: what the service can do, and what will not work.
    async fn standing(&self) -> Result<Standing, StoreError>;
}

/// Bytes given between two chances for other work on the same thread.
const BITE: usize = 256 << 10;

/// Gives what a stream brings to `taker`, and the thread to others in between.
async fn scan_stream(mut bytes: ByteStream, mut taker: Taker) -> Result<(), StoreError> {
    while let Some(bytes) = bytes.try_next().await? {
        for bite in bytes.chunks(BITE) {
            taker(bite);
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}
