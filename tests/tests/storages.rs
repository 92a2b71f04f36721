//! Two storages of one daemon, one in place and one of objects: what goes where, what moves, what is left behind.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::Path;

use cairn_tests::{Builder, Client, Content, Daemon, left_behind};
use serde_json::{Value, json};

const CHUNK: u64 = 1 << 20;

const TWO: &str = "[storages.cold]\nplacement = \"objects\"\n[[storage_rules]]\npath_prefix = \"cold/\"\nstorage = \"cold\"\n\
                   [merge]\nmode = \"manual\"\n[sweep]\ngrace = \"0s\"\ninterval = \"1h\"\n";

fn two() -> Builder {
    Daemon::builder().config(TWO)
}

/// A file of this content in chunks; its blob.
async fn file(client: &Client, path: &str, content: Content) -> String {
    let wish = json!({ "path": path, "length": content.length(), "chunk_size": CHUNK });
    let id = client.create_upload(&wish).await["upload_id"].as_str().unwrap().to_owned();
    for number in 1..=content.chunk_count(CHUNK) {
        let chunk = content.chunk(number, CHUNK);
        client.put(&format!("/v1/uploads/{id}/chunks/{number}"), chunk).await.expect(200);
    }
    let answer = client.post(&format!("/v1/uploads/{id}/complete"), "").await.expect(200);
    answer.json()["file"]["digest"].as_str().unwrap().to_owned()
}

async fn storages_of(daemon: &Daemon, blob: &str) -> Value {
    let printed = daemon.cairnctl(&["blobs", "show", blob, "--json"]).await;
    serde_json::from_str::<Value>(&printed.stdout).unwrap()["storages"].clone()
}

/// Sweeps until nothing more goes; the objects that are left in the default storage and in the other.
async fn left(daemon: &Daemon) -> (usize, usize) {
    for _ in 0..3 {
        let printed = daemon.cairnctl(&["sweep"]).await;
        assert_eq!(printed.code, 0, "{}", printed.stderr);
    }
    let below = |root: &Path| {
        let files = left_behind::files(root);
        files.keys().filter(|path| path.starts_with("uploads") || path.starts_with("merged")).count()
    };
    let data_dir = daemon.data_dir();
    (below(&data_dir.join("objects")), below(&data_dir.join("storages/cold")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_place_moves_move_and_nothing_is_left_behind() {
    let mut daemon = two().start().await;
    let client = daemon.client();
    let (here, there) = (Content::new(1, 5 * CHUNK - 7), Content::new(2, 3 * CHUNK));
    let (a, b) = (file(&client, "a", here).await, file(&client, "cold/b", there).await);
    assert_eq!(storages_of(&daemon, &a).await, json!(["default"]));
    assert_eq!(storages_of(&daemon, &b).await, json!(["cold"]));
    assert_eq!(left(&daemon).await, (1, 3));

    let moved = daemon.cairnctl(&["blobs", "move", "--to", "cold", "--all", "--yes"]).await;
    assert_eq!(moved.code, 0, "{}", moved.stderr);
    assert!(moved.stdout.ends_with("2 blobs looked at, 1 moved (5.0 MiB).\n"), "{}", moved.stdout);
    assert_eq!(left(&daemon).await, (0, 4));
    daemon.kill9().await;
    daemon.restart().await;
    assert_eq!(daemon.client().download("/v1/files/a").await.sha1, here.sha1());

    let back =
        daemon.cairnctl(&["blobs", "move", "--to", "default", "--from", "cold", "--all", "--yes"]).await;
    assert_eq!(back.code, 0, "{}", back.stderr);
    assert_eq!(left(&daemon).await, (2, 0));
    for (path, content) in [("/v1/files/a", here), ("/v1/files/cold/b", there)] {
        assert_eq!(daemon.client().download(path).await.sha1, content.sha1());
        daemon.client().delete(path).await.expect(204);
    }
    assert_eq!(left(&daemon).await, (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_that_blobs_lie_in_cannot_be_left_out() {
    let mut daemon = two().start().await;
    file(&daemon.client(), "cold/b", Content::new(3, CHUNK)).await;
    let nowhere = daemon.cairnctl(&["blobs", "move", "--to", "warm", "--all", "--yes"]).await;
    assert_eq!(nowhere.code, 1);
    assert!(
        nowhere.stderr.contains("there is no storage `warm`; there are default, cold"),
        "{}",
        nowhere.stderr
    );
    assert!(daemon.terminate().await.success());
    let ended = Daemon::builder().data_dir(daemon.data_dir()).run_to_end().await;
    assert_eq!(ended.status.code(), Some(78));
    let said = "1 blob lies (1048576 bytes) in the storage `cold`, which is not configured";
    assert!(ended.log.contains(said), "{}", ended.log);
}
