//! Bytes on a local file system, each where it belongs: one file per upload, written at the chunks' own offsets.
//!
//! Below the root lie the objects under their keys, and two directories that are nobody's key:
//!
//! ```text
//! uploads/ab/<id>/manifest              what a lost session is rebuilt from
//! uploads/ab/<id>/data                  the upload's bytes, at their own offsets; preallocated if the length is known
//! uploads/ab/<id>/receipts              which regions of it are verified: what `survey` reads
//! uploads/ab/<id>/<offset>-<nonce>      a stretch that could not lie in `data`
//! merged/ab/<nonce>                     a blob made one
//! marker                                the catalog that all this belongs to
//! tmp/                                  what is not whole yet; emptied when the store is opened
//! trash/                                what is removed and not unlinked yet; emptied in the background
//! ```
//!
//! **Order of a commit**: bytes synced, names synced, receipt logged, log synced. A crash in between leaves a region
//! without a receipt, which is free again. With [`Durability::Complete`] the receipt is logged unsynced, under the id of
//! this boot, and `finish` syncs the bytes; most are on the disk by then, because a sync is started in the background
//! whenever 16 MiB have been written. Syncs are shared between those who want one at the same time.
//!
//! **A failed write or sync** (other than for want of room) ends the data file as a place to write: later attempts get
//! objects of their own, and what lies in the file cannot be finished any more. Nothing is ever retried: the second
//! sync would succeed without having written.
//!
//! A region that a receipt names is never written again: bytes that were committed and not recorded stay what the
//! receipt says of them.
//!
//! OpenDAL reads, lists and tells lengths here too; there is no layer of retries above it.

mod attempt;
mod finish;
mod folder;
mod folders;
mod ground;
mod receipts;
mod scan;
mod survey;
mod temporary;
#[cfg(test)]
mod tests;
mod trash;

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cairn_engine::contracts::{
    Attempt, ByteStream, Failure, ListedObject, Merged, ObjectStore, Place, Placement, Standing, Store,
    StoreError, Surveyed, Taker,
};
use cairn_engine::digest::Checksum;
use cairn_engine::upload::Manifest;
use cairn_engine::{Extent, ObjectKey, UploadId};
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use opendal::Operator;

use self::attempt::{OwnAttempt, RegionAttempt};
use self::folders::Folders;
use self::ground::Ground;
use self::temporary::Temporary;
use self::trash::absent_is_fine;
use super::Durability;
use super::failures::from_io;
use super::local::disk::{Disk, elsewhere};
use super::merging::{self, Sink};
use super::service::{self, Service};
use super::tally::Tally;

/// The store on a local file system.
pub struct InPlace {
    ground: Arc<Ground>,
    folders: Folders,
    service: Service,
}

impl InPlace {
    /// Opens the store below `root`, making it if it is not there, and clears what a process before left half done.
    /// `operator` is OpenDAL's view of the same root. Blocks.
    ///
    /// One process at a time may have it open.
    ///
    /// # Errors
    /// A directory cannot be made, read or synced.
    pub fn open(root: &Path, operator: Operator, durability: Durability) -> io::Result<Self> {
        Self::open_on(root, operator, durability, Disk::default())
    }

    fn open_on(root: &Path, operator: Operator, durability: Durability, disk: Disk) -> io::Result<Self> {
        let ground = Arc::new(Ground::open(root, durability, disk)?);
        Ok(Self { ground, folders: Folders::default(), service: Service::new(operator) })
    }

    /// Writes an object whole under its key, durably, over what may be there.
    async fn write_whole(&self, object: &ObjectKey, bytes: Bytes) -> io::Result<()> {
        let mut temporary = self.ground.temporary().await?;
        temporary.write(&[bytes])?;
        self.place(temporary, object).await
    }

