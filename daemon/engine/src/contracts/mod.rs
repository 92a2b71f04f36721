//! The three contracts between the rules and the stores.
//!
//! [`SessionStore`] keeps uploads in progress, [`Catalog`] the truth about finished content, [`ObjectStore`] the
//! bytes; [`Accounts`], beside the catalog and in the same store, who may ask. "Not found" is `None`, a conflict is an
//! answer with a type of its own, and every remove is idempotent.
//! Each rule written at a method is a test of the suites in `testing`, run against every adapter.

mod accounts;
mod catalog;
mod objects;
mod sessions;

pub use accounts::*;
pub use catalog::*;
pub use objects::*;
pub use sessions::*;

use std::fmt;

/// One of the three stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Store {
    /// Uploads in progress.
    Sessions,
    /// Blobs, files, owners.
    Catalog,
    /// Bytes.
    Objects,
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sessions => "sessions",
            Self::Catalog => "catalog",
            Self::Objects => "objects",
        })
    }
}

/// What a store's failure means to whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// It does not answer now; the same call may succeed later.
    Unavailable,
    /// There is no room (disk, inodes, quota of the service).
    Full,
    /// What it holds is not what was put there.
    Corrupt,
    /// Anything else; repeating the call will not help.
    Failed,
}

/// A store failed. `Display` tells which call; the cause is the source.
#[derive(Debug, thiserror::Error)]
#[error("{store}: {operation} failed")]
pub struct StoreError {
    /// Which store.
    pub store: Store,
    /// The call, as a word: `record`, `publish`, `read`, …
    pub operation: &'static str,
    /// What it means.
    pub failure: Failure,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl StoreError {
    /// A failure of `operation` with its cause.
    pub fn new(
        store: Store,
        operation: &'static str,
        failure: Failure,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { store, operation, failure, source: source.into() }
    }
}

/// What the operator should know of a store as it is now. It holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What the store is, in a word: `sqlite`, `redis`, `fs`, `s3`.
    pub kind: String,
    /// What is worth telling of it, by name, in the order in which it is to be told: `version`, `appendonly`, …
    pub facts: Vec<(&'static str, String)>,
    /// What may be lost or will not work as it is set up; sentences.
    pub warnings: Vec<String>,
}

impl Standing {
    /// A store of this kind, of which there is nothing to tell.
    pub fn of(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), ..Self::default() }
    }

    /// With one more fact.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.facts.push((name, value.into()));
        self
    }

    /// With one more warning.
    #[must_use]
    pub fn warning(mut self, sentence: impl Into<String>) -> Self {
        self.warnings.push(sentence.into());
        self
    }
}

/// A page of a listing.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next_cursor: Option<String>,
}

/// Where a listing goes on, and how much of it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The `next_cursor` of the page before; `None` at the beginning. A cursor that no page gave lists from wherever
    /// it sorts, and never fails.
    pub cursor: Option<String>,
    /// The most items wanted; at least one.
    pub limit: usize,
}

impl PageRequest {
    /// The first page, of at most `limit` items.
    pub fn first(limit: usize) -> Self {
        Self { cursor: None, limit }
    }
}
