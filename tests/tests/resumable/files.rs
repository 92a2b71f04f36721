//! What becomes of finished uploads, under which names, and who may see them.

use cairn_tests::{Call, Daemon};
use serde_json::json;

use super::scene::{Scene, path_of};

fn named(scene: &Scene, disposition: &str) -> Call {
    let call = scene.draft.call("POST", "/uploads/").header("upload-complete", "?1");
    call.header("content-disposition", disposition)
}

#[tokio::test]
async fn names_come_from_the_sender_and_hostile_ones_are_harmless() {
    let scene = Scene::open().await;
    let long = format!("inline; filename=\"{}\"", "x".repeat(10_000));
    for (disposition, path) in [
        ("attachment; filename=\"a b.txt\"", "a b.txt".to_owned()),
        ("attachment; filename=no; filename*=UTF-8''%D1%84.txt", "ф.txt".to_owned()),
        ("attachment; filename=\"../../etc/passwd\"", "etc/passwd".to_owned()),
        ("attachment; filename*=UTF-8''a%0D%0Ab%00", "ab".to_owned()),
        (long.as_str(), "x".repeat(1024)),
    ] {
        let file = named(&scene, disposition).body("x").send().await.expect(201).json();
        assert_eq!(file["path"], path, "{disposition}");
    }
    let answer = named(&scene, "attachment; filename=..").body("x").send().await;
    let id = path_of(&answer).trim_start_matches("/uploads/").to_owned();
    assert_eq!(answer.json()["path"], id);
}

#[tokio::test]
async fn two_uploads_of_one_name_are_two_files_and_a_put_replaces() {
    let scene = Scene::open().await;
    named(&scene, "inline; filename=a.txt").body("one").send().await.expect(201);
    let two = named(&scene, "inline; filename=a.txt").body("two").send().await.expect(201).json();
    assert_eq!(two["path"], "a (2).txt");
    let put = scene.draft.call("PUT", "/v1/files/a.txt").header("upload-complete", "?0");
    let path = path_of(&put.header("content-type", "text/plain").body("th").send().await);
    assert_eq!(scene.draft.0.get("/v1/files/a.txt").await.expect(200).body, "one");
    let last = scene.draft.patch(&path, 2, "?1", "ree").await.expect(200);
    let again = scene.draft.patch(&path, 5, "?1", "").await.expect(200);
    assert_eq!((last.json(), last.header("etag")), (again.json(), again.header("etag")));
    let file = scene.draft.0.get("/v1/files/a.txt").await.expect(200);
    assert_eq!((file.text(), file.header("content-type")), ("three", Some("text/plain")));
}

#[tokio::test]
async fn a_condition_holds_at_the_end_or_nothing_is_replaced() {
    let scene = Scene::open().await;
    let client = &scene.draft.0;
    let put = |body: &'static str| client.call("PUT", "/v1/files/a.txt").body(body).send();
    let tag = put("one").await.expect(201).header("etag").unwrap().to_owned();
    let begin = |field: &'static str, value: String| {
        let call = scene.draft.call("PUT", "/v1/files/a.txt").header("upload-complete", "?0");
        call.header(field, &value).body("th").send()
    };
    let matching = path_of(&begin("if-match", tag.clone()).await);
    begin("if-none-match", "*".to_owned()).await.expect_problem(412, "precondition_failed");
    let two = put("two").await.expect(200).header("etag").unwrap().to_owned();
    begin("if-match", tag).await.expect_problem(412, "precondition_failed");
    let last = scene.draft.patch(&matching, 2, "?1", "ree").await;
    last.expect_problem(412, "precondition_failed");
    assert_eq!(client.get("/v1/files/a.txt").await.expect(200).body, "two");
    // What was asked for holds in every protocol: the native one does not replace it either.
    let native = matching.replace("/uploads/", "/v1/uploads/");
    let refused = client.post(&format!("{native}/complete"), "").await;
    refused.expect_problem(412, "precondition_failed");
    client.call("DELETE", "/v1/files/a.txt").send().await.expect(204);
    let free = path_of(&begin("if-none-match", "*".to_owned()).await);
    put("four").await.expect(201);
    scene.draft.patch(&free, 2, "?1", "").await.expect_problem(412, "precondition_failed");
    client.call("DELETE", "/v1/files/a.txt").send().await.expect(204);
    let last = scene.draft.patch(&free, 2, "?1", "").await.expect(201);
    assert_ne!(last.header("etag").unwrap(), two);
    let file = client.get("/v1/files/a.txt").await.expect(200);
    assert_eq!(file.body, "th");
}

