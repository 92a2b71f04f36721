//! The tests of tus and the draft once more, with the bytes of each daemon in an S3 server of its own, and of the native API.
//!
//! What has nothing to do with where bytes lie is tested once, elsewhere.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "interrupted.rs"]
mod interrupted;
#[path = "native.rs"]
mod native;
#[path = "resumable/main.rs"]
mod resumable;
#[path = "tus/main.rs"]
mod tus;
