//! A new object out of a stream: what a blob becomes that moves here.

use cairn_engine::ObjectKey;
use cairn_engine::contracts::{ByteStream, StoreError};
use futures_util::TryStreamExt;

use super::{Ground, OpenObject};
use crate::objects::failures::from_opendal;

/// Bytes of a part of a blob.
const PART: usize = 8 << 20;
/// Bytes of a part of what comes from a client: S3 takes none that is smaller.
const SMALL_PART: usize = 5 << 20;
/// Parts that are on their way at the same time, each in memory.
const CONCURRENT: usize = 2;
/// The most parts of an object, for every service that has a limit.
const PARTS: u64 = 10_000;
/// The most bytes of an object in a service that takes whole bodies only: one is in memory at a time.
const WHOLE: u64 = 64 << 20;

/// The most bytes that an object should have.
pub(super) fn most_bytes(ground: &Ground) -> u64 {
    match (ground.takes_parts(), ground.is_elsewhere()) {
        (false, _) => WHOLE,
        (true, true) => PARTS * PART as u64,
        (true, false) => u64::MAX,
    }
}

/// Bytes of a part of an object that may have so many: each is in memory until it is sent.
pub(super) fn part_of(max_length: u64) -> usize {
    if max_length > PARTS * SMALL_PART as u64 { PART } else { SMALL_PART }
}

/// Writes what the stream brings; how many bytes.
pub(super) async fn write(ground: &Ground, target: &ObjectKey, bytes: ByteStream) -> Result<u64, StoreError> {
    let mut writer = ground.operator.writer_with(target.as_str());
    if ground.takes_parts() && ground.is_elsewhere() {
        writer = writer.chunk(PART).concurrent(CONCURRENT);
    }
    let writer = writer.await.map_err(|error| from_opendal("write_new", error))?;
    let mut open = OpenObject::new(writer, "write_new", !ground.takes_parts());
    if let Err(error) = pour(bytes, &mut open).await {
        open.abort().await;
        return Err(error);
    }
    let written = open.written();
    ground.close(open, target).await?;
    Ok(written)
}

async fn pour(mut bytes: ByteStream, open: &mut OpenObject) -> Result<(), StoreError> {
    while let Some(bytes) = bytes.try_next().await? {
        open.write(bytes.into()).await?;
    }
    Ok(())
}
