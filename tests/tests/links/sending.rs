//! What whoever has a link can do with it, with nothing but a URL.

use serde_json::json;
use tokio::process::Command;

use crate::scene::*;

#[tokio::test]
async fn a_download_link_opens_its_file_and_curl_needs_no_more() {
    let scene = Scene::open().await;
    let at = scene.download(json!({})).await;
    let answer = scene.somebody.get(&at).await.expect(200);
    assert_eq!(answer.body, content().bytes());
    assert_eq!(
        (answer.header("cache-control"), answer.header("referrer-policy")),
        (Some("no-store"), Some("no-referrer"))
    );
    assert_eq!(scene.somebody.head(&at).await.expect(200).header("content-length"), Some("3000"));
    let part = scene.somebody.call("GET", &at).header("range", "bytes=10-19").send().await.expect(206);
    assert_eq!(part.body, content().range(10..20));
    let url = format!("http://{}{at}", scene.daemon.address());
    let curl = Command::new("curl").args(["-sSf", &url]).output().await.unwrap();
    assert!(curl.stdout == content().bytes(), "{:?}", curl.stderr);
}

#[tokio::test]
async fn an_upload_link_takes_a_file_of_curls_which_is_its_owners() {
    let scene = Scene::open().await;
    let (at, _) = scene.upload(json!({ "content_type": "video/mp4" })).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("whatever");
    std::fs::write(&file, content().bytes()).unwrap();
    let url = format!("http://{}{at}", scene.daemon.address());
    let curl = Command::new("curl").args(["-sSf", "-T"]).arg(&file).arg(&url).output().await.unwrap();
    assert!(curl.status.success(), "{curl:?}");
    let told = scene.ann.get("/v1/files/in/box.bin").await.expect(200);
    assert_eq!((told.header("content-type"), told.body == content().bytes()), (Some("video/mp4"), true));
    let me = scene.ann.get("/v1/me").await.expect(200).json();
    assert_eq!(me["used_bytes"], json!(2 * LENGTH));
}

#[tokio::test]
async fn a_tus_client_that_knows_nothing_but_the_link_sends_a_file_to_its_path() {
    let scene = Scene::open().await;
    let (_, at) = scene.upload(json!({})).await;
    // "other.bin" and "kept" in base64.
    let begun = begin(&scene.somebody, &at, LENGTH, "filename b3RoZXIuYmlu,note a2VwdA==").await.expect(201);
    let on = location(&begun);
    assert_eq!(append(&scene.somebody, &on, 0, content().range(0..1_000)).await.expect(204).body, "");
    let head = scene.somebody.call("HEAD", &on).header("tus-resumable", "1.0.0").send().await.expect(200);
    assert_eq!(head.header("upload-offset"), Some("1000"));
    assert!(head.header("upload-metadata").unwrap().contains("note a2VwdA=="));
    append(&scene.somebody, &on, 1_000, content().range(1_000..LENGTH)).await.expect(204);
    assert_eq!(scene.ann.download("/v1/files/in/box.bin").await.sha1, content().sha1());
    scene.ann.get("/v1/files/other.bin").await.expect_problem(404, "no_file");
    let gone = begin(&scene.somebody, &at, LENGTH, "").await.expect(201);
    let end = scene.somebody.call("DELETE", &location(&gone)).header("tus-resumable", "1.0.0");
    end.send().await.expect(204);
    assert_eq!(scene.ann.get("/v1/me").await.expect(200).json()["staged_bytes"], json!(0));
}

#[tokio::test]
async fn a_file_may_be_as_long_as_the_link_says_and_not_one_byte_longer() {
    let scene = Scene::open().await;
    let (put, tus) = scene.upload(json!({ "max_length": 1_000 })).await;
    for (length, fits) in [(999, true), (1_000, true), (1_001, false)] {
        let told = scene.somebody.put(&put, content().range(0..length)).await;
        let begun = begin(&scene.somebody, &tus, length, "").await;
        if fits {
            assert!([200, 201].contains(&told.status), "{told:?}");
            begun.expect(201);
        } else {
            for refused in [told, begun] {
                let facts = refused.expect_problem(413, "too_long").json();
                assert_eq!((&facts["length"], &facts["limit"]), (&json!(1_001), &json!(1_000)));
            }
        }
    }
    assert_eq!(scene.ann.get("/v1/files/in/box.bin").await.expect(200).body, content().range(0..1_000));
    // Nor is it let in without a length.
    scene
        .somebody
        .put(&put, cairn_tests::Body::pieces([Ok(content().range(0..10))].into_iter(), None))
        .await
        .expect_problem(411, "length_required");
    let deferred = scene.somebody.call("POST", &tus).header("tus-resumable", "1.0.0");
    deferred.header("upload-defer-length", "1").send().await.expect_problem(403, "link_forbids");
    // Nor by more bytes than were told.
    let begun = location(&begin(&scene.somebody, &tus, 1_000, "").await.expect(201));
    assert_eq!(append(&scene.somebody, &begun, 0, content().range(0..1_001)).await.status, 413);
}

#[tokio::test]
async fn the_media_type_is_the_links() {
    let scene = Scene::open().await;
    let (put, tus) = scene.upload(json!({ "content_type": "image/png" })).await;
    let send = async |kind: &str| {
        scene.somebody.call("PUT", &put).header("content-type", kind).body("png").send().await
    };
    send("image/gif").await.expect_problem(415, "link_content_type");
    scene.ann.get("/v1/files/in/box.bin").await.expect_problem(404, "no_file");
    send("Image/PNG").await.expect(201);
    // image/gif, image/png
    begin(&scene.somebody, &tus, 3, "filetype aW1hZ2UvZ2lm").await.expect_problem(415, "link_content_type");
    for metadata in ["filetype aW1hZ2UvcG5n", ""] {
        let on = location(&begin(&scene.somebody, &tus, 3, metadata).await.expect(201));
        append(&scene.somebody, &on, 0, "gif").await.expect(204);
        let told = scene.ann.get("/v1/files/in/box.bin").await.expect(200);
        assert_eq!((told.header("content-type"), told.text()), (Some("image/png"), "gif"));
    }
}
