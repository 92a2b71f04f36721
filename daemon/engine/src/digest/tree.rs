//! What the bytes of one extent add to the content's BLAKE3 tree.
//!
//! BLAKE3 hashes every KiB by itself and joins the values pairwise to a binary tree, so stretches can be hashed in
//! any order and joined later. Of each extent, [`TreeHasher`] keeps the values of the largest aligned subtrees that
//! lie wholly inside it and, raw, the bytes of the KiBs that it shares with its neighbours; [`root`] makes the digest
//! of the whole from those, and no byte is read twice.
//!
//! Two things cannot be known while an extent arrives, and are kept open: whether a subtree that begins at offset 0
//! is the whole content (whose value is another than that of a part), so such a one is kept as its two halves; and
//! whether the first KiB is the whole content, so an extent that ends within it keeps its bytes.

use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use serde::{Deserialize, Serialize};

/// Bytes of a leaf of the tree.
const KIB: u64 = 1024;
/// Bytes are gathered up to a boundary of this many before they are hashed: what keeps every lane busy.
const BLOCK: u64 = 16 * KIB;
/// The first byte of the serialised form.
const VERSION: u8 = 1;
/// Version, length of the head, length of the tail, number of values.
const PREAMBLE: usize = 7;
/// No range of 64 bits has more aligned subtrees than twice the number of its bits.
const MAX_VALUES: usize = 128;

/// The tree values of one extent's bytes. Meaningful only together with the extent's offset and length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subtrees {
    /// The bytes before the first KiB boundary, at most 1023.
    head: Vec<u8>,
    /// The values of the largest aligned subtrees from there on, in order.
    values: Vec<ChainingValue>,
    /// The bytes after the last KiB boundary; at most 1024, and that many only of the first KiB.
    tail: Vec<u8>,
}

impl Subtrees {
    /// Whether these are the values of no bytes at all: of an extent, they are not known yet.
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.values.is_empty() && self.tail.is_empty()
    }

    /// A compact form: at most 2 KiB and 32 bytes for each value.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(
            PREAMBLE + self.head.len() + self.tail.len() + self.values.len() * blake3::OUT_LEN,
        );
        bytes.push(VERSION);
        for length in [self.head.len(), self.tail.len(), self.values.len()] {
            // Each is at most 1024 by construction.
            bytes.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
        }
        bytes.extend_from_slice(&self.head);
        bytes.extend_from_slice(&self.tail);
        bytes.extend_from_slice(self.values.as_flattened());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; `None` if it is anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&version, rest) = bytes.split_first()?;
        let (head_length, rest) = split_length(rest)?;
        let (tail_length, rest) = split_length(rest)?;
        let (count, rest) = split_length(rest)?;
        if version != VERSION || head_length > 1023 || tail_length > 1024 || count > MAX_VALUES {
            return None;
        }
        let (head, rest) = rest.split_at_checked(head_length)?;
        let (tail, rest) = rest.split_at_checked(tail_length)?;
        let (values, remainder) = rest.as_chunks();
        if values.len() != count || !remainder.is_empty() {
            return None;
        }
        Some(Self { head: head.to_vec(), values: values.to_vec(), tail: tail.to_vec() })
    }
}

fn split_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    Some((usize::from(u16::from_le_bytes(*length)), rest))
}

impl Serialize for Subtrees {
    /// The compact form in hexadecimal digits.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::hex(&self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for Subtrees {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::unhex(&text)
            .and_then(|bytes| Self::from_bytes(&bytes))
            .ok_or_else(|| serde::de::Error::custom("not the tree values of an extent"))
    }
}

/// The BLAKE3 of a whole content of `length` bytes, from `(offset, length, values)` of its extents in order.
///
/// `None` if they leave a gap, overlap, end elsewhere than at `length`, or if the values are not those of an extent
/// of that offset and length.
pub fn root<'a>(parts: impl IntoIterator<Item = (u64, u64, &'a Subtrees)>, length: u64) -> Option<[u8; 32]> {
    let mut whole = TreeHasher::new(0);
    for (offset, part_length, subtrees) in parts {
        (offset == whole.position()).then_some(())?;
        whole.absorb(subtrees, part_length)?;
    }
    (whole.position() == length).then(|| whole.into_root())
}

/// The values of two neighbouring extents as of one: `b` begins where `a` ends. No larger than those of any extent.
///
/// `None` if the values are not those of extents of these offsets and lengths.
pub fn join(a: &Subtrees, a_offset: u64, a_length: u64, b: &Subtrees, b_length: u64) -> Option<Subtrees> {
    let mut both = TreeHasher::new(a_offset);
    both.absorb(a, a_length)?;
    both.absorb(b, b_length)?;
    Some(both.finish())
}

