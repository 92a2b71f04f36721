//! The cairn daemon: chunked uploads over HTTP into any storage.

pub mod config;
pub mod house;
pub mod http;
pub mod metrics;
pub mod supervisor;
