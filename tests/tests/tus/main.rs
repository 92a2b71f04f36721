//! tus 1.0.0, rule by rule, against the real daemon over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod across;
mod addresses;
mod bodies;
mod concat;
mod cuts;
mod files;
mod newest;
mod rules;
mod scene;
mod table;
mod trailers;
