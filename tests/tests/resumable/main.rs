//! IETF resumable uploads, rule by rule, against the real daemon over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod across;
mod bodies;
mod curl;
mod files;
mod newest;
mod rules;
mod scene;
mod table;