    /// Gives a temporary file its key, durably.
    async fn place(&self, temporary: Temporary, object: &ObjectKey) -> io::Result<()> {
        let target = self.ground.path(object);
        temporary.place(&target).await?;
        let Some(parent) = target.parent() else { return Ok(()) };
        if object.upload().is_some() {
            self.ground.directories.make_names_last(parent).await
        } else if parent == self.ground.root() {
            self.ground.directories.sync(parent).await
        } else {
            self.ground.directories.make_shard_names_last(parent).await
        }
    }

    async fn remove_manifest(&self, upload: UploadId) -> io::Result<()> {
        let path = self.ground.path(&ObjectKey::manifest(upload));
        let removed = elsewhere(move || match std::fs::remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) => absent_is_fine(error).map(|()| false),
        });
        if removed.await? {
            match self.ground.directories.sync(&self.ground.folder(upload)).await {
                // The folder went too, as the last object in it did.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                outcome => outcome?,
            }
        }
        self.remove_folder_if_empty(upload).await
    }

    /// Removes objects one after the other, closing the folders whose files go.
    async fn remove_all(&self, objects: &[ObjectKey]) -> io::Result<()> {
        for object in objects {
            let path = self.ground.path(object);
            let upload = object.upload();
            if let Some(upload) = upload
                && (*object == ObjectKey::data(upload) || *object == ObjectKey::receipts(upload))
            {
                self.folders.close(upload);
            }
            let trash = Arc::clone(&self.ground.trash);
            elsewhere(move || trash.remove(&path)).await?;
            if let Some(upload) = upload {
                self.remove_folder_if_empty(upload).await?;
            }
        }
        Ok(())
    }

    /// Removes the receipt log, and a data file into which nothing was ever written.
    async fn remove_what_lies_beside(&self, upload: UploadId) -> io::Result<()> {
        let data = ObjectKey::data(upload);
        let path = self.ground.path(&data);
        let mut beside = vec![ObjectKey::receipts(upload)];
        if elsewhere(move || survey::length_of(&path)).await? == Some(0) {
            beside.push(data);
        }
        self.remove_all(&beside).await
    }

    async fn remove_folder_if_empty(&self, upload: UploadId) -> io::Result<()> {
        let path = self.ground.folder(upload);
        let removed = elsewhere(move || match std::fs::remove_dir(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
            Err(error) => absent_is_fine(error).map(|()| false),
        });
        if removed.await? {
            self.folders.close(upload);
        }
        Ok(())
    }
}

#[async_trait]
impl ObjectStore for InPlace {
    fn placement(&self) -> Placement {
        Placement::InPlace
    }

    async fn announce(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(manifest)
            .map_err(|error| StoreError::new(Store::Objects, "announce", Failure::Failed, error))?;
        let key = ObjectKey::manifest(manifest.upload.id);
        self.write_whole(&key, bytes.into()).await.map_err(|error| from_io("announce", error))
    }

    async fn manifest(&self, upload: UploadId) -> Result<Option<Manifest>, StoreError> {
        service::read_manifest(&self.service, upload).await
    }

    async fn renounce(&self, upload: UploadId) -> Result<(), StoreError> {
        self.remove_manifest(upload).await.map_err(|error| from_io("renounce", error))
    }

    async fn begin(&self, place: &Place) -> Result<Box<dyn Attempt>, StoreError> {
        let folder = self.folders.open(&self.ground, place.upload, place.total).await;
        let folder = folder.map_err(|error| from_io("begin", error))?;
        let tally = Tally::new(place.max_length);
        let region = place.offset..place.offset.saturating_add(place.max_length);
        if place.free && folder.offers(&region) {
            let object = ObjectKey::data(place.upload);
            return Ok(Box::new(RegionAttempt { folder, object, offset: place.offset, tally }));
        }
        let object = ObjectKey::stretch(place.upload, place.offset, place.nonce);
        let temporary = self.ground.temporary().await.map_err(|error| from_io("begin", error))?;
        let ground = Arc::clone(&self.ground);
        Ok(Box::new(OwnAttempt { ground, folder, object, temporary, tally }))
    }

