//! Redis is not there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cairn_tests::{Content, RedisServer, left_behind};

use crate::scene::{builder, complete, put, received, until_ready, until_started, wish};
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

/// The machine was started again, as the next daemon sees it: one ran under another boot, and said yes before bytes
/// were synced.
fn reboot(data_dir: &Path) {
    std::fs::write(data_dir.join("boot"), "another\nunsynced\n").unwrap();
}

/// The chunks on the disk.
fn chunks(data_dir: &Path) -> Vec<PathBuf> {
    let root = data_dir.join("objects");
    let files = left_behind::files(&root)
        .into_keys()
        .filter(|path| path.starts_with("uploads") && !path.ends_with("manifest"));
    files.map(|path| root.join(path)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_reboot_no_upload_is_believed_before_it_was_looked_at_although_redis_comes_later() {
    let mut redis = RedisServer::start_with(&["--appendonly", "yes"]);
    let settings = "[uploads]\ndurability = \"complete\"\n[storage]\nplacement = \"objects\"\n";
    let mut daemon = builder(&redis.url()).config(settings).start().await;
    let content = Content::new(3, 3 * CHUNK);
    let client = daemon.client();
    let (hurt, whole) = (create(&client, "a.bin", content).await, create(&client, "b.bin", content).await);
    put(&client, &hurt, content, 1).await.expect(200);
    let lost = chunks(daemon.data_dir());
    assert_eq!(lost.len(), 1, "{lost:?}");
    put(&client, &whole, content, 2).await.expect(200);
    daemon.kill9().await;
    redis.stop();
    // What the file system did not write in time: the name is there, the bytes are not.
    std::fs::write(&lost[0], b"").unwrap();
    reboot(daemon.data_dir());

    daemon.restart_unready().await;
    let client = daemon.client();
    until_started(&client).await;
    client.get(&hurt).await.expect(503);
    redis.start_again();
    until_ready(&client).await;
    // Ready is who has looked: what it says now is right.
    assert_eq!(received(&client, &hurt).await, [0; 0]);
    assert_eq!(received(&client, &whole).await, [2]);
    for number in [1, 3] {
        put(&client, &whole, content, number).await.expect(200);
    }
    complete(&client, &whole, "b.bin", content).await;
    let told = std::fs::read_to_string(daemon.data_dir().join("boot")).unwrap();
    assert!(!told.starts_with("another"), "{told}");
}
