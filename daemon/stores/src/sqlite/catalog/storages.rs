//! What each storage holds.

use cairn_engine::contracts::StorageTotals;
use cairn_engine::{ObjectKey, StorageName};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::sqlite::columns::{Number, Text};
use crate::sqlite::fault::Fault;

/// By name. Where there is but the default storage, no row of an extent is read.
pub(super) fn totals(connection: &Connection) -> Result<Vec<StorageTotals>, Fault> {
    let only_default = "SELECT 'default', count(*), coalesce(sum(length), 0) FROM blobs WHERE extents > 0 \
                        HAVING count(*) > 0";
    let each = "SELECT CASE instr(object, ':') WHEN 0 THEN 'default' \
                ELSE substr(object, 1, instr(object, ':') - 1) END AS storage, \
                count(DISTINCT blob), sum(length) FROM extents GROUP BY storage ORDER BY storage";
    let sql = if names_others(connection)? { each } else { only_default };
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_map([], total)?.collect::<Result<_, _>>()?)
}

fn total(row: &Row<'_>) -> rusqlite::Result<StorageTotals> {
    Ok(StorageTotals {
        storage: row.get::<_, Text<StorageName>>(0)?.0,
        blobs: row.get::<_, Number>(1)?.0,
        bytes: row.get::<_, Number>(2)?.0,
    })
}

/// Whether an extent lies in another storage than the default one. Keys are sought by their index, from one folder or
/// storage to the next, of which there are few.
fn names_others(connection: &Connection) -> Result<bool, Fault> {
    let sql = "SELECT object FROM extents WHERE object >= ?1 ORDER BY object LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut from = String::new();
    loop {
        let next = statement.query_row([&from], |row| row.get::<_, Text<ObjectKey>>(0)).optional()?;
        let Some(Text(object)) = next else { return Ok(false) };
        if !object.storage().is_default() {
            return Ok(true);
        }
        // `0` comes after `/`.
        let folder = object.as_str().split('/').next().unwrap_or_default();
        from = format!("{folder}0");
    }
}
