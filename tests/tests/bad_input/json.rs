//! JSON that is none, or not the one that is asked for.

use crate::scene::Scene;

#[tokio::test]
async fn what_is_no_json_object_is_refused_where_one_is_asked_for() {
    let scene = Scene::open().await;
    let (upload, _) = scene.upload().await;
    let deep = "[".repeat(10_000);
    let bad: [&[u8]; 10] = [
        b"{",
        b"not json",
        b"{\"path\": \"a\",}",
        b"{'path': 'a'}",
        b"[]",
        b"\"a\"",
        b"7",
        b"{\"path\": \"\xff\xfe\"}",
        b"{\"path\": \"a\"} {\"path\": \"b\"}",
        deep.as_bytes(),
    ];
    for route in ["/v1/uploads".to_owned(), format!("{upload}/complete")] {
        for body in bad {
            let answer = scene.client.post(&route, body.to_vec()).await;
            answer.expect_problem(400, "bad_json");
        }
    }
    scene.close().await;
}

#[tokio::test]
async fn a_document_that_is_too_long_is_refused() {
    let scene = Scene::open().await;
    let long = format!(r#"{{"path": "a", "length": 1, "metadata": {{"x": "{}"}}}}"#, "y".repeat(1 << 20));
    scene.client.post("/v1/uploads", long).await.expect_problem(413, "too_long");
    // Short enough to be read, too long to be kept.
    let long = format!(r#"{{"path": "a", "length": 1, "metadata": {{"x": "{}"}}}}"#, "y".repeat(20 << 10));
    scene.client.post("/v1/uploads", long).await.expect_problem(400, "metadata_too_long");
    scene.close().await;
}

#[tokio::test]
async fn members_of_another_type_are_refused_by_name() {
    let scene = Scene::open().await;
    for (body, kind) in [
        (r#"{"length": 1}"#, "bad_path"),
        (r#"{"path": 7, "length": 1}"#, "bad_path"),
        (r#"{"path": "a", "length": 1, "metadata": []}"#, "bad_metadata"),
        (r#"{"path": "a", "length": 1, "content_type": "a\r\nX-Evil: 1"}"#, "bad_content_type"),
        (r#"{"path": "a", "length": 1, "content_type": {}}"#, "bad_content_type"),
    ] {
        scene.client.post("/v1/uploads", body).await.expect_problem(400, kind);
    }
    let (upload, _) = scene.upload().await;
    let answer = scene.client.post(&format!("{upload}/complete"), r#"{"if_exists": "burn"}"#).await;
    answer.expect_problem(400, "bad_if_exists");
    scene.close().await;
}
