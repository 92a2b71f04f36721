//! Objects that no extent names, and since when that is known.

use cairn_engine::{ObjectKey, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use crate::sqlite::columns::Moment;

/// Whether an extent names the object.
fn is_named(connection: &Connection, object: &ObjectKey) -> rusqlite::Result<bool> {
    let named = connection
        .prepare_cached("SELECT 1 FROM extents WHERE object = ?1 LIMIT 1")?
        .query_row([object.as_str()], |_| Ok(()))
        .optional()?;
    Ok(named.is_some())
}

/// Of these objects, those that no extent names.
pub(super) fn unreferenced(
    connection: &Connection,
    objects: &[ObjectKey],
) -> rusqlite::Result<Vec<ObjectKey>> {
    let mut unreferenced = Vec::new();
    for object in objects {
        if !is_named(connection, object)? {
            unreferenced.push(object.clone());
        }
    }
    Ok(unreferenced)
}

/// Forgets the notes about these objects.
pub(super) fn forget<'a>(
    connection: &Connection,
    objects: impl Iterator<Item = &'a ObjectKey>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("DELETE FROM orphans WHERE object = ?1")?;
    let mut last = None;
    // Extents that lie in the same object usually follow each other.
    for object in objects.filter(|object| last.replace(*object) != Some(*object)) {
        statement.execute([object.as_str()])?;
    }
    Ok(())
}

/// Notes which of these objects no extent names; those that were first seen so at or before `seen_before`.
pub(super) fn condemn(
    connection: &Connection,
    objects: &[ObjectKey],
    now: Timestamp,
    seen_before: Timestamp,
) -> rusqlite::Result<Vec<ObjectKey>> {
    let mut condemned = Vec::new();
    for object in objects {
        if is_named(connection, object)? {
            forget(connection, std::iter::once(object))?;
        } else if first_seen(connection, object, now)? <= seen_before {
            condemned.push(object.clone());
        }
    }
    Ok(condemned)
}

/// When the object was first seen as an orphan: `now`, if it never was.
fn first_seen(connection: &Connection, object: &ObjectKey, now: Timestamp) -> rusqlite::Result<Timestamp> {
    let noted = connection
        .prepare_cached("SELECT first_seen FROM orphans WHERE object = ?1")?
        .query_row([object.as_str()], |row| row.get::<_, Moment>(0))
        .optional()?;
    if let Some(noted) = noted {
        return Ok(noted.0);
    }
    connection
        .prepare_cached("INSERT INTO orphans (object, first_seen) VALUES (?1, ?2)")?
        .execute(params![object.as_str(), Moment(now)])?;
    Ok(now)
}
