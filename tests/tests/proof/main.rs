//! `instant = "proof"`: another user's content, for who shows to have its bytes, and for nobody else.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod challenge;
mod indistinguishable;
mod scene;
mod shattered;