/// Makes the [`Subtrees`] of an extent whose bytes pass by once, wherever it ends. Holds at most 16 KiB of them.
///
/// The extent must not reach beyond [`u64::MAX`]: then its values come out empty, and fit no extent.
#[derive(Clone, Debug)]
pub struct TreeHasher {
    offset: u64,
    length: u64,
    /// Whether more came than 64 bits can count.
    overflown: bool,
    head: Vec<u8>,
    run: Run,
}

impl TreeHasher {
    /// Of an extent that begins at this offset of the content.
    pub fn new(offset: u64) -> Self {
        let start = offset.checked_next_multiple_of(KIB).unwrap_or(u64::MAX);
        Self { offset, length: 0, overflown: false, head: Vec::new(), run: Run::new(start) }
    }

    /// Takes the next bytes. Slices of 16 KiB and more are hashed where they lie.
    pub fn update(&mut self, bytes: &[u8]) {
        if !self.advance(bytes.len() as u64) {
            return;
        }
        let (head, rest) = bytes.split_at(self.missing_head().min(bytes.len()));
        self.head.extend_from_slice(head);
        self.run.update(rest);
    }

    /// Bytes taken so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The values of everything taken.
    pub fn finish(self) -> Subtrees {
        if self.overflown {
            return Subtrees::default();
        }
        let (values, tail) = self.run.finish();
        Subtrees { head: self.head, values, tail }
    }

    /// Where the next byte goes.
    fn position(&self) -> u64 {
        self.offset.saturating_add(self.length)
    }

    /// Counts bytes; whether they can still be counted.
    fn advance(&mut self, count: u64) -> bool {
        match self.position().checked_add(count) {
            Some(_) if !self.overflown => self.length += count,
            _ => self.overflown = true,
        }
        !self.overflown
    }

    /// Bytes that the head still lacks.
    fn missing_head(&self) -> usize {
        let whole = (KIB - self.offset % KIB) % KIB;
        usize::try_from(whole).unwrap_or_default().saturating_sub(self.head.len())
    }

    /// Takes the next extent's values instead of its bytes.
    fn absorb(&mut self, subtrees: &Subtrees, length: u64) -> Option<()> {
        let shape = Shape::of(self.position(), length)?;
        shape.fits(subtrees).then_some(())?;
        self.update(&subtrees.head);
        for (piece, value) in shape.pieces().zip(&subtrees.values) {
            self.run.push_value(piece.start, piece.length, *value);
            self.advance(piece.length).then_some(())?;
        }
        self.update(&subtrees.tail);
        Some(())
    }

    /// The digest of everything taken, as the whole content. Only of a hasher that began at offset 0.
    fn into_root(self) -> [u8; 32] {
        self.run.into_root()
    }
}

/// A subtree: an aligned power of two of KiBs.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: u64,
    length: u64,
}

/// How an extent divides into head, subtrees and tail.
struct Shape {
    head: u64,
    start: u64,
    end: u64,
    tail: u64,
}

impl Shape {
    /// `None` if the extent reaches beyond 64 bits.
    fn of(offset: u64, length: u64) -> Option<Self> {
        offset.checked_add(length)?;
        let head = ((KIB - offset % KIB) % KIB).min(length);
        let (start, rest) = (offset.saturating_add(head), length - head);
        let tail = tail_of(start, rest);
        Some(Self { head, start, end: start + (rest - tail), tail })
    }

    fn fits(&self, subtrees: &Subtrees) -> bool {
        self.head == subtrees.head.len() as u64
            && self.tail == subtrees.tail.len() as u64
            && self.pieces().count() == subtrees.values.len()
    }

    fn pieces(&self) -> impl Iterator<Item = Piece> {
        pieces(self.start, self.end, self.tail > 0)
    }
}

/// Of `length` bytes from a KiB boundary on, how many are kept raw at the end.
fn tail_of(start: u64, length: u64) -> u64 {
    if start == 0 && length <= KIB { length } else { length % KIB }
}

/// The largest aligned subtrees of a range of whole KiBs. One that begins at 0 and is all there is comes in halves,
/// unless more is known to follow.
fn pieces(start: u64, end: u64, more_follows: bool) -> impl Iterator<Item = Piece> {
    let mut at = start;
    std::iter::from_fn(move || {
        let rest = end.checked_sub(at).filter(|rest| *rest > 0)?;
        let fitting = 1 << rest.ilog2();
        let length = match at {
            0 if fitting == rest && !more_follows && rest > KIB => fitting / 2,
            0 => fitting,
            _ => fitting.min(1 << at.trailing_zeros()),
        };
        let piece = Piece { start: at, length };
        at += length;
        Some(piece)
    })
}

/// The part of an extent from its first KiB boundary on.
#[derive(Clone, Debug)]
struct Run {
    /// Neighbouring subtrees, siblings joined as soon as more follows them.
    stack: Vec<(Piece, ChainingValue)>,
    /// Bytes not hashed yet, up to the next boundary of a block.
    buffer: Vec<u8>,
    /// Where the buffer begins.
    at: u64,
}

