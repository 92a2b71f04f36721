//! Recording one extent: an increment whose cost grows with what it overlaps and with nothing else.
//!
//! An extent that overlaps a range begins before its end, and no further before its beginning than the longest
//! extent of the upload is long. Both bounds are bounds of the receipts' key.

use std::ops::Range;

use cairn_engine::contracts::{Failure, Recording};
use cairn_engine::{Extent, Receipt, State, Timestamp, UploadId};
use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{self, extent_columns};
use crate::sqlite::columns::{Moment, Number, Text, bound};
use crate::sqlite::fault::Fault;

/// The bounds of the receipts whose extents overlap a range: the upload, an offset before the first, the end, the
/// beginning.
macro_rules! overlapping {
    () => {
        " FROM receipts WHERE upload = ?1 AND offset > ?2 AND offset < ?3 AND offset + length > ?4"
    };
}

/// The extents that overlap, by offset.
const EXTENTS: &str = concat!("SELECT ", extent_columns!(), ", sequence", overlapping!(), " ORDER BY offset");
/// The receipts whose extents overlap.
const RECEIPTS: &str = concat!("SELECT ", extent_columns!(), ", subtrees, sequence", overlapping!());

/// What is looked at of an upload when something of it arrives.
struct Head {
    number: i64,
    state: State,
    epoch: u64,
    received_bytes: u64,
    sequence: i64,
    longest: u64,
}

fn head(connection: &Connection, id: UploadId) -> rusqlite::Result<Option<Head>> {
    let sql = "SELECT number, state, epoch, received_bytes, sequence, longest FROM uploads WHERE id = ?1";
    connection
        .prepare_cached(sql)?
        .query_row([Text(id)], |row| {
            Ok(Head {
                number: row.get(0)?,
                state: rows::state(row, 1)?,
                epoch: row.get::<_, Number>(2)?.0,
                received_bytes: row.get::<_, Number>(3)?.0,
                sequence: row.get(4)?,
                longest: row.get::<_, Number>(5)?.0,
            })
        })
        .optional()
}

/// The values of [`overlapping!`].
fn bounds(number: i64, range: &Range<u64>, longest: u64) -> [i64; 4] {
    let start = bound(range.start);
    [number, start - bound(longest), bound(range.end), start]
}

/// Records one extent.
pub(super) fn record(
    connection: &Connection,
    id: UploadId,
    receipt: &Receipt,
    epoch: Option<u64>,
    expires_at: Timestamp,
) -> Result<Recording, Fault> {
    let Some(head) = head(connection, id)? else { return Ok(Recording::Unknown) };
    if head.state != State::Open {
        return Ok(Recording::NotOpen(head.state));
    }
    if epoch.is_some_and(|epoch| epoch != head.epoch) {
        return Ok(Recording::Superseded { epoch: head.epoch });
    }
    let range = receipt.extent.range();
    let overlapping = overlapping_extents(connection, &head, &range)?;
    let covered = covered_bytes(&range, overlapping.iter().map(|(_, extent)| extent));
    let new_bytes = receipt
        .extent
        .length
        .checked_sub(covered)
        .ok_or_else(|| Fault::told(Failure::Corrupt, "receipts cover more bytes than there are"))?;
    let rewritten = !overlapping.is_empty();
    let replaced = remove_covered(connection, head.number, &range, overlapping)?;
    let sequence = head.sequence + 1;
    rows::insert_receipt(connection, head.number, sequence, receipt)?;
    let received_bytes = head.received_bytes.saturating_add(new_bytes);
    connection
        .prepare_cached(
            "UPDATE uploads SET received_bytes = ?2, rewrites = rewrites + ?3, expires_at = ?4, \
             sequence = ?5, longest = ?6 WHERE number = ?1",
        )?
        .execute(params![
            head.number,
            Number(received_bytes),
            rewritten,
            Moment(expires_at),
            sequence,
            Number(head.longest.max(receipt.extent.length)),
        ])?;
    Ok(Recording::Recorded { received_bytes, replaced })
}

/// The extents that overlap, with the order of recording, by offset.
fn overlapping_extents(
    connection: &Connection,
    head: &Head,
    range: &Range<u64>,
) -> rusqlite::Result<Vec<(i64, Extent)>> {
    connection
        .prepare_cached(EXTENTS)?
        .query_map(bounds(head.number, range, head.longest), |row| Ok((row.get(5)?, rows::extent(row)?)))?
        .collect()
}

/// Bytes of `range` that the extents (by offset) cover, each counted once.
fn covered_bytes<'a>(range: &Range<u64>, extents: impl Iterator<Item = &'a Extent>) -> u64 {
    let mut covered = 0;
    let mut reached = range.start;
    for extent in extents {
        let begin = extent.offset.max(reached);
        let end = extent.end().min(range.end);
        covered += end.saturating_sub(begin);
        reached = reached.max(end);
    }
    covered
}

/// Removes the extents that `range` covers whole; them, in the order in which they were recorded.
fn remove_covered(
    connection: &Connection,
    number: i64,
    range: &Range<u64>,
    mut extents: Vec<(i64, Extent)>,
) -> rusqlite::Result<Vec<Extent>> {
    extents.retain(|(_, extent)| range.start <= extent.offset && extent.end() <= range.end);
    extents.sort_unstable_by_key(|(sequence, _)| *sequence);
    let sql = "DELETE FROM receipts WHERE upload = ?1 AND offset = ?2 AND sequence = ?3";
    let mut statement = connection.prepare_cached(sql)?;
    for (sequence, extent) in &extents {
        statement.execute(params![number, Number(extent.offset), sequence])?;
    }
    Ok(extents.into_iter().map(|(_, extent)| extent).collect())
}

/// The receipts whose extents overlap a range, in the order in which they were recorded.
pub(super) fn overlapping_receipts(
    connection: &Connection,
    id: UploadId,
    range: &Range<u64>,
) -> Result<Vec<Receipt>, Fault> {
    if range.is_empty() {
        return Ok(Vec::new());
    }
    let Some(head) = head(connection, id)? else { return Ok(Vec::new()) };
    rows::receipts(connection, RECEIPTS, bounds(head.number, range, head.longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What SQLite says it would do for a statement.
    fn plan(connection: &Connection, sql: &str) -> String {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines: Vec<String> =
            statement.query_map([1, 2, 3, 4], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        lines.join("\n")
    }

    #[test]
    fn overlaps_are_found_by_both_bounds_of_the_key() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("1.sql")).unwrap();
        let expected = "SEARCH receipts USING PRIMARY KEY (upload=? AND offset>? AND offset<?)";
        assert_eq!(plan(&connection, EXTENTS), expected);
        assert_eq!(plan(&connection, RECEIPTS), expected);
    }
}
