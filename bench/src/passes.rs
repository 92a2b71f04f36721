//! What one pass of a digest over the bytes costs here and now, on one thread.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use sha1::Digest as _;

use crate::content;

/// Bytes come in pieces of about this length from a connection that is read as fast as it delivers.
const PIECE: usize = 384 * 1024;

/// MiB of one measurement.
const LENGTH_MIB: u64 = 1024;

/// CPU seconds per GiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passes {
    /// Of one BLAKE3 pass.
    pub(crate) blake3: f64,
    /// Of one SHA-1 pass.
    pub(crate) sha1: f64,
}

impl Passes {
    /// Measures both.
    pub(crate) fn measure() -> Self {
        let mut blake3 = blake3::Hasher::new();
        let mut sha1 = sha1::Sha1::new();
        Self {
            blake3: measure(|piece| {
                black_box(blake3.update(piece));
            }),
            sha1: measure(|piece| black_box(&mut sha1).update(piece)),
        }
    }
}

fn measure(mut update: impl FnMut(&[u8])) -> f64 {
    let begun = thread_time();
    for block in 0..LENGTH_MIB {
        let bytes: Bytes = content::shared(block);
        bytes.chunks(PIECE).for_each(&mut update);
    }
    (thread_time() - begun).as_secs_f64()
}

fn thread_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}
