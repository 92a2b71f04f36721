//! A merge: the bytes of many extents become one object.
//!
//! - On a local file system in place, [`stream`] reads extent after extent, compares it with its checksum, and writes it.
//! - A service that copies ranges inside itself (S3: UploadPartCopy) gets a [plan] of [parts]: extents of 5 MiB and more
//!   are copied and never pass through the daemon; shorter ones are joined with what lies beside them.
//! - A service that writes in several parts gets the same with every part streamed.
//! - A service that takes whole bodies only would have to have them in memory: there is no merge.

pub(super) mod parts;
pub(super) mod plan;

use bytes::Bytes;
use cairn_engine::contracts::{Failure, Merged, StoreError};
use cairn_engine::digest::{Checksum, RunningChecksum};
use cairn_engine::{Extent, ObjectKey};
use futures_util::StreamExt;
use opendal::{Capability, Operator};

use self::plan::Limits;
use super::failures::told;
use super::service::Service;

/// The most parts of an object, for every service that has a limit.
const PARTS: u64 = 10_000;

/// What the service asks of the parts of a merge; `None` where it takes whole bodies only. What lies in memory anyway may
/// be put together there.
pub(super) fn limits(operator: &Operator) -> Option<Limits> {
    let info = operator.info();
    let capability = info.capability();
    if !capability.write_can_multi && info.scheme() != opendal::services::MEMORY_SCHEME {
        return None;
    }
    let least = capability.write_multi_min_size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
    Some(Limits { least, parts: PARTS, copies: copies(&capability) })
}

/// Whether ranges are copied inside the service. Without a least length of parts OpenDAL would stream them.
fn copies(capability: &Capability) -> bool {
    capability.write_can_copy_from && capability.write_multi_min_size.is_some()
}

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
    Ok(merged(target, length, checksum, length))
}

fn merged(target: &ObjectKey, length: u64, checksum: Checksum, moved_bytes: u64) -> Merged {
    let extent = Extent { offset: 0, length, object: target.clone(), object_offset: 0, checksum };
    Merged { extent, moved_bytes }
}

fn corrupt(why: String) -> StoreError {
    told("merge", Failure::Corrupt, why)
}
