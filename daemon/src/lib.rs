//! The cairn daemon: chunked uploads over HTTP into any storage.

pub mod http;
pub mod supervisor;
