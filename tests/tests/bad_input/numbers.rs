//! Lengths, chunk sizes, chunk numbers and offsets that are none, or too large.

use cairn_tests::exchange;
use serde_json::{Value, json};

use crate::scene::{CHUNK, Scene};

fn creation(length: &str, chunk_size: &str) -> String {
    format!(r#"{{"path": "a", "length": {length}, "chunk_size": {chunk_size}}}"#)
}

async fn create(scene: &Scene, body: String) -> cairn_tests::Answer {
    scene
        .client
        .call("POST", "/v1/uploads")
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
}

#[tokio::test]
async fn a_length_that_is_none_makes_no_upload() {
    let scene = Scene::open().await;
    for length in [
        "-1",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "340282366920938463463374607431768211456",
        "1.5",
        "1e3",
        "\"1000\"",
        "\"many\"",
        "true",
        "[1]",
        "{}",
    ] {
        let answer = create(&scene, creation(length, "1000")).await;
        answer.expect_problem(400, "bad_length");
    }
    // Too long for a number of any kind: no JSON at all.
    create(&scene, creation("1e400", "1000")).await.expect_problem(400, "bad_json");
    // A good number, and more than the daemon takes.
    for length in ["9223372036854775807", "549755813889"] {
        let answer = create(&scene, creation(length, "null")).await.expect_problem(413, "too_long");
        assert_eq!(answer.json()["limit"], 549_755_813_888_u64);
    }
    assert_eq!(scene.uploads("open").await, Vec::<Value>::new());
    scene.close().await;
}

#[tokio::test]
async fn a_chunk_size_that_is_none_or_outside_the_limits_makes_no_upload() {
    let scene = Scene::open().await;
    for size in ["-1", "1.5", "\"1\"", "18446744073709551616"] {
        create(&scene, creation("10", size)).await.expect_problem(400, "bad_chunk_size");
    }
    for size in ["0", "67108865"] {
        create(&scene, creation("10", size)).await.expect_problem(400, "chunk_size");
    }
    assert_eq!(scene.uploads("open").await, Vec::<Value>::new());
    scene.close().await;
}

#[tokio::test]
async fn fifty_thousand_chunks_are_refused_with_the_size_that_would_do() {
    let scene = Scene::open().await;
    let answer = create(&scene, creation("50000000", "1000")).await.expect_problem(400, "too_many_chunks");
    let facts = answer.json();
    assert_eq!(facts["asked"], 50_000);
    assert_eq!(facts["limit"], 10_000);
    assert_eq!(facts["smallest_chunk_size"], 5_000);
    // Without a wish the daemon finds a size itself.
    let upload = scene.client.create_upload(&json!({ "path": "a", "length": 549_755_813_888_u64 })).await;
    assert!(upload["chunk_count"].as_u64().unwrap() <= 10_000, "{upload}");
    scene.close().await;
}

#[tokio::test]
async fn the_tutorials_sizes_are_checked_as_strictly() {
    let scene = Scene::open().await;
    let hash = "0123456789abcdef0123456789abcdef01234567";
    for size in
        ["-1", "9223372036854775808", "18446744073709551616", "1.5", "1e3", "", "abc", "%00", "+5", "0x10"]
    {
        let size = size.replace('+', "%2B");
        let form = format!("username=u&filehash={hash}&filesize={size}");
        let answer = scene.client.post_form("/file/mpupload/init", &form).await;
        assert_eq!(answer.status, 400, "{size}: {answer:?}");
        assert!(answer.json()["code"].as_i64().unwrap() < 0, "{size}: {answer:?}");
    }
    for hash in ["", "xyz", &hash[1..], &format!("{hash}0"), "../../../../etc/passwd"] {
        let form = format!("username=u&filehash={hash}&filesize=10");
        let answer = scene.client.post_form("/file/mpupload/init", &form).await;
        assert_eq!(answer.status, 400, "{hash}: {answer:?}");
    }
    scene.close().await;
}

#[tokio::test]
async fn a_chunk_that_the_upload_does_not_have_is_refused() {
    let scene = Scene::open().await;
    let (upload, content) = scene.upload().await;
    let body = content.chunk(1, CHUNK);
    for number in ["0", "4", "10000", "18446744073709551615"] {
        let answer = scene.client.put(&format!("{upload}/chunks/{number}"), body.clone()).await;
        let answer = answer.expect_problem(400, "chunk_number");
        assert_eq!(answer.json()["chunk_count"], 3);
    }
    for number in ["-1", "%2B1", "1e3", "1.0", "18446744073709551616", "one", "1%00", "%20", "%EF%BC%91"] {
        let answer = scene.client.put(&format!("{upload}/chunks/{number}"), body.clone()).await;
        answer.expect_problem(400, "bad_chunk_number");
    }
    assert_eq!(scene.missing(&upload).await, json!([[1, 3]]));
    scene.close().await;
}

#[tokio::test]
async fn an_offset_that_is_none_appends_nothing() {
    let scene = Scene::open().await;
    let (upload, content) = scene.upload().await;
    for offset in ["-1", "+5", "1e3", "0.0", "0x0", "18446744073709551616", "none", "0, 0", ""] {
        let call = scene.client.call("PATCH", &upload).header("upload-offset", offset);
        let call = call.header("content-type", "application/octet-stream").body(content.chunk(1, CHUNK));
        assert_eq!(call.send().await.status, 400, "{offset}");
    }
    let without = scene.client.call("PATCH", &upload).header("content-type", "application/octet-stream");
    assert_eq!(without.body("x").send().await.status, 400);
    let elsewhere = scene.client.call("PATCH", &upload).header("upload-offset", "7");
    let elsewhere = elsewhere.header("content-type", "application/octet-stream").body("x").send().await;
    let elsewhere = elsewhere.expect_problem(409, "offset_mismatch");
    assert_eq!(elsewhere.header("upload-offset"), Some("0"));
    assert_eq!(scene.missing(&upload).await, json!([[1, 3]]));
    scene.close().await;
}

#[tokio::test]
async fn a_content_length_that_is_none_or_contradicts_itself_is_refused() {
    let scene = Scene::open().await;
    let (upload, _) = scene.upload().await;
    for length in ["-5", "+5", "1e3", "18446744073709551616", "five", "5, 6", "5\r\nContent-Length: 6"] {
        let request = format!(
            "PUT {upload}/chunks/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\nhello"
        );
        let answer = exchange(scene.daemon.address(), request).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{length}: {answer}");
    }
    // Announced in good form, and more than a chunk has: refused before a byte of it is read.
    let request = format!(
        "PUT {upload}/chunks/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 9223372036854775807\r\n\r\n"
    );
    let answer = exchange(scene.daemon.address(), request).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("chunk_length"), "{answer}");
    assert_eq!(scene.missing(&upload).await, json!([[1, 3]]));
    scene.close().await;
}
