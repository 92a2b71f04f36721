//! How a service of OpenDAL makes one object of many.

use std::sync::atomic::Ordering;

use cairn_engine::contracts::{Failure, Merged, StoreError};
use cairn_engine::digest::Checksum;
use cairn_engine::digest::joining::Joiner;
use cairn_engine::{Extent, ObjectKey};

use super::{Ground, OpenObject};
use crate::objects::failures::{from_opendal, told};
use crate::objects::merging::parts;
use crate::objects::merging::plan::{Limits, plan};
use crate::objects::veiled::Veiled;

/// Parts that are on their way at the same time. Each that passes through the daemon is in memory: 8 MiB, and more of an
/// object whose parts would be too many otherwise.
const CONCURRENT: usize = 4;

/// Merges the extents as the service can: copied, streamed, or not at all.
///
/// A service that says it copies and then refuses is told so in the log once, and its merges are streamed from then on.
pub(super) async fn merge(
    ground: &Ground,
    extents: &[Extent],
    target: &ObjectKey,
    expected: Checksum,
) -> Result<Option<Merged>, StoreError> {
    let Some(limits) = ground.merging else { return Ok(None) };
    if let Some(merged) = composed(ground, extents, target, expected).await? {
        return Ok(Some(merged));
    }
    let copies = limits.copies && !ground.copies_refused.load(Ordering::Relaxed);
    if copies {
        match by_parts(ground, extents, target, expected, &limits).await {
            Err(error) if error.failure == Failure::Failed => {
                ground.copies_refused.store(true, Ordering::Relaxed);
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "the storage does not copy inside itself: merges pass through the daemon"
                );
            }
            outcome => return outcome.map(Some),
        }
    }
    let limits = Limits { copies: false, ..limits };
    by_parts(ground, extents, target, expected, &limits).await.map(Some)
}

async fn by_parts(
    ground: &Ground,
    extents: &[Extent],
    target: &ObjectKey,
    expected: Checksum,
    limits: &Limits,
) -> Result<Merged, StoreError> {
    let parts = plan(extents, limits);
    let writer = ground.operator.writer_with(target.as_str()).concurrent(CONCURRENT).await;
    let mut open = OpenObject::new(writer.map_err(|error| from_opendal("merge", error))?, "merge", false);
    match parts::write(&ground.service, &parts, target, expected, &mut open).await {
        Ok(merged) => {
            ground.close(open, target).await?;
            has_length(ground, &merged.extent).await?;
            Ok(merged)
        }
        Err(error) => {
            open.abort().await;
            Err(error)
        }
    }
}

/// Has the service put whole objects together, as Google's does: OpenDAL makes a tree of requests of 32 sources each,
/// whose inner nodes it removes afterwards. A process that is killed in between leaves some of those below
/// `__opendal/compose/` of the root, where a lifecycle rule should remove them. `None` where the service does not
/// compose, or the extents are not whole objects.
///
/// This way has been run against an emulator of Google's service in Python, whose answers had to be corrected, and never
/// against the service itself.
async fn composed(
    ground: &Ground,
    extents: &[Extent],
    target: &ObjectKey,
    expected: Checksum,
) -> Result<Option<Merged>, StoreError> {
    let whole = extents.iter().all(|extent| extent.object_offset == 0);
    if !ground.operator.info().capability().compose || !whole {
        return Ok(None);
    }
    let (checksum, length) = joined(extents);
    if checksum != expected {
        return Err(told("merge", Failure::Corrupt, format!("the extents have {checksum}, not {expected}")));
    }
    let sources: Vec<String> = extents.iter().map(|extent| extent.object.as_str().to_owned()).collect();
    let composed = ground.operator.compose_with(sources, target.as_str()).concurrent(CONCURRENT).await;
    composed.map_err(|error| from_opendal("merge", error))?;
    if ground.service.stat(target).await? != Some(length) {
        // An extent is only the head of its object: what is too much cannot be left out.
        ground.remove("merge", std::slice::from_ref(target)).await?;
        return Ok(None);
    }
    let extent = Extent { offset: 0, length, object: target.clone(), object_offset: 0, checksum };
    Ok(Some(Merged { extent, moved_bytes: 0 }))
}

/// The checksum and the length of the extents in a row, as they say themselves.
fn joined(extents: &[Extent]) -> (Checksum, u64) {
    let mut joiner = Joiner::default();
    extents.iter().fold((Checksum::default(), 0), |(sum, length), extent| {
        (joiner.join(sum, extent.checksum, extent.length), length.saturating_add(extent.length))
    })
}

/// Compares the length of what was put together with what it should be.
async fn has_length(ground: &Ground, extent: &Extent) -> Result<(), StoreError> {
    let found = ground.service.stat(&extent.object).await?;
    if found == Some(extent.length) {
        return Ok(());
    }
    if let Err(error) = ground.operator.delete(extent.object.as_str()).await {
        let error = Veiled::from(error);
        tracing::warn!(%error, object = %extent.object, "an object that does not count may stay");
    }
    let found = found.map_or("no object".to_owned(), |length| format!("{length} bytes"));
    Err(told("merge", Failure::Failed, format!("{found} where {} bytes were put together", extent.length)))
}
