//! Uploads in progress kept in Redis, and everything that Redis does to them: a real server, absent, killed, emptied,
//! replaced by one that lags behind, slow, full, and open to everybody who writes nonsense into it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod absent;
mod cluster;
mod forgetful;
mod full;
mod hostile;
mod killed;
mod replica;
mod scene;
#[path = "../kill/sending.rs"]
mod sending;
mod slow;
mod told;
