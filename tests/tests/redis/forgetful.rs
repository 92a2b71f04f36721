//! Redis forgets: everything, single keys, before every request.

use cairn_tests::{Content, RedisServer};
use serde_json::json;

use crate::scene::{builder, complete, nobody_panicked, put, received};
use crate::sending::{CHUNK, create, scattered};

/// Chunks of the main job; the last one is short.
const COUNT: u64 = 12;

fn content(seed: u64) -> Content {
    Content::new(seed, COUNT * CHUNK - 1000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_may_be_flushed_between_every_two_requests_of_an_upload() {
    for placement in ["in_place", "objects"] {
        let redis = RedisServer::start();
        let daemon = builder(&redis.url()).env("CAIRN__STORAGE__PLACEMENT", placement).start().await;
        let client = daemon.client();
        let flush = || assert_eq!(redis.ask(&["FLUSHALL"]), "OK");
        let content = content(3);
        let upload = create(&client, "a.bin", content).await;
        let mut sent = Vec::new();
        for number in scattered(COUNT, 4) {
            flush();
            put(&client, &upload, content, number).await.expect(200);
            sent.push(number);
            sent.sort_unstable();
            flush();
            assert_eq!(received(&client, &upload).await, sent);
        }
        flush();
        let first = client.post(&format!("{upload}/complete"), "").await.expect(200).json();
        flush();
        let again = client.post(&format!("{upload}/complete"), "").await.expect(200).json();
        assert_eq!(again, first);
        flush();
        complete(&client, &upload, "a.bin", content).await;
        flush();
        assert_eq!(client.get(&upload).await.expect(200).json()["state"], "complete");
        nobody_panicked(&daemon);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_may_be_flushed_between_every_two_appends() {
    let redis = RedisServer::start();
    let daemon = builder(&redis.url()).start().await;
    let client = daemon.client();
    let content = Content::new(5, 5 * CHUNK);
    let upload = create(&client, "a.bin", content).await;
    for number in 1..=5 {
        redis.ask(&["FLUSHALL"]);
        let append = client.call("PATCH", &upload).header("content-type", "application/octet-stream");
        let append = append.header("upload-offset", &((number - 1) * CHUNK).to_string());
        append.body(content.chunk(number, CHUNK)).send().await.expect(204);
    }
    redis.ask(&["FLUSHALL"]);
    complete(&client, &upload, "a.bin", content).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_key_of_a_live_upload_may_go() {
    let redis = RedisServer::start();
    let daemon = builder(&redis.url()).start().await;
    let client = daemon.client();
    let content = content(6);
    let upload = create(&client, "a.bin", content).await;
    let id = upload.rsplit('/').next().unwrap().to_owned();
    put(&client, &upload, content, 1).await.expect(200);
    let mut sent = vec![1];
    let keys: Vec<String> = redis.ask(&["KEYS", "*"]).lines().map(ToOwned::to_owned).collect();
    assert!(keys.iter().any(|key| key.contains(&id)), "{keys:?}");
    for (number, key) in (2..).zip(&keys) {
        // Evicted, or expired: the key is simply gone.
        redis.ask(&["DEL", key]);
        put(&client, &upload, content, number).await.expect(200);
        sent.push(number);
        assert_eq!(received(&client, &upload).await, sent, "{key}");
        redis.ask(&["PEXPIRE", key, "1"]);
        while redis.ask(&["EXISTS", key]) == "1" {
            tokio::task::yield_now().await;
        }
        assert_eq!(received(&client, &upload).await, sent, "{key}");
    }
    for number in (1..=COUNT).filter(|number| !sent.contains(number)) {
        put(&client, &upload, content, number).await.expect(200);
    }
    complete(&client, &upload, "a.bin", content).await;
    nobody_panicked(&daemon);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_lost_is_listed_again_after_uploads_rebuild() {
    let redis = RedisServer::start();
    let daemon = builder(&redis.url()).start().await;
    let client = daemon.client();
    let content = content(7);
    let mut uploads = Vec::new();
    for name in ["a", "b", "c"] {
        let upload = create(&client, name, content).await;
        put(&client, &upload, content, 2).await.expect(200);
        uploads.push(upload.rsplit('/').next().unwrap().to_owned());
    }
    redis.ask(&["FLUSHALL"]);
    let listed = |printed: &str| -> usize {
        serde_json::from_str::<serde_json::Value>(printed).unwrap()["items"].as_array().unwrap().len()
    };
    assert_eq!(listed(&daemon.cairnctl(&["uploads", "list", "--json"]).await.stdout), 0);
    let one = daemon.cairnctl(&["uploads", "rebuild", &uploads[0], "--json"]).await;
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&one.stdout).unwrap(),
        json!({ "items": [{ "upload_id": uploads[0], "outcome": "rebuilt", "extents": 1 }] })
    );
    let all = daemon.cairnctl(&["uploads", "rebuild", "--all"]).await;
    let sum = "3 uploads looked at: 2 rebuilt, 0 vouched for, 1 there already, 0 finished.";
    assert_eq!((all.code, all.stdout.lines().last()), (0, Some(sum)));
    assert_eq!(listed(&daemon.cairnctl(&["uploads", "list", "--json"]).await.stdout), 3);
}
