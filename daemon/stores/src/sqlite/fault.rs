//! What went wrong in SQLite, in the words of the contracts.

use std::error::Error;
use std::sync::Arc;

use cairn_engine::contracts::{Failure, Store, StoreError};
use rusqlite::ErrorCode;
use rusqlite::ffi;

/// A failure that can be told to everybody whose work it undid.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// What it means to whoever asked.
    pub(super) failure: Failure,
    /// Why.
    pub(super) source: Arc<dyn Error + Send + Sync>,
    /// Whether the disk refused a sync, so that nothing written since the last one may be believed.
    pub(super) sync_failed: bool,
}

/// A failure that is told in a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Sentence(&'static str);

impl Fault {
    /// A failure of a kind, with its cause.
    pub(super) fn new(failure: Failure, source: impl Error + Send + Sync + 'static) -> Self {
        Self { failure, source: Arc::new(source), sync_failed: false }
    }

    /// A failure of a kind, told in a sentence.
    pub(super) fn told(failure: Failure, sentence: &'static str) -> Self {
        Self::new(failure, Sentence(sentence))
    }

    /// The same as the contracts tell it.
    pub(super) fn into_store_error(self, store: Store, operation: &'static str) -> StoreError {
        StoreError::new(store, operation, self.failure, self.source)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        let sync_failed = matches!(
            error.sqlite_error().map(|e| e.extended_code),
            Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC)
        );
        Self { failure: failure_of(&error), source: Arc::new(error), sync_failed }
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::new(Failure::Corrupt, error)
    }
}

/// What an error of SQLite means to whoever asked.
pub(super) fn failure_of(error: &rusqlite::Error) -> Failure {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::CannotOpen) => {
            Failure::Unavailable
        }
        Some(ErrorCode::DiskFull) => Failure::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Failure::Corrupt,
        Some(_) => Failure::Failed,
        None => match error {
            // A value that cannot be read as what the column holds was not put there by us.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..) => Failure::Corrupt,
            _ => Failure::Failed,
        },
    }
}
