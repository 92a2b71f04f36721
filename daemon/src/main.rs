//! The cairn daemon: chunked uploads over HTTP into any storage.

fn main() {}
