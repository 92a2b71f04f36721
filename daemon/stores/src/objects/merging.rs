//! A merge through the daemon: extents are read in order, compared with their checksums, and written as one.

use bytes::Bytes;
use cairn_engine::contracts::{Failure, Merged, StoreError};
use cairn_engine::digest::{Checksum, RunningChecksum};
use cairn_engine::{Extent, ObjectKey};
use futures_util::StreamExt;

use super::failures::told;
use super::service::Service;

/// Where the bytes of a merge go, a few MiB at a time.
pub(super) trait Sink {
    /// Takes the next bytes.
    async fn take(&mut self, bytes: Bytes) -> Result<(), StoreError>;
}

/// Streams the extents into the sink.
///
/// # Errors
/// [`Failure::Corrupt`] if bytes are missing or are not what their checksums say; then the sink must be given up.
pub(super) async fn stream(
    service: &Service,
    extents: &[Extent],
    target: &ObjectKey,
    expected: Checksum,
    sink: &mut impl Sink,
) -> Result<Merged, StoreError> {
    let mut whole = RunningChecksum::default();
    let mut length: u64 = 0;
    for extent in extents {
        let mut part = RunningChecksum::default();
        let range = extent.object_offset..extent.object_offset.saturating_add(extent.length);
        let mut items = service.read(&extent.object, range).await?;
        while let Some(bytes) = items.next().await {
            let bytes = bytes?;
            part.update(&bytes);
            whole.update(&bytes);
            sink.take(bytes).await?;
        }
        if part.value() != extent.checksum {
            let (object, found, kept) = (&extent.object, part.value(), extent.checksum);
            return Err(corrupt(format!("bytes of {object} have {found}, not {kept}")));
        }
        length = length.saturating_add(extent.length);
    }
    let checksum = whole.value();
    if checksum != expected {
        return Err(corrupt(format!("the merged bytes have {checksum}, not {expected}")));
    }
    let extent = Extent { offset: 0, length, object: target.clone(), object_offset: 0, checksum };
    Ok(Merged { extent, moved_bytes: length })
}

fn corrupt(why: String) -> StoreError {
    told("merge", Failure::Corrupt, why)
}
