//! Redis is slow, or silent: requests end in time, none pile up, and it is over when it is over.

use std::time::{Duration, Instant};

use cairn_tests::{Client, Content, LIMIT, Proxy, RedisServer, Way};
use tokio::task::JoinSet;

use crate::scene::{builder, complete, nobody_panicked, put, received, until_ready};
use crate::sending::{CHUNK, create};

/// How long the daemon waits for Redis here.
const TIMEOUT: Duration = Duration::from_millis(500);
/// How long a request may take then: it asks Redis more than once at most, and this machine may be busy.
const IN_TIME: Duration = Duration::from_secs(5);
/// Requests at once.
const CROWD: usize = 64;

/// A figure of the metrics.
async fn figure(client: &Client, name: &str) -> u64 {
    let text = client.get("/metrics").await.expect(200).text().to_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    line.unwrap_or_else(|| panic!("no {name} in\n{text}"))
}

/// Many requests at once; every one is refused in time.
async fn refused_crowd(client: &Client, upload: &str, content: Content) {
    let mut crowd = JoinSet::new();
    for number in 0..CROWD {
        let (client, upload) = (client.clone(), upload.to_owned());
        crowd.spawn(async move {
            let begun = Instant::now();
            let answer = match number % 2 {
                0 => client.get(&upload).await,
                _ => put(&client, &upload, content, number as u64 % 4 + 1).await,
            };
            (answer.status, answer.header("retry-after").is_some(), begun.elapsed())
        });
    }
    while let Some(answered) = crowd.join_next().await {
        let (status, retry_after, took) = answered.unwrap();
        assert!(status == 503 && retry_after, "{status} {retry_after}");
        assert!(took < IN_TIME, "{took:?}");
    }
}

/// Nobody is left waiting for Redis.
async fn nothing_piles_up(client: &Client) {
    let begun = Instant::now();
    while figure(client, "cairn_running_bodies").await > 0 {
        assert!(begun.elapsed() < LIMIT, "bodies are running still");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn slow(slow_down: impl Fn(&Proxy), speed_up: impl Fn(&Proxy)) {
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.address()).await;
    let daemon = builder(&format!("redis://{}", proxy.address()))
        .env("CAIRN__SESSIONS__TIMEOUT", "500ms")
        .env("CAIRN__SESSIONS__CONNECT_TIMEOUT", "500ms")
        .start()
        .await;
    let client = daemon.client();
    let content = Content::new(31, 4 * CHUNK);
    let upload = create(&client, "a.bin", content).await;
    put(&client, &upload, content, 1).await.expect(200);
    assert!(received(&client, &upload).await == [1]);
    for _ in 0..2 {
        slow_down(&proxy);
        refused_crowd(&client, &upload, content).await;
        nothing_piles_up(&client).await;
        // A few connections, however many asked.
        let open = proxy.passed().open;
        assert!(open <= 8, "{open} connections to Redis");
        speed_up(&proxy);
        let back = until_ready(&client).await;
        assert!(back < IN_TIME, "{back:?}");
    }
    for number in [4, 3, 2] {
        put(&client, &upload, content, number).await.expect(200);
    }
    complete(&client, &upload, "a.bin", content).await;
    nobody_panicked(&daemon);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_seconds_for_every_reply_are_503_in_time() {
    let latency = |latency| move |proxy: &Proxy| proxy.latency(Way::ToClient, latency);
    slow(latency(4 * TIMEOUT), latency(Duration::ZERO)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_takes_everything_and_answers_nothing_is_503_in_time() {
    slow(|proxy| proxy.stall(Way::ToClient), Proxy::resume).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_reset_or_cut_are_made_anew() {
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.address()).await;
    let daemon = builder(&format!("redis://{}", proxy.address())).start().await;
    let client = daemon.client();
    let content = Content::new(32, 12 * CHUNK);
    let upload = create(&client, "a.bin", content).await;
    for number in 1..=12 {
        match number % 3 {
            0 => proxy.reset(),
            1 => proxy.cut(),
            _ => proxy.cut_after(Way::ToClient, 40),
        }
        let begun = Instant::now();
        // Some hear of it, and try again.
        while put(&client, &upload, content, number).await.status != 200 {
            assert!(begun.elapsed() < IN_TIME, "never back");
        }
    }
    complete(&client, &upload, "a.bin", content).await;
    nobody_panicked(&daemon);
}
