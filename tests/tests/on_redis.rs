//! The acceptance tests once more, with the sessions of each daemon in a Redis of its own.
//!
//! What has nothing to do with sessions (framing, systemd, malformed input) is tested once, elsewhere.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "cairnctl.rs"]
mod cairnctl;
#[path = "compat.rs"]
mod compat;
#[path = "files.rs"]
mod files;
#[path = "interrupted.rs"]
mod interrupted;
#[path = "kill/main.rs"]
mod kill;
#[path = "native.rs"]
mod native;
#[path = "resumable/main.rs"]
mod resumable;
#[path = "tus/main.rs"]
mod tus;
