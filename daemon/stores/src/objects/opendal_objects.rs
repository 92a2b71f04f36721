//! Each stretch an object of its own, in any service that OpenDAL writes.
//!
//! An object is written through `Operator::writer` and closed only at `commit`: until then nobody sees it. So what a
//! survey finds under a key was verified. After the first error a writer is aborted and never used again, because it
//! may have left a hole; a writer that is dropped is aborted in the background.
//!
//! On a local file system OpenDAL syncs a file and renames it, and does not sync the directories: that is done
//! here before a commit returns. Nothing there is ever retried.
//!
//! [`Durability`](super::Durability) makes no difference: services that put whole objects are durable when they answer.

mod merge;
mod new_object;
mod open_object;
mod standing;

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use bytes::Bytes;
#[cfg(feature = "services-s3")]
use cairn_engine::contracts::Unfinished;
use cairn_engine::contracts::{
    Attempt, ByteStream, Failure, ListedObject, Merged, ObjectStore, Place, Placement, Standing, Store,
    StoreError, Surveyed,
};
use cairn_engine::digest::Checksum;
use cairn_engine::upload::Manifest;
use cairn_engine::{Extent, ObjectKey, Receipt, UploadId};
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use opendal::{ErrorKind, Operator};

pub(super) use self::open_object::OpenObject;
pub(super) use self::standing::standing_of;
use super::failures::{from_io, from_opendal};
use super::local::directories::{Directories, prepare};
use super::local::disk::{Disk, elsewhere};
use super::merging;
use super::merging::plan::Limits;
#[cfg(feature = "services-s3")]
use super::multipart_uploads::MultipartUploads;
use super::service::{self, Service};
use super::tally::Tally;

/// Where OpenDAL keeps what is not whole yet, below a local root.
const TEMPORARY: &str = "tmp";

/// What [`ObjectStore::check`] writes and removes. It is not a key of an object.
const PROBE: &str = "probe";

/// The names below a local root, which must be made to last.
pub struct Names {
    root: PathBuf,
    directories: Directories,
}

impl Names {
    /// Makes the top directories, and clears what a process before left half written. Blocks.
    ///
    /// # Errors
    /// A directory cannot be made, read or synced.
    pub fn prepare(root: &Path) -> io::Result<Self> {
        let disk = Disk::default();
        prepare(root, &[TEMPORARY], &disk)?;
        let temporary = root.join(TEMPORARY);
        std::fs::remove_dir_all(&temporary)?;
        std::fs::create_dir(&temporary)?;
        Ok(Self { root: root.to_owned(), directories: Directories::new(disk) })
    }

    /// Where OpenDAL is to keep what is not whole yet.
    pub fn temporary_directory(&self) -> PathBuf {
        self.root.join(TEMPORARY)
    }

    async fn make_last(&self, object: &ObjectKey) -> io::Result<()> {
        let path = self.root.join(object.as_str());
        match path.parent() {
            Some(parent) if object.upload().is_some() => self.directories.make_names_last(parent).await,
            Some(parent) if parent == self.root => self.directories.sync(parent).await,
            Some(parent) => self.directories.make_shard_names_last(parent).await,
            None => Ok(()),
        }
    }

    /// After the removal of a name that must not come back.
    async fn forget(&self, object: &ObjectKey) -> io::Result<()> {
        let path = self.root.join(object.as_str());
        let Some(parent) = path.parent() else { return Ok(()) };
        match self.directories.sync(parent).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    async fn remove_folder_if_empty(&self, upload: UploadId) -> io::Result<()> {
        let folder = self.root.join(ObjectKey::folder(upload));
        elsewhere(move || match std::fs::remove_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        })
        .await
    }

    async fn free_bytes(&self) -> io::Result<u64> {
        let root = self.root.clone();
        elsewhere(move || {
            let told = rustix::fs::statvfs(&root)?;
            Ok(told.f_bavail.saturating_mul(told.f_frsize))
        })
        .await
    }
}

/// The store in a service of OpenDAL.
pub struct OpendalObjects {
    ground: Arc<Ground>,
    #[cfg(feature = "services-s3")]
    multipart_uploads: Option<MultipartUploads>,
}

struct Ground {
    operator: Operator,
    service: Service,
    names: Option<Names>,
    merging: Option<Limits>,
    /// Set when the service refused to copy inside itself: it is not asked again.
    copies_refused: AtomicBool,
}

impl OpendalObjects {
    /// A store on this operator; with `names`, it is a local file system whose temporary directory is theirs.
    pub fn open(operator: Operator, names: Option<Names>) -> Self {
        let service = Service::new(operator.clone());
        let merging = merging::limits(&operator);
        let copies_refused = AtomicBool::new(false);
        let ground = Arc::new(Ground { operator, service, names, merging, copies_refused });
        Self {
            ground,
            #[cfg(feature = "services-s3")]
            multipart_uploads: None,
        }
    }

