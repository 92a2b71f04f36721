//! Blobs, their digests and their extents as rows.

use cairn_engine::contracts::{BlobFilter, Failure, Page, PageRequest, Publication};
use cairn_engine::file::Content;
use cairn_engine::{Algorithm, Blob, Digest, Extent, Timestamp};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::orphans;
use crate::sqlite::columns::{Bits, Moment, Number, Text, bound};
use crate::sqlite::fault::Fault;

/// The columns that [`head`] reads, in its order.
const COLUMNS: &str = "number, id, length, extents, files, created_at";

/// The most blobs that are told of one digest.
const MAX_FOUND: i64 = 10;

/// A blob's row.
pub(super) struct Head {
    pub(super) number: i64,
    id: Digest,
    pub(super) length: u64,
    extents: u64,
    pub(super) files: u64,
    created_at: Timestamp,
}

fn head(row: &Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head {
        number: row.get(0)?,
        id: Digest::blake3(row.get(1)?),
        length: row.get::<_, Number>(2)?.0,
        extents: row.get::<_, Number>(3)?.0,
        files: row.get::<_, Number>(4)?.0,
        created_at: row.get::<_, Moment>(5)?.0,
    })
}

fn heads(connection: &Connection, rest: &str, params: impl Params) -> rusqlite::Result<Vec<Head>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM blobs {rest}"))?;
    statement.query_map(params, head)?.collect()
}

/// The row of an identity.
pub(super) fn find(connection: &Connection, id: &Digest) -> rusqlite::Result<Option<Head>> {
    if id.algorithm() != Algorithm::Blake3 {
        return Ok(None);
    }
    connection
        .prepare_cached("SELECT number, id, length, extents, files, created_at FROM blobs WHERE id = ?1")?
        .query_row([id.bytes()], head)
        .optional()
}

/// The whole blob of a row.
fn whole(connection: &Connection, head: Head) -> rusqlite::Result<Blob> {
    let mut digests = vec![head.id.clone()];
    digests.extend(digests_of(connection, head.number)?);
    Ok(Blob {
        content: content_of(connection, &head)?,
        id: head.id,
        length: head.length,
        digests,
        created_at: head.created_at,
        files: head.files,
    })
}

fn wholes(connection: &Connection, heads: Vec<Head>) -> rusqlite::Result<Vec<Blob>> {
    heads.into_iter().map(|head| whole(connection, head)).collect()
}

fn digests_of(connection: &Connection, number: i64) -> rusqlite::Result<Vec<Digest>> {
    let sql = "SELECT algorithm, bytes FROM digests WHERE blob = ?1 ORDER BY algorithm, bytes";
    let mut statement = connection.prepare_cached(sql)?;
    let digest = |row: &Row<'_>| {
        let name = row.get_ref(0)?.as_str()?;
        let bytes = row.get_ref(1)?.as_blob()?;
        let unreadable = || {
            let kind = rusqlite::types::Type::Blob;
            rusqlite::Error::InvalidColumnType(1, "digest".to_owned(), kind)
        };
        algorithm(name).and_then(|algorithm| Digest::new(algorithm, bytes)).ok_or_else(unreadable)
    };
    statement.query_map([number], digest)?.collect()
}

fn algorithm(name: &str) -> Option<Algorithm> {
    [Algorithm::Blake3, Algorithm::Sha1, Algorithm::Sha256].into_iter().find(|a| a.name() == name)
}

fn content_of(connection: &Connection, head: &Head) -> rusqlite::Result<Content> {
    if head.extents == 0
        && let Some(bytes) = inline_content(connection, head.number)?
    {
        return Ok(Content::Inline(bytes.into()));
    }
    extents_of(connection, head.number).map(Content::Extents)
}

fn inline_content(connection: &Connection, number: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT bytes FROM contents WHERE blob = ?1")?
        .query_row([number], |row| row.get(0))
        .optional()
}

fn extents_of(connection: &Connection, number: i64) -> rusqlite::Result<Vec<Extent>> {
    let sql =
        "SELECT offset, length, object, object_offset, checksum FROM extents WHERE blob = ?1 ORDER BY offset";
    let mut statement = connection.prepare_cached(sql)?;
    let extents = statement.query_map([number], |row| {
        Ok(Extent {
            offset: row.get::<_, Number>(0)?.0,
            length: row.get::<_, Number>(1)?.0,
            object: row.get::<_, Text<_>>(2)?.0,
            object_offset: row.get::<_, Number>(3)?.0,
            checksum: row.get::<_, Bits>(4)?.0,
        })
    })?;
    extents.collect()
}

/// Makes sure that the blob of a publication is there, with one file more that names it; its number, and whether it
/// was there before.
pub(super) fn name(connection: &Connection, publication: &Publication) -> Result<(i64, bool), Fault> {
    if publication.blob.algorithm() != Algorithm::Blake3 {
        return Err(Fault::told(Failure::Failed, "the identity is not a BLAKE3 digest"));
    }
    if let Some(known) = find(connection, &publication.blob)? {
        if known.length != publication.length {
            return Err(Fault::told(Failure::Failed, "the blob has another length"));
        }
        add_name(connection, known.number)?;
        insert_digests(connection, known.number, publication)?;
        return Ok((known.number, true));
    }
    let number = insert(connection, publication)?;
    insert_digests(connection, number, publication)?;
    Ok((number, false))
}

fn insert(connection: &Connection, publication: &Publication) -> rusqlite::Result<i64> {
    let extents = publication.content.extents();
    connection
        .prepare_cached(
            "INSERT INTO blobs (id, length, extents, files, created_at) VALUES (?1, ?2, ?3, 1, ?4)",
        )?
        .execute(params![
            publication.blob.bytes(),
            Number(publication.length),
            Number(extents.len() as u64),
            Moment(publication.now),
        ])?;
    let number = connection.last_insert_rowid();
    if let Content::Inline(bytes) = &publication.content {
        connection
            .prepare_cached("INSERT INTO contents (blob, bytes) VALUES (?1, ?2)")?
            .execute(params![number, bytes.as_ref()])?;
    }
    insert_extents(connection, number, extents)?;
    Ok(number)
}

