//! The adapters of cairn's three contracts: SQLite sessions and catalog, objects through OpenDAL.

pub mod objects;
pub mod sqlite;

pub use sqlite::{OpenError, SqliteCatalog, SqliteSessions};
