//! Coverage: which bytes of an upload are there, and which receipt vouches for each.
//!
//! Extents may overlap: of two that hold the same byte the one recorded later counts, and the earlier one is cut or
//! hidden. What is visible is a set of [`Piece`]s that never overlap.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::extent::{Extent, Receipt};

/// The visible part of a receipt's extent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece<'a> {
    /// Bytes of the upload before it.
    pub offset: u64,
    /// Bytes; at least one.
    pub length: u64,
    /// The receipt of the extent that it is a part of.
    pub receipt: &'a Receipt,
    /// Bytes of that extent before it.
    pub skip: u64,
}

impl Piece<'_> {
    /// Whether it is all of its extent, so that the extent's checksum and tree values are its own.
    pub fn is_whole(&self) -> bool {
        self.skip == 0 && self.length == self.receipt.extent.length
    }

    /// The piece as an extent. Its checksum is that of the receipt's extent: of the piece only if that
    /// [is whole](Self::is_whole).
    pub fn extent(&self) -> Extent {
        let extent = &self.receipt.extent;
        Extent {
            offset: self.offset,
            length: self.length,
            object: extent.object.clone(),
            object_offset: extent.object_offset.saturating_add(self.skip),
            checksum: extent.checksum,
        }
    }
}

/// Which bytes of an upload are there.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Visible parts by their offset; they never overlap, and none is empty.
    parts: BTreeMap<u64, Part>,
    covered_bytes: u64,
}

#[derive(Clone, Debug)]
struct Part {
    end: u64,
    receipt: Arc<Receipt>,
}

impl Coverage {
    /// The coverage by these receipts, in the order in which they were recorded.
    pub fn of(receipts: impl IntoIterator<Item = Receipt>) -> Self {
        let mut coverage = Self::default();
        for receipt in receipts {
            coverage.insert(receipt);
        }
        coverage
    }

    /// Adds a receipt that was recorded after all others. An extent without bytes adds nothing; of one that reaches
    /// beyond [`u64::MAX`] the bytes before that count.
    pub fn insert(&mut self, receipt: Receipt) {
        let range = receipt.extent.range();
        if range.is_empty() {
            return;
        }
        self.clear(&range);
        self.add(range, Arc::new(receipt));
    }

    /// Bytes that are there, each counted once.
    pub fn covered_bytes(&self) -> u64 {
        self.covered_bytes
    }

    /// Bytes from the upload's beginning without a gap.
    pub fn prefix(&self) -> u64 {
        self.runs().next().filter(|run| run.start == 0).map_or(0, |run| run.end)
    }

    /// The offset after the last byte that is there; 0 if there is none.
    pub fn end(&self) -> u64 {
        self.parts.last_key_value().map_or(0, |(_, part)| part.end)
    }

    /// Whether every byte of the range is there. An empty range is.
    pub fn is_covered(&self, range: Range<u64>) -> bool {
        self.gaps(range).next().is_none()
    }

    /// The bytes before `length` that are not there: ranges in order, none empty, none touching another.
    pub fn missing(&self, length: u64) -> Vec<Range<u64>> {
        self.gaps(0..length).collect()
    }

    /// Whether any byte of the range is there.
    pub fn overlaps(&self, range: Range<u64>) -> bool {
        !range.is_empty() && self.next_covered(range.start).is_some_and(|offset| offset < range.end)
    }

    /// The first byte at or after `offset` that is there.
    pub fn next_covered(&self, offset: u64) -> Option<u64> {
        self.parts_from(offset).next().map(|(start, _)| start.max(offset))
    }

    /// What is visible, in order.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.parts.iter().map(|(&offset, part)| Piece {
            offset,
            length: part.end - offset,
            receipt: &part.receipt,
            skip: offset - part.receipt.extent.offset,
        })
    }

    /// Ranges that are there, in order, none touching another.
    pub fn runs(&self) -> impl Iterator<Item = Range<u64>> {
        let mut parts = self.parts.iter().map(|(&start, part)| start..part.end).peekable();
        std::iter::from_fn(move || {
            let mut run = parts.next()?;
            while let Some(next) = parts.next_if(|next| next.start == run.end) {
                run.end = next.end;
            }
            Some(run)
        })
    }

    /// The parts that end after `offset`.
    fn parts_from(&self, offset: u64) -> impl Iterator<Item = (u64, &Part)> {
        let around = self.parts.range(..offset).next_back().filter(|(_, part)| part.end > offset);
        around.into_iter().chain(self.parts.range(offset..)).map(|(&start, part)| (start, part))
    }

    /// The ranges within `range` that are not there.
    fn gaps(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let mut parts = self.parts_from(range.start).take_while(move |(start, _)| *start < range.end);
        let mut at = range.start;
        std::iter::from_fn(move || {
            while at < range.end {
                let (start, end) =
                    parts.next().map_or((range.end, range.end), |(start, part)| (start, part.end));
                let gap = at..start;
                at = end;
                if !gap.is_empty() {
                    return Some(gap);
                }
            }
            None
        })
    }

    /// Hides what is visible of the range.
    fn clear(&mut self, range: &Range<u64>) {
        let starts: Vec<u64> = self
            .parts_from(range.start)
            .map(|(start, _)| start)
            .take_while(|start| *start < range.end)
            .collect();
        for start in starts {
            let Some(part) = self.parts.remove(&start) else { continue };
            self.covered_bytes -= part.end - start;
            self.add(start..range.start, Arc::clone(&part.receipt));
            self.add(range.end..part.end, part.receipt);
        }
    }

    /// Makes a range visible in which nothing is; an empty one is left out.
    fn add(&mut self, range: Range<u64>, receipt: Arc<Receipt>) {
        if range.is_empty() {
            return;
        }
        self.covered_bytes += range.end - range.start;
        self.parts.insert(range.start, Part { end: range.end, receipt });
    }
}

#[cfg(test)]
mod tests;
