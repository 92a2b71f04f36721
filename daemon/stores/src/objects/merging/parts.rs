//! A merge by parts: each is copied inside the store, or read, compared and written.

use bytes::Bytes;
use cairn_engine::ObjectKey;
use cairn_engine::contracts::{Merged, StoreError};
use cairn_engine::digest::joining::Joiner;
use cairn_engine::digest::{Checksum, RunningChecksum};
use futures_util::{StreamExt, TryStreamExt, stream};
use opendal::Buffer;

use super::plan::{Part, Piece};
use super::{corrupt, merged};
use crate::objects::opendal_objects::OpenObject;
use crate::objects::service::Service;

/// Pieces of a part that are read at the same time.
const READS: usize = 4;

/// Writes the parts, one after the other; the object is not closed.
///
/// One part is in memory while it is read, and as many as the object writes at once. The bytes that are read are compared
/// with the checksums of their extents, where an extent is read whole. Bytes that are copied are not looked at.
///
/// # Errors
/// [`Corrupt`](cairn_engine::contracts::Failure::Corrupt) if bytes are missing or are not what their checksums say; then
/// the object must be given up.
pub(in crate::objects) async fn write(
    service: &Service,
    parts: &[Part<'_>],
    target: &ObjectKey,
    expected: Checksum,
    open: &mut OpenObject,
) -> Result<Merged, StoreError> {
    let mut proof = Proof::default();
    for part in parts {
        match part {
            Part::Copied(piece) => {
                open.copy(&piece.extent.object, piece.range()).await?;
                proof.copied(piece)?;
            }
            Part::Streamed(pieces) => {
                let reads: Vec<_> = pieces.iter().map(|piece| read(service.clone(), piece)).collect();
                let read: Vec<_> = stream::iter(reads).buffered(READS).try_collect().await?;
                let mut buffers = Vec::new();
                for (piece, bytes) in pieces.iter().zip(read) {
                    proof.read(piece, &bytes)?;
                    buffers.extend(bytes);
                }
                open.write(Buffer::from(buffers)).await?;
            }
        }
    }
    proof.agrees(expected)?;
    Ok(merged(target, proof.length, expected, proof.moved))
}

fn read(service: Service, piece: &Piece<'_>) -> impl Future<Output = Result<Vec<Bytes>, StoreError>> + use<> {
    let (object, range) = (piece.extent.object.clone(), piece.range());
    async move { service.read(&object, range).await?.try_collect().await }
}

/// What the merged bytes are known to be.
#[derive(Default)]
struct Proof {
    joiner: Joiner,
    /// Of the extents until now.
    sum: Checksum,
    length: u64,
    moved: u64,
    /// Of those bytes of the extent at hand that were read, and how many they are.
    running: RunningChecksum,
    running_length: u64,
}

impl Proof {
    fn copied(&mut self, piece: &Piece<'_>) -> Result<(), StoreError> {
        self.end_of_piece(piece)
    }

    fn read(&mut self, piece: &Piece<'_>, bytes: &[Bytes]) -> Result<(), StoreError> {
        bytes.iter().for_each(|bytes| self.running.update(bytes));
        self.running_length = self.running_length.saturating_add(piece.length);
        self.moved = self.moved.saturating_add(piece.length);
        self.end_of_piece(piece)
    }

    fn end_of_piece(&mut self, piece: &Piece<'_>) -> Result<(), StoreError> {
        self.length = self.length.saturating_add(piece.length);
        if !piece.ends_extent() {
            return Ok(());
        }
        let extent = piece.extent;
        let (read, length) =
            (std::mem::take(&mut self.running).value(), std::mem::take(&mut self.running_length));
        if length == extent.length && read != extent.checksum {
            return Err(corrupt(format!("bytes of {} have {read}, not {}", extent.object, extent.checksum)));
        }
        self.sum = self.joiner.join(self.sum, extent.checksum, extent.length);
        Ok(())
    }

    fn agrees(&self, expected: Checksum) -> Result<(), StoreError> {
        if self.sum == expected {
            return Ok(());
        }
        Err(corrupt(format!("the merged bytes have {}, not {expected}", self.sum)))
    }
}
