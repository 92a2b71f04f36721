//! Who may make links, and which.

use cairn_tests::Daemon;
use serde_json::json;

use crate::scene::*;

#[tokio::test]
async fn nobody_gives_away_a_right_that_they_have_not() {
    let scene = Scene::open().await;
    for (scopes, down, up) in
        [("read", 201, 403), ("write", 403, 201), ("read,write", 201, 201), ("admin", 403, 403)]
    {
        let client = scene.somebody.bearer(&scene.daemon.add_token("ann", scopes).await);
        let ask = async |wish| client.post_json("/v1/links", &wish).await;
        ask(json!({ "for": "download", "path": "a" })).await.expect(down);
        ask(json!({ "for": "upload", "path": "a" })).await.expect(up);
    }
    let nobody = scene.somebody.post_json("/v1/links", &json!({ "for": "download", "path": "a" })).await;
    nobody.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn what_cannot_be_a_link_is_refused() {
    let scene = Scene::open().await;
    let ask = async |wish| scene.ann.post_json("/v1/links", &wish).await;
    for (wish, kind) in [
        (json!({ "path": "a" }), "bad_link"),
        (json!({ "for": "everything", "path": "a" }), "bad_link"),
        (json!({ "for": "download" }), "bad_path"),
        (json!({ "for": "download", "path": "../a" }), "bad_path"),
        (json!({ "for": "download", "path": "a", "once": 1 }), "bad_once"),
        (json!({ "for": "download", "path": "a", "expires_in": 0 }), "bad_expiry"),
        (json!({ "for": "download", "path": "a", "expires_in": 7 * 24 * 3600 + 1 }), "bad_expiry"),
        (json!({ "for": "download", "path": "a", "expires_in": -1 }), "bad_expiry"),
        (json!({ "for": "upload", "path": "a", "max_length": -1 }), "bad_length"),
        (json!({ "for": "upload", "path": "a", "content_type": "a\nb" }), "bad_content_type"),
    ] {
        ask(wish).await.expect_problem(400, kind);
    }
    ask(json!({ "for": "download", "path": "a", "expires_in": 7 * 24 * 3600 })).await.expect(201);
    let told = ask(json!({ "for": "upload", "path": "ä/b c" })).await.expect(201);
    assert_eq!(told.header("cache-control"), Some("no-store"));
    let put = target(&told.json()["url"]);
    assert!(put.starts_with("/v1/files/%C3%A4/b%20c?link=one."), "{put}");
    scene.somebody.put(&put, "abc").await.expect(201);
    assert_eq!(scene.ann.get("/v1/files/%C3%A4/b%20c").await.expect(200).text(), "abc");
}

#[tokio::test]
async fn without_a_key_there_are_no_links() {
    let daemon = Daemon::builder().with_tokens().start().await;
    let ann = daemon.client_of("ann").await;
    let wish = json!({ "for": "download", "path": "a" });
    ann.post_json("/v1/links", &wish).await.expect_problem(404, "links_off");
    let scene = Scene::open().await;
    let at = scene.download(json!({})).await;
    daemon.client().get(&at).await.expect_problem(404, "links_off");
}

#[tokio::test]
async fn a_key_that_can_be_guessed_or_read_by_nobody_keeps_the_daemon_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("short"), "s".repeat(31)).unwrap();
    for (file, said) in [("short", "has 31 bytes; it needs 32"), ("none", "cannot be read")] {
        let keys = format!("[links]\nkeys = [\"a={}\"]\n", folder.path().join(file).display());
        let ended = Daemon::builder().config(&keys).run_to_end().await;
        assert!(!ended.status.success() && ended.log.contains(said), "{ended:?}");
    }
}
