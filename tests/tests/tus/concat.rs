//! Concatenation: parts in a row, and no byte copied.

use cairn_tests::{Answer, Content, Daemon, left_behind};

use super::scene::{BYTES, Scene, Tus, path_of};

/// A finished part with these bytes; its path.
async fn part(tus: &Tus, bytes: impl Into<bytes::Bytes>) -> String {
    let bytes: bytes::Bytes = bytes.into();
    let call = tus.call("POST", "/files/").header("upload-concat", "partial").header("content-type", BYTES);
    path_of(&call.header("upload-length", &bytes.len().to_string()).body(bytes).send().await)
}

async fn join(tus: &Tus, list: &str) -> Answer {
    tus.call("POST", "/files/").header("upload-concat", &format!("final;{list}")).send().await
}

#[tokio::test]
async fn parts_become_one_file_in_the_order_of_the_list_and_none_by_themselves() {
    let scene = Scene::open().await;
    let tus = &scene.tus;
    let (one, two) = (part(tus, "hello ").await, part(tus, "world").await);
    let head = tus.head(&one).await.expect(200);
    assert_eq!(head.header("upload-concat"), Some("partial"));
    assert_eq!((head.header("upload-offset"), head.header("upload-length")), (Some("6"), Some("6")));
    assert!(head.header("upload-expires").is_some());
    assert_eq!(tus.0.get("/v1/files").await.json()["items"].as_array().unwrap().len(), 0);
    assert_eq!(tus.0.get("/v1/me").await.json()["staged_bytes"], 11);
    tus.0.get(&one).await.expect(404);

    let list = format!("{one} http://{}{two}", scene.daemon.address());
    let call = tus.call("POST", "/files/").header("upload-concat", &format!("final;{list}"));
    let made = call.header("upload-metadata", "filename YS50eHQ=").send().await;
    let whole = path_of(&made);
    let head = tus.head(&whole).await.expect(200);
    assert_eq!(head.header("upload-concat"), Some(format!("final;{list}").as_str()));
    assert_eq!((head.header("upload-offset"), head.header("upload-length")), (Some("11"), Some("11")));
    assert_eq!(head.header("upload-metadata"), Some("filename YS50eHQ="));
    assert_eq!(head.header("upload-expires"), None);
    assert_eq!(tus.content(&whole).await, "hello world");
    assert_eq!(tus.0.get("/v1/files/a.txt").await.expect(200).body, "hello world");
    assert_eq!(tus.0.get("/v1/files").await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_part_may_be_there_twice_in_several_and_go_afterwards() {
    let scene = Scene::open().await;
    let tus = &scene.tus;
    let (one, two) = (part(tus, Content::new(1, 70_001).bytes()).await, part(tus, "|").await);
    let twice = path_of(&join(tus, &format!("{one} {two} {one}/")).await);
    let other = path_of(&join(tus, &format!(" {two}")).await);
    let part_content = Content::new(1, 70_001).bytes();
    let expected = [&part_content[..], b"|", &part_content[..]].concat();
    for path in [&one, &two] {
        tus.call("DELETE", path).send().await.expect(204);
        tus.head(path).await.expect(404);
    }
    assert_eq!(tus.content(&twice).await, expected);
    assert_eq!(tus.content(&other).await, "|");
}

#[tokio::test]
async fn what_cannot_be_joined_is_refused() {
    let scene = Scene::open().await;
    let tus = &scene.tus;
    let whole = part(tus, "abc").await;
    let unfinished =
        tus.call("POST", "/files/").header("upload-concat", "partial").header("upload-length", "5");
    let unfinished = path_of(&unfinished.send().await);
    let alone = tus.create(0).await;
    for list in [
        String::new(),
        " ".to_owned(),
        unfinished.clone(),
        format!("{whole} {unfinished}"),
        alone,
        "/elsewhere/x".to_owned(),
        format!("http://other.example{whole}"),
    ] {
        let answer = join(tus, &list).await;
        assert_eq!(answer.status, 400, "{list}: {answer:?}");
    }
    join(tus, "/files/00000000000000000000000000000000").await.expect(404);
    let eve = tus.call("POST", "/files/").header("x-cairn-user", "eve");
    eve.header("upload-concat", &format!("final;{whole}")).send().await.expect(404);
    for (name, value) in [("upload-length", "3"), ("upload-defer-length", "1")] {
        let call = tus.call("POST", "/files/").header("upload-concat", &format!("final;{whole}"));
        call.header(name, value).send().await.expect(400);
    }
    for wrong in ["final", "Final;/files/x", "partial;x", ""] {
        let call = tus.call("POST", "/files/").header("upload-length", "5").header("upload-concat", wrong);
        call.send().await.expect(400);
    }
    let bytes = tus.call("POST", "/files/").header("upload-concat", &format!("final;{whole}"));
    bytes.header("content-type", BYTES).body("x").send().await.expect(403);
    let made = path_of(&join(tus, &whole).await);
    tus.patch(&made, 3, "").await.expect(403);
    tus.patch(&made, 3, "x").await.expect(403);
    tus.patch(&whole, 3, "").await.expect(204);
    tus.patch(&whole, 3, "x").await.expect(413);
}

#[tokio::test]
async fn more_than_an_upload_may_have_is_refused() {
    let scene = Scene::with(Daemon::builder().env("CAIRN__UPLOADS__MAX_LENGTH", "5B")).await;
    let one = part(&scene.tus, "abc").await;
    join(&scene.tus, &format!("{one} {one}")).await.expect(413);
    join(&scene.tus, &one).await.expect(201);
}

#[tokio::test]
async fn a_long_one_is_there_at_once_read_when_asked_for_and_finished_after_a_kill() {
    let mut scene = Scene::open().await;
    let content = Content::new(8, 70 << 20);
    let half = content.length() / 2 + 3;
    let one = part(&scene.tus, content.range(0..half)).await;
    let two = part(&scene.tus, content.range(half..content.length())).await;
    let before: u64 = left_behind::files(&scene.daemon.seen_data_dir()).values().sum();
    let made = path_of(&join(&scene.tus, &format!("{one} {two}")).await);
    assert_eq!(scene.tus.offset(&made).await, content.length());
    scene.daemon.kill9().await;
    scene.daemon.restart().await;
    let tus = Tus(scene.daemon.client());
    assert_eq!(tus.offset(&made).await, content.length());
    for path in [&one, &two] {
        tus.call("DELETE", path).send().await.expect(204);
    }
    let read = tus.0.download(&made).await;
    assert_eq!((read.status, read.sha1), (200, content.sha1()));
    let after: u64 = left_behind::files(&scene.daemon.seen_data_dir()).values().sum();
    assert!(after < before + (8 << 20), "{before} bytes became {after}");
}
