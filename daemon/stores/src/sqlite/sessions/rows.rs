//! Uploads and receipts as rows.

use cairn_engine::contracts::Failure;
use cairn_engine::digest::tree::Subtrees;
use cairn_engine::{Extent, FilePath, Owner, Receipt, State, Upload, UploadId};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use crate::sqlite::columns::{Bits, Json, Moment, Number, Text};
use crate::sqlite::fault::Fault;

/// The columns that [`upload`] reads, in its order.
macro_rules! upload_columns {
    () => {
        "id, owner, path, length, digest, chunk_size, content_type, metadata, idempotency_key, created_at, \
         expires_at, state, epoch, received_bytes, rewrites, storage, naming"
    };
}
pub(super) use upload_columns;

/// The columns that [`extent`] reads, in its order.
macro_rules! extent_columns {
    () => {
        "offset, length, object, object_offset, checksum"
    };
}
pub(super) use extent_columns;

/// The head of an upload.
pub(super) fn upload(row: &Row<'_>) -> rusqlite::Result<Upload> {
    Ok(Upload {
        id: row.get::<_, Text<UploadId>>(0)?.0,
        owner: row.get::<_, Text<Owner>>(1)?.0,
        path: row.get::<_, Text<FilePath>>(2)?.0,
        length: row.get::<_, Option<Number>>(3)?.map(|length| length.0),
        digest: row.get::<_, Option<Text<_>>>(4)?.map(|digest| digest.0),
        chunk_size: row.get::<_, Number>(5)?.0,
        content_type: row.get(6)?,
        metadata: row.get::<_, Json<_>>(7)?.0,
        idempotency_key: row.get(8)?,
        created_at: row.get::<_, Moment>(9)?.0,
        expires_at: row.get::<_, Moment>(10)?.0,
        state: state(row, 11)?,
        epoch: row.get::<_, Number>(12)?.0,
        received_bytes: row.get::<_, Number>(13)?.0,
        rewrites: row.get::<_, Number>(14)?.0,
        storage: row.get::<_, Text<_>>(15)?.0,
        naming: row.get::<_, Json<_>>(16)?.0,
    })
}

/// The state in a column.
pub(super) fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<State> {
    let name = row.get_ref(column)?.as_str()?;
    State::named(name).ok_or(rusqlite::Error::InvalidColumnType(
        column,
        "state".to_owned(),
        rusqlite::types::Type::Text,
    ))
}

/// An extent.
pub(super) fn extent(row: &Row<'_>) -> rusqlite::Result<Extent> {
    Ok(Extent {
        offset: row.get::<_, Number>(0)?.0,
        length: row.get::<_, Number>(1)?.0,
        object: row.get::<_, Text<_>>(2)?.0,
        object_offset: row.get::<_, Number>(3)?.0,
        checksum: row.get::<_, Bits>(4)?.0,
    })
}

/// The number of an upload that is there.
pub(super) fn number_of(connection: &Connection, id: UploadId) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT number FROM uploads WHERE id = ?1")?
        .query_row([Text(id)], |row| row.get(0))
        .optional()
}

/// The head of an upload that is there.
pub(super) fn find(connection: &Connection, id: UploadId) -> rusqlite::Result<Option<Upload>> {
    connection
        .prepare_cached(concat!("SELECT ", upload_columns!(), " FROM uploads WHERE id = ?1"))?
        .query_row([Text(id)], upload)
        .optional()
}

/// Stores the head of a new upload; its number.
pub(super) fn insert(connection: &Connection, upload: &Upload) -> rusqlite::Result<i64> {
    let mut statement = connection.prepare_cached(concat!(
        "INSERT INTO uploads (",
        upload_columns!(),
        ") VALUES (:id, :owner, :path, :length, :digest, :chunk_size, :content_type, :metadata, :key, \
         :created_at, :expires_at, :state, :epoch, :received_bytes, :rewrites, :storage, :naming)"
    ))?;
    statement.execute(named_params! {
        ":id": Text(upload.id),
        ":owner": upload.owner.as_str(),
        ":path": upload.path.as_str(),
        ":length": upload.length.map(Number),
        ":digest": upload.digest.as_ref().map(Text),
        ":chunk_size": Number(upload.chunk_size),
        ":content_type": upload.content_type,
        ":metadata": Json(&upload.metadata),
        ":key": upload.idempotency_key,
        ":created_at": Moment(upload.created_at),
        ":expires_at": Moment(upload.expires_at),
        ":state": upload.state.name(),
        ":epoch": Number(upload.epoch),
        ":received_bytes": Number(upload.received_bytes),
        ":rewrites": Number(upload.rewrites),
        ":storage": upload.storage.as_str(),
        ":naming": Json(&upload.naming),
    })?;
    Ok(connection.last_insert_rowid())
}

/// Stores a receipt.
pub(super) fn insert_receipt(
    connection: &Connection,
    upload: i64,
    sequence: i64,
    receipt: &Receipt,
) -> Result<(), Fault> {
    let extent = &receipt.extent;
    if extent.offset.checked_add(extent.length).is_none_or(|end| i64::try_from(end).is_err()) {
        return Err(Fault::told(Failure::Failed, "the extent ends beyond what a table can hold"));
    }
    let mut statement = connection.prepare_cached(concat!(
        "INSERT INTO receipts (upload, sequence, ",
        extent_columns!(),
        ", subtrees) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
    ))?;
    statement.execute(params![
        upload,
        sequence,
        Number(extent.offset),
        Number(extent.length),
        extent.object.as_str(),
        Number(extent.object_offset),
        Bits(extent.checksum),
        receipt.subtrees.to_bytes(),
    ])?;
    Ok(())
}

/// A receipt: the columns of its extent, the subtrees, the sequence.
fn receipt(row: &Row<'_>) -> Result<(i64, Receipt), Fault> {
    let damaged = || Fault::told(Failure::Corrupt, "the tree values of a receipt cannot be read");
    let subtrees = Subtrees::from_bytes(row.get_ref(5)?.as_blob().map_err(|_| damaged())?);
    let receipt = Receipt { extent: extent(row)?, subtrees: subtrees.ok_or_else(damaged)? };
    Ok((row.get(6)?, receipt))
}

/// The receipts that a query finds, in the order in which they were recorded.
pub(super) fn receipts(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<Receipt>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(receipt(row)?);
    }
    found.sort_unstable_by_key(|(sequence, _)| *sequence);
    Ok(found.into_iter().map(|(_, receipt)| receipt).collect())
}
