//! The two kinds of attempt: in the upload's data file, and in an object of its own.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cairn_engine::contracts::{Attempt, Failure, StoreError};
use cairn_engine::{ObjectKey, Receipt};

use super::super::failures::{from_io, told};
use super::folder::Folder;
use super::ground::Ground;
use super::temporary::Temporary;

/// How many bytes were written, and how many may be.
pub(super) struct Tally {
    written: u64,
    most: u64,
}

impl Tally {
    pub(super) fn new(most: u64) -> Self {
        Self { written: 0, most }
    }

    /// Counts a batch before it is written: beyond the announced stretch lie somebody else's bytes.
    pub(super) fn count(&mut self, batch: &[Bytes]) -> Result<(), StoreError> {
        let length: u64 = batch.iter().map(|bytes| bytes.len() as u64).sum();
        let written = self.written.saturating_add(length);
        if written > self.most {
            let why = format!("{written} bytes where at most {} were announced", self.most);
            return Err(told("write", Failure::Failed, why));
        }
        self.written = written;
        Ok(())
    }

    /// Compares with what a receipt says.
    pub(super) fn agree(&self, receipt: &Receipt) -> Result<(), StoreError> {
        if receipt.extent.length == self.written {
            return Ok(());
        }
        let why = format!("{} bytes written, {} in the receipt", self.written, receipt.extent.length);
        Err(told("commit", Failure::Failed, why))
    }
}

/// An attempt in a region of the upload's data file.
pub(super) struct RegionAttempt {
    pub(super) folder: Arc<Folder>,
    pub(super) object: ObjectKey,
    pub(super) offset: u64,
    pub(super) tally: Tally,
}

#[async_trait]
impl Attempt for RegionAttempt {
    fn object(&self) -> &ObjectKey {
        &self.object
    }

    fn object_offset(&self) -> u64 {
        self.offset
    }

    async fn write(&mut self, batch: &mut Vec<Bytes>) -> Result<(), StoreError> {
        let position = self.offset.saturating_add(self.tally.written);
        self.tally.count(batch)?;
        self.folder.write(batch, position).map_err(|error| from_io("write", error))?;
        batch.clear();
        Ok(())
    }

    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), StoreError> {
        self.tally.agree(receipt)?;
        self.folder.commit(receipt).await.map_err(|error| from_io("commit", error))
    }

    /// Nothing: no receipt names the region, so it is free again.
    async fn discard(self: Box<Self>) {}
}

/// An attempt in a file of its own, which gets its key at `commit`.
pub(super) struct OwnAttempt {
    pub(super) ground: Arc<Ground>,
    pub(super) folder: Arc<Folder>,
    pub(super) object: ObjectKey,
    pub(super) temporary: Temporary,
    pub(super) tally: Tally,
}

#[async_trait]
impl Attempt for OwnAttempt {
    fn object(&self) -> &ObjectKey {
        &self.object
    }

    fn object_offset(&self) -> u64 {
        0
    }

    async fn write(&mut self, batch: &mut Vec<Bytes>) -> Result<(), StoreError> {
        self.tally.count(batch)?;
        self.temporary.write(batch).map_err(|error| from_io("write", error))?;
        batch.clear();
        Ok(())
    }

    /// Synced whatever the durability: such objects are few, and nobody else would hear of a failed write.
    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), StoreError> {
        self.tally.agree(receipt)?;
        let target = self.ground.path(&self.object);
        self.temporary.place(&target).await.map_err(|error| from_io("commit", error))?;
        let lasting = async {
            if let Some(folder) = target.parent() {
                self.ground.directories.make_names_last(folder).await?;
            }
            self.folder.log_receipt(receipt).await
        };
        lasting.await.map_err(|error| {
            // It has its key and does not count. If it cannot be removed, the sweeper finds it.
            if let Err(error) = self.ground.trash.remove(&target) {
                tracing::warn!(%error, object = %self.object, "an object that does not count stays");
            }
            from_io("commit", error)
        })
    }

    /// The file goes away with the attempt.
    async fn discard(self: Box<Self>) {}
}
