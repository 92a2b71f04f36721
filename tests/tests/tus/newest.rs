//! The newest request wins: over a running `PATCH`, and among a hundred.

use std::time::{Duration, Instant};

use cairn_tests::{Body, Content, Daemon, RawConnection};

use super::scene::{BYTES, Scene, path_of};

/// A `PATCH` of ten thousand bytes that sends the first `sent` and then nothing more.
async fn stalled(daemon: &Daemon, path: &str, offset: u64, sent: &[u8]) -> RawConnection {
    let mut connection = RawConnection::open(daemon.address()).await;
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\nContent-Type: {BYTES}\r\n\
         Upload-Offset: {offset}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        10_000 - offset
    );
    connection.send(head).await.unwrap();
    // From here on the body is being read.
    assert!(connection.read_head().await.starts_with("HTTP/1.1 100 "));
    connection.send(sent).await.unwrap();
    connection
}

#[tokio::test]
async fn head_stops_a_stalled_patch_and_tells_an_offset_that_is_granted() {
    let scene = Scene::open().await;
    let content = Content::new(1, 10_000);
    let path = scene.tus.create(10_000).await;
    let mut older = stalled(&scene.daemon, &path, 0, &content.range(0..4000)).await;
    let begun = Instant::now();
    let offset = scene.tus.offset(&path).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(offset <= 4000, "{offset}");
    assert!(older.read_head().await.starts_with("HTTP/1.1 409 "));
    scene.tus.patch(&path, offset, content.range(offset..10_000)).await.expect(204);
    assert_eq!(scene.tus.content(&path).await, content.bytes());
}

#[tokio::test]
async fn a_patch_takes_the_upload_over_from_a_stalled_one() {
    let scene = Scene::open().await;
    let content = Content::new(2, 10_000);
    let path = scene.tus.create(10_000).await;
    let mut older = stalled(&scene.daemon, &path, 0, &Content::new(9, 4000).bytes()).await;
    scene.tus.patch(&path, 0, content.bytes()).await.expect(204);
    assert!(older.read_head().await.starts_with("HTTP/1.1 409 "));
    assert_eq!(scene.tus.content(&path).await, content.bytes());
}

#[tokio::test]
async fn a_patch_at_another_offset_stops_nobody() {
    let scene = Scene::open().await;
    let content = Content::new(3, 10_000);
    let path = scene.tus.create(10_000).await;
    scene.tus.patch(&path, 0, content.range(0..1000)).await.expect(204);
    let mut older = stalled(&scene.daemon, &path, 1000, &content.range(1000..5000)).await;
    let refused = scene.tus.patch(&path, 0, content.bytes()).await.expect(409);
    assert_eq!(refused.header("upload-offset"), Some("1000"));
    older.send(content.range(5000..10_000)).await.unwrap();
    assert!(older.read_head().await.starts_with("HTTP/1.1 204 "));
    assert_eq!(scene.tus.content(&path).await, content.bytes());
}

#[tokio::test]
async fn delete_stops_a_running_patch_and_leaves_nothing() {
    let scene = Scene::open().await;
    let path = scene.tus.create(10_000).await;
    let mut older = stalled(&scene.daemon, &path, 0, b"some").await;
    scene.tus.call("DELETE", &path).send().await.expect(204);
    assert!(older.read_head().await.starts_with("HTTP/1.1 4"));
    scene.tus.head(&path).await.expect(404);
    assert_eq!(scene.tus.0.get("/v1/me").await.json()["staged_bytes"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_patches_at_one_offset_one_is_granted() {
    let scene = Scene::open().await;
    const LENGTH: u64 = 200_000;
    let path = scene.tus.create(LENGTH + 1).await;
    let mut sending = tokio::task::JoinSet::new();
    for seed in 0..100 {
        let (tus, path) = (scene.tus.clone(), path.clone());
        sending.spawn(async move {
            let content = Content::new(seed, LENGTH);
            let pieces = (0..LENGTH).step_by(50_000).map(move |at| Ok(content.range(at..at + 50_000)));
            let sent = tus.patching(&path, 0).body(Body::pieces(pieces, Some(LENGTH))).try_send().await;
            (seed, sent.map_or(0, |answer| answer.status))
        });
    }
    let answers = sending.join_all().await;
    let granted: Vec<u64> =
        answers.iter().filter(|(_, status)| *status == 204).map(|(seed, _)| *seed).collect();
    // 0: the answer was lost with the connection, because the body was no longer wanted.
    let others: Vec<_> = answers.iter().filter(|(_, status)| ![204, 409, 423, 0].contains(status)).collect();
    assert!(granted.len() == 1 && others.is_empty(), "{answers:?}");
    scene.tus.patch(&path, LENGTH, "!").await.expect(204);
    let mut expected = Content::new(granted[0], LENGTH).bytes().to_vec();
    expected.push(b'!');
    assert_eq!(scene.tus.content(&path).await, expected);
}

#[tokio::test]
async fn two_creations_get_two_addresses() {
    let scene = Scene::open().await;
    let create = || scene.tus.call("POST", "/files/").header("upload-length", "5").send();
    assert_ne!(path_of(&create().await), path_of(&create().await));
}
