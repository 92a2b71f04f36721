//! What the operator is told of Redis, and what nobody is told.

use std::process::Stdio;

use cairn_tests::{Daemon, Printed, RedisServer, binary};
use serde_json::Value;
use tokio::process::Command;

use crate::scene::builder;

/// `cairnd --check-config` with these variables.
async fn check_config(variables: &[(&str, &str)]) -> Printed {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary("cairnd"));
    command.arg("--check-config").arg("--data-dir").arg(folder.path().join("data"));
    command.envs(variables.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    Printed {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn standing(daemon: &Daemon) -> Value {
    daemon.client().get("/readyz").await.expect(200).json()["standing"]["sessions"].clone()
}

#[tokio::test]
async fn version_log_and_policy_are_told_and_what_would_be_lost() {
    let options = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    let redis = RedisServer::start_with(&options);
    let daemon = builder(&redis.url()).start().await;
    let standing = standing(&daemon).await;
    assert_eq!(standing["kind"], RedisServer::kind());
    assert_eq!(standing["appendonly"], "no");
    assert_eq!(standing["maxmemory-policy"], "allkeys-lru");
    assert!(standing["version"].as_str().unwrap().starts_with(char::is_numeric));
    let warnings: Vec<&str> =
        standing["warnings"].as_array().unwrap().iter().map(|warning| warning.as_str().unwrap()).collect();
    assert!(warnings.iter().any(|warning| warning.contains("appendonly")), "{warnings:?}");
    assert!(warnings.iter().any(|warning| warning.contains("allkeys-lru")), "{warnings:?}");

    let status = daemon.cairnctl(&["status"]).await.stdout;
    let checked = check_config(&[("CAIRN__SESSIONS__URL", &redis.url())]).await;
    assert_eq!(checked.code, 0, "{checked:?}");
    let log = daemon.log();
    for warning in warnings {
        assert!(status.contains(&format!("warning: sessions: {warning}\n")), "{status}");
        assert!(checked.stdout.contains(warning), "{}", checked.stdout);
        assert_eq!(log.matches(warning).count(), 1, "{log}");
    }
    for told in [status.as_str(), checked.stdout.as_str()] {
        assert!(told.contains("maxmemory-policy allkeys-lru") && told.contains("appendonly no"), "{told}");
    }
}

#[tokio::test]
async fn a_password_opens_redis_and_is_told_to_nobody() {
    let redis = RedisServer::start_with(&["--requirepass", "hunter2"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "hunter2\n").unwrap();
    let by_file = builder(&redis.url()).env("CAIRN__SESSIONS__PASSWORD_FILE", &file).start().await;
    let by_url = builder(&format!("redis://:hunter2@{}", redis.address())).start().await;
    for daemon in [&by_file, &by_url] {
        daemon.client().put("/v1/files/a.txt", "a").await.expect(201);
        let told = [
            daemon.cairnctl(&["status"]).await.stdout,
            daemon.cairnctl(&["config", "show"]).await.stdout,
            daemon.client().get("/readyz").await.text().to_owned(),
            daemon.log(),
        ];
        assert!(told.iter().all(|told| !told.contains("hunter2")), "{told:?}");
    }
    let wrong = builder(&redis.url()).env("CAIRN__SESSIONS__PASSWORD", "sesame").start_unready().await;
    wrong.client().get("/readyz").await.expect_problem(503, "not_ready");
    assert!(!wrong.log().contains("sesame"), "{}", wrong.log());
    let checked =
        check_config(&[("CAIRN__SESSIONS__URL", &redis.url()), ("CAIRN__SESSIONS__PASSWORD", "sesame")])
            .await;
    assert_eq!(checked.code, 1, "{checked:?}");
    assert!(checked.stderr.contains("does not answer") && !checked.stderr.contains("sesame"), "{checked:?}");
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_refused_at_the_start() {
    for (url, code) in [("http://h", 78), ("redis://:hunter2@host:port", 78), ("redis+sentinel://h", 78)] {
        let ended = builder(url).run_to_end().await;
        assert_eq!(ended.status.code(), Some(code), "{url}: {}", ended.log);
        assert!(!ended.log.contains("hunter2"), "{}", ended.log);
    }
    let mut redis = RedisServer::start();
    redis.stop();
    let checked = check_config(&[("CAIRN__SESSIONS__URL", &redis.url())]).await;
    assert_eq!(checked.code, 1, "{checked:?}");
}
