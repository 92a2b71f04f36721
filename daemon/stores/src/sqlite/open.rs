//! Opening a database, and everything that is looked at before it is believed.
//!
//! A database is refused, and left as it is, if it is not ours, if a newer cairn made it, or if it cannot be
//! written. The settings that durability rests on are read back after they are made.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cairn_engine::contracts::Failure;
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::fault::{Fault, failure_of};

/// Versions before this one can corrupt a database when its log is reset.
const OLDEST_LIBRARY: (i32, &str) = (3_051_003, "3.51.3");
/// How long a statement waits for another process that holds the database, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages of the log after which it is written back: 16 MiB.
const CHECKPOINT_PAGES: u32 = 4_096;
/// Bytes of the log that are kept once it is written back.
const LOG_BYTES: u32 = 64 << 20;
/// Statements that a connection keeps compiled.
const STATEMENTS: usize = 64;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The SQLite library has a defect that can corrupt databases.
    #[error("SQLite {found} is too old; {} is the oldest that can be trusted", OLDEST_LIBRARY.1)]
    Library {
        /// Its version.
        found: &'static str,
    },
    /// A newer cairn made it.
    #[error("{} has schema {found}; this cairn knows schemas up to {known}", path.display())]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: u64,
        /// The newest schema that is known here.
        known: u64,
    },
    /// It is a database of something else.
    #[error("{} is a database, but not one of cairn's {store}", path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
        /// What it should have been.
        store: &'static str,
    },
    /// It is not a database, or a damaged one.
    #[error("{} is not a database or is damaged", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// It, or the directory that it lies in, cannot be written.
    #[error("{} cannot be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why, where the system says so.
        source: Option<rusqlite::Error>,
    },
    /// A setting that durability rests on did not take.
    #[error("{}: {setting} is {found}", path.display())]
    Setting {
        /// The database.
        path: PathBuf,
        /// The setting.
        setting: &'static str,
        /// Its value.
        found: String,
    },
    /// The schema could not be brought up to date.
    #[error("the schema of {} could not be brought up to date", path.display())]
    Migration {
        /// The database.
        path: PathBuf,
        /// Why.
        source: rusqlite_migration::Error,
    },
    /// The system refused something else.
    #[error("{} could not be opened", path.display())]
    System {
        /// The database.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    /// What it means to whoever wanted the store.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Foreign { .. } | Self::Corrupt { .. } => Failure::Corrupt,
            Self::Library { .. }
            | Self::NewerSchema { .. }
            | Self::Unwritable { .. }
            | Self::Setting { .. }
            | Self::Migration { .. }
            | Self::System { .. } => Failure::Failed,
        }
    }

    fn of_migration(path: &Path, source: rusqlite_migration::Error) -> Self {
        match source {
            rusqlite_migration::Error::RusqliteError { err, .. } if failure_of(&err) == Failure::Corrupt => {
                Self::Corrupt { path: path.to_owned(), source: err }
            }
            source => Self::Migration { path: path.to_owned(), source },
        }
    }

    pub(super) fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly) => {
                Self::Unwritable { path, source: Some(source) }
            }
            _ if failure_of(&source) == Failure::Corrupt => Self::Corrupt { path, source },
            _ => Self::System { path, source: Box::new(source) },
        }
    }
}

/// What a database of ours is.
pub(super) struct Schema {
    /// What it keeps, as a word.
    pub(super) store: &'static str,
    /// Written into the file's head, so that no other database is taken for it.
    pub(super) application_id: i32,
    /// The steps from an empty database to the newest schema; one that was ever released is never changed.
    pub(super) steps: &'static [M<'static>],
}

/// Opens a database for its writer; makes it if it is not there.
pub(super) fn writer(path: &Path, schema: &Schema) -> Result<Connection, OpenError> {
    check_library()?;
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let error = |source| OpenError::of(path, source);
    let mut connection = Connection::open_with_flags(path, flags).map_err(error)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(error)?;
    check_ours(&connection, path, schema)?;
    if connection.is_readonly("main").map_err(error)? {
        return Err(OpenError::Unwritable { path: path.to_owned(), source: None });
    }
    set_durable(&connection, path)?;
    tune(&connection).map_err(error)?;
    // Before the first table, so that tables without it are never ours.
    connection.pragma_update(None, "application_id", schema.application_id).map_err(error)?;
    Migrations::from_slice(schema.steps)
        .to_latest(&mut connection)
        .map_err(|source| OpenError::of_migration(path, source))?;
    let synced = sync_directory(path);
    synced.map_err(|source| OpenError::System { path: path.to_owned(), source: Box::new(source) })?;
    Ok(connection)
}

/// Opens another connection to a database that the writer has opened; it can change nothing.
pub(super) fn reader(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn check_library() -> Result<(), OpenError> {
    if rusqlite::version_number() < OLDEST_LIBRARY.0 {
        return Err(OpenError::Library { found: rusqlite::version() });
    }
    Ok(())
}

fn check_ours(connection: &Connection, path: &Path, schema: &Schema) -> Result<(), OpenError> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let error = |source| OpenError::of(path, source);
    let tables = number("SELECT count(*) FROM sqlite_schema").map_err(error)?;
    let application_id = number("PRAGMA application_id").map_err(error)?;
    if tables > 0 && application_id != i64::from(schema.application_id) {
        return Err(OpenError::Foreign { path: path.to_owned(), store: schema.store });
    }
    let found = number("PRAGMA user_version").map_err(error)?;
    let known = schema.steps.len() as u64;
    match u64::try_from(found) {
        Ok(found) if found <= known => Ok(()),
        Ok(found) => Err(OpenError::NewerSchema { path: path.to_owned(), found, known }),
        Err(_) => Err(OpenError::Foreign { path: path.to_owned(), store: schema.store }),
    }
}

/// Makes the settings that durability rests on, and reads them back.
fn set_durable(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let error = |source| OpenError::of(path, source);
    let wanted = [("journal_mode", "WAL", "wal"), ("synchronous", "FULL", "2"), ("foreign_keys", "ON", "1")];
    for (setting, value, expected) in wanted {
        connection.pragma_update(None, setting, value).map_err(error)?;
        let found = connection
            .pragma_query_value(None, setting, |row| row.get::<_, rusqlite::types::Value>(0))
            .map_err(error)?;
        let found = match found {
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            other => format!("{other:?}"),
        };
        if found != expected {
            return Err(OpenError::Setting { path: path.to_owned(), setting, found });
        }
    }
    Ok(())
}

fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    // What a savepoint keeps to undo itself is small, and is not worth a file.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// Makes a new file's name durable. SQLite does so with the log's first commit; this holds even before there is one.
pub(super) fn sync_directory(path: &Path) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}
