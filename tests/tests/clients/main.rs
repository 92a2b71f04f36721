//! Clients that nobody here wrote upload to the real daemon: tus-js-client in Node, tuspy, Uppy in Chromium, curl.
//!
//! `tests/run` installs them; a test whose client is missing fails and says so. Each looks at the stored bytes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

mod curl;
mod scene;
mod tus_js;
mod tuspy;
mod uppy;
