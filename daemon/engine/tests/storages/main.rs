//! Several storages: where new content goes, what moves between them, and what one that is away takes with it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should say so loudly")]

mod away;
mod moving;
mod placing;
mod scene;
