//! One upload, two protocols.

use serde_json::json;

use cairn_tests::Content;

use super::scene::Scene;

#[tokio::test]
async fn begun_natively_watched_and_gone_on_with_by_tus_completed_natively() {
    let scene = Scene::open().await;
    let content = Content::new(5, 4000);
    let wish = json!({ "path": "both.bin", "length": 4000, "chunk_size": 1000 });
    let native = scene.tus.0.create_upload(&wish).await["upload_id"].as_str().unwrap().to_owned();
    let (tus, native) = (format!("/files/{native}"), format!("/v1/uploads/{native}"));
    for number in [1, 2, 4] {
        scene.tus.0.put(&format!("{native}/chunks/{number}"), content.chunk(number, 1000)).await.expect(200);
    }
    assert_eq!(scene.tus.offset(&tus).await, 2000);
    let half = scene.tus.patch(&tus, 2000, content.range(2000..2500)).await.expect(204);
    assert_eq!(half.header("upload-offset"), Some("2500"));
    scene.tus.0.put(&format!("{native}/chunks/3"), content.chunk(3, 1000)).await.expect(200);
    assert_eq!(scene.tus.offset(&tus).await, 4000);
    // Who began it natively says natively when it is complete.
    assert_eq!(scene.tus.0.get(&native).await.json()["state"], "open");
    scene.tus.0.get(&tus).await.expect(404);
    scene.tus.0.post(&format!("{native}/complete"), "").await.expect(200);
    assert_eq!(scene.tus.content(&tus).await, content.bytes());
    assert_eq!(scene.tus.0.get("/v1/files/both.bin").await.expect(200).body, content.bytes());
}

#[tokio::test]
async fn begun_by_tus_sent_natively_out_of_order_and_ended_by_tus() {
    let scene = Scene::open().await;
    let content = Content::new(6, 4000);
    let created = scene.tus.call("POST", "/files/").header("upload-length", "4000");
    let metadata = "filename dHdvLmJpbg==,filetype dmlkZW8vbXA0";
    let path = super::scene::path_of(&created.header("upload-metadata", metadata).send().await);
    let native = path.replace("/files/", "/v1/uploads/");
    let head = scene.tus.0.get(&native).await.expect(200).json();
    assert_eq!((&head["path"], &head["length"]), (&json!("two.bin"), &json!(4000)));
    scene.tus.patch(&path, 0, content.range(0..4000)).await.expect(204);
    let file = scene.tus.0.get(&native).await.expect(200).json()["file"].clone();
    assert_eq!((&file["path"], &file["content_type"]), (&json!("two.bin"), &json!("video/mp4")));
    let again = scene.tus.0.post(&format!("{native}/complete"), "").await.expect(200).json();
    assert_eq!(again["file"], file);
    assert_eq!(file["metadata"]["filename"], "two.bin");
}
