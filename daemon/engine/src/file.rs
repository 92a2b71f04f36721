//! Finished content: blobs, and the files that name them.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::extent::Extent;
use crate::owner::Owner;
use crate::path::FilePath;
use crate::time::Timestamp;
use crate::upload::Metadata;

/// An owner's path that names a blob: a row of the user file table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// Whose it is.
    pub owner: Owner,
    /// What it is called.
    pub path: FilePath,
    /// Bytes of its content.
    pub length: u64,
    /// The digest that a client is told: the one declared for it, else the identity.
    pub digest: Digest,
    /// The identity of its content: BLAKE3.
    pub blob: Digest,
    /// Its media type, if one was declared.
    pub content_type: Option<String>,
    /// What the client attached.
    pub metadata: Metadata,
    /// When the path first named something.
    pub created_at: Timestamp,
    /// When what it names last changed.
    pub modified_at: Timestamp,
}

/// Finished content: a row of the unique file table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blob {
    /// Its identity: BLAKE3 of the content.
    pub id: Digest,
    /// Bytes.
    pub length: u64,
    /// Every digest that the daemon computed of it; the identity is among them.
    pub digests: Vec<Digest>,
    /// Where the bytes lie.
    pub content: Content,
    /// When it was published.
    pub created_at: Timestamp,
    /// How many files name it.
    pub files: u64,
}

/// Where a blob's bytes lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// In the catalog itself: small contents, and the empty one.
    Inline(#[serde(with = "inline")] bytes::Bytes),
    /// In objects: in order, without a gap, from offset 0 to the blob's length.
    Extents(Vec<Extent>),
}

impl Content {
    /// The extents; none if the content is inline.
    pub fn extents(&self) -> &[Extent] {
        match self {
            Self::Inline(_) => &[],
            Self::Extents(extents) => extents,
        }
    }
}

/// Inline bytes as hexadecimal text where content is serialised at all.
mod inline {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &bytes::Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&crate::digest::hex(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bytes::Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        crate::digest::unhex(&text).map(Into::into).ok_or_else(|| serde::de::Error::custom("not hexadecimal"))
    }
}
