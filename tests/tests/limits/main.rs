//! Limits over the wire: at each of them, one under and one over, in every protocol, and what a refusal leaves behind.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod bandwidth;
mod files;
mod open_uploads;
mod own;
mod pace;
mod quota;
mod rate;
mod room;
mod scene;
