//! The life of the real binary: how it starts, what it refuses, what signals do, how it ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod drain;
mod files;
mod process;
mod reload;
mod start;
mod systemd;
