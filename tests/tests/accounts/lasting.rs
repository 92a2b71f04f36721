//! What is kept of users and tokens: through a restart and a crash, and never a secret.

use std::path::Path;
use std::time::{Duration, Instant};

use cairn_tests::{Daemon, left_behind};

async fn daemon() -> Daemon {
    Daemon::builder().with_tokens().env("CAIRN__LOG__LEVEL", "trace").start().await
}

#[tokio::test]
async fn users_and_tokens_are_there_after_a_restart_and_after_a_crash() {
    let mut daemon = daemon().await;
    daemon.add_user("ann").await;
    daemon.operator(&["users", "set-quota", "ann", "1GiB"]).await;
    let (kept, revoked) =
        (daemon.add_token("ann", "read,write").await, daemon.add_token("ann", "read").await);
    daemon.operator(&["tokens", "revoke", revoked.split('_').nth(1).unwrap()]).await;
    daemon.terminate().await;
    daemon.restart().await;
    let told = daemon.client().bearer(&kept).get("/v1/me").await.expect(200).json();
    assert_eq!(told["user"], "ann");
    daemon.client().bearer(&revoked).get("/v1/me").await.expect_problem(401, "unauthenticated");
    let users: serde_json::Value =
        serde_json::from_str(&daemon.operator(&["users", "list", "--json"]).await).unwrap();
    assert_eq!(users["items"][0]["quota"], 1 << 30);
    // What was answered is durable: the daemon is killed right after it.
    let last = daemon.add_token("ann", "read").await;
    daemon.kill9().await;
    daemon.restart().await;
    daemon.client().bearer(&last).get("/v1/me").await.expect(200);
    daemon.operator(&["tokens", "revoke", last.split('_').nth(1).unwrap()]).await;
    daemon.kill9().await;
    daemon.restart().await;
    daemon.client().bearer(&last).get("/v1/me").await.expect_problem(401, "unauthenticated");
}

/// Whether any file under a directory has these bytes.
fn is_anywhere(root: &Path, bytes: &[u8]) -> bool {
    let files = left_behind::files(root);
    files.keys().any(|file| {
        let content = std::fs::read(root.join(file)).unwrap_or_default();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[tokio::test]
async fn no_secret_is_in_the_data_directory_or_in_the_log() {
    let mut daemon = daemon().await;
    daemon.add_user("ann").await;
    let token = daemon.add_token("ann", "read,write").await;
    let client = daemon.client();
    client.bearer(&token).put("/v1/files/a", "x").await.expect(201);
    client.authorization(&super::passing::basic("ann", &token)).get("/v1/files/a").await.expect(200);
    client.bearer(&format!("{token}0")).get("/v1/files/a").await.expect(401);
    client.authorization(&super::passing::basic("bob", &token)).get("/v1/files/a").await.expect(401);
    daemon.operator(&["tokens", "list", "--json"]).await;
    daemon.terminate().await;
    let mut parts = token.split('_').skip(1);
    let (id, secret) = (parts.next().unwrap(), parts.next().unwrap());
    let bits: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&secret[2 * at..2 * at + 2], 16).unwrap()).collect();
    assert!(is_anywhere(daemon.data_dir(), id.as_bytes()), "the search finds what is there");
    assert!(!is_anywhere(daemon.data_dir(), &bits) && !is_anywhere(daemon.data_dir(), secret.as_bytes()));
    let log = daemon.log();
    assert!(log.contains("/v1/files/a"), "the log tells requests");
    assert!(!log.contains(secret));
    assert!(!log.to_lowercase().contains("authorization: "));
}

#[tokio::test]
async fn ten_thousand_tokens_slow_no_request() {
    let mut daemon = daemon().await;
    daemon.add_user("ann").await;
    let token = daemon.add_token("ann", "read").await;
    let client = daemon.client().bearer(&token);
    client.get("/v1/me").await.expect(200);
    let few = median(&daemon, &token).await;
    daemon.terminate().await;
    let mut database = rusqlite::Connection::open(daemon.data_dir().join("catalog.sqlite")).unwrap();
    let change = database.transaction().unwrap();
    for number in 0..10_000_u64 {
        let sql = "INSERT INTO tokens (id, user, secret_hash, scopes, created_at) VALUES (?1, 'ann', zeroblob(32), 'read', 1)";
        change.execute(sql, [format!("{number:020x}")]).unwrap();
    }
    change.commit().unwrap();
    drop(database);
    daemon.restart().await;
    let many = median(&daemon, &token).await;
    assert!(many < few * 3 + Duration::from_millis(5), "{few:?} with few, {many:?} with many");
    // The listing has all of them, page after page.
    let listed = daemon.operator(&["tokens", "list", "--user", "ann", "--json"]).await;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 10_001);
}

/// The time that a request takes, of many.
async fn median(daemon: &Daemon, token: &str) -> Duration {
    let client = daemon.client().bearer(token);
    let mut times = Vec::new();
    for _ in 0..101 {
        let begun = Instant::now();
        client.get("/v1/me").await.expect(200);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times[50]
}
