//! THE commit: blob, extents, file, usage and origin in one transaction.

use cairn_engine::contracts::{IfExists, Origin, Precondition, Publication, Published};
use cairn_engine::{File, FilePath, Owner, Timestamp, UploadId};
use rusqlite::{Connection, OptionalExtension, params};

use super::blobs;
use super::files::{self, Placed};
use crate::sqlite::columns::{Moment, Text};
use crate::sqlite::fault::Fault;

/// Publishes, or says why not.
pub(super) fn publish(connection: &Connection, publication: &Publication) -> Result<Published, Fault> {
    if let Some(upload) = publication.upload
        && let Some(known) = recall(connection, upload)?
    {
        let Remembered { origin, created, known } = known;
        return Ok(Published::File { file: Box::new(origin.file), created, known });
    }
    let Publication { owner, length, .. } = publication;
    let present = files::find(connection, owner, &publication.path)?;
    if !holds(publication.precondition.as_ref(), present.as_ref()) {
        return Ok(Published::PreconditionFailed);
    }
    let (path, replaced) = match choose_place(connection, publication, present)? {
        Place::At(path, replaced) => (path, replaced),
        Place::Taken(file) => return Ok(Published::Exists(file)),
    };
    if let Some(most) = publication.max_files.filter(|_| replaced.is_none()) {
        let files = files::usage(connection, owner)?.files;
        if files >= most {
            return Ok(Published::TooManyFiles { files });
        }
    }
    if let Some(most) = publication.max_used_bytes {
        let used_bytes = files::usage(connection, owner)?.bytes;
        let kept = used_bytes.saturating_sub(replaced.as_ref().map_or(0, |old| old.file.length));
        if kept.saturating_add(*length) > most {
            return Ok(Published::OverQuota { used_bytes });
        }
    }
    let (blob, known) = blobs::name(connection, publication)?;
    let file = file_of(publication, path, replaced.as_deref());
    files::put(connection, &file, blob, replaced.as_deref())?;
    let created = replaced.is_none();
    if let Some(upload) = publication.upload {
        remember(connection, upload, &file, created, known)?;
    }
    Ok(Published::File { file: Box::new(file), created, known })
}

/// Where the file goes.
enum Place {
    /// Under this path, over what is there.
    At(FilePath, Option<Box<Placed>>),
    /// Nowhere: this file has the path.
    Taken(Box<File>),
}

fn choose_place(
    connection: &Connection,
    publication: &Publication,
    present: Option<Placed>,
) -> rusqlite::Result<Place> {
    let Some(present) = present else { return Ok(Place::At(publication.path.clone(), None)) };
    match publication.if_exists {
        IfExists::Replace => Ok(Place::At(publication.path.clone(), Some(Box::new(present)))),
        IfExists::Fail => Ok(Place::Taken(Box::new(present.file))),
        IfExists::Rename => match files::free_path(connection, &publication.owner, &publication.path)? {
            Some(path) => Ok(Place::At(path, None)),
            None => Ok(Place::Taken(Box::new(present.file))),
        },
    }
}

fn holds(precondition: Option<&Precondition>, present: Option<&Placed>) -> bool {
    match precondition {
        None => true,
        Some(Precondition::Absent) => present.is_none(),
        Some(Precondition::Present) => present.is_some(),
        Some(Precondition::Blob(blobs)) => present.is_some_and(|old| blobs.contains(&old.file.blob)),
    }
}

fn file_of(publication: &Publication, path: FilePath, replaced: Option<&Placed>) -> File {
    File {
        owner: publication.owner.clone(),
        path,
        length: publication.length,
        digest: publication.digest.clone(),
        blob: publication.blob.clone(),
        content_type: publication.content_type.clone(),
        metadata: publication.metadata.clone(),
        created_at: replaced.map_or(publication.now, |old| old.file.created_at),
        modified_at: publication.now,
    }
}

/// What is remembered of an upload that was published.
pub(super) struct Remembered {
    pub(super) origin: Origin,
    created: bool,
    known: bool,
}

/// What is remembered of an upload.
pub(super) fn recall(connection: &Connection, upload: UploadId) -> Result<Option<Remembered>, Fault> {
    let sql = "SELECT owner, file, published_at, created, known FROM origins WHERE upload = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let row = statement
        .query_row([Text(upload)], |row| {
            let owner = row.get::<_, Text<Owner>>(0)?.0;
            Ok((owner, row.get::<_, String>(1)?, row.get::<_, Moment>(2)?.0, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    let Some((owner, file, published_at, created, known)) = row else { return Ok(None) };
    let origin = Origin { owner, file: serde_json::from_str(&file)?, published_at };
    Ok(Some(Remembered { origin, created, known }))
}

fn remember(
    connection: &Connection,
    upload: UploadId,
    file: &File,
    created: bool,
    known: bool,
) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO origins (upload, owner, published_at, created, known, file) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            Text(upload),
            file.owner.as_str(),
            Moment(file.modified_at),
            created,
            known,
            serde_json::to_string(file)?,
        ])?;
    Ok(())
}

/// Forgets which file an upload became.
pub(super) fn forget_origin(connection: &Connection, upload: UploadId) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM origins WHERE upload = ?1")?.execute([Text(upload)])?;
    Ok(())
}

/// Forgets what was published before a moment; how many.
pub(super) fn forget_origins(connection: &Connection, before: Timestamp) -> rusqlite::Result<u64> {
    let forgotten = connection
        .prepare_cached("DELETE FROM origins WHERE published_at < ?1")?
        .execute([Moment(before)])?;
    Ok(forgotten as u64)
}
