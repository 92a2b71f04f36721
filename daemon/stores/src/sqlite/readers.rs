//! Readers: a few connections beside the writer's, used on the threads where blocking is allowed.
//!
//! A read sees one moment of the database, however many statements it makes, and waits for no change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cairn_engine::contracts::Failure;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tokio::sync::Semaphore;

use super::fault::Fault;
use super::open;

/// The most reads that run at once in one database.
const MAX_READERS: usize = 4;

/// The readers of one database.
pub(super) struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Readers of the database at `path`; connections are opened as they are needed.
    pub(super) fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            idle: Arc::new(Mutex::new(Vec::with_capacity(MAX_READERS))),
            permits: Arc::new(Semaphore::new(MAX_READERS)),
        }
    }

    /// Reads, off the async threads.
    pub(super) async fn run<T, W>(&self, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|closed| Fault::new(Failure::Failed, closed))?;
        let idle = Arc::clone(&self.idle);
        let path = self.path.clone();
        let read = move || {
            let taken = lock(&idle).pop();
            let connection = taken.map_or_else(|| open::reader(&path), Ok)?;
            let result = read_one_moment(&connection, work);
            // A connection that failed is not used again.
            if result.is_ok() {
                lock(&idle).push(connection);
            }
            drop(permit);
            result
        };
        tokio::task::spawn_blocking(read).await.map_err(|died| Fault::new(Failure::Failed, died))?
    }

    /// Writes a copy of one moment of the database to a new file, durably.
    pub(super) async fn copy_to(&self, target: PathBuf) -> Result<(), Fault> {
        let path = self.path.clone();
        let copy = move || {
            let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&target);
            let file = file.map_err(|error| Fault::new(Failure::Failed, error))?;
            let source = open::reader(&path)?;
            let mut copy = Connection::open(&target)?;
            // All pages in one step, which sees one moment.
            if Backup::new(&source, &mut copy)?.step(-1)? != StepResult::Done {
                return Err(Fault::told(Failure::Unavailable, "the database is held by another process"));
            }
            copy.close().map_err(|(_, error)| error)?;
            file.sync_all().map_err(|error| Fault::new(Failure::Failed, error))?;
            open::sync_directory(&target).map_err(|error| Fault::new(Failure::Failed, error))
        };
        tokio::task::spawn_blocking(copy).await.map_err(|died| Fault::new(Failure::Failed, died))?
    }
}

fn read_one_moment<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let result = work(connection)?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(result)
}

fn lock(idle: &Mutex<Vec<Connection>>) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
