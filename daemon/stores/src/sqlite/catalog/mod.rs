//! Finished content, and beside it users and tokens, in SQLite.
//!
//! `publish` is one transaction: blob, extents, file, usage and origin are there together or not at all. The sums
//! that are asked for all the time (what an owner keeps, how many files name a blob) are kept in the transaction
//! that changes them. What lies long (inline contents, extents) has tables of its own, so that the rows that change
//! are short.

mod accounts;
mod blobs;
mod files;
mod list;
mod orphans;
mod publish;
mod storages;

use std::path::Path;

use async_trait::async_trait;
use cairn_engine::contracts::*;
use cairn_engine::{Blob, Digest, Extent, File, FilePath, ObjectKey, Owner, Timestamp, UploadId};
use rusqlite::{Connection, params};
use rusqlite_migration::M;

use self::files::MoveRequest;
use super::columns::{Moment, Number};
use super::database::Database;
use super::open::{OpenError, Schema};

const SCHEMA: Schema = Schema {
    store: "catalog",
    application_id: 0x6361_7263,
    steps: &[M::up(include_str!("1.sql")), M::up(include_str!("2.sql")), M::up(include_str!("3.sql"))],
};

/// The most objects that are looked at in one change, so that other changes come between.
const OBJECTS_AT_ONCE: usize = 1_000;

/// Blobs, files and owners, in a database of their own.
pub struct SqliteCatalog {
    database: Database,
}

impl SqliteCatalog {
    /// Opens the database at `path`, or makes it: then `now` is when it was made, and `id`, which must be chance, is
    /// what it is from then on. Blocks.
    ///
    /// # Errors
    /// What is there is not ours, is newer, is damaged, or cannot be written.
    pub fn open(path: &Path, now: Timestamp, id: u128) -> Result<Self, OpenError> {
        let prepare = |connection: &Connection| {
            let sql =
                "INSERT OR IGNORE INTO identity (one, id, generation, created_at) VALUES (1, ?1, 0, ?2)";
            connection.execute(sql, params![format!("{id:032x}"), Moment(now)]).map(|_| ())
        };
        Database::open(path, Store::Catalog, &SCHEMA, prepare).map(|database| Self { database })
    }

    /// Writes a copy of the catalog as it is at one moment to `path`, where nothing may be yet. Changes go on
    /// meanwhile. The copy is durable when this returns.
    ///
    /// # Errors
    /// The copy cannot be written; what there is of it is then no database to be used.
    pub async fn backup_to(&self, path: &Path) -> Result<(), StoreError> {
        self.database.copy_to(path).await
    }
}

#[async_trait]
impl Catalog for SqliteCatalog {
    async fn publish(&self, publication: &Publication) -> Result<Published, StoreError> {
        let publication = publication.clone();
        self.database.change("publish", move |connection| publish::publish(connection, &publication)).await
    }

    async fn origin(&self, upload: UploadId) -> Result<Option<Origin>, StoreError> {
        let recall = move |connection: &Connection| publish::recall(connection, upload);
        Ok(self.database.read("origin", recall).await?.map(|remembered| remembered.origin))
    }

    async fn forget_origin(&self, upload: UploadId) -> Result<(), StoreError> {
        let work = move |connection: &Connection| Ok(publish::forget_origin(connection, upload)?);
        self.database.change("forget_origin", work).await
    }

    async fn forget_origins(&self, before: Timestamp) -> Result<u64, StoreError> {
        let work = move |connection: &Connection| Ok(publish::forget_origins(connection, before)?);
        self.database.change("forget_origins", work).await
    }

    async fn find_file(&self, owner: &Owner, path: &FilePath) -> Result<Option<File>, StoreError> {
        let (owner, path) = (owner.clone(), path.clone());
        let work = move |connection: &Connection| {
            Ok(files::find(connection, &owner, &path)?.map(|placed| placed.file))
        };
        self.database.read("find_file", work).await
    }

    async fn list_files(&self, filter: &FileFilter, page: &PageRequest) -> Result<Listing, StoreError> {
        let (filter, page) = (filter.clone(), page.clone());
        let work = move |connection: &Connection| Ok(list::list(connection, &filter, &page)?);
        self.database.read("list_files", work).await
    }

    async fn move_file(
        &self,
        owner: &Owner,
        from: &FilePath,
        to: &FilePath,
        how: Move,
        now: Timestamp,
        most: Most,
    ) -> Result<Moved, StoreError> {
        let (owner, from, to) = (owner.clone(), from.clone(), to.clone());
        let request = MoveRequest { owner, from, to, how, now, most };
        self.database.change("move_file", move |connection| files::move_file(connection, &request)).await
    }

    async fn remove_file(
        &self,
        owner: &Owner,
        path: &FilePath,
        now: Timestamp,
    ) -> Result<Option<File>, StoreError> {
        let (owner, path) = (owner.clone(), path.clone());
        let work = move |connection: &Connection| files::remove(connection, &owner, &path, now);
        self.database.change("remove_file", work).await
    }

