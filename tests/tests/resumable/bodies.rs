//! Bodies that are longer than they may be, and those that wait to be asked; problem documents in full.

use cairn_tests::RawConnection;

use super::scene::{PART, Scene};

fn patch(path: &str, offset: u64, more: &str) -> String {
    format!(
        "PATCH {path} HTTP/1.1\r\nHost: a\r\nUpload-Draft-Interop-Version: 8\r\nContent-Type: {PART}\r\n\
         Upload-Offset: {offset}\r\n{more}\r\n"
    )
}

#[tokio::test]
async fn a_chunked_body_past_the_known_length_ends_the_upload() {
    let scene = Scene::open().await;
    let path = scene.draft.create(Some(10)).await;
    let mut connection = RawConnection::open(scene.daemon.address()).await;
    let more = "Upload-Complete: ?0\r\nTransfer-Encoding: chunked\r\n";
    let body = "8\r\n01234567\r\n8\r\n89abcdef\r\n";
    connection.send(patch(&path, 0, more) + body).await.unwrap();
    assert!(connection.read_head().await.starts_with("HTTP/1.1 400 "));
    scene.draft.head(&path).await.expect(404);
    scene.draft.patch(&path, 0, "?0", "x").await.expect(404);
}

#[tokio::test]
async fn a_chunked_last_body_that_ends_early_is_kept_and_completes_nothing() {
    let scene = Scene::open().await;
    let path = scene.draft.create(Some(10)).await;
    let mut connection = RawConnection::open(scene.daemon.address()).await;
    let more = "Upload-Complete: ?1\r\nTransfer-Encoding: chunked\r\n";
    connection.send(patch(&path, 0, more) + "8\r\n01234567\r\n0\r\n\r\n").await.unwrap();
    assert!(connection.read_head().await.starts_with("HTTP/1.1 400 "));
    assert_eq!(scene.draft.offset(&path).await, 8);
    scene.draft.patch(&path, 8, "?1", "89").await.expect(201);
    assert_eq!(scene.draft.content(&path).await, "0123456789");
}

#[tokio::test]
async fn a_body_is_asked_for_when_everything_else_is_right() {
    let scene = Scene::open().await;
    let path = scene.draft.create(Some(10)).await;
    let waits = "Upload-Complete: ?0\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n";
    for (offset, more, status) in [(1, "", "409"), (0, "Content-Digest: sha=1\r\n", "400")] {
        let mut connection = RawConnection::open(scene.daemon.address()).await;
        connection.send(patch(&path, offset, &format!("{more}{waits}"))).await.unwrap();
        assert!(connection.read_head().await.starts_with(&format!("HTTP/1.1 {status} ")));
    }
    let mut connection = RawConnection::open(scene.daemon.address()).await;
    connection.send(patch(&path, 0, waits)).await.unwrap();
    assert!(connection.read_head().await.starts_with("HTTP/1.1 100 "));
    connection.send("hello").await.unwrap();
    assert!(connection.read_head().await.starts_with("HTTP/1.1 204 "));
}

#[tokio::test]
async fn problems_are_of_the_registered_types_with_their_members() {
    let scene = Scene::open().await;
    let path = scene.draft.create(Some(10)).await;
    let mismatch = scene.draft.patch(&path, 3, "?0", "x").await.expect(409).json();
    let types = "https://iana.org/assignments/http-problem-types";
    assert_eq!(mismatch["type"], format!("{types}#mismatching-upload-offset"));
    assert_eq!((&mismatch["expected-offset"], &mismatch["provided-offset"]), (&0.into(), &3.into()));
    let inconsistent = scene.draft.patch(&path, 0, "?1", "x").await.expect(400).json();
    assert_eq!(inconsistent["type"], format!("{types}#inconsistent-upload-length"));
}

#[tokio::test]
async fn over_http2_uploads_on_one_connection_go_on_side_by_side() {
    let scene = Scene::open().await;
    let draft = super::scene::Draft(cairn_tests::Client::http2(scene.daemon.address()));
    let path = draft.create(Some(10)).await;
    draft.patch(&path, 0, "?0", "hello").await.expect(204);
    let (offset, other) = tokio::join!(draft.offset(&path), draft.create(None));
    assert_eq!(offset, 5);
    draft.patch(&path, 5, "?1", "world").await.expect(201);
    assert_eq!(draft.content(&path).await, "helloworld");
    assert_eq!(draft.offset(&other).await, 0);
}
