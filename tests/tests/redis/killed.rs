//! Redis dies under load, and comes back with what it had kept, or with nothing.

use cairn_tests::{Content, RedisServer};

use crate::scene::{builder, complete, nobody_panicked, received, until_ready};
use crate::sending::{Acknowledged, CHUNK, create, scattered, send};

const COUNT: u64 = 40;

/// An upload during which Redis is killed twice. Whatever it then has, no acknowledged chunk is lost.
async fn killed_under_load(options: &[&str]) {
    let mut redis = RedisServer::start_with(options);
    let daemon = builder(&redis.url()).start().await;
    let client = daemon.client();
    let content = Content::new(11, COUNT * CHUNK - 1000);
    let upload = create(&client, "a.bin", content).await;
    let acknowledged = Acknowledged::default();
    let mut missing = scattered(COUNT, 1);
    for stop_at in [8, 24] {
        let sending = send(&client, &upload, content, missing, &acknowledged);
        let killing = async {
            acknowledged.reach(stop_at).await;
            redis.kill();
        };
        tokio::join!(sending, killing);
        redis.start_again();
        until_ready(&client).await;
        let received = received(&client, &upload).await;
        let lost: Vec<_> = acknowledged.all().into_iter().filter(|n| !received.contains(n)).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        missing = scattered(COUNT, 2).into_iter().filter(|number| !received.contains(number)).collect();
    }
    send(&client, &upload, content, missing, &acknowledged).await;
    complete(&client, &upload, "a.bin", content).await;
    nobody_panicked(&daemon);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_is_killed_comes_back_with_its_log() {
    killed_under_load(&["--appendonly", "yes", "--appendfsync", "everysec"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_is_killed_comes_back_empty() {
    killed_under_load(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_are_killed_and_redis_comes_back_empty() {
    let mut redis = RedisServer::start();
    let mut daemon = builder(&redis.url()).start().await;
    let content = Content::new(12, 6 * CHUNK);
    let upload = create(&daemon.client(), "a.bin", content).await;
    let acknowledged = Acknowledged::default();
    send(&daemon.client(), &upload, content, vec![6, 2, 4], &acknowledged).await;
    daemon.kill9().await;
    redis.kill();
    redis.start_again();
    daemon.restart().await;
    let client = daemon.client();
    assert_eq!(received(&client, &upload).await, [2, 4, 6]);
    send(&client, &upload, content, vec![1, 3, 5], &acknowledged).await;
    complete(&client, &upload, "a.bin", content).await;
}
