//! Limits of a user's own stand in the place of the configured ones, from the moment they are set.

use cairn_tests::{Daemon, Printed};
use serde_json::json;

async fn set(daemon: &Daemon, limits: &[&str]) -> Printed {
    daemon.cairnctl(&[&["users", "set-limits", "ann"], limits].concat()).await
}

#[tokio::test]
async fn a_users_own_limits_hold_for_that_user_alone_and_at_once() {
    let daemon = Daemon::builder().with_tokens().start().await;
    let (ann, bob) = (daemon.client_of("ann").await, daemon.client_of("bob").await);
    let names = ["max_files=1", "max_open_uploads=1", "max_length=10", "requests_per_minute=0"];
    assert_eq!(set(&daemon, &names).await.code, 0);
    let limits = ann.get("/v1/me").await.expect(200).json()["limits"].clone();
    let told = ["max_files", "max_open_uploads", "max_length", "requests_per_minute", "files_left"];
    assert_eq!(told.map(|name| limits[name].clone()), [1, 1, 10, 0, 1].map(|number| json!(number)));

    let begin =
        async |length: u64| ann.post_json("/v1/uploads", &json!({ "path": "a", "length": length })).await;
    begin(11).await.expect_problem(413, "too_long");
    ann.put("/v1/files/a", vec![7; 11]).await.expect_problem(413, "too_long");
    ann.post_json("/v1/uploads", &json!({ "path": "a", "length": 10 })).await.expect(201);
    begin(1).await.expect_problem(429, "too_many_uploads");
    ann.put("/v1/files/a", vec![7; 10]).await.expect(201);
    ann.put("/v1/files/b", "x").await.expect_problem(403, "too_many_files");
    for name in ["a", "b"] {
        bob.put(&format!("/v1/files/{name}"), vec![7; 11]).await.expect(201);
    }

    assert_eq!(set(&daemon, &["max_files=", "max_length="]).await.code, 0);
    ann.put("/v1/files/b", vec![7; 11]).await.expect(201);
    begin(1).await.expect_problem(429, "too_many_uploads");
}

#[tokio::test]
async fn a_user_who_may_ask_rarely_is_refused_and_nobody_else() {
    let daemon = Daemon::builder().with_tokens().env("CAIRN__LIMITS__REQUEST_BURST", "2");
    let daemon = daemon.env("CAIRN__LIMITS__REQUEST_DELAY", "0s").start().await;
    let (ann, bob) = (daemon.client_of("ann").await, daemon.client_of("bob").await);
    assert_eq!(set(&daemon, &["requests_per_minute=1"]).await.code, 0);
    for _ in 0..2 {
        ann.get("/v1/me").await.expect(200);
    }
    ann.get("/v1/me").await.expect_problem(429, "too_many_requests");
    for _ in 0..10 {
        bob.get("/v1/me").await.expect(200);
    }
    assert_eq!(set(&daemon, &["requests_per_minute="]).await.code, 0);
    ann.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_limit_that_nothing_heeds_or_that_cannot_be_is_refused_and_nothing_is_set() {
    let daemon = Daemon::builder().with_tokens().start().await;
    let ann = daemon.client_of("ann").await;
    for bad in ["max_file=1", "max_files=-1", "max_files=many", "requests_per_minute=60000001"] {
        let printed = set(&daemon, &["max_length=5", bad]).await;
        assert_eq!(printed.code, 1, "{bad} {printed:?}");
        let name = bad.split('=').next().unwrap();
        assert!(printed.stderr.contains(&format!("`{name}`")), "{printed:?}");
    }
    ann.put("/v1/files/a", vec![7; 100]).await.expect(201);
}
