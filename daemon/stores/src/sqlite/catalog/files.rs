//! Files and what their owners keep, as rows.

use cairn_engine::contracts::{Failure, Most, Move, Moved, Usage};
use cairn_engine::{Digest, File, FilePath, Owner, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::blobs;
use crate::sqlite::columns::{Json, Moment, Number, Text};
use crate::sqlite::fault::Fault;

/// The columns that [`file`] reads, in its order, and where they come from.
macro_rules! select_files {
    () => {
        $crate::sqlite::catalog::files::select_files!("")
    };
    ($index:literal) => {
        concat!(
            "SELECT f.owner, f.path, b.length, b.id, f.digest, f.content_type, f.metadata, f.created_at, \
             f.modified_at, f.blob FROM files f ",
            $index,
            // Files first, in the order of the index; then the blob of each.
            " CROSS JOIN blobs b ON b.number = f.blob "
        )
    };
}
pub(super) use select_files;

/// A file.
pub(super) fn file(row: &Row<'_>) -> rusqlite::Result<File> {
    let blob = Digest::blake3(row.get(3)?);
    Ok(File {
        owner: row.get::<_, Text<Owner>>(0)?.0,
        path: row.get::<_, Text<FilePath>>(1)?.0,
        length: row.get::<_, Number>(2)?.0,
        digest: row.get::<_, Option<Text<Digest>>>(4)?.map_or_else(|| blob.clone(), |digest| digest.0),
        blob,
        content_type: row.get(5)?,
        metadata: row.get::<_, Json<_>>(6)?.0,
        created_at: row.get::<_, Moment>(7)?.0,
        modified_at: row.get::<_, Moment>(8)?.0,
    })
}

/// A file and the number of its blob.
pub(super) struct Placed {
    pub(super) file: File,
    pub(super) blob: i64,
}

/// The file that an owner's path names.
pub(super) fn find(
    connection: &Connection,
    owner: &Owner,
    path: &FilePath,
) -> rusqlite::Result<Option<Placed>> {
    connection
        .prepare_cached(concat!(select_files!(), "WHERE f.owner = ?1 AND f.path = ?2"))?
        .query_row([owner.as_str(), path.as_str()], |row| Ok(Placed { file: file(row)?, blob: row.get(9)? }))
        .optional()
}

/// The owner's file of a blob that was changed last.
pub(super) fn of_blob(
    connection: &Connection,
    owner: &Owner,
    blob: &Digest,
) -> rusqlite::Result<Option<File>> {
    let Some(head) = blobs::find(connection, blob)? else { return Ok(None) };
    let sql = concat!(
        select_files!(),
        "WHERE f.blob = ?1 AND f.owner = ?2 ORDER BY f.modified_at DESC, f.path DESC LIMIT 1"
    );
    connection.prepare_cached(sql)?.query_row(params![head.number, owner.as_str()], file).optional()
}

/// What an owner keeps.
pub(super) fn usage(connection: &Connection, owner: &Owner) -> rusqlite::Result<Usage> {
    let usage = connection
        .prepare_cached("SELECT files, bytes FROM owners WHERE owner = ?1")?
        .query_row([owner.as_str()], |row| {
            Ok(Usage { files: row.get::<_, Number>(0)?.0, bytes: row.get::<_, Number>(1)?.0 })
        })
        .optional()?;
    Ok(usage.unwrap_or_default())
}

/// Puts a file in its place, over the one that is there. The blob counts it as a name already.
pub(super) fn put(
    connection: &Connection,
    file: &File,
    blob: i64,
    replaced: Option<&Placed>,
) -> Result<(), Fault> {
    let sql = "REPLACE INTO files \
               (owner, path, blob, digest, content_type, metadata, created_at, modified_at) \
               VALUES (:owner, :path, :blob, :digest, :content_type, :metadata, :created_at, :modified_at)";
    connection.prepare_cached(sql)?.execute(named_params! {
        ":owner": file.owner.as_str(),
        ":path": file.path.as_str(),
        ":blob": blob,
        ":digest": (file.digest != file.blob).then_some(Text(&file.digest)),
        ":content_type": file.content_type,
        ":metadata": Json(&file.metadata),
        ":created_at": Moment(file.created_at),
        ":modified_at": Moment(file.modified_at),
    })?;
    match replaced {
        None => count(connection, &file.owner, 1, difference(0, file.length)?)?,
        Some(old) => {
            count(connection, &file.owner, 0, difference(old.file.length, file.length)?)?;
            blobs::take_name(connection, old.blob, file.modified_at)?;
        }
    }
    Ok(())
}

/// Takes a name away; the file that it named.
pub(super) fn remove(
    connection: &Connection,
    owner: &Owner,
    path: &FilePath,
    now: Timestamp,
) -> Result<Option<File>, Fault> {
    let Some(Placed { file, blob }) = find(connection, owner, path)? else { return Ok(None) };
    connection
        .prepare_cached("DELETE FROM files WHERE owner = ?1 AND path = ?2")?
        .execute([owner.as_str(), path.as_str()])?;
    count(connection, owner, -1, difference(file.length, 0)?)?;
    blobs::take_name(connection, blob, now)?;
    Ok(Some(file))
}

/// What is asked of a rename or copy.
pub(super) struct MoveRequest {
    pub(super) owner: Owner,
    pub(super) from: FilePath,
    pub(super) to: FilePath,
    pub(super) how: Move,
    pub(super) now: Timestamp,
    pub(super) most: Most,
}

/// Gives a file another name, or a second one.
pub(super) fn move_file(connection: &Connection, request: &MoveRequest) -> Result<Moved, Fault> {
    let MoveRequest { owner, from, to, how, now, most } = request;
    let Some(Placed { file, blob }) = find(connection, owner, from)? else { return Ok(Moved::Unknown) };
    if *how == Move::Rename && from == to {
        return Ok(Moved::File(Box::new(file)));
    }
    if find(connection, owner, to)?.is_some() {
        return Ok(Moved::Exists);
    }
    let Usage { files, bytes: used_bytes } = usage(connection, owner)?;
    if *how == Move::Copy && most.files.is_some_and(|most| files >= most) {
        return Ok(Moved::TooManyFiles { files });
    }
    let after = used_bytes.saturating_add(file.length);
    if *how == Move::Copy && most.used_bytes.is_some_and(|most| after > most) {
        return Ok(Moved::OverQuota { used_bytes });
    }
    let created_at = if *how == Move::Rename { file.created_at } else { *now };
    let moved = File { path: to.clone(), created_at, modified_at: *now, ..file };
    blobs::add_name(connection, blob)?;
    put(connection, &moved, blob, None)?;
    if *how == Move::Rename {
        remove(connection, owner, from, *now)?;
    }
    Ok(Moved::File(Box::new(moved)))
}

/// The first of the numbered paths that names nothing; none if the numbers make it too long.
pub(super) fn free_path(
    connection: &Connection,
    owner: &Owner,
    path: &FilePath,
) -> rusqlite::Result<Option<FilePath>> {
    let sql = "SELECT 1 FROM files WHERE owner = ?1 AND path = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    for path in (2..).map_while(|n| path.numbered(n).ok()) {
        if !statement.exists([owner.as_str(), path.as_str()])? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Keeps an owner's sums.
fn count(connection: &Connection, owner: &Owner, files: i64, bytes: i64) -> rusqlite::Result<()> {
    let name = owner.as_str();
    let known = connection
        .prepare_cached(
            "UPDATE owners SET files = files + ?2, bytes = bytes + ?3 WHERE owner = ?1 AND files + ?2 > 0",
        )?
        .execute(params![name, files, bytes])?;
    if known > 0 {
        return Ok(());
    }
    if files > 0 {
        connection
            .prepare_cached("INSERT INTO owners (owner, files, bytes) VALUES (?1, ?2, ?3)")?
            .execute(params![name, files, bytes])?;
    } else {
        connection.prepare_cached("DELETE FROM owners WHERE owner = ?1")?.execute([name])?;
    }
    Ok(())
}

/// How many bytes more `after` is than `before`.
fn difference(before: u64, after: u64) -> Result<i64, Fault> {
    let too_long = || Fault::told(Failure::Failed, "the length is more than a table can hold");
    after.checked_signed_diff(before).ok_or_else(too_long)
}
