//! Users and tokens in SQLite keep every rule of their contract.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use cairn_engine::Timestamp;
use cairn_stores::SqliteCatalog;
use tempfile::TempDir;

async fn sqlite() -> (SqliteCatalog, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("catalog.sqlite");
    (SqliteCatalog::open(&path, Timestamp(1), 7).unwrap(), directory)
}

cairn_engine::account_suite!(sqlite);
