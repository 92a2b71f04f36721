//! What a link is not good for.

use serde_json::json;

use crate::scene::*;

#[tokio::test]
async fn a_link_is_good_for_its_own_path_and_method_alone() {
    let scene = Scene::open().await;
    let at = scene.download(json!({})).await;
    let (put, tus) = scene.upload(json!({})).await;
    let sending = location(&begin(&scene.somebody, &tus, 10, "").await.expect(201));
    let other = scene.ann.create_upload(&json!({ "path": "x", "length": 10 })).await;
    let other = other["upload_id"].as_str().unwrap();
    let id = sending.split(['/', '?']).nth(2).unwrap().to_owned();
    let mut tried = 0;
    for (link, granted) in [
        (text(&at), vec![("GET", "/v1/files/a%20file.bin"), ("HEAD", "/v1/files/a%20file.bin")]),
        (text(&put), vec![("PUT", "/v1/files/in/box.bin"), ("POST", "/files/"), ("POST", "/files")]),
        (
            text(&sending),
            ["HEAD", "PATCH", "DELETE"].into_iter().map(|m| (m, "/files/SELF")).collect::<Vec<_>>(),
        ),
    ] {
        for path in [
            "/v1/files/a%20file.bin",
            "/v1/files/in/box.bin",
            "/v1/files/in",
            "/v1/files/",
            "/v1/files",
            "/v1/uploads",
            "/v1/uploads/SELF",
            "/v1/uploads/OTHER",
            "/v1/me",
            "/v1/links",
            "/files/",
            "/files",
            "/files/SELF",
            "/files/OTHER",
            "/uploads/",
            "/uploads/SELF",
            "/file/query",
            "/file/download",
            "/file/mpupload/init",
            "/metrics",
            "/nowhere",
        ] {
            for method in ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"] {
                if granted.contains(&(method, path)) {
                    continue;
                }
                let real = path.replace("SELF", &id).replace("OTHER", other);
                let call = scene.somebody.call(method, &format!("{real}?link={link}"));
                let answer = call.header("tus-resumable", "1.0.0").send().await;
                assert_eq!(answer.status, 403, "{method} {path} with {granted:?}");
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 3 * 21 * 6 - 8);
    // No other method is smuggled in.
    let call = scene.somebody.call("POST", &sending).header("tus-resumable", "1.0.0");
    call.header("x-http-method-override", "DELETE").send().await.expect_problem(403, "link_forbids");
    let call = scene.somebody.call("POST", &tus).header("tus-resumable", "1.0.0");
    let call = call.header("upload-length", "1").header("upload-concat", "partial");
    call.send().await.expect_problem(403, "link_forbids");
    let draft = scene.somebody.call("PUT", &put).header("upload-draft-interop-version", "6");
    draft.header("upload-complete", "?0").body("abc").send().await.expect_problem(403, "link_forbids");
    assert_eq!(scene.ann.get("/v1/files").await.expect(200).json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_link_that_was_changed_holds_nothing() {
    let scene = Scene::open().await;
    let (at, other) = (scene.download(json!({})).await, scene.download(json!({ "once": true })).await);
    let ask = async |text: &str| scene.somebody.get(&format!("/v1/files/a%20file.bin?link={text}")).await;
    let parts: Vec<&str> = text(&at).split('.').collect();
    let others: Vec<&str> = text(&other).split('.').collect();
    let [key, payload, seal] = parts[..] else { panic!("{at}") };
    for changed in [
        String::new(),
        key.to_owned(),
        format!("two.{payload}.{seal}"),
        format!(".{payload}.{seal}"),
        format!("{key}.{}.{seal}", others[1]),
        format!("{key}.{payload}.{}", others[2]),
        format!("{key}.{payload}."),
        format!("{key}.{payload}.{}", "A".repeat(43)),
        format!("{key}..{seal}"),
        format!("{key}.{payload}.{seal}="),
        format!("{key}.{payload}.{seal}.{seal}"),
    ] {
        ask(&changed).await.expect_problem(403, "bad_link");
    }
    // Two are none, and a valid token beside it makes a bad one no better.
    ask(&format!("{}&link={}", text(&at), text(&at))).await.expect_problem(403, "bad_link");
    let told = scene.ann.get("/v1/files/a%20file.bin?link=x").await;
    told.expect_problem(403, "bad_link");
    ask(text(&at)).await.expect(200);
}

#[tokio::test]
async fn a_link_ends_when_it_says() {
    let scene = Scene::open().await;
    let wish = json!({ "for": "download", "path": "a file.bin", "expires_in": 1 });
    let at = target(&link(&scene.ann, &wish).await["url"]);
    let (_, tus) = scene.upload(json!({ "expires_in": 1 })).await;
    let on = location(&begin(&scene.somebody, &tus, 10, "").await.expect(201));
    scene.somebody.get(&at).await.expect(200);
    let begun = std::time::Instant::now();
    loop {
        let answer = scene.somebody.get(&at).await;
        if answer.status == 410 {
            answer.expect_problem(410, "link_expired");
            break;
        }
        answer.expect(200);
        assert!(begun.elapsed() < cairn_tests::LIMIT, "it never ended");
    }
    assert!(begun.elapsed() > std::time::Duration::from_millis(500), "it ended at once");
    let late = async || append(&scene.somebody, &on, 0, "abc").await;
    while late().await.status != 410 {
        assert!(begun.elapsed() < cairn_tests::LIMIT, "what it began never ended");
    }
}

#[tokio::test]
async fn a_link_of_one_use_is_good_for_one_of_many_at_once() {
    let scene = Scene::open().await;
    let at = scene.download(json!({ "once": true })).await;
    scene.somebody.head(&at).await.expect(403);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (client, at) = (scene.daemon.client(), at.clone());
        asking.spawn(async move { client.get(&at).await.status });
    }
    let mut told = asking.join_all().await;
    told.sort_unstable();
    assert_eq!((told[0], &told[1..]), (200, &[410; 15][..]));
    scene.somebody.get(&at).await.expect_problem(410, "link_spent");
    let (put, tus) = scene.upload(json!({ "once": true, "max_length": 10 })).await;
    // What is refused does not use it up.
    begin(&scene.somebody, &tus, 11, "").await.expect_problem(413, "too_long");
    let on = location(&begin(&scene.somebody, &tus, 10, "").await.expect(201));
    begin(&scene.somebody, &tus, 10, "").await.expect_problem(410, "link_spent");
    scene.somebody.put(&put, "abc").await.expect_problem(410, "link_spent");
    append(&scene.somebody, &on, 0, "0123456789").await.expect(204);
}

#[tokio::test]
async fn a_link_falls_with_its_user() {
    let scene = Scene::open().await;
    let at = scene.download(json!({})).await;
    let (_, tus) = scene.upload(json!({})).await;
    let on = location(&begin(&scene.somebody, &tus, 10, "").await.expect(201));
    scene.daemon.operator(&["users", "disable", "ann"]).await;
    scene.somebody.get(&at).await.expect_problem(403, "bad_link");
    append(&scene.somebody, &on, 0, "abc").await.expect_problem(403, "bad_link");
    scene.daemon.operator(&["users", "enable", "ann"]).await;
    scene.somebody.get(&at).await.expect(200);
    scene.daemon.operator(&["users", "remove", "ann", "--purge", "--yes"]).await;
    scene.somebody.get(&at).await.expect_problem(403, "bad_link");
    // Whoever comes by that name afterwards is somebody else.
    let ann = scene.daemon.client_of("ann").await;
    ann.put("/v1/files/a%20file.bin", "hers").await.expect(201);
    scene.somebody.get(&at).await.expect_problem(403, "bad_link");
}
