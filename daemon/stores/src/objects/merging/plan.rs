//! Which parts a merged object is put together from: pure arithmetic over extents.
//!
//! A part is either a run of one extent that the store copies inside itself, or bytes that pass through the daemon. A
//! store asks that every part but the last has a least length; what is too short to be copied is joined with what lies
//! beside it until it is long enough.

use std::ops::Range;

use cairn_engine::Extent;

const MIB: u64 = 1 << 20;
/// Bytes of a part that passes through the daemon, unless the object is so long that there would be too many.
const STREAMED: u64 = 8 * MIB;
/// Bytes that a store copies in one request: few enough to be done within the time-out of a request.
const COPIED: u64 = 512 * MIB;

/// What a store asks of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::objects) struct Limits {
    /// The fewest bytes of a part that is not the last.
    pub least: u64,
    /// The most parts.
    pub parts: u64,
    /// Whether the store copies ranges of objects inside itself.
    pub copies: bool,
}

/// A run of bytes of one extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::objects) struct Piece<'a> {
    /// The extent.
    pub extent: &'a Extent,
    /// Bytes of the extent before it.
    pub skip: u64,
    /// Bytes.
    pub length: u64,
}

impl Piece<'_> {
    /// Where it lies in the extent's object.
    pub(in crate::objects) fn range(&self) -> Range<u64> {
        let start = self.extent.object_offset.saturating_add(self.skip);
        start..start.saturating_add(self.length)
    }

    /// Whether the extent ends with it.
    pub(in crate::objects) fn ends_extent(&self) -> bool {
        self.skip.saturating_add(self.length) == self.extent.length
    }
}

/// A part of a merged object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::objects) enum Part<'a> {
    /// Copied inside the store.
    Copied(Piece<'a>),
    /// Read, joined and written.
    Streamed(Vec<Piece<'a>>),
}

impl Part<'_> {
    /// Bytes.
    #[cfg(test)]
    pub(in crate::objects) fn length(&self) -> u64 {
        match self {
            Self::Copied(piece) => piece.length,
            Self::Streamed(pieces) => pieces.iter().map(|piece| piece.length).sum(),
        }
    }
}

/// The parts of the object that these extents make, in order: every byte once.
pub(in crate::objects) fn plan<'a>(extents: &'a [Extent], limits: &Limits) -> Vec<Part<'a>> {
    let length = extents.iter().fold(0_u64, |sum, extent| sum.saturating_add(extent.length));
    // Parts of at least this length are never too many.
    let enough = length.div_ceil(limits.parts.max(2) - 1).next_multiple_of(MIB);
    let copied = COPIED.max(enough.saturating_mul(2));
    if !limits.copies {
        let streamed = STREAMED.max(limits.least).max(enough);
        return Planner { least: streamed, copied: None, parts: Vec::new(), open: Vec::new() }.plan(extents);
    }
    // Seldom more than once round: many thousand extents that could all be copied are too many parts.
    let mut least = limits.least.max(1);
    loop {
        let planner = Planner { least, copied: Some(copied), parts: Vec::new(), open: Vec::new() };
        let parts = planner.plan(extents);
        if parts.len() as u64 <= limits.parts || least >= enough {
            return parts;
        }
        least = least.saturating_mul(2).min(enough);
    }
}

struct Planner<'a> {
    /// The fewest bytes of a part that is not the last.
    least: u64,
    /// The most bytes of a part that is copied; `None` where nothing is.
    copied: Option<u64>,
    parts: Vec<Part<'a>>,
    /// Pieces of the part that is not long enough yet.
    open: Vec<Piece<'a>>,
}

impl<'a> Planner<'a> {
    fn plan(mut self, extents: &'a [Extent]) -> Vec<Part<'a>> {
        for extent in extents {
            let mut skip = 0;
            while skip < extent.length {
                skip = skip.saturating_add(self.take(Piece { extent, skip, length: extent.length - skip }));
            }
        }
        self.close();
        self.parts
    }

    /// Takes some of an extent's rest, from its begin; how much.
    fn take(&mut self, rest: Piece<'a>) -> u64 {
        let open: u64 = self.open.iter().map(|piece| piece.length).sum();
        if let Some(copied) = self.copied.filter(|_| open == 0 && rest.length >= self.least) {
            let length = rest.length.div_ceil(rest.length.div_ceil(copied.max(1)));
            self.parts.push(Part::Copied(Piece { length, ..rest }));
            return length;
        }
        let missing = self.least.saturating_sub(open);
        let length = match rest.length.checked_sub(missing) {
            // What would be left is too short to be copied: it goes along.
            Some(left) if self.copied.is_some() && left < self.least => rest.length,
            Some(_) => missing,
            None => rest.length,
        };
        self.open.push(Piece { length, ..rest });
        if length >= missing {
            self.close();
        }
        length
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.parts.push(Part::Streamed(std::mem::take(&mut self.open)));
        }
    }
}

#[cfg(test)]
mod tests;
