//! Tokens that are good for nothing, or not for this; a change counts at the very next request.

use cairn_tests::{Answer, Daemon};
use serde_json::json;

use crate::passing::basic;

async fn daemon() -> Daemon {
    let daemon = Daemon::builder().with_tokens().start().await;
    daemon.add_user("ann").await;
    daemon.add_user("bob").await;
    daemon
}

fn id_of(token: &str) -> &str {
    token.split('_').nth(1).unwrap()
}

#[track_caller]
fn not_known(answer: Answer) {
    answer.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn nothing_but_the_whole_token_of_the_user_named_passes() {
    let daemon = daemon().await;
    let client = daemon.client();
    let token = daemon.add_token("ann", "read,write").await;
    let bobs = daemon.add_token("bob", "read,write").await;
    let (id, secret) = (id_of(&token), token.split('_').nth(2).unwrap());
    let other_digit = if secret.ends_with('0') { '1' } else { '0' };
    for wrong in [
        format!("Bearer {}{other_digit}", &token[..token.len() - 1]),
        format!("Bearer {}", &token[..token.len() - 1]),
        format!("Bearer {token}0"),
        format!("Bearer {token} {token}"),
        format!("Bearer {}", token.to_uppercase()),
        format!("Bearer cairn_{id}_{}", bobs.split('_').nth(2).unwrap()),
        format!("Bearer cairn_{}_{secret}", id_of(&bobs)),
        format!("Bearer {id}"),
        format!("Bearer {secret}"),
        format!("Bearer '{token}'"),
        "Bearer ' OR 1=1 --".to_owned(),
        format!("Token {token}"),
        basic("bob", &token),
        basic("", &token),
        basic("Ann", &token),
        basic(&token, "ann"),
        basic("ann", secret),
        basic("ann", ""),
    ] {
        not_known(client.authorization(&wrong).get("/v1/me").await);
    }
    let twice =
        client.bearer(&token).call("GET", "/v1/me").header("authorization", &format!("Bearer {bobs}"));
    not_known(twice.send().await);
    client.authorization(&format!("bEARER  {token}")).get("/v1/me").await.expect(200);
    client.authorization(&basic("ann", &token)).get("/v1/me").await.expect(200);
    // A token in the address is none: addresses are logged.
    not_known(client.get(&format!("/v1/me?token={token}&access_token={token}")).await);
}

#[tokio::test]
async fn a_revoked_token_a_disabled_user_and_a_removed_one_are_refused_at_once() {
    let daemon = daemon().await;
    let client = daemon.client();
    let (one, other) = (daemon.add_token("ann", "read").await, daemon.add_token("ann", "read").await);
    let (one, other) = (client.bearer(&one), (client.bearer(&other), other));
    one.get("/v1/me").await.expect(200);
    other.0.get("/v1/me").await.expect(200);
    daemon.operator(&["tokens", "revoke", id_of(&other.1)]).await;
    not_known(other.0.get("/v1/me").await);
    one.get("/v1/me").await.expect(200);
    daemon.operator(&["users", "disable", "ann"]).await;
    not_known(one.get("/v1/me").await);
    daemon.operator(&["users", "enable", "ann"]).await;
    one.get("/v1/me").await.expect(200);
    not_known(other.0.get("/v1/me").await);
    daemon.operator(&["users", "remove", "ann", "--yes"]).await;
    not_known(one.get("/v1/me").await);
    daemon.add_user("ann").await;
    not_known(one.get("/v1/me").await);
}

#[tokio::test]
async fn an_expired_token_is_refused_from_its_end_on() {
    let daemon = daemon().await;
    let lasting = daemon.operator(&["tokens", "add", "--user", "ann", "--expires", "30d"]).await;
    let short = daemon.operator(&["tokens", "add", "--user", "ann", "--expires", "3s"]).await;
    let (lasting, short) = (daemon.client().bearer(lasting.trim()), daemon.client().bearer(short.trim()));
    short.get("/v1/me").await.expect(200);
    let ended = async {
        while short.get("/v1/me").await.status == 200 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), ended).await.expect("the token's time runs out");
    not_known(short.get("/v1/me").await);
    lasting.get("/v1/me").await.expect(200);
    let listed = daemon.operator(&["tokens", "list", "--json"]).await;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let mut states: Vec<_> = listed["items"].as_array().unwrap().iter().map(|t| t["state"].clone()).collect();
    states.sort_by_key(ToString::to_string);
    assert_eq!(states, [json!("expired"), json!("valid")]);
}

#[tokio::test]
async fn a_scope_is_good_for_what_it_says() {
    let daemon = daemon().await;
    let client = daemon.client();
    let read = client.bearer(&daemon.add_token("ann", "read").await);
    let write = client.bearer(&daemon.add_token("ann", "write").await);
    let refused = read.put("/v1/files/a", "x").await.expect_problem(403, "forbidden");
    assert_eq!(refused.json()["needed"], "write");
    write.put("/v1/files/a", "x").await.expect(201);
    write.get("/v1/files/a").await.expect_problem(403, "forbidden");
    assert_eq!(read.get("/v1/files/a").await.expect(200).text(), "x");
    read.delete("/v1/files/a").await.expect_problem(403, "forbidden");
    read.post_json("/v1/uploads", &json!({ "path": "b" })).await.expect_problem(403, "forbidden");
    let upload = write.create_upload(&json!({ "path": "b", "length": 5 })).await;
    let path = format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap());
    read.get(&path).await.expect(200);
    write.get(&path).await.expect(200);
    read.delete(&path).await.expect_problem(403, "forbidden");
    let fault = read.post_form("/file/mpupload/init", "filehash=x").await.expect(403).json();
    assert_eq!((&fault["code"], &fault["data"]), (&json!(-19), &json!(null)));
    let tus = read.call("POST", "/files/").header("tus-resumable", "1.0.0").header("upload-length", "1");
    let tus = tus.send().await.expect_problem(403, "forbidden");
    assert_eq!(tus.header("tus-resumable"), Some("1.0.0"));
    write.delete(&path).await.expect(204);
}

#[tokio::test]
async fn a_quota_of_ones_own_counts_from_the_next_request_on() {
    let daemon = Daemon::builder().with_tokens().env("CAIRN__UPLOADS__QUOTA", "1000B").start().await;
    let (ann, bob) = (daemon.client_of("ann").await, daemon.client_of("bob").await);
    daemon.operator(&["users", "set-quota", "ann", "2000B"]).await;
    ann.put("/v1/files/a", vec![7; 2000]).await.expect(201);
    ann.put("/v1/files/b", "x").await.expect_problem(413, "quota");
    bob.put("/v1/files/a", vec![7; 1001]).await.expect_problem(413, "quota");
    bob.put("/v1/files/a", vec![7; 1000]).await.expect(201);
    let me = ann.get("/v1/me").await.expect(200).json();
    assert_eq!((&me["quota_bytes"], &me["quota_left"]), (&json!(2000), &json!(0)));
    daemon.operator(&["users", "set-quota", "ann", "2001B"]).await;
    ann.put("/v1/files/b", "x").await.expect(201);
    daemon.operator(&["users", "set-quota", "ann", "configured"]).await;
    ann.put("/v1/files/c", "x").await.expect_problem(413, "quota");
    daemon.operator(&["users", "set-quota", "ann", "unbounded"]).await;
    ann.put("/v1/files/c", vec![7; 5000]).await.expect(201);
    assert_eq!(ann.get("/v1/me").await.expect(200).json()["quota_bytes"], json!(null));
}
