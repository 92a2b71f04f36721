//! Chunk numbers and their bytes: chunk `n`, counted from 1, begins at `(n - 1) · chunk_size`.
//!
//! A chunk size of 0 is nowhere allowed; where one is given all the same it is taken for 1, so that nothing panics.

use std::ops::{Range, RangeInclusive};

use crate::coverage::Coverage;
use crate::policy::Policy;
use crate::refusal::Refusal;

/// A chunk size that the server enlarges is a multiple of this many bytes.
const STEP: u64 = 1 << 20;

/// How many chunks a content of `length` bytes has: none if it is empty.
pub fn chunk_count(length: u64, chunk_size: u64) -> u64 {
    length.div_ceil(chunk_size.max(1))
}

/// The bytes of a chunk; `None` if there is no chunk of that number. While the length is unknown every chunk is as
/// long as the others, and there are as many as 64 bits can count.
pub fn chunk_range(number: u64, chunk_size: u64, length: Option<u64>) -> Option<Range<u64>> {
    let chunk_size = chunk_size.max(1);
    let start = number.checked_sub(1)?.checked_mul(chunk_size)?;
    match length {
        Some(length) => (start < length).then(|| start..start.saturating_add(chunk_size).min(length)),
        None => Some(start..start.checked_add(chunk_size)?),
    }
}

/// The chunk size of a new upload: the one asked for, else the policy's, else, if that makes too many chunks, the
/// smallest multiple of 1 MiB that does not (or the largest chunk size allowed, if that is smaller).
///
/// # Errors
/// [`Refusal::TooLong`] if the length is over the policy's, [`Refusal::ChunkSize`] if the size asked for is outside
/// its limits, [`Refusal::TooManyChunks`] if the length has too many chunks of the size asked for, or of the largest
/// allowed.
pub fn choose_chunk_size(length: Option<u64>, asked: Option<u64>, policy: &Policy) -> Result<u64, Refusal> {
    let length = length.unwrap_or(0);
    if length > policy.max_length {
        return Err(Refusal::TooLong { asked: length, limit: policy.max_length });
    }
    let (min, max) = (policy.min_chunk_size.max(1), policy.max_chunk_size.max(1));
    if let Some(asked) = asked.filter(|asked| !(min..=max).contains(asked)) {
        return Err(Refusal::ChunkSize { asked, min, max });
    }
    let smallest = length.div_ceil(policy.max_chunks.max(1));
    let chunk_size = asked.unwrap_or_else(|| default_chunk_size(smallest, max, policy));
    if chunk_size < smallest {
        return Err(Refusal::TooManyChunks {
            asked: chunk_count(length, chunk_size),
            limit: policy.max_chunks,
            smallest_chunk_size: smallest.max(min),
        });
    }
    Ok(chunk_size)
}

/// The policy's chunk size, or one of at least `smallest` bytes, as far as `max` allows.
fn default_chunk_size(smallest: u64, max: u64, policy: &Policy) -> u64 {
    let usual = policy.chunk_size.max(1);
    let wanted =
        if smallest <= usual { usual } else { smallest.checked_next_multiple_of(STEP).unwrap_or(u64::MAX) };
    wanted.min(max)
}

/// Inclusive ranges of the numbers of the chunks that are there whole, in order.
///
/// While the length is unknown the upload counts as long as what is there of it reaches.
pub fn ranges_received(coverage: &Coverage, chunk_size: u64, length: Option<u64>) -> Vec<(u64, u64)> {
    let chunk_size = chunk_size.max(1);
    let length = length.unwrap_or_else(|| coverage.end());
    let whole_chunks = |run: Range<u64>| {
        let before = run.start.div_ceil(chunk_size);
        let last = if run.end >= length { chunk_count(length, chunk_size) } else { run.end / chunk_size };
        (before < last).then(|| (before + 1, last))
    };
    coverage.runs().take_while(|run| run.start < length).filter_map(whole_chunks).collect()
}

/// Inclusive ranges of the numbers of the chunks that are not there whole, in order.
///
/// While the length is unknown these are the gaps before the end of what is there.
pub fn ranges_missing(coverage: &Coverage, chunk_size: u64, length: Option<u64>) -> Vec<(u64, u64)> {
    let count = chunk_count(length.unwrap_or_else(|| coverage.end()), chunk_size);
    let mut missing = Vec::new();
    let mut done = 0;
    for (first, last) in ranges_received(coverage, chunk_size, length) {
        if done + 1 < first {
            missing.push((done + 1, first - 1));
        }
        done = last;
    }
    if done < count {
        missing.push((done + 1, count));
    }
    missing
}

/// The numbers of the chunks that have bytes in the range; none if it is empty.
pub fn chunks_touched(range: Range<u64>, chunk_size: u64) -> RangeInclusive<u64> {
    let chunk_size = chunk_size.max(1);
    match range.end.checked_sub(1) {
        // A byte's offset is below `u64::MAX`, so that its chunk's number does not overflow.
        Some(last) if range.start <= last => range.start / chunk_size + 1..=last / chunk_size + 1,
        _ => RangeInclusive::new(1, 0),
    }
}

#[cfg(test)]
mod tests;
