//! Content that is made as it goes: any range of it, at any time, without holding the whole.

use std::ops::Range;

use bytes::Bytes;
use sha1::Digest as _;

use crate::body::Body;

/// How many bytes are made at a time where content is streamed.
const FRAME: u64 = 256 * 1024;

/// Bytes that look random and are the same for the same seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    seed: u64,
    length: u64,
}

impl Content {
    /// The content of a seed, of `length` bytes. The same seed with another length begins with the same bytes.
    pub fn new(seed: u64, length: u64) -> Self {
        Self { seed, length }
    }

    /// Bytes of the whole.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The bytes of a range, which is cut at the content's end.
    pub fn range(&self, range: Range<u64>) -> Bytes {
        let end = range.end.min(self.length);
        let length = end.saturating_sub(range.start);
        let mut bytes = vec![0; usize::try_from(length).expect("a range fits in memory")];
        let mut source = blake3::Hasher::new();
        source.update(b"content of the cairn tests").update(&self.seed.to_le_bytes());
        let mut source = source.finalize_xof();
        source.set_position(range.start);
        source.fill(&mut bytes);
        bytes.into()
    }

    /// All of it at once: for small content.
    pub fn bytes(&self) -> Bytes {
        self.range(0..self.length)
    }

    /// How many chunks of a size it has.
    pub fn chunk_count(&self, chunk_size: u64) -> u64 {
        self.length.div_ceil(chunk_size)
    }

    /// Chunk `number`, counted from 1.
    pub fn chunk(&self, number: u64, chunk_size: u64) -> Bytes {
        let start = (number - 1) * chunk_size;
        self.range(start..start + chunk_size)
    }

    /// A range in pieces, made one after the other.
    pub fn pieces(&self, range: Range<u64>) -> impl Iterator<Item = Bytes> + Send + 'static {
        let content = *self;
        let end = range.end.min(self.length);
        let mut next = range.start;
        std::iter::from_fn(move || {
            let piece = content.range(next..end.min(next + FRAME));
            next += piece.len() as u64;
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// A range as a request's body that is made while it is sent, with its `Content-Length`.
    pub fn body(&self, range: Range<u64>) -> Body {
        let length = range.end.min(self.length).saturating_sub(range.start);
        Body::pieces(self.pieces(range).map(Ok), Some(length))
    }

    /// SHA-1 of the whole, in hexadecimal.
    pub fn sha1(&self) -> String {
        let mut sha1 = sha1::Sha1::new();
        self.pieces(0..self.length).for_each(|piece| sha1.update(&piece));
        hexadecimal(&sha1.finalize())
    }

    /// SHA-256 of the whole, in hexadecimal.
    pub fn sha256(&self) -> String {
        let mut sha256 = sha2::Sha256::new();
        self.pieces(0..self.length).for_each(|piece| sha256.update(&piece));
        hexadecimal(&sha256.finalize())
    }

    /// BLAKE3 of the whole, in hexadecimal.
    pub fn blake3(&self) -> String {
        let mut blake3 = blake3::Hasher::new();
        self.pieces(0..self.length).for_each(|piece| {
            blake3.update(&piece);
        });
        blake3.finalize().to_hex().to_string()
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_piece_of_the_whole() {
        let content = Content::new(7, 1_000_000);
        let whole = content.bytes();
        assert_eq!(whole.len(), 1_000_000);
        assert_eq!(content.range(999_900..2_000_000), whole.slice(999_900..));
        assert_eq!(content.chunk(3, 1000), whole.slice(2000..3000));
        let pieces: Vec<Bytes> = content.pieces(10..700_010).collect();
        assert_eq!(pieces.concat(), whole.slice(10..700_010));
        assert_ne!(Content::new(8, 100).bytes(), Content::new(7, 100).bytes());
    }

    #[test]
    fn digests_are_those_of_the_bytes() {
        let content = Content::new(1, 600_000);
        assert_eq!(content.blake3(), blake3::hash(&content.bytes()).to_hex().to_string());
        assert_eq!(content.sha1(), hexadecimal(&sha1::Sha1::digest(content.bytes())));
        assert_eq!(content.sha256(), hexadecimal(&sha2::Sha256::digest(content.bytes())));
    }
}
