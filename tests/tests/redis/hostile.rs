//! Whoever may speak to Redis may write anything into it. The daemon believes nothing of it unchecked.

use cairn_tests::{Content, RedisServer};

use crate::scene::{builder, complete, nobody_panicked, put, received};
use crate::sending::{CHUNK, create};

const NONSENSE: [&str; 6] = ["", "-1", "99999999999999999999", "\u{1}\n", "{\"a\":", "ffffffffffffffff"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_in_a_record_breaks_nothing_and_loses_nothing() {
    let redis = RedisServer::start();
    let daemon = builder(&redis.url()).start().await;
    let client = daemon.client();
    let content = Content::new(51, 4 * CHUNK);
    let upload = create(&client, "a.bin", content).await;
    put(&client, &upload, content, 2).await.expect(200);
    let id = upload.rsplit('/').next().unwrap().to_owned();
    let keys = redis.ask(&["KEYS", &format!("*{id}*")]);
    let head = keys.lines().find(|key| redis.ask(&["TYPE", key]) == "hash").unwrap();
    let fields = redis.ask(&["HKEYS", head]);
    assert!(fields.lines().any(|field| field == "chkidx_2"), "{fields}");
    for field in fields.lines() {
        for value in NONSENSE {
            redis.ask(&["HSET", head, field, value]);
            let answer = client.get(&upload).await;
            // A field that has become another valid value may be told; everything else is as it was sent.
            assert!(matches!(answer.status, 200 | 503), "{field} = {value:?}: {answer:?}");
        }
        redis.ask(&["DEL", head]);
        assert_eq!(received(&client, &upload).await, [2], "{field}");
    }
    // Not even the kind of a key.
    for key in keys.lines() {
        redis.ask(&["SET", key, "nonsense"]);
        assert_eq!(received(&client, &upload).await, [2], "{key}");
    }
    for number in [1, 3, 4] {
        put(&client, &upload, content, number).await.expect(200);
    }
    complete(&client, &upload, "a.bin", content).await;
    nobody_panicked(&daemon);
}
