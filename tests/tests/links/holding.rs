//! Keys that come and go, and what the log tells of links.

use cairn_tests::Daemon;
use serde_json::json;

use crate::scene::*;

#[tokio::test]
async fn an_old_key_verifies_until_it_is_taken_away() {
    let (keys, folder) = (KeyRing::new(), tempfile::tempdir().unwrap());
    let start = async |ids: &[&str]| {
        Daemon::builder().data_dir(folder.path().join("data")).config(&keys.config(ids)).start().await
    };
    let mut daemon = start(&["one"]).await;
    let ann = daemon.client_of("ann").await;
    ann.put("/v1/files/a", content().bytes()).await.expect(201);
    let wish = json!({ "for": "download", "path": "a" });
    let old = target(&link(&ann, &wish).await["url"]);
    let once = json!({ "for": "download", "path": "a", "once": true });
    let once = target(&link(&ann, &once).await["url"]);
    daemon.client().get(&once).await.expect(200);
    daemon.terminate().await;
    let mut daemon = start(&["two", "one"]).await;
    let ann = daemon.client().bearer(&daemon.add_token("ann", "read").await);
    let new = target(&link(&ann, &wish).await["url"]);
    assert!(text(&old).starts_with("one.") && text(&new).starts_with("two."), "{old} {new}");
    for at in [&old, &new] {
        daemon.client().get(at).await.expect(200);
    }
    // What was used up stays so.
    daemon.client().get(&once).await.expect_problem(410, "link_spent");
    daemon.terminate().await;
    let daemon = start(&["two"]).await;
    daemon.client().get(&old).await.expect_problem(403, "bad_link");
    daemon.client().get(&new).await.expect(200);
}

#[tokio::test]
async fn no_link_is_in_the_log() {
    let scene = Scene::open().await;
    let at = scene.download(json!({})).await;
    let (put, tus) = scene.upload(json!({})).await;
    let on = location(&begin(&scene.somebody, &tus, 10, "").await.expect(201));
    append(&scene.somebody, &on, 0, "0123456789").await.expect(204);
    scene.somebody.get(&at).await.expect(200);
    scene.somebody.delete(&at).await.expect(403);
    scene.somebody.put(&put, "abc").await.expect(200);
    let log = scene.daemon.log();
    assert!(log.contains("is ready"));
    for link in [&at, &put, &on] {
        let seal = text(link).rsplit('.').next().unwrap();
        assert!(!log.contains(seal), "a link is in the log");
    }
    assert!(!log.contains("a secret of more than"));
}
