//! What is sent: bytes made once and shared, so that sending costs this program next to nothing, with a stamp every
//! MiB, so that no two files and no two MiB are the same.

use std::ops::Range;
use std::sync::OnceLock;

use bytes::Bytes;
use sha1::Digest as _;

/// One MiB.
pub(crate) const MIB: u64 = 1024 * 1024;

const STAMP: usize = 64;

/// A file's content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    /// Distinguishes it from every other.
    pub(crate) number: u64,
    /// Bytes.
    pub(crate) length: u64,
}

impl Content {
    /// The pieces of a range that begins at a MiB.
    pub(crate) fn pieces(self, range: Range<u64>) -> impl Iterator<Item = Bytes> + Send + 'static {
        let blocks = range.start / MIB..range.end.min(self.length).div_ceil(MIB);
        let end = range.end.min(self.length);
        blocks.flat_map(move |block| {
            let length = usize::try_from(MIB.min(end - block * MIB)).unwrap_or_default();
            [stamp(self.number, block, length), shared(block).slice(STAMP.min(length)..length)]
        })
    }

    /// SHA-1 of the whole, in hexadecimal.
    pub(crate) fn sha1(self) -> String {
        let mut sha1 = sha1::Sha1::new();
        self.pieces(0..self.length).for_each(|piece| sha1.update(&piece));
        sha1.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// One of a few MiB of bytes that look random.
pub(crate) fn shared(block: u64) -> Bytes {
    const KINDS: u64 = 8;
    static BLOCKS: OnceLock<Vec<Bytes>> = OnceLock::new();
    let blocks = BLOCKS.get_or_init(|| (0..KINDS).map(random_mib).collect());
    let index = usize::try_from(block % KINDS).unwrap_or_default();
    blocks.get(index).cloned().unwrap_or_default()
}

fn random_mib(seed: u64) -> Bytes {
    let mut bytes = vec![0; usize::try_from(MIB).unwrap_or_default()];
    blake3::Hasher::new_derive_key("cairn-bench content")
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes.into()
}

fn stamp(number: u64, block: u64, length: usize) -> Bytes {
    let mut bytes = [0_u8; STAMP];
    let mark = [number.to_le_bytes(), block.to_le_bytes()].concat();
    bytes.iter_mut().zip(mark).for_each(|(to, from)| *to = from);
    Bytes::copy_from_slice(bytes.get(..length.min(STAMP)).unwrap_or_default())
}