    /// Such a store that finds and ends the multipart uploads that a killed process leaves.
    #[cfg(feature = "services-s3")]
    pub(super) fn with_multipart_uploads(mut self, multipart_uploads: MultipartUploads) -> Self {
        self.multipart_uploads = Some(multipart_uploads);
        self
    }
}

impl Ground {
    /// Begins to write an object of at most so many bytes.
    async fn writer(
        &self,
        operation: &'static str,
        object: &ObjectKey,
        max_length: u64,
    ) -> Result<OpenObject, StoreError> {
        let mut writer = self.operator.writer_with(object.as_str());
        if self.takes_parts() && self.is_elsewhere() {
            writer = writer.chunk(new_object::part_of(max_length));
        }
        let writer = writer.await.map_err(|error| from_opendal(operation, error))?;
        Ok(OpenObject::new(writer, operation, !self.takes_parts()))
    }

    /// Whether an object may be written in several calls.
    fn takes_parts(&self) -> bool {
        self.merging.is_some()
    }

    /// Whether the service is one over a network, with limits of its own.
    fn is_elsewhere(&self) -> bool {
        self.names.is_none() && self.operator.info().scheme() != opendal::services::MEMORY_SCHEME
    }

    /// Makes the name of an object last, where that is not the service's work.
    async fn make_last(&self, operation: &'static str, object: &ObjectKey) -> Result<(), StoreError> {
        let Some(names) = &self.names else { return Ok(()) };
        names.make_last(object).await.map_err(|error| from_io(operation, error))
    }

    /// Closes an object and makes its name last. If that fails, it does not count, and goes if it can.
    async fn close(&self, open: OpenObject, object: &ObjectKey) -> Result<(), StoreError> {
        let (operation, written) = (open.operation(), open.written());
        let closed = match open.close().await {
            Ok(()) => self.make_last(operation, object).await,
            Err(_) if self.is_there_all_the_same(object, written).await => Ok(()),
            failed => failed,
        };
        if closed.is_err()
            && let Err(error) = self.operator.delete(object.as_str()).await
        {
            tracing::warn!(%error, %object, "an object that does not count may stay");
        }
        closed
    }

    /// Whether a service put an object together although it said otherwise, or nothing: its answer was lost, or a retry
    /// found the work done. A key is written by one writer, so what lies there whole is what that one wrote. A local file
    /// system is believed when it says that it failed.
    async fn is_there_all_the_same(&self, object: &ObjectKey, written: u64) -> bool {
        self.names.is_none()
            && matches!(self.service.stat(object).await, Ok(Some(length)) if length == written)
    }

    async fn write_whole(
        &self,
        operation: &'static str,
        object: &ObjectKey,
        bytes: Bytes,
    ) -> Result<(), StoreError> {
        let written = self.operator.write(object.as_str(), bytes).await;
        written.map_err(|error| from_opendal(operation, error))?;
        self.make_last(operation, object).await
    }

    async fn remove(&self, operation: &'static str, objects: &[ObjectKey]) -> Result<(), StoreError> {
        let keys: Vec<String> = objects.iter().map(|object| object.as_str().to_owned()).collect();
        self.operator.delete_iter(keys).await.map_err(|error| from_opendal(operation, error))
    }
}

/// One attempt: an object that is closed at `commit`.
struct ObjectAttempt {
    ground: Arc<Ground>,
    object: ObjectKey,
    open: OpenObject,
    tally: Tally,
}

#[async_trait]
impl Attempt for ObjectAttempt {
    fn object(&self) -> &ObjectKey {
        &self.object
    }

    fn object_offset(&self) -> u64 {
        0
    }

    async fn write(&mut self, batch: &mut Vec<Bytes>) -> Result<(), StoreError> {
        self.tally.count(batch)?;
        // OpenDAL's `fs` never gets past an empty part of a buffer.
        self.open.write(batch.drain(..).filter(|bytes| !bytes.is_empty()).collect()).await
    }

    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), StoreError> {
        self.tally.agree(receipt)?;
        self.ground.close(self.open, &self.object).await
    }

    async fn discard(mut self: Box<Self>) {
        self.open.abort().await;
    }
}

#[async_trait]
impl ObjectStore for OpendalObjects {
    fn placement(&self) -> Placement {
        Placement::Objects
    }

    async fn announce(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(manifest)
            .map_err(|error| StoreError::new(Store::Objects, "announce", Failure::Failed, error))?;
        self.ground.write_whole("announce", &ObjectKey::manifest(manifest.upload.id), bytes.into()).await
    }

    async fn manifest(&self, upload: UploadId) -> Result<Option<Manifest>, StoreError> {
        service::read_manifest(&self.ground.service, upload).await
    }