fn insert_digests(connection: &Connection, number: i64, publication: &Publication) -> rusqlite::Result<()> {
    for digest in publication.digests.iter().filter(|digest| digest.algorithm() != Algorithm::Blake3) {
        connection
            .prepare_cached("INSERT OR IGNORE INTO digests (blob, algorithm, bytes) VALUES (?1, ?2, ?3)")?
            .execute(params![number, digest.algorithm().name(), digest.bytes()])?;
    }
    Ok(())
}

fn insert_extents(connection: &Connection, number: i64, extents: &[Extent]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO extents (blob, offset, length, object, object_offset, checksum) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for extent in extents {
        statement.execute(params![
            number,
            Number(extent.offset),
            Number(extent.length),
            extent.object.as_str(),
            Number(extent.object_offset),
            Bits(extent.checksum),
        ])?;
    }
    orphans::forget(connection, extents.iter().map(|extent| &extent.object))
}

/// One file more names the blob.
pub(super) fn add_name(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE blobs SET files = files + 1, unnamed_since = NULL WHERE number = ?1")?
        .execute([number])?;
    Ok(())
}

/// One file less names the blob; if it was the last, `now` is when that began.
pub(super) fn take_name(connection: &Connection, number: i64, now: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE blobs SET files = files - 1, unnamed_since = iif(files = 1, ?2, NULL) WHERE number = ?1",
        )?
        .execute(params![number, Moment(now)])?;
    Ok(())
}

/// The blobs that have a digest, by identity.
pub(super) fn having(
    connection: &Connection,
    digest: &Digest,
    length: Option<u64>,
) -> rusqlite::Result<Vec<Blob>> {
    let length = length.map(bound);
    let heads = if digest.algorithm() == Algorithm::Blake3 {
        let rest = "WHERE id = ?1 AND (?2 IS NULL OR length = ?2)";
        heads(connection, rest, params![digest.bytes(), length])?
    } else {
        let rest = "WHERE number IN (SELECT blob FROM digests WHERE algorithm = ?1 AND bytes = ?2) \
                    AND (?3 IS NULL OR length = ?3) ORDER BY id LIMIT ?4";
        heads(connection, rest, params![digest.algorithm().name(), digest.bytes(), length, MAX_FOUND])?
    };
    wholes(connection, heads)
}

/// A page of blobs by identity.
pub(super) fn list(
    connection: &Connection,
    filter: BlobFilter,
    page: &PageRequest,
) -> rusqlite::Result<Page<Blob>> {
    let limit = page.limit.max(1);
    // Those of many extents have an index, which only a condition without a parameter can use.
    let scattered = if filter.min_extents > 1 { "extents > 1 AND" } else { "" };
    let rest = format!("WHERE {scattered} extents >= ?1 AND id > ?2 ORDER BY id LIMIT ?3");
    let after = cursor_bytes(page.cursor.as_deref().unwrap_or_default());
    let values = params![bound(filter.min_extents as u64), after, bound(limit as u64).saturating_add(1)];
    let mut heads = heads(connection, &rest, values)?;
    let more = heads.len() > limit;
    heads.truncate(limit);
    let next_cursor = heads.last().filter(|_| more).map(|head| head.id.hex());
    Ok(Page { items: wholes(connection, heads)?, next_cursor })
}

/// The bytes that a cursor's leading hexadecimal digits stand for: every identity that sorts after the cursor is
/// greater than them.
fn cursor_bytes(cursor: &str) -> Vec<u8> {
    let digits = cursor.bytes().take_while(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')).count();
    cursor.get(..digits & !1).and_then(cairn_engine::digest::unhex).unwrap_or_default()
}

/// Puts other extents in the place of a blob's, if it still has the ones expected.
pub(super) fn swap_extents(
    connection: &Connection,
    id: &Digest,
    expected: &[Extent],
    extents: &[Extent],
) -> rusqlite::Result<bool> {
    let Some(head) = find(connection, id)? else { return Ok(false) };
    match content_of(connection, &head)? {
        Content::Extents(present) if present == expected => {}
        Content::Extents(_) | Content::Inline(_) => return Ok(false),
    }
    connection.prepare_cached("DELETE FROM extents WHERE blob = ?1")?.execute([head.number])?;
    insert_extents(connection, head.number, extents)?;
    connection
        .prepare_cached("UPDATE blobs SET extents = ?2 WHERE number = ?1")?
        .execute(params![head.number, Number(extents.len() as u64)])?;
    Ok(true)
}

/// Blobs that no file has named since before a moment, the longest unnamed first.
pub(super) fn unnamed(
    connection: &Connection,
    before: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<Blob>> {
    let rest = "WHERE unnamed_since IS NOT NULL AND unnamed_since < ?1 ORDER BY unnamed_since, id LIMIT ?2";
    wholes(connection, heads(connection, rest, params![Moment(before), bound(limit as u64)])?)
}

/// Removes a blob that no file names; the extents that it had.
pub(super) fn remove_unnamed(connection: &Connection, id: &Digest) -> rusqlite::Result<Option<Vec<Extent>>> {
    let Some(head) = find(connection, id)?.filter(|head| head.files == 0) else { return Ok(None) };
    let extents = extents_of(connection, head.number)?;
    connection.prepare_cached("DELETE FROM blobs WHERE number = ?1")?.execute([head.number])?;
    Ok(Some(extents))
}
