//! Blobs: finding, listing, merging, verifying.

use futures_util::TryStreamExt;

use super::complete::coalesced;
use super::moving::Held;
use super::{Engine, Happening, MergeOutcome, Verified};
use crate::contracts::{BlobFilter, Failure, Page, PageRequest};
use crate::digest::joining::Joiner;
use crate::digest::{Checksum, Digest, RunningChecksum};
use crate::extent::Extent;
use crate::file::{Blob, Content};
use crate::id::ObjectKey;
use crate::refusal::Refusal;

impl Engine {
    /// The blob of an identity, or of any digest if only one blob has it.
    ///
    /// # Errors
    /// [`Refusal::NoFile`], or a store failed.
    pub async fn find_blob(&self, digest: &Digest) -> Result<Blob, Refusal> {
        let mut found = self.ground.catalog.find_blobs(digest, None).await?;
        match (found.pop(), found.is_empty()) {
            (Some(blob), true) => Ok(blob),
            _ => Err(Refusal::NoFile),
        }
    }

    /// Blobs of the filter.
    ///
    /// # Errors
    /// A store failed.
    pub async fn list_blobs(&self, filter: &BlobFilter, page: &PageRequest) -> Result<Page<Blob>, Refusal> {
        Ok(self.ground.catalog.list_blobs(filter, page).await?)
    }

    /// Rewrites a blob of many extents as one object. Safe to run again; a reader never notices.
    ///
    /// # Errors
    /// [`Refusal::Damaged`] if stored bytes do not match their checksums, or a store failed.
    pub async fn merge(&self, blob: &Digest) -> Result<MergeOutcome, Refusal> {
        let blob = self.find_blob(blob).await?;
        let old = blob.content.extents();
        let joined = coalesced(old.iter().cloned());
        if joined.len() <= 1 {
            return Ok(MergeOutcome::AlreadyOne);
        }
        let mut joiner = Joiner::default();
        let expected = joined
            .iter()
            .fold(Checksum::default(), |sum, extent| joiner.join(sum, extent.checksum, extent.length));
        let storage = old.first().map(|extent| extent.object.storage()).unwrap_or_default();
        let store = self.ground.objects.find(&storage)?;
        if joined.iter().any(|extent| extent.object.storage() != storage) {
            return Ok(match self.relocate(&blob, &storage).await? {
                Some(_) => MergeOutcome::Merged { extents: old.len(), moved_bytes: blob.length },
                None => MergeOutcome::Overtaken,
            });
        }
        let target = ObjectKey::merged(self.ground.chance.bits()).lying_in(&storage);
        let _held = Held::one(&self.in_hand, &target);
        let merged = match store.merge(&joined, &target, expected).await {
            Ok(Some(merged)) => merged,
            Ok(None) => return Ok(MergeOutcome::NotHere),
            Err(error) if error.failure == Failure::Corrupt => {
                tracing::error!(blob.id = %blob.id, error = &error as &dyn std::error::Error, "a blob cannot be merged: stored bytes are damaged");
                return Err(Refusal::Damaged);
            }
            Err(error) => return Err(error.into()),
        };
        let swapped = self.ground.catalog.swap_extents(&blob.id, old, &[merged.extent]).await?;
        if swapped {
            self.tell(Happening::Merged(&blob));
        }
        Ok(match swapped {
            true => MergeOutcome::Merged { extents: old.len(), moved_bytes: merged.moved_bytes },
            false => MergeOutcome::Overtaken,
        })
    }

    /// Reads a blob and compares every extent with its checksum and the whole with its identity.
    ///
    /// # Errors
    /// [`Refusal::NoFile`], or a store failed otherwise than by what it holds.
    pub async fn verify(&self, blob: &Digest) -> Result<Verified, Refusal> {
        let blob = self.find_blob(blob).await?;
        let mut whole = blake3::Hasher::new();
        let mut verified =
            Verified { blob: blob.id.clone(), length: 0, damaged: Vec::new(), identical: false };
        match &blob.content {
            Content::Inline(bytes) => {
                whole.update(bytes);
                verified.length = bytes.len() as u64;
            }
            Content::Extents(extents) => {
                for extent in extents {
                    let (read, intact) = self.verify_extent(extent, &mut whole).await?;
                    verified.length += read;
                    verified.damaged.extend((!intact).then(|| extent.clone()));
                }
            }
        }
        verified.identical = verified.damaged.is_empty()
            && verified.length == blob.length
            && Digest::blake3(*whole.finalize().as_bytes()) == blob.id;
        Ok(verified)
    }

    /// Feeds an extent's bytes to the hasher; how many came, and whether they are all and have its checksum.
    async fn verify_extent(
        &self,
        extent: &Extent,
        whole: &mut blake3::Hasher,
    ) -> Result<(u64, bool), Refusal> {
        let mut checksum = RunningChecksum::default();
        let mut read = 0_u64;
        let end = extent.object_offset.saturating_add(extent.length);
        let outcome = async {
            let mut bytes = self.ground.objects.read(&extent.object, extent.object_offset..end).await?;
            while let Some(bytes) = bytes.try_next().await? {
                whole.update(&bytes);
                checksum.update(&bytes);
                read += bytes.len() as u64;
                tokio::task::yield_now().await;
            }
            Ok(())
        };
        match outcome.await {
            Ok(()) => Ok((read, read == extent.length && checksum.value() == extent.checksum)),
            Err::<(), crate::contracts::StoreError>(error) => match error.failure {
                Failure::Corrupt | Failure::Failed => {
                    tracing::error!(object = %extent.object, error = &error as &dyn std::error::Error, "an extent cannot be read");
                    Ok((read, false))
                }
                Failure::Unavailable | Failure::Full => Err(error.into()),
            },
        }
    }
}
