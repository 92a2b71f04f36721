//! Extents: runs of an upload's bytes that have been stored.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::digest::Checksum;
use crate::digest::tree::Subtrees;
use crate::id::ObjectKey;

/// A run of bytes that has been stored, and where.
///
/// In an upload `offset` counts from the upload's first byte, in a blob from the blob's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Bytes before it.
    pub offset: u64,
    /// How many bytes; at least one.
    pub length: u64,
    /// The object that holds them.
    pub object: ObjectKey,
    /// Bytes before them in that object.
    pub object_offset: u64,
    /// CRC-64/NVME of exactly these bytes.
    pub checksum: Checksum,
}

impl Extent {
    /// The offset of the byte after the last; [`u64::MAX`] at the most.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.length)
    }

    /// The bytes of the upload or blob that this extent holds.
    pub fn range(&self) -> Range<u64> {
        self.offset..self.end()
    }

    /// Whether `next` goes on where this ends: in the content and in the same object.
    pub fn touches(&self, next: &Self) -> bool {
        self.end() == next.offset
            && self.object == next.object
            && self.object_offset.checked_add(self.length) == Some(next.object_offset)
    }
}

/// An extent and what its bytes add to the content's BLAKE3 tree: what a session records of every stored stretch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What was stored, and where.
    pub extent: Extent,
    /// The tree values of its bytes, so that no byte is read twice.
    pub subtrees: Subtrees,
}
