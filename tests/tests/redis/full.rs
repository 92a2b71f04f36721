//! Redis has no memory left.

use cairn_tests::{Content, RedisServer};

use crate::scene::{builder, complete, put, received, wish};
use crate::sending::{CHUNK, create};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_without_memory_refuses_and_nothing_is_lost() {
    let redis = RedisServer::start();
    let daemon = builder(&redis.url()).start().await;
    let client = daemon.client();
    let content = Content::new(41, 4 * CHUNK);
    let upload = create(&client, "a.bin", content).await;
    put(&client, &upload, content, 2).await.expect(200);
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    for _ in 0..3 {
        let refused = put(&client, &upload, content, 1).await;
        assert!(matches!(refused.status, 503 | 507), "{refused:?}");
        // What Redis lets pass is there.
        let created = client.post_json("/v1/uploads", &wish("b.bin", content)).await;
        assert!(matches!(created.status, 201 | 503 | 507), "{created:?}");
        if let Some(location) = created.header("location") {
            client.get(location).await.expect(200);
        }
    }
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    let there = received(&client, &upload).await;
    assert!(there.contains(&2), "{there:?}");
    for number in [1, 3, 4] {
        put(&client, &upload, content, number).await.expect(200);
    }
    complete(&client, &upload, "a.bin", content).await;
}