impl Run {
    fn new(at: u64) -> Self {
        Self { stack: Vec::new(), buffer: Vec::new(), at }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        if !self.buffer.is_empty() {
            let (filling, rest) = bytes.split_at(self.until_block().min(bytes.len()));
            self.buffer.extend_from_slice(filling);
            if self.until_block() > 0 {
                return;
            }
            self.hash_buffer();
            bytes = rest;
        }
        let (blocks, rest) = bytes.split_at(self.whole_blocks(bytes.len()));
        self.hash(blocks, true);
        self.buffer.extend_from_slice(rest);
    }

    /// Bytes that the buffer lacks to the next boundary of a block.
    fn until_block(&self) -> usize {
        let end = self.at.saturating_add(self.buffer.len() as u64);
        let boundary = (self.at / BLOCK).saturating_add(1).saturating_mul(BLOCK);
        usize::try_from(boundary.saturating_sub(end)).unwrap_or(usize::MAX)
    }

    /// Of as many bytes from here on, how many there are up to the last boundary of a block.
    fn whole_blocks(&self, count: usize) -> usize {
        let end = self.at.saturating_add(count as u64);
        let boundary = end - end % BLOCK;
        usize::try_from(boundary.saturating_sub(self.at)).unwrap_or_default()
    }

    fn hash_buffer(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        self.hash(&buffer, true);
        buffer.clear();
        self.buffer = buffer;
    }

    /// Hashes whole KiBs from here on.
    fn hash(&mut self, mut bytes: &[u8], may_be_all: bool) {
        for piece in pieces(self.at, self.at + bytes.len() as u64, !may_be_all) {
            let (part, rest) = bytes.split_at(usize::try_from(piece.length).unwrap_or_default());
            self.push(piece, value_of(piece.start, part));
            bytes = rest;
        }
    }

    /// Takes the value of a subtree instead of its bytes.
    fn push_value(&mut self, start: u64, length: u64, value: ChainingValue) {
        self.hash_buffer();
        self.push(Piece { start, length }, value);
    }

    fn push(&mut self, piece: Piece, value: ChainingValue) {
        // What is on the stack is not all there is, so that nothing there can be the root.
        while self.join_siblings() {}
        self.stack.push((piece, value));
        self.at = piece.start + piece.length;
    }

    /// Joins the last two subtrees if they are the halves of one; whether they were.
    fn join_siblings(&mut self) -> bool {
        let Some(&[(left, left_value), (right, right_value)]) = self.stack.last_chunk() else { return false };
        if left.length != right.length || left.start & left.length != 0 {
            return false;
        }
        self.stack.truncate(self.stack.len() - 2);
        let parent = Piece { start: left.start, length: left.length << 1 };
        self.stack.push((parent, merge_subtrees_non_root(&left_value, &right_value, Mode::Hash)));
        true
    }

    /// Whether joining the last two would make one subtree of everything from offset 0 on.
    fn is_all_in_halves(&self) -> bool {
        matches!(self.stack.as_slice(), [(left, _), _] if left.start == 0)
    }

    /// The values of the largest subtrees, and the raw bytes after them.
    fn finish(mut self) -> (Vec<ChainingValue>, Vec<u8>) {
        let tail = self.split_tail();
        while (!tail.is_empty() || !self.is_all_in_halves()) && self.join_siblings() {}
        (self.stack.into_iter().map(|(_, value)| value).collect(), tail)
    }

    /// Hashes the whole KiBs of the buffer; what is left of it.
    fn split_tail(&mut self) -> Vec<u8> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let length = buffer.len() as u64;
        let tail = tail_of(self.at, length);
        let rest = buffer.split_off(usize::try_from(length - tail).unwrap_or_default());
        self.hash(&buffer, rest.is_empty());
        rest
    }

    fn into_root(mut self) -> [u8; 32] {
        let tail = self.split_tail();
        if self.stack.is_empty() {
            return blake3::hash(&tail).into();
        }
        if !tail.is_empty() {
            let value = value_of(self.at, &tail);
            self.push(Piece { start: self.at, length: tail.len() as u64 }, value);
        }
        self.fold()
    }

    /// Joins everything from the right edge on.
    fn fold(mut self) -> [u8; 32] {
        // There are at least two values: one that begins at 0 is kept in halves, or something follows it.
        let mut right = self.stack.pop().map(|(_, value)| value).unwrap_or_default();
        while let Some((_, left)) = self.stack.pop() {
            if self.stack.is_empty() {
                return merge_subtrees_root(&left, &right, Mode::Hash).into();
            }
            right = merge_subtrees_non_root(&left, &right, Mode::Hash);
        }
        right
    }
}

/// The value of a subtree, or of a last leaf that is not full.
fn value_of(start: u64, bytes: &[u8]) -> ChainingValue {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(start).update(bytes);
    hasher.finalize_non_root()
}

#[cfg(test)]
mod tests;
