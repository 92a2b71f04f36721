//! Ids of other users, of nobody, and of no shape at all.

use cairn_tests::{Client, exchange};
use serde_json::json;

use crate::scene::{CHUNK, Scene};

/// Asks everything that can be asked of an upload; every answer must be the one for what is not there.
async fn nothing_is_known(client: &Client, upload: &str) {
    let patch = client.call("PATCH", upload).header("upload-offset", "0");
    let patch = patch.header("content-type", "application/octet-stream").body("x").send();
    for answer in [
        client.get(upload).await,
        client.delete(upload).await,
        client.put(&format!("{upload}/chunks/1"), vec![0; 1000]).await,
        client.put(&format!("{upload}/chunks/99"), "x").await,
        client.post(&format!("{upload}/complete"), "").await,
        client.post_json(&format!("{upload}/proof"), &json!({ "answer": "0".repeat(64) })).await,
        patch.await,
    ] {
        let answer = answer.expect_problem(404, "no_upload");
        assert_eq!(answer.json()["title"], "No such upload");
    }
    let head = client.head(upload).await.expect(404);
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn the_upload_of_another_looks_like_none() {
    let scene = Scene::open().await;
    let (upload, content) = scene.upload().await;
    scene.client.put(&format!("{upload}/chunks/2"), content.chunk(2, CHUNK)).await.expect(200);
    nothing_is_known(&scene.client.user("mallory"), &upload).await;
    nothing_is_known(&scene.client, "/v1/uploads/ffffffffffffffffffffffffffffffff").await;
    // And nothing happened to it.
    assert_eq!(scene.missing(&upload).await, json!([[1, 1], [3, 3]]));
    let none = scene.client.user("mallory").get("/v1/uploads").await.expect(200).json();
    assert_eq!(none["items"], json!([]));
    scene.close().await;
}

#[tokio::test]
async fn the_file_of_another_looks_like_none() {
    let scene = Scene::open().await;
    scene.client.put("/v1/files/secret.txt", "mine").await.expect(201);
    let mallory = scene.client.user("mallory");
    let path = "/v1/files/secret.txt";
    mallory.get(path).await.expect_problem(404, "no_file");
    mallory.head(path).await.expect(404);
    mallory.delete(path).await.expect_problem(404, "no_file");
    mallory.post_json(path, &json!({ "rename_to": "stolen" })).await.expect_problem(404, "no_file");
    mallory.post_json(path, &json!({ "copy_to": "stolen" })).await.expect_problem(404, "no_file");
    assert_eq!(mallory.get("/v1/files").await.expect(200).json()["items"], json!([]));
    assert_eq!(scene.client.get(path).await.expect(200).text(), "mine");
    scene.client.delete(path).await.expect(204);
    scene.close().await;
}

#[tokio::test]
async fn an_id_of_no_shape_names_nothing() {
    let scene = Scene::open().await;
    for id in [
        "x",
        "0",
        "-1",
        "00000000000000000000000000000000000",
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd0000000",
        "0000000000000000%00000000000000000",
        "0000000000000000%0d%0a000000000000",
        "%F0%9F%92%A9",
        "%ff%fe",
    ] {
        nothing_is_known(&scene.client, &format!("/v1/uploads/{id}")).await;
    }
    nothing_is_known(&scene.client, &format!("/v1/uploads/{}", "a".repeat(4096))).await;
    scene.close().await;
}

#[tokio::test]
async fn an_id_of_a_megabyte_is_refused_before_it_is_read() {
    let scene = Scene::open().await;
    let id = "a".repeat(1 << 20);
    let request = format!("GET /v1/uploads/{id} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answer = exchange(scene.daemon.address(), request).await;
    let refused =
        ["HTTP/1.1 414 ", "HTTP/1.1 431 ", "HTTP/1.1 400 "].iter().any(|start| answer.starts_with(start));
    // A reset may overtake the answer: the daemon closes while bytes are still coming.
    assert!(refused || answer.is_empty(), "{answer}");
    let form = format!("uploadid={id}");
    let answer = scene.client.post_form("/file/mpupload/status", &form).await;
    assert!(matches!(answer.status, 400 | 404 | 413), "{answer:?}");
    scene.close().await;
}

#[tokio::test]
async fn a_users_name_that_is_none_is_refused() {
    let scene = Scene::open().await;
    for user in ["a%00b", "a%0d%0ab", &"u".repeat(300)] {
        let answer = scene.client.get(&format!("/v1/uploads?user={user}")).await;
        answer.expect_problem(400, "bad_user");
    }
    scene.close().await;
}
