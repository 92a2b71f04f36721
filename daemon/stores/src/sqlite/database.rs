//! One database: its writer and its readers, in the words of the contracts.

use std::path::Path;

use cairn_engine::contracts::{Store, StoreError};
use rusqlite::Connection;

use super::fault::Fault;
use super::open::{self, OpenError, Schema};
use super::readers::Readers;
use super::writer::{Promise, Writer};

/// A database that is open. Dropped, it is written back and closed.
pub(super) struct Database {
    store: Store,
    // The readers go first: the last connection to close, the writer's, writes the log back.
    readers: Readers,
    writer: Writer,
}

impl Database {
    /// Opens the database at `path`, makes it if it is not there, and lets `prepare` see it before anybody else.
    pub(super) fn open(
        path: &Path,
        store: Store,
        schema: &Schema,
        prepare: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<Self, OpenError> {
        let connection = open::writer(path, schema)?;
        prepare(&connection).map_err(|source| OpenError::of(path, source))?;
        let writer = Writer::start(connection, schema.store)
            .map_err(|source| OpenError::System { path: path.to_owned(), source: Box::new(source) })?;
        Ok(Self { store, readers: Readers::of(path), writer })
    }

    /// Makes a change that is durable when this returns.
    pub(super) async fn change<T, W>(&self, operation: &'static str, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let result = self.writer.run(Promise::Durable, work).await;
        result.map_err(|fault| fault.into_store_error(self.store, operation))
    }

    /// Makes a change that may be lost with the power, and costs no sync of its own.
    pub(super) async fn note<T, W>(&self, operation: &'static str, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let result = self.writer.run(Promise::Visible, work).await;
        result.map_err(|fault| fault.into_store_error(self.store, operation))
    }

    /// Reads one moment of the database.
    pub(super) async fn read<T, W>(&self, operation: &'static str, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let result = self.readers.run(work).await;
        result.map_err(|fault| fault.into_store_error(self.store, operation))
    }

    /// Writes a copy of one moment of the database to a new file, durably.
    pub(super) async fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let path = path.to_owned();
        let result = self.readers.copy_to(path).await;
        result.map_err(|fault| fault.into_store_error(self.store, "copy"))
    }

    /// Whether it can be read, and its writer still takes changes.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        let look = |connection: &Connection| {
            Ok(connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?)
        };
        self.read("check", look).await?;
        self.note("check", look).await
    }
}
