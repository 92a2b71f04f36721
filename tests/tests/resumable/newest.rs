//! The newest request wins over a running append; a body that is cut keeps what arrived, and never completes.

use std::time::{Duration, Instant};

use cairn_tests::{Body, Content, Daemon, RawConnection};

use super::scene::{PART, Scene};

/// An append of ten thousand bytes, the last one, that sends the first `sent` and then nothing more.
async fn stalled(daemon: &Daemon, path: &str, sent: &[u8]) -> RawConnection {
    let mut connection = RawConnection::open(daemon.address()).await;
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: a\r\nUpload-Draft-Interop-Version: 8\r\nContent-Type: {PART}\r\n\
         Upload-Offset: 0\r\nUpload-Complete: ?1\r\nContent-Length: 10000\r\nExpect: 100-continue\r\n\r\n"
    );
    connection.send(head).await.unwrap();
    // From here on the body is being read.
    assert!(connection.read_head().await.starts_with("HTTP/1.1 100 "));
    connection.send(sent).await.unwrap();
    connection
}

#[tokio::test]
async fn head_stops_a_stalled_append_and_tells_an_offset_that_is_granted() {
    let scene = Scene::open().await;
    let content = Content::new(1, 10_000);
    let path = scene.draft.create(Some(10_000)).await;
    let mut older = stalled(&scene.daemon, &path, &content.range(0..4000)).await;
    let begun = Instant::now();
    let offset = scene.draft.offset(&path).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(offset <= 4000, "{offset}");
    let told = older.read_head().await;
    assert!(told.starts_with("HTTP/1.1 409 ") && told.contains("upload-complete: ?0"), "{told}");
    scene.draft.patch(&path, offset, "?1", content.range(offset..10_000)).await.expect(201);
    assert_eq!(scene.draft.content(&path).await, content.bytes());
}

#[tokio::test]
async fn an_append_takes_the_upload_over_from_a_stalled_one() {
    let scene = Scene::open().await;
    let content = Content::new(2, 10_000);
    let path = scene.draft.create(Some(10_000)).await;
    let mut older = stalled(&scene.daemon, &path, &Content::new(9, 4000).bytes()).await;
    scene.draft.patch(&path, 0, "?1", content.bytes()).await.expect(201);
    assert!(older.read_head().await.starts_with("HTTP/1.1 409 "));
    assert_eq!(scene.draft.content(&path).await, content.bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_appends_at_one_offset_one_is_granted() {
    let scene = Scene::open().await;
    const LENGTH: u64 = 200_000;
    let path = scene.draft.create(Some(LENGTH + 1)).await;
    let mut sending = tokio::task::JoinSet::new();
    for seed in 0..100 {
        let (draft, path) = (scene.draft.clone(), path.clone());
        sending.spawn(async move {
            let content = Content::new(seed, LENGTH);
            let pieces = (0..LENGTH).step_by(50_000).map(move |at| Ok(content.range(at..at + 50_000)));
            let body = Body::pieces(pieces, Some(LENGTH));
            let sent = draft.patching(&path, 0, "?0").body(body).try_send().await;
            (seed, sent.map_or(0, |answer| answer.status))
        });
    }
    let answers = sending.join_all().await;
    let granted: Vec<u64> =
        answers.iter().filter(|(_, status)| *status == 204).map(|(seed, _)| *seed).collect();
    // 0: the answer was lost with the connection, because the body was no longer wanted.
    let others: Vec<_> = answers.iter().filter(|(_, status)| ![204, 409, 423, 0].contains(status)).collect();
    assert!(granted.len() == 1 && others.is_empty(), "{answers:?}");
    scene.draft.patch(&path, LENGTH, "?1", "!").await.expect(201);
    let mut expected = Content::new(granted[0], LENGTH).bytes().to_vec();
    expected.push(b'!');
    assert_eq!(scene.draft.content(&path).await, expected);
}

#[tokio::test]
async fn delete_stops_a_running_append_and_leaves_nothing() {
    let scene = Scene::open().await;
    let path = scene.draft.create(Some(10_000)).await;
    let mut older = stalled(&scene.daemon, &path, b"some").await;
    scene.draft.call("DELETE", &path).send().await.expect(204);
    assert!(older.read_head().await.starts_with("HTTP/1.1 4"));
    scene.draft.head(&path).await.expect(404);
    assert_eq!(scene.draft.0.get("/v1/me").await.json()["staged_bytes"], 0);
}

#[tokio::test]
async fn a_last_append_that_is_cut_keeps_what_arrived_and_completes_nothing() {
    let scene = Scene::open().await;
    let content = Content::new(3, 10_000);
    let path = scene.draft.create(None).await;
    let mut cut = stalled(&scene.daemon, &path, &content.range(0..4000)).await;
    cut.finish().await;
    let _ = cut.read_to_close().await;
    let head = scene.draft.head(&path).await.expect(204);
    assert_eq!((head.header("upload-offset"), head.header("upload-complete")), (Some("4000"), Some("?0")));
    scene.draft.patch(&path, 4000, "?1", content.range(4000..10_000)).await.expect(201);
    assert_eq!(scene.draft.content(&path).await, content.bytes());
}
