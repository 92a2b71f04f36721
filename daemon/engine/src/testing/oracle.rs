//! What must hold of the three stores after any fault, looked at behind the engine's back.

use futures_util::TryStreamExt;

use super::bench::Bench;
use crate::contracts::{
    BlobFilter, Catalog, ObjectStore, PageRequest, Session, SessionStore, UploadFilter, View,
};
use crate::coverage::Coverage;
use crate::digest::running::PrefixDigests;
use crate::digest::{Algorithm, Checksum, Digest, tree};
use crate::extent::Extent;
use crate::file::{Blob, Content};
use crate::upload::{State, Upload};

/// A rule that does not hold, told as a sentence.
pub type Finding = String;

/// Every page of a listing at once: more than a test ever stores.
const ALL: usize = 10_000;

impl Bench {
    /// Looks at every blob and every open upload: each row has its bytes and its digests, and no others.
    ///
    /// # Errors
    /// The first row that has not.
    pub async fn every_row_has_its_bytes(&self) -> Result<(), Finding> {
        let blobs = self.catalog.list_blobs(&BlobFilter::default(), &PageRequest::first(ALL)).await;
        for blob in blobs.map_err(told)?.items {
            let bytes = self.bytes_of_blob(&blob).await?;
            if Digest::blake3(*blake3::hash(&bytes).as_bytes()) != blob.id {
                return Err(format!("blob {} has other bytes", blob.id));
            }
            let mut prefix = PrefixDigests::new(&[Algorithm::Sha1, Algorithm::Sha256]);
            prefix.update(&bytes);
            let known = [vec![blob.id.clone()], prefix.finish()].concat();
            if let Some(wrong) = blob.digests.iter().find(|digest| !known.contains(digest)) {
                return Err(format!("blob {} has not the digest {wrong}", blob.id));
            }
        }
        for upload in self.uploads().await? {
            if !upload.state.is_final() && !self.is_doubted(&upload).await? {
                self.bytes_of_upload(&upload).await?;
            }
        }
        Ok(())
    }

    /// Whether any upload is doubted.
    ///
    /// # Errors
    /// The store fails.
    pub async fn is_any_doubted(&self) -> Result<bool, Finding> {
        for upload in self.uploads().await? {
            if self.is_doubted(&upload).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A record that is doubted promises nothing.
    async fn is_doubted(&self, upload: &Upload) -> Result<bool, Finding> {
        let session = self.sessions.load(upload.id, View::Head).await.map_err(told)?;
        Ok(session.is_some_and(|session| session.doubted))
    }

    /// The bytes of a blob, each extent of which must have its checksum, and all of which must be gapless.
    ///
    /// # Errors
    /// An extent that is elsewhere, not there, or damaged.
    pub async fn bytes_of_blob(&self, blob: &Blob) -> Result<Vec<u8>, Finding> {
        let mut bytes = Vec::new();
        match &blob.content {
            Content::Inline(inline) => bytes.extend_from_slice(inline),
            Content::Extents(extents) => {
                for extent in extents {
                    if extent.offset != bytes.len() as u64 {
                        return Err(format!("blob {} has a gap before {}", blob.id, extent.offset));
                    }
                    bytes.extend(self.bytes_of_extent(extent).await?);
                }
            }
        }
        if bytes.len() as u64 != blob.length {
            return Err(format!("blob {} has {} bytes, not {}", blob.id, bytes.len(), blob.length));
        }
        Ok(bytes)
    }

    /// The bytes of an upload by their offsets, with zeros where there are none; and its coverage. Every visible
    /// extent must have its checksum and its tree values, and the counts of the head must be right.
    ///
    /// # Errors
    /// A receipt that is wrong, or a count.
    pub async fn bytes_of_upload(&self, upload: &Upload) -> Result<(Vec<u8>, Coverage), Finding> {
        let Session { upload, receipts, .. } = self
            .sessions
            .load(upload.id, View::All)
            .await
            .map_err(told)?
            .ok_or_else(|| format!("upload {} is not there", upload.id))?;
        let coverage = Coverage::of(receipts);
        if coverage.covered_bytes() != upload.received_bytes {
            let covered = coverage.covered_bytes();
            return Err(format!("{} has {covered} bytes and counts {}", upload.id, upload.received_bytes));
        }
        let mut whole = vec![0; usize::try_from(coverage.end()).map_err(|error| error.to_string())?];
        for piece in coverage.pieces() {
            let extent = &piece.receipt.extent;
            let bytes = self.bytes_of_extent(extent).await?;
            let mut tree = tree::TreeHasher::new(extent.offset);
            tree.update(&bytes);
            if tree.finish() != piece.receipt.subtrees {
                return Err(format!("the tree values at {} of {} are others", extent.offset, upload.id));
            }
            let visible = piece.extent();
            let (from, to) = (part(visible.offset, visible.length), part(piece.skip, visible.length));
            if let (Some(target), Some(source)) = (whole.get_mut(from), bytes.get(to)) {
                target.copy_from_slice(source);
            }
        }
        Ok((whole, coverage))
    }

    /// Every upload that there is a record of.
    ///
    /// # Errors
    /// The store fails.
    pub async fn uploads(&self) -> Result<Vec<Upload>, Finding> {
        let page = self.sessions.list(&UploadFilter::default(), &PageRequest::first(ALL)).await;
        page.map(|page| page.items).map_err(told)
    }

    /// Looks for anything at all that is left: rows, records, objects; the marker alone may be.
    ///
    /// # Errors
    /// What is left.
    pub async fn nothing_is_left(&self) -> Result<(), Finding> {
        let uploads: Vec<(String, State)> =
            self.uploads().await?.into_iter().map(|upload| (upload.id.to_string(), upload.state)).collect();
        if !uploads.is_empty() {
            return Err(format!("uploads are left: {uploads:?}"));
        }
        let totals = self.catalog.totals().await.map_err(told)?;
        if (totals.owners, totals.files, totals.blobs, totals.blob_bytes) != (0, 0, 0, 0) {
            return Err(format!("rows are left: {totals:?}"));
        }
        let mut keys = self.objects.keys();
        keys.retain(|key| *key != crate::ObjectKey::marker());
        if keys.is_empty() { Ok(()) } else { Err(format!("objects are left: {keys:?}")) }
    }

    async fn bytes_of_extent(&self, extent: &Extent) -> Result<Vec<u8>, Finding> {
        let range = extent.object_offset..extent.object_offset.saturating_add(extent.length);
        let stream = self.objects.read(&extent.object, range).await.map_err(told)?;
        let bytes = stream.try_collect::<Vec<_>>().await.map_err(told)?.concat();
        if Checksum::of(&bytes) != extent.checksum {
            return Err(format!(
                "the bytes of {} from {} on are others",
                extent.object, extent.object_offset
            ));
        }
        Ok(bytes)
    }
}

fn part(offset: u64, length: u64) -> std::ops::Range<usize> {
    let clamp = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    clamp(offset)..clamp(offset.saturating_add(length))
}

/// An error and its causes as one line.
fn told(error: impl std::error::Error) -> Finding {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
