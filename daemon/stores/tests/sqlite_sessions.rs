//! Sessions in SQLite keep every rule of their contract.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use cairn_stores::SqliteSessions;
use tempfile::TempDir;

async fn sqlite() -> (SqliteSessions, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (SqliteSessions::open(&directory.path().join("sessions.sqlite")).unwrap(), directory)
}

cairn_engine::session_suite!(sqlite);
