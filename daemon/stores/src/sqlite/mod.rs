//! Sessions and the catalog in SQLite: embedded, durable, the default.
//!
//! Each store is a database of its own, written through one thread that gathers what waits into one transaction and
//! one sync, and read through a few connections beside it. WAL with `synchronous = FULL`: a change that was
//! answered survives a crash at any instruction and a loss of power. A crash leaves nothing to repair but what
//! SQLite itself repairs when the database is next opened.

mod catalog;
mod columns;
mod database;
mod fault;
mod open;
mod readers;
mod sessions;
mod writer;

pub use catalog::SqliteCatalog;
pub use open::OpenError;
pub use sessions::{Relaxed, SqliteSessions};