    async fn survey(&self, upload: UploadId) -> Result<Vec<Surveyed>, StoreError> {
        let ground = Arc::clone(&self.ground);
        let surveyed = elsewhere(move || survey::survey(&ground, upload)).await;
        surveyed.map_err(|error| from_io("survey", error))
    }

    async fn finish(&self, _upload: UploadId, extents: &[Extent]) -> Result<(), StoreError> {
        finish::finish(&self.ground, &self.folders, extents).await
    }

    async fn release(&self, upload: UploadId) -> Result<(), StoreError> {
        self.folders.close(upload);
        self.remove_what_lies_beside(upload).await.map_err(|error| from_io("release", error))
    }

    async fn read(&self, object: &ObjectKey, range: Range<u64>) -> Result<ByteStream, StoreError> {
        self.service.read(object, range).await
    }

    /// Read on a thread of the blocking pool: from the page cache, as a rule, into one small buffer.
    async fn scan(&self, object: &ObjectKey, range: Range<u64>, taker: Taker) -> Result<(), StoreError> {
        let path = self.ground.path(object);
        elsewhere(move || scan::scan(&path, range, taker)).await.map_err(|error| scan::failed(object, error))
    }

    async fn stat(&self, object: &ObjectKey) -> Result<Option<u64>, StoreError> {
        self.service.stat(object).await
    }

    async fn list(&self) -> Result<BoxStream<'static, Result<ListedObject, StoreError>>, StoreError> {
        self.service.list().await
    }

    async fn remove(&self, objects: &[ObjectKey]) -> Result<(), StoreError> {
        self.remove_all(objects).await.map_err(|error| from_io("remove", error))
    }

    async fn merge(
        &self,
        extents: &[Extent],
        target: &ObjectKey,
        expected: Checksum,
    ) -> Result<Option<Merged>, StoreError> {
        let failed = |error| from_io("merge", error);
        let mut temporary = self.ground.temporary().await.map_err(failed)?;
        let merged = merging::stream(&self.service, extents, target, expected, &mut temporary).await?;
        self.place(temporary, target).await.map_err(failed)?;
        Ok(Some(merged))
    }

    async fn write_new(&self, target: &ObjectKey, mut bytes: ByteStream) -> Result<u64, StoreError> {
        let failed = |error| from_io("write_new", error);
        let mut temporary = self.ground.temporary().await.map_err(failed)?;
        let mut length = 0_u64;
        while let Some(bytes) = bytes.try_next().await? {
            length = length.saturating_add(bytes.len() as u64);
            temporary.write(&[bytes]).map_err(failed)?;
        }
        self.place(temporary, target).await.map_err(failed)?;
        Ok(length)
    }

    async fn read_small(&self, object: &ObjectKey) -> Result<Option<Bytes>, StoreError> {
        service::read_small(&self.service, object).await
    }

    async fn write_small(&self, object: &ObjectKey, bytes: Bytes) -> Result<(), StoreError> {
        self.write_whole(object, bytes).await.map_err(|error| from_io("write_small", error))
    }

    async fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        let root = self.ground.root().to_owned();
        let free = elsewhere(move || {
            let told = rustix::fs::statvfs(&root)?;
            Ok(told.f_bavail.saturating_mul(told.f_frsize))
        });
        free.await.map(Some).map_err(|error| from_io("free_bytes", error))
    }

    /// Writes a byte and removes it; asks for no sync.
    async fn check(&self) -> Result<(), StoreError> {
        let probe = async {
            let mut temporary = self.ground.temporary().await?;
            temporary.write(&[Bytes::from_static(b"?")])
        };
        probe.await.map_err(|error| from_io("check", error))
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        Ok(Standing::of("fs").with("placement", "in_place"))
    }
}

impl Sink for Temporary {
    async fn take(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.write(&[bytes]).map_err(|error| from_io("merge", error))
    }
}
