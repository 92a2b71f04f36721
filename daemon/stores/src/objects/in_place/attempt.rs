//! The two kinds of attempt: in the upload's data file, and in an object of its own.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cairn_engine::contracts::{Attempt, StoreError};
use cairn_engine::{ObjectKey, Receipt};

use super::super::failures::from_io;
use super::super::tally::Tally;
use super::folder::Folder;
use super::ground::Ground;
use super::temporary::Temporary;

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
        let position = self.offset.saturating_add(self.tally.written());
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
