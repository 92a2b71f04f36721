//! Reading bytes back to compute something of them.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use cairn_engine::ObjectKey;
use cairn_engine::contracts::{Failure, StoreError, Taker};

use super::super::failures::{from_io, told};

/// Bytes read with one call: they stay in the core's cache until they are taken.
const BUFFER_BYTES: usize = 128 << 10;

/// Gives the bytes of a file's range to `taker`. Blocks.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] if the file ends before the range does.
pub(super) fn scan(path: &Path, range: Range<u64>, mut taker: Taker) -> io::Result<()> {
    let file = File::open(path)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut offset = range.start;
    while offset < range.end {
        let wanted = usize::try_from(range.end - offset).unwrap_or(usize::MAX).min(BUFFER_BYTES);
        let part = buffer.get_mut(..wanted).unwrap_or_default();
        file.read_exact_at(part, offset)?;
        taker(part);
        offset += wanted as u64;
    }
    Ok(())
}

/// What a failed scan of an object means.
pub(super) fn failed(object: &ObjectKey, error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            told("scan", Failure::Corrupt, format!("object {object} ends before its bytes do"))
        }
        io::ErrorKind::NotFound => told("scan", Failure::Corrupt, format!("object {object} is not there")),
        _ => from_io("scan", error),
    }
}