    async fn renounce(&self, upload: UploadId) -> Result<(), StoreError> {
        let key = ObjectKey::manifest(upload);
        self.ground.remove("renounce", std::slice::from_ref(&key)).await?;
        let Some(names) = &self.ground.names else { return Ok(()) };
        names.forget(&key).await.map_err(|error| from_io("renounce", error))?;
        names.remove_folder_if_empty(upload).await.map_err(|error| from_io("renounce", error))
    }

    async fn begin(&self, place: &Place) -> Result<Box<dyn Attempt>, StoreError> {
        let object = ObjectKey::stretch(place.upload, place.offset, place.nonce);
        let open = self.ground.writer("write", &object, place.max_length).await?;
        let ground = Arc::clone(&self.ground);
        Ok(Box::new(ObjectAttempt { ground, object, open, tally: Tally::new(place.max_length) }))
    }

    async fn survey(&self, upload: UploadId) -> Result<Vec<Surveyed>, StoreError> {
        let listing = self.ground.service.list_folder(&ObjectKey::folder(upload)).await?;
        let mut listed: Vec<ListedObject> = listing.try_collect().await?;
        listed.sort_by_key(|listed| listed.modified_at);
        let mut found = Vec::new();
        for ListedObject { object, length, .. } in listed {
            let Some(offset) = object.stretch_offset() else { continue };
            // Some services make a file before its bytes come: what is empty was never closed.
            if let Some(length) = length.filter(|length| *length > 0) {
                found.push(Surveyed { object, offset, length, receipt: None });
            }
        }
        Ok(found)
    }

    /// Nothing is left to do: an object is durable, and its name, before its commit returns.
    async fn finish(&self, _upload: UploadId, _extents: &[Extent]) -> Result<(), StoreError> {
        Ok(())
    }

    /// Nothing lies beside the bytes.
    async fn release(&self, _upload: UploadId) -> Result<(), StoreError> {
        Ok(())
    }

    async fn read(&self, object: &ObjectKey, range: Range<u64>) -> Result<ByteStream, StoreError> {
        self.ground.service.read(object, range).await
    }

    async fn stat(&self, object: &ObjectKey) -> Result<Option<u64>, StoreError> {
        self.ground.service.stat(object).await
    }

    async fn list(&self) -> Result<BoxStream<'static, Result<ListedObject, StoreError>>, StoreError> {
        self.ground.service.list().await
    }

    async fn remove(&self, objects: &[ObjectKey]) -> Result<(), StoreError> {
        self.ground.remove("remove", objects).await?;
        let Some(names) = &self.ground.names else { return Ok(()) };
        let uploads: std::collections::BTreeSet<_> = objects.iter().filter_map(ObjectKey::upload).collect();
        for upload in uploads {
            names.remove_folder_if_empty(upload).await.map_err(|error| from_io("remove", error))?;
        }
        Ok(())
    }

    async fn merge(
        &self,
        extents: &[Extent],
        target: &ObjectKey,
        expected: Checksum,
    ) -> Result<Option<Merged>, StoreError> {
        merge::merge(&self.ground, extents, target, expected).await
    }

    async fn write_new(&self, target: &ObjectKey, bytes: ByteStream) -> Result<u64, StoreError> {
        new_object::write(&self.ground, target, bytes).await
    }

    fn max_object_bytes(&self) -> u64 {
        new_object::most_bytes(&self.ground)
    }

    async fn read_small(&self, object: &ObjectKey) -> Result<Option<Bytes>, StoreError> {
        service::read_small(&self.ground.service, object).await
    }

    async fn write_small(&self, object: &ObjectKey, bytes: Bytes) -> Result<(), StoreError> {
        self.ground.write_whole("write_small", object, bytes).await
    }

    #[cfg(feature = "services-s3")]
    async fn unfinished(&self) -> Result<Vec<Unfinished>, StoreError> {
        let Some(uploads) = &self.multipart_uploads else { return Ok(Vec::new()) };
        uploads.list().await
    }

    #[cfg(feature = "services-s3")]
    async fn give_up(&self, unfinished: &[Unfinished]) -> Result<(), StoreError> {
        let Some(uploads) = &self.multipart_uploads else { return Ok(()) };
        uploads.abort(unfinished).await
    }

    async fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        let Some(names) = &self.ground.names else { return Ok(None) };
        names.free_bytes().await.map(Some).map_err(|error| from_io("free_bytes", error))
    }

    async fn check(&self) -> Result<(), StoreError> {
        let failed = |error| from_opendal("check", error);
        if self.ground.names.is_none() {
            // One look: this is asked often, and writing to a service is paid for.
            return match self.ground.operator.stat(ObjectKey::marker().as_str()).await {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(error)),
                _ => Ok(()),
            };
        }
        self.ground.operator.write(PROBE, "?").await.map_err(failed)?;
        self.ground.operator.delete(PROBE).await.map_err(failed)
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        Ok(standing_of(&self.ground.operator))
    }
}

#[cfg(test)]
mod tests;
