//! A challenge, and what comes of every answer to it.

use cairn_tests::{Builder, Content, RedisServer, left_behind, workspace};
use serde_json::json;

use crate::scene::*;

#[tokio::test]
async fn who_has_the_bytes_gets_the_file_and_sends_none_of_them() {
    for keys in ["", "proof = \"ranges\"\nproof_ranges = 50"] {
        let (daemon, eve) = scene(keys).await;
        let upload = claimed(&eve).await;
        let ranges = upload["challenge"]["ranges"].as_array().unwrap();
        match keys {
            "" => assert_eq!(upload["challenge"]["ranges"], json!([[0, LENGTH]])),
            _ => assert!(ranges.len() > 40 && ranges.iter().all(|range| range[1] == 4096), "{ranges:?}"),
        }
        let proven = prove(&eve, &upload, &answer(&upload, &content().bytes())).await.expect(200).json();
        assert_eq!((&proven["file"]["path"], &proven["file"]["length"]), (&json!("eve's"), &json!(LENGTH)));
        has_the_file(&eve).await;
        let told = eve.get(&address(&upload)).await.expect(200).json();
        assert_eq!((&told["state"], &told["file"]), (&json!("complete"), &proven["file"]));
        assert_eq!(daemon.cairnctl(&["sweep"]).await.code, 0);
        let stored = left_behind::files(&daemon.data_dir().join("objects"));
        let bytes: Vec<_> = stored.iter().filter(|(path, _)| path.starts_with("uploads")).collect();
        assert_eq!(bytes.len(), 1, "{stored:?}");
    }
}

#[tokio::test]
async fn a_wrong_answer_is_the_only_one_and_the_upload_goes_on() {
    let (_daemon, eve) = scene("").await;
    let upload = claimed(&eve).await;
    let mut held = content().bytes().to_vec();
    *held.last_mut().unwrap() ^= 1;
    prove(&eve, &upload, &answer(&upload, &held)).await.expect_problem(403, "proof_failed");
    let right = answer(&upload, &content().bytes());
    prove(&eve, &upload, &right).await.expect_problem(404, "no_challenge");
    goes_on(&eve, &upload).await;
    prove(&eve, &upload, &right).await.expect_problem(409, "upload_complete");
}

#[tokio::test]
async fn what_is_no_answer_leaves_the_challenge_standing() {
    let (_daemon, eve) = scene("").await;
    let upload = claimed(&eve).await;
    let at = format!("{}/proof", address(&upload));
    let right = answer(&upload, &content().bytes());
    for bad in [json!({}), json!({ "answer": 7 }), json!({ "answer": "" }), json!({ "answer": right[1..] })] {
        eve.post_json(&at, &bad).await.expect_problem(400, "bad_answer");
    }
    eve.post(&at, "{").await.expect(400);
    prove(&eve, &upload, &right).await.expect(200);
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_told_so_and_the_upload_goes_on() {
    let (_daemon, eve) = scene("proof_ttl = \"0s\"").await;
    let upload = claimed(&eve).await;
    let right = answer(&upload, &content().bytes());
    prove(&eve, &upload, &right).await.expect_problem(410, "challenge_expired");
    goes_on(&eve, &upload).await;
}

#[tokio::test]
async fn a_challenge_survives_a_kill_and_its_bytes_may_have_begun_to_arrive() {
    let (mut daemon, eve) = scene("").await;
    let upload = claimed(&eve).await;
    eve.put(&format!("{}/chunks/2", address(&upload)), content().chunk(2, 1 << 20)).await.expect(200);
    daemon.kill9().await;
    daemon.restart().await;
    let eve = daemon.client().user("eve");
    prove(&eve, &upload, &answer(&upload, &content().bytes())).await.expect(200);
    has_the_file(&eve).await;
    eve.put(&format!("{}/chunks/1", address(&upload)), content().chunk(1, 1 << 20))
        .await
        .expect_problem(409, "upload_complete");
}

#[tokio::test]
async fn a_redis_that_forgets_the_challenge_leaves_an_ordinary_upload() {
    let redis = RedisServer::start();
    let builder: Builder = proving("").env("CAIRN__SESSIONS__URL", redis.url());
    let daemon = builder.start().await;
    daemon.client().user("ada").put("/v1/files/ada's", content().bytes()).await.expect(201);
    let eve = daemon.client().user("eve");
    let kept = claimed(&eve).await;
    prove(&eve, &kept, &answer(&kept, &content().bytes())).await.expect(200);
    eve.delete("/v1/files/eve's").await.expect(204);
    let lost = claimed(&eve).await;
    redis.ask(&["FLUSHALL"]);
    let right = answer(&lost, &content().bytes());
    prove(&eve, &lost, &right).await.expect_problem(404, "no_challenge");
    goes_on(&eve, &lost).await;
}

#[tokio::test]
async fn a_challenge_is_its_uploads_and_its_owners() {
    let (daemon, eve) = scene("").await;
    let (first, second) = (claimed(&eve).await, claimed(&eve).await);
    let right = answer(&first, &content().bytes());
    let bob = daemon.client().user("bob");
    let foreign = prove(&bob, &first, &right).await.expect_problem(404, "no_upload");
    let none = json!({ "upload_id": "0".repeat(32) });
    let absent = prove(&bob, &none, &right).await.expect_problem(404, "no_upload");
    assert_eq!(foreign.json()["title"], absent.json()["title"]);
    prove(&eve, &second, &right).await.expect_problem(403, "proof_failed");
    eve.delete(&address(&first)).await.expect(204);
    let told = prove(&eve, &first, &right).await;
    assert!([404, 409, 410].contains(&told.status), "{told:?}");
    eve.get("/v1/files/eve's").await.expect(404);
}

#[tokio::test]
async fn the_example_answers_a_challenge() {
    let (daemon, _) = scene("").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("same");
    std::fs::write(&file, content().bytes()).unwrap();
    let run = |path: &'static str| {
        tokio::process::Command::new("python3")
            .arg(workspace().join("examples/prove.py"))
            .arg(format!("http://{}", daemon.address()))
            .arg(&file)
            .arg(path)
            .output()
    };
    let proven = run("mine").await.unwrap();
    assert_eq!(String::from_utf8_lossy(&proven.stdout), "proven: mine\n", "{proven:?}");
    assert_eq!(daemon.client().download("/v1/files/mine").await.sha1, content().sha1());
    let again = run("again").await.unwrap();
    assert_eq!(String::from_utf8_lossy(&again.stdout), "there already\n", "{again:?}");
    std::fs::write(&file, Content::new(5, LENGTH).bytes()).unwrap();
    let unknown = run("other").await.unwrap();
    assert_eq!((unknown.status.code(), unknown.stdout.len()), (Some(1), 0), "{unknown:?}");
}
