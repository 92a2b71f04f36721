//! Redis is not there.

use std::time::Duration;

use cairn_tests::{Content, RedisServer};

use crate::scene::{builder, complete, put, until_ready, until_started, wish};
use crate::sending::{CHUNK, create};

/// How long after Redis the daemon may be back; the promise is a second, and this machine may be busy.
const BACK: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_starts_without_redis_and_is_back_by_itself_when_redis_is() {
    let mut redis = RedisServer::start();
    redis.stop();
    let daemon = builder(&redis.url()).start_unready().await;
    let client = daemon.client();

    let ready = until_started(&client).await;
    assert_eq!(ready["failing"], serde_json::json!(["sessions"]));
    assert_eq!(ready["stores"]["catalog"], "ok");
    let content = Content::new(1, 3 * CHUNK);
    let refused = client.post_json("/v1/uploads", &wish("a.bin", content)).await.expect(503);
    assert!(refused.header("retry-after").is_some());
    let unknown = format!("/v1/uploads/{}", "0".repeat(32));
    let refused = client.get(&unknown).await.expect(503);
    assert!(refused.header("retry-after").is_some());
    // What needs no session goes on.
    client.get("/healthz").await.expect(200);
    client.put("/v1/files/small.txt", "small").await.expect(201);

    redis.start_again();
    let back = until_ready(&client).await;
    assert!(back < BACK, "{back:?}");
    client.get(&unknown).await.expect(404);
    let upload = create(&client, "a.bin", content).await;
    for number in 1..=3 {
        put(&client, &upload, content, number).await.expect(200);
    }
    complete(&client, &upload, "a.bin", content).await;
    let log = daemon.log();
    assert!(log.contains("the session store does not answer"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_waits_while_redis_is_away_and_goes_on_after_it() {
    let mut redis = RedisServer::start_with(&["--appendonly", "yes"]);
    let daemon = builder(&redis.url()).start().await;
    let client = daemon.client();
    let content = Content::new(2, 4 * CHUNK);
    let upload = create(&client, "a.bin", content).await;
    put(&client, &upload, content, 1).await.expect(200);
    redis.stop();
    let refused = put(&client, &upload, content, 2).await.expect(503);
    assert!(refused.header("retry-after").is_some());
    client.post(&format!("{upload}/complete"), "").await.expect(503);
    client.delete(&upload).await.expect(503);
    redis.start_again();
    let back = until_ready(&client).await;
    assert!(back < BACK, "{back:?}");
    for number in [4, 3, 2] {
        put(&client, &upload, content, number).await.expect(200);
    }
    complete(&client, &upload, "a.bin", content).await;
}
