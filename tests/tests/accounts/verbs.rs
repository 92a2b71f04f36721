//! What the operator sees of users and tokens: whole transcripts.

use cairn_tests::{Daemon, Transcript};
use serde_json::json;

#[tokio::test]
async fn users_are_added_listed_changed_and_shown() {
    let daemon = Daemon::builder().with_tokens().start().await;
    let mut transcript = Transcript::new(&daemon, "users");
    transcript.run(&["users", "list"]).await;
    transcript.run_both(&["users", "add", "ann"]).await;
    transcript.run(&["users", "add", "bob", "--quota", "10GiB"]).await;
    transcript.run(&["users", "add", "cleo", "--quota", "lots"]).await;
    transcript.run(&["users", "add", "a\nb"]).await;
    transcript.run(&["users", "set-quota", "ann", "unbounded"]).await;
    transcript.run(&["users", "set-quota", "bob", "1MiB"]).await;
    transcript.run(&["users", "set-quota", "bob", "9000000000000000000B"]).await;
    transcript.run(&["users", "set-limits", "bob", "no_such_limit=5"]).await;
    transcript.run_both(&["users", "disable", "bob"]).await;
    transcript.run_both(&["users", "list"]).await;
    transcript.run(&["users", "enable", "bob"]).await;
    transcript.run(&["users", "set-quota", "bob", "configured"]).await;
    transcript.run_both(&["users", "show", "bob"]).await;
    transcript.run(&["users", "show", "eve"]).await;
    transcript.run(&["users", "disable", "eve"]).await;
    transcript.check();
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked() {
    let daemon = Daemon::builder().with_tokens().start().await;
    daemon.add_user("ann").await;
    daemon.add_user("bob").await;
    let mut transcript = Transcript::new(&daemon, "tokens");
    transcript.run(&["tokens", "list"]).await;
    let made = transcript.run(&["tokens", "add", "--user", "ann"]).await;
    transcript.run(&["tokens", "add", "--user", "bob", "--scope", "admin,read", "--json"]).await;
    transcript.run(&["tokens", "add", "--user", "eve"]).await;
    transcript.run(&["tokens", "add", "--user", "bob", "--scope", "everything"]).await;
    transcript.run(&["tokens", "add", "--user", "bob", "--expires", "0s"]).await;
    transcript.run(&["tokens", "add", "--user", "bob", "--expires", "soon"]).await;
    let id = made.stdout.split('_').nth(1).unwrap();
    transcript.run_both(&["tokens", "revoke", id]).await;
    transcript.run(&["tokens", "revoke", &"0".repeat(20)]).await;
    transcript.run(&["tokens", "revoke", "../x"]).await;
    transcript.run(&["tokens", "list", "--user", "ann"]).await;
    transcript.run(&["tokens", "list", "--user", "bob", "--json"]).await;
    transcript.check();
}

#[tokio::test]
async fn a_user_with_files_is_removed_only_with_them() {
    let daemon = Daemon::builder().with_tokens().start().await;
    let (ann, bob) = (daemon.client_of("ann").await, daemon.client_of("bob").await);
    for (client, path) in [(&ann, "a.txt"), (&ann, "b/c.txt"), (&bob, "a.txt")] {
        client.put(&format!("/v1/files/{path}"), vec![7; 1000]).await.expect(201);
    }
    ann.create_upload(&json!({ "path": "open.bin", "length": 5000 })).await;
    let mut transcript = Transcript::new(&daemon, "users-remove");
    transcript.run(&["users", "remove", "ann"]).await;
    transcript.run_both(&["users", "remove", "ann", "--dry-run"]).await;
    transcript.run(&["users", "remove", "ann", "--yes", "--json"]).await;
    transcript.run(&["users", "remove", "ann", "--purge", "--dry-run"]).await;
    transcript.run(&["users", "remove", "ann", "--purge"]).await;
    ann.get("/v1/me").await.expect(200);
    transcript.run_both(&["users", "remove", "ann", "--purge", "--yes"]).await;
    transcript.run(&["users", "list"]).await;
    transcript.run(&["tokens", "list", "--user", "ann"]).await;
    transcript.run(&["files", "list", "--user", "ann"]).await;
    transcript.run(&["uploads", "list", "--user", "ann"]).await;
    transcript.check();
    ann.get("/v1/me").await.expect_problem(401, "unauthenticated");
    assert_eq!(bob.get("/v1/files/a.txt").await.expect(200).body, vec![7; 1000]);
    // Whoever comes after them by that name finds nothing of theirs.
    let ann = daemon.client_of("ann").await;
    assert_eq!(ann.get("/v1/files").await.expect(200).json()["items"], json!([]));
}