    async fn find_blobs(&self, digest: &Digest, length: Option<u64>) -> Result<Vec<Blob>, StoreError> {
        let digest = digest.clone();
        let work = move |connection: &Connection| Ok(blobs::having(connection, &digest, length)?);
        self.database.read("find_blobs", work).await
    }

    async fn file_of_blob(&self, owner: &Owner, blob: &Digest) -> Result<Option<File>, StoreError> {
        let (owner, blob) = (owner.clone(), blob.clone());
        let work = move |connection: &Connection| Ok(files::of_blob(connection, &owner, &blob)?);
        self.database.read("file_of_blob", work).await
    }

    async fn list_blobs(&self, filter: &BlobFilter, page: &PageRequest) -> Result<Page<Blob>, StoreError> {
        let (filter, page) = (*filter, page.clone());
        let work = move |connection: &Connection| Ok(blobs::list(connection, filter, &page)?);
        self.database.read("list_blobs", work).await
    }

    async fn swap_extents(
        &self,
        blob: &Digest,
        expected: &[Extent],
        extents: &[Extent],
    ) -> Result<bool, StoreError> {
        let (blob, expected, extents) = (blob.clone(), expected.to_vec(), extents.to_vec());
        let work =
            move |connection: &Connection| Ok(blobs::swap_extents(connection, &blob, &expected, &extents)?);
        self.database.change("swap_extents", work).await
    }

    async fn unnamed_blobs(&self, since_before: Timestamp, limit: usize) -> Result<Vec<Blob>, StoreError> {
        let work = move |connection: &Connection| Ok(blobs::unnamed(connection, since_before, limit)?);
        self.database.read("unnamed_blobs", work).await
    }

    async fn remove_unnamed(&self, blob: &Digest) -> Result<Option<Vec<Extent>>, StoreError> {
        let blob = blob.clone();
        let work = move |connection: &Connection| Ok(blobs::remove_unnamed(connection, &blob)?);
        self.database.change("remove_unnamed", work).await
    }

    async fn unreferenced(&self, objects: &[ObjectKey]) -> Result<Vec<ObjectKey>, StoreError> {
        let objects = objects.to_vec();
        let work = move |connection: &Connection| Ok(orphans::unreferenced(connection, &objects)?);
        self.database.read("unreferenced", work).await
    }

    async fn condemn(
        &self,
        orphans: &[ObjectKey],
        now: Timestamp,
        seen_before: Timestamp,
    ) -> Result<Vec<ObjectKey>, StoreError> {
        let mut condemned = Vec::new();
        for objects in orphans.chunks(OBJECTS_AT_ONCE) {
            let objects = objects.to_vec();
            let work =
                move |connection: &Connection| Ok(orphans::condemn(connection, &objects, now, seen_before)?);
            condemned.append(&mut self.database.change("condemn", work).await?);
        }
        Ok(condemned)
    }

    async fn pardon(&self, objects: &[ObjectKey]) -> Result<(), StoreError> {
        for objects in objects.chunks(OBJECTS_AT_ONCE) {
            let objects = objects.to_vec();
            let work = move |connection: &Connection| Ok(orphans::forget(connection, objects.iter())?);
            self.database.change("pardon", work).await?;
        }
        Ok(())
    }

    async fn usage(&self, owner: &Owner) -> Result<Usage, StoreError> {
        let owner = owner.clone();
        self.database.read("usage", move |connection| Ok(files::usage(connection, &owner)?)).await
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        self.database.read("totals", |connection| Ok(totals(connection)?)).await
    }

    async fn storage_totals(&self) -> Result<Vec<StorageTotals>, StoreError> {
        self.database.read("storage_totals", storages::totals).await
    }

    async fn identity(&self) -> Result<CatalogIdentity, StoreError> {
        let sql = "SELECT id, generation FROM identity";
        self.database.read("identity", move |connection| Ok(identity(connection, sql)?)).await
    }

    async fn advance(&self) -> Result<CatalogIdentity, StoreError> {
        let sql = "UPDATE identity SET generation = generation + 1 RETURNING id, generation";
        self.database.change("advance", move |connection| Ok(identity(connection, sql)?)).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.database.check().await
    }
}

fn identity(connection: &Connection, sql: &str) -> rusqlite::Result<CatalogIdentity> {
    connection
        .prepare_cached(sql)?
        .query_row([], |row| Ok(CatalogIdentity { id: row.get(0)?, generation: row.get::<_, Number>(1)?.0 }))
}

fn totals(connection: &Connection) -> rusqlite::Result<Totals> {
    let sql = "SELECT (SELECT count(*) FROM owners), (SELECT coalesce(sum(files), 0) FROM owners), \
               count(*), coalesce(sum(length), 0), count(*) FILTER (WHERE extents > 1) FROM blobs";
    connection.prepare_cached(sql)?.query_row([], |row| {
        Ok(Totals {
            owners: row.get::<_, Number>(0)?.0,
            files: row.get::<_, Number>(1)?.0,
            blobs: row.get::<_, Number>(2)?.0,
            blob_bytes: row.get::<_, Number>(3)?.0,
            scattered_blobs: row.get::<_, Number>(4)?.0,
        })
    })
}
