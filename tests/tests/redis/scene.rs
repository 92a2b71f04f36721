//! A daemon with its sessions in a Redis, and what the tests do with it.

use std::time::{Duration, Instant};

use cairn_tests::{Answer, Builder, Client, Content, Daemon, LIMIT};
use serde_json::{Value, json};

use crate::sending::{CHUNK, numbers_of};

/// A daemon whose sessions are at this address.
pub(crate) fn builder(url: &str) -> Builder {
    Daemon::builder().env("CAIRN__SESSIONS__URL", url)
}

/// Sends one chunk.
pub(crate) async fn put(client: &Client, upload: &str, content: Content, number: u64) -> Answer {
    client.put(&format!("{upload}/chunks/{number}"), content.chunk(number, CHUNK)).await
}

/// The chunks that the daemon says are there.
pub(crate) async fn received(client: &Client, upload: &str) -> Vec<u64> {
    let status = client.get(upload).await.expect(200).json();
    numbers_of(&status["received"]).into_iter().collect()
}

/// Completes the upload and looks whether the file is what was sent.
pub(crate) async fn complete(client: &Client, upload: &str, path: &str, content: Content) {
    client.post(&format!("{upload}/complete"), "").await.expect(200);
    let file = client.download(&format!("/v1/files/{path}")).await;
    assert_eq!((file.status, file.length, file.sha1), (200, content.length(), content.sha1()));
}

/// Asks until the daemon says that it is ready; how long that took.
pub(crate) async fn until_ready(client: &Client) -> Duration {
    let begun = Instant::now();
    while client.get("/readyz").await.status != 200 {
        assert!(begun.elapsed() < LIMIT, "never ready again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}

/// What a daemon that is not ready tells, once it has looked at its stores.
pub(crate) async fn until_started(client: &Client) -> Value {
    let begun = Instant::now();
    loop {
        let told = client.get("/readyz").await.expect_problem(503, "not_ready").json();
        if told["failing"].is_array() {
            return told;
        }
        assert!(begun.elapsed() < LIMIT, "never started: {told}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A wish for a new upload of this content.
pub(crate) fn wish(path: &str, content: Content) -> Value {
    json!({ "path": path, "length": content.length(), "chunk_size": CHUNK })
}

/// Nobody in the daemon panicked.
pub(crate) fn nobody_panicked(daemon: &Daemon) {
    let log = daemon.log();
    assert!(!log.contains("panicked"), "{log}");
}
