//! A daemon that is killed or told to stop at a bad moment: what was acknowledged is there, and uploads go on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod killed;
mod sending;
mod stopped;
