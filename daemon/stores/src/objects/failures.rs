//! What errors of the system and of OpenDAL mean in the words of the contract.

use std::error::Error;
use std::io;

use cairn_engine::contracts::{Failure, Store, StoreError};

use super::veiled::Veiled;

/// A failure of the objects store from an error of the system.
pub(super) fn from_io(operation: &'static str, error: io::Error) -> StoreError {
    StoreError::new(Store::Objects, operation, meaning(&error), error)
}

/// A failure whose whole story is a sentence.
pub(super) fn told(operation: &'static str, failure: Failure, why: impl Into<String>) -> StoreError {
    StoreError::new(Store::Objects, operation, failure, why.into())
}

/// A failure of the objects store from an error of OpenDAL.
pub(super) fn from_opendal(operation: &'static str, error: opendal::Error) -> StoreError {
    let failure = match error.kind() {
        opendal::ErrorKind::NotFound | opendal::ErrorKind::RangeNotSatisfied => Failure::Corrupt,
        opendal::ErrorKind::RateLimited => Failure::Unavailable,
        _ if is_full(&error) => Failure::Full,
        // Persistent is what a temporary one is called after the last retry.
        _ if error.is_temporary() || error.is_persistent() => Failure::Unavailable,
        _ => Failure::Failed,
    };
    StoreError::new(Store::Objects, operation, failure, Veiled::from(error))
}

/// Whether there is no room, rather than something broken.
pub(super) fn is_no_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn meaning(error: &io::Error) -> Failure {
    if is_no_room(error) { Failure::Full } else { Failure::Failed }
}

/// OpenDAL has no kind for a full disk: it is told by what the system said beneath.
fn is_full(error: &opendal::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.downcast_ref::<io::Error>().is_some_and(is_no_room) {
            return true;
        }
        source = cause.source();
    }
    false
}
