//! Bodies that are too short, too long, silent, broken or not what their digest says.

use std::time::{Duration, Instant};

use cairn_tests::{Body, Daemon, RawConnection};
use serde_json::json;

use crate::scene::{CHUNK, Scene};

#[tokio::test]
async fn a_chunk_of_another_length_is_refused_and_nothing_of_it_is_kept() {
    let scene = Scene::open().await;
    let (upload, content) = scene.upload().await;
    let chunk = |number| format!("{upload}/chunks/{number}");
    let long = content.range(0..CHUNK + 1);
    let short = content.range(0..CHUNK - 1);
    for (number, body) in
        [(1, long.clone()), (1, short.clone()), (1, "".into()), (3, "xy".into()), (3, "".into())]
    {
        let whole = scene.client.put(&chunk(number), body.clone()).await;
        whole.expect_problem(400, "chunk_length");
        let pieces = Body::pieces(vec![Ok(body)].into_iter(), None);
        let chunked = scene.client.put(&chunk(number), pieces).await;
        chunked.expect_problem(400, "chunk_length");
    }
    assert_eq!(scene.missing(&upload).await, json!([[1, 3]]));

    // The upload is none the worse for it.
    for number in 1..=3 {
        scene.client.put(&chunk(number), content.chunk(number, CHUNK)).await.expect(200);
    }
    scene.client.post(&format!("{upload}/complete"), "").await.expect(200);
    assert_eq!(scene.client.get("/v1/files/a/b.bin").await.expect(200).body, content.bytes());
    scene.client.delete("/v1/files/a/b.bin").await.expect(204);
    scene.close().await;
}

#[tokio::test]
async fn a_chunk_whose_connection_breaks_is_not_there() {
    let scene = Scene::open().await;
    let (upload, content) = scene.upload().await;
    let half = content.range(0..CHUNK / 2);
    let broken =
        scene.client.call("PUT", &format!("{upload}/chunks/1")).body(Body::broken_after(half.clone()));
    // An answer may come before the connection goes; it is no good one.
    if let Ok(answer) = broken.try_send().await {
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    let mut connection = RawConnection::open(scene.daemon.address()).await;
    let head = format!("PUT {upload}/chunks/1 HTTP/1.1\r\nHost: a\r\nContent-Length: {CHUNK}\r\n\r\n");
    connection.send([head.as_bytes(), &half].concat()).await.unwrap();
    connection.finish().await;
    connection.read_to_close().await;
    assert_eq!(scene.missing(&upload).await, json!([[1, 3]]));
    scene.close().await;
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up_with_408() {
    let scene = Scene::with(Daemon::builder().env("CAIRN__SERVER__BODY_IDLE_TIMEOUT", "300ms")).await;
    let (upload, content) = scene.upload().await;
    let begun = Instant::now();
    let mut connection = RawConnection::open(scene.daemon.address()).await;
    let head = format!("PUT {upload}/chunks/1 HTTP/1.1\r\nHost: a\r\nContent-Length: {CHUNK}\r\n\r\n");
    connection.send([head.as_bytes(), &content.range(0..CHUNK / 2)].concat()).await.unwrap();
    let answer = connection.read_to_close().await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("body_stalled"), "{answer}");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(scene.missing(&upload).await, json!([[1, 3]]));
    scene.close().await;
}

#[tokio::test]
async fn a_head_that_stalls_is_given_up() {
    let scene = Scene::with(Daemon::builder().env("CAIRN__SERVER__HEADER_TIMEOUT", "300ms")).await;
    let mut connection = RawConnection::open(scene.daemon.address()).await;
    connection.send("GET /healthz HTTP/1.1\r\nHost:").await.unwrap();
    let answer = connection.read_to_close().await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    scene.close().await;
}

#[tokio::test]
async fn a_body_that_is_not_what_its_digest_says_is_refused() {
    let scene = Scene::open().await;
    let (upload, content) = scene.upload().await;
    let path = format!("{upload}/chunks/1");
    let put = |digest: &str| {
        scene.client.call("PUT", &path).header("content-digest", digest).body(content.chunk(1, CHUNK)).send()
    };
    // Digests of nothing: well-formed, and not of these bytes.
    for wrong in [
        "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
        "sha-512=:z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==:",
        "sha=:2jmj7l5rSw0yVb/vlWAYkK/YBwk=:",
        "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:",
    ] {
        let answer = put(wrong).await.expect_problem(422, "digest_mismatch");
        assert!(answer.json()["computed"].is_string(), "{answer:?}");
    }
    for malformed in
        ["sha-256", "sha-256=xyz", "sha-256=:!!!!:", "sha-256=:AAAA:", "=", "sha-256=:47DEQpj8HBSa", "\u{1}"]
    {
        let malformed = malformed.replace('\u{1}', ";;;");
        put(&malformed).await.expect_problem(400, "bad_digest");
    }
    assert_eq!(scene.missing(&upload).await, json!([[1, 3]]));
    scene.close().await;
}

#[tokio::test]
async fn a_declared_digest_that_is_none_makes_no_upload() {
    let scene = Scene::open().await;
    for digest in
        ["sha1:", "sha1:xyz", "sha1:00", "md5:d41d8cd98f00b204e9800998ecf8427e", "da39a3ee", ":", "sha256:é"]
    {
        let wish = json!({ "path": "a", "length": 10, "digest": digest });
        let answer = scene.client.post_json("/v1/uploads", &wish).await;
        answer.expect_problem(400, "bad_digest");
    }
    let wish = json!({ "path": "a", "length": 10, "digest": 7 });
    scene.client.post_json("/v1/uploads", &wish).await.expect_problem(400, "bad_digest");
    scene.close().await;
}
