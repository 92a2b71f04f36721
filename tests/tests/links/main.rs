//! Signed links: what each is good for, and nothing else.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod holding;
mod making;
mod operator;
mod refused;
mod scene;
mod sending;
