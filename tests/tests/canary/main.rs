//! Secrets in every place where a client or an operator can put one, and all of the daemon's output at its most
//! talkative. The end of every other daemon of the tests is looked at too (`cairn_tests::leak`).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod kinds;

use cairn_tests::{CANARY, Daemon, RedisServer, leak};
use serde_json::json;

#[tokio::test]
async fn no_output_holds_a_secret() {
    let redis_password = format!("{CANARY}redis");
    let redis = RedisServer::start_with(&["--requirepass", &redis_password]);
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, format!("{CANARY}{}", "k".repeat(40))).unwrap();
    let config = format!(
        "[log]\nlevel = \"trace\"\nformat = \"json\"\n[audit]\nto = \"log\"\nchunks = true\n[links]\nkeys = [\"one={}\"]\n\
         [storages.cold]\nplacement = \"objects\"\n[storages.cold.options]\nsecret_access_key = \"{CANARY}s3\"\n",
        key.display()
    );
    let mut daemon = Daemon::builder()
        .config(&config)
        .env("CAIRN__SESSIONS__URL", redis.url())
        .env("CAIRN__SESSIONS__PASSWORD", &redis_password)
        .with_tokens()
        .start()
        .await;
    daemon.add_user("ann").await;
    let token = daemon.add_token("ann", "read,write,admin").await;
    let ann = daemon.client().bearer(&token);
    ann.put("/v1/files/f", &b"f"[..]).await.expect(201);
    let made =
        ann.post_json("/v1/links", &json!({ "for": "download", "path": "f" })).await.expect(201).json();
    let url = made["url"].as_str().unwrap();
    let target = url[url.find("/v1/").unwrap()..].to_owned();
    daemon.client().get(&target).await.expect(200);
    daemon.client().get(&format!("{target}0")).await.expect(403);

    let wrong = format!("{CANARY}wrong");
    let mut answers = vec![
        daemon.client().bearer(&wrong).get("/v1/me").await.expect(401),
        daemon.client().bearer(&token.replace("cairn_", "cairn_0")).get("/v1/me").await.expect(401),
        daemon.client().authorization(&format!("Basic {wrong}")).get("/v1/me").await.expect(401),
        daemon.client().authorization(&format!("Digest {wrong}")).get("/v1/me").await.expect(401),
        daemon.client().get(&format!("/v1/me?token={wrong}&access_token={wrong}")).await.expect(401),
        ann.get(&format!("/v1/files/absent?password={wrong}")).await.expect(404),
        ann.call("GET", "/v1/me").header("x-forwarded-for", &wrong).header("cookie", &wrong).send().await,
        ann.post_json("/v1/uploads", &json!({ "path": "a", "length": "x", "token": wrong }))
            .await
            .expect(400),
    ];
    answers.push(ann.get("/metrics").await.expect(200));
    answers.push(ann.get("/readyz").await.expect(200));
    for answer in &answers {
        assert_eq!(leak(answer.text()), None);
    }
    for verb in [
        &["status"][..],
        &["config", "show"],
        &["config", "show", "--json"],
        &["tokens", "list"],
        &["users", "list"],
    ] {
        let printed = daemon.cairnctl(verb).await;
        assert_eq!(leak(&printed.stdout).or(leak(&printed.stderr)), None, "{verb:?}");
    }
    daemon.terminate().await;
    let log = daemon.log();
    assert!(log.contains("file.read") && log.contains("\"DEBUG\""), "the log is not talkative");
    assert_eq!(leak(&log), None);
}
