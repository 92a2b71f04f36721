//! Bad input over the wire: each is refused in words that say what is wrong, and leaves nothing behind.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod bodies;
mod completion;
mod disk_full;
mod framing;
mod ids;
mod json;
mod numbers;
mod paths;
mod scene;
