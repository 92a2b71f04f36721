//! Who is at the door: users, tokens, and what becomes of a request that says nothing, or nothing true, of who asks.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod foreign;
mod holes;
mod lasting;
mod passing;
mod refused;
mod running;
mod validity;
mod verbs;
