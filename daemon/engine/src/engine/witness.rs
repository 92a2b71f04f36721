//! What the engine does to uploads and blobs beside the answers that it gives: told to whoever writes it down.

use std::sync::Arc;

use super::{Engine, SweepReason};
use crate::file::{Blob, File};
use crate::id::{StorageName, UploadId};
use crate::time::Timestamp;
use crate::upload::Upload;

/// Is told what happened, right after it did. It must not block, and cannot refuse.
pub trait Witness: Send + Sync {
    /// This happened.
    fn saw(&self, at: Timestamp, happening: Happening<'_>);
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Happening<'a> {
    /// An upload was ended that nobody asked to end at that moment, as it was before.
    Ended(&'a Upload, Why),
    /// An upload that was joined of others became a file.
    Published(UploadId, &'a File),
    /// A blob that no file names was removed.
    BlobRemoved(&'a Blob),
    /// A blob of many extents is one object now.
    Merged(&'a Blob),
    /// A blob lies in this storage now.
    Moved(&'a Blob, &'a StorageName),
    /// So many objects, or writes of them, were removed from a storage; never more than a few hundred are told at once.
    ObjectsRemoved {
        /// Where they lay.
        storage: &'a StorageName,
        /// What they were.
        reason: SweepReason,
        /// How many.
        objects: usize,
        /// Their bytes, if known.
        bytes: u64,
    },
}

/// Why an upload was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its time ran out.
    Expired,
    /// The operator removed it.
    Purged,
    /// It had told of bytes that were gone after a reboot.
    LostBytes,
}

/// Nobody is told.
pub(super) struct Nobody;

impl Witness for Nobody {
    fn saw(&self, _: Timestamp, _: Happening<'_>) {}
}

impl Engine {
    /// The same engine, with somebody who is told.
    #[must_use]
    pub fn with_witness(self, witness: Arc<dyn Witness>) -> Self {
        Self { witness, ..self }
    }

    pub(super) fn tell(&self, happening: Happening<'_>) {
        self.witness.saw(self.now(), happening);
    }
}
