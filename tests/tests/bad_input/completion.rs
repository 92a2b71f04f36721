//! Completions of what is unknown, incomplete, or other than was declared.

use serde_json::json;

use crate::scene::{CHUNK, Scene};

#[tokio::test]
async fn complete_of_an_unknown_upload_is_404() {
    let scene = Scene::open().await;
    let nobody = "/v1/uploads/00000000000000000000000000000000/complete";
    scene.client.post(nobody, "").await.expect_problem(404, "no_upload");
    let form = "uploadid=00000000000000000000000000000000&username=u&filehash=da39a3ee5e6b4b0d3255bfef95601890afd80709&filesize=0&filename=f";
    let answer = scene.client.post_form("/file/mpupload/complete", form).await;
    assert_eq!(answer.status, 404, "{answer:?}");
    assert!(answer.json()["code"].as_i64().unwrap() < 0, "{answer:?}");
    scene.client.get("/v1/files/f").await.expect_problem(404, "no_file");
    scene.close().await;
}

#[tokio::test]
async fn complete_with_chunks_missing_names_them() {
    let scene = Scene::open().await;
    let (upload, content) = scene.upload().await;
    scene.client.put(&format!("{upload}/chunks/2"), content.chunk(2, CHUNK)).await.expect(200);
    for _ in 0..2 {
        let answer =
            scene.client.post(&format!("{upload}/complete"), "").await.expect_problem(409, "incomplete");
        assert_eq!(answer.json()["missing"], json!([1, 3]));
    }
    // It is open as before.
    scene.client.put(&format!("{upload}/chunks/1"), content.chunk(1, CHUNK)).await.expect(200);
    scene.client.get("/v1/files/a/b.bin").await.expect_problem(404, "no_file");
    scene.close().await;
}

#[tokio::test]
async fn complete_with_another_digest_or_length_is_refused_and_the_upload_goes_on() {
    let scene = Scene::open().await;
    let (upload, content) = scene.upload().await;
    for number in 1..=3 {
        let chunk = content.chunk(number, CHUNK);
        scene.client.put(&format!("{upload}/chunks/{number}"), chunk).await.expect(200);
    }
    let complete = format!("{upload}/complete");
    let wrong = format!("sha1:{}", "0".repeat(40));
    let answer = scene.client.post_json(&complete, &json!({ "digest": wrong })).await;
    let facts = answer.expect_problem(422, "digest_mismatch").json();
    assert_eq!(facts["expected"], wrong);
    assert_eq!(facts["computed"], format!("sha1:{}", content.sha1()));
    assert_eq!(facts["suspect_chunks"], json!([]));
    let answer = scene.client.post_json(&complete, &json!({ "length": 5 })).await;
    answer.expect_problem(409, "length_conflict");
    scene.client.get("/v1/files/a/b.bin").await.expect_problem(404, "no_file");

    let right = json!({ "digest": format!("sha1:{}", content.sha1()), "length": content.length() });
    scene.client.post_json(&complete, &right).await.expect(200);
    scene.client.delete("/v1/files/a/b.bin").await.expect(204);
    scene.close().await;
}
