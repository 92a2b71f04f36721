//! How often a client may ask, over the wire: a burst passes, one more is refused and told when to come back, and
//! whoever may be made to wait is not refused at all.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use cairn_tests::Daemon;

async fn limited(toml: &str) -> Daemon {
    Daemon::builder().config(&format!("[limits]\n{toml}")).start().await
}

#[tokio::test]
async fn one_more_than_the_burst_is_refused_and_let_through_after_the_time_that_it_was_told() {
    let daemon = limited("requests_per_second = 1\nrequest_burst = 3\nrequest_delay = \"0s\"\n").await;
    let client = daemon.client();
    for _ in 0..3 {
        client.get("/v1/me").await.expect(200);
    }
    let refused = client.put("/v1/files/a", "abc").await;
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(refused.expect_problem(429, "too_many_requests").json()["retry_after"], seconds);
    // Other protocols are asked by the same client; what looks at the daemon is not counted.
    client.get("/file/query").await.expect(429);
    let tus = client.call("POST", "/files/").header("tus-resumable", "1.0.0").send().await.expect(429);
    assert_eq!(tus.header("tus-resumable"), Some("1.0.0"));
    for path in ["/healthz", "/readyz", "/metrics"] {
        client.get(path).await.expect(200);
    }
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    client.get("/v1/files/a").await.expect_problem(404, "no_file");
}

#[tokio::test]
async fn who_may_be_made_to_wait_becomes_slow_and_is_not_refused() {
    let daemon = limited("requests_per_second = 10\nrequest_burst = 1\nrequest_delay = \"10s\"\n").await;
    let client = daemon.client();
    let begun = Instant::now();
    for number in 0..8 {
        client.put(&format!("/v1/files/{number}"), "abc").await.expect(201);
    }
    assert!(begun.elapsed() >= Duration::from_millis(690), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn as_it_comes_nobody_is_counted() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    for _ in 0..200 {
        client.get("/v1/me").await.expect(200);
    }
}