#[tokio::test]
async fn what_the_protocol_keeps_for_itself_is_not_in_the_file() {
    let scene = Scene::open().await;
    let file = named(&scene, "inline; filename=a.txt").body("one").send().await.expect(201).json();
    assert_eq!(file["metadata"], json!({}));
    let begin = |name: &'static str| {
        let call = scene.draft.call("POST", "/uploads/").header("upload-complete", "?0");
        call.header("content-disposition", &format!("inline; filename={name}")).body("two").send()
    };
    // A taken name is numbered, as was said in the beginning, whoever completes.
    let native = path_of(&begin("a.txt").await).replace("/uploads/", "/v1/uploads/");
    let shown = scene.draft.0.get(&native).await.expect(200);
    assert!(!shown.text().contains("rename"), "{shown:?}");
    let done = scene.draft.0.post(&format!("{native}/complete"), "").await.expect(200).json();
    assert_eq!(done["file"]["path"], "a (2).txt");
    // Unless completing says otherwise.
    let native = path_of(&begin("a.txt").await).replace("/uploads/", "/v1/uploads/");
    let replace = r#"{"if_exists": "replace"}"#;
    let done = scene.draft.0.post(&format!("{native}/complete"), replace).await.expect(200).json();
    assert_eq!(done["file"]["path"], "a.txt");
}

#[tokio::test]
async fn without_the_draft_a_post_is_a_whole_file() {
    let scene = Scene::open().await;
    let call =
        scene.draft.0.call("POST", "/uploads/").header("content-disposition", "inline; filename=a.txt");
    let answer = call.body("whole").send().await.expect(201);
    assert_eq!(answer.header("upload-complete"), None);
    let location = answer.header("location").unwrap().to_owned();
    assert_eq!(scene.draft.0.get(&location).await.expect(200).body, "whole");
}

#[tokio::test]
async fn a_version_is_not_needed_where_the_configuration_says_so() {
    let builder = Daemon::builder().env("CAIRN__PROTOCOLS__RESUMABLE_WITHOUT_VERSION", "true");
    let scene = Scene::with(builder).await;
    let call = scene.draft.0.call("POST", "/uploads/").header("upload-complete", "?0");
    let answer = call.send().await.expect(201);
    assert_eq!(answer.header("upload-complete"), Some("?0"));
    assert_eq!(answer.header("upload-draft-interop-version"), None);
}

#[tokio::test]
async fn uploads_of_others_are_unknown() {
    let scene = Scene::open().await;
    let path = scene.draft.create(Some(10)).await;
    for method in ["HEAD", "DELETE", "GET"] {
        scene.draft.call(method, &path).header("x-cairn-user", "eve").send().await.expect(404);
    }
    let call = scene.draft.patching(&path, 0, "?0").header("x-cairn-user", "eve");
    call.body("abc").send().await.expect(404);
    assert_eq!(scene.draft.offset(&path).await, 0);
}

#[tokio::test]
async fn a_client_of_tus_that_speaks_the_draft_is_understood() {
    let scene = Scene::open().await;
    let call = scene.draft.0.call("POST", "/uploads/").header("upload-draft-interop-version", "6");
    let call = call.header("upload-length", "10").header("upload-complete", "?0");
    let metadata = "filename dHdvLmJpbg==,filetype dmlkZW8vbXA0";
    let call = call.header("upload-metadata", metadata).header("content-type", super::scene::PART);
    let created = call.body("hello").send().await;
    assert_eq!(created.header("upload-offset"), Some("5"));
    let file = scene.draft.patch(&path_of(&created), 5, "?1", "world").await.expect(201).json();
    assert_eq!((&file["path"], &file["content_type"]), (&json!("two.bin"), &json!("video/mp4")));
}
