//! The native API, rule by rule: files.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use cairn_tests::{Body, Client, Content, Daemon};
use serde_json::json;

async fn get(client: &Client, path: &str, fields: &[(&str, &str)]) -> cairn_tests::Answer {
    let mut call = client.call("GET", path);
    for (name, value) in fields {
        call = call.header(name, value);
    }
    call.send().await
}

async fn put(client: &Client, path: &str, body: &str, fields: &[(&str, &str)]) -> cairn_tests::Answer {
    let mut call = client.call("PUT", path).body(body.to_owned());
    for (name, value) in fields {
        call = call.header(name, value);
    }
    call.send().await
}

#[tokio::test]
async fn a_whole_file_in_one_request_is_told_and_served() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let content = Content::new(3, 3_000_000);
    let streamed = Body::pieces(content.pieces(0..content.length()).map(Ok), None);
    let answer =
        client.call("PUT", "/v1/files/a/b%20c.png").header("content-type", "image/png").body(streamed);
    let answer = answer.send().await.expect(201);
    let file = answer.json();
    assert_eq!((&file["path"], &file["length"]), (&json!("a/b c.png"), &json!(3_000_000)));
    assert_eq!(file["digest"], format!("blake3:{}", content.blake3()));
    assert_eq!((&file["content_type"], &file["metadata"]), (&json!("image/png"), &json!({})));
    let tag = format!("\"{}\"", content.blake3());
    assert_eq!(answer.header("etag"), Some(tag.as_str()));
    let served = client.get("/v1/files/a/b%20c.png").await.expect(200);
    assert_eq!(served.body, content.bytes());
    for (name, value) in [
        ("etag", tag.as_str()),
        ("accept-ranges", "bytes"),
        ("content-length", "3000000"),
        ("content-type", "image/png"),
        ("content-disposition", "inline; filename=\"b c.png\""),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
    ] {
        assert_eq!(served.header(name), Some(value), "{name}");
    }
    assert!(served.header("last-modified").unwrap().ends_with(" GMT"));
    let head = client.head("/v1/files/a/b%20c.png").await.expect(200);
    assert_eq!((head.body.len(), head.header("content-length")), (0, Some("3000000")));
    assert_eq!(head.header("etag"), served.header("etag"));
    assert_eq!(client.put("/v1/files/a/b%20c.png", "new").await.expect(200).json()["length"], 3);
}

#[tokio::test]
async fn digests_of_a_whole_file_are_verified_and_told() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let sha256 = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
    let md5 = "md5=:XUFAKrxLKna5cZ2REBfFkg==:";
    for name in ["content-digest", "repr-digest"] {
        for wrong in [sha256.replace("LPJ", "MPJ"), md5.replace("XUF", "YUF")] {
            let refused = put(&client, "/v1/files/h", "hello", &[(name, &wrong)]).await;
            refused.expect_problem(422, "digest_mismatch");
        }
        put(&client, "/v1/files/h", "hello", &[(name, "sha-256=:AA==:")])
            .await
            .expect_problem(400, "bad_digest");
    }
    client.get("/v1/files/h").await.expect_problem(404, "no_file");
    let file =
        put(&client, "/v1/files/h", "hello", &[("repr-digest", sha256), ("content-digest", md5)]).await;
    let hex = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(file.expect(201).json()["digest"], hex);
    assert_eq!(client.get("/v1/files/h").await.expect(200).header("repr-digest"), Some(sha256));
}

#[tokio::test]
async fn a_put_obeys_its_precondition_and_changes_nothing_otherwise() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    put(&client, "/v1/files/p", "one", &[("if-match", "*")]).await.expect_problem(412, "precondition_failed");
    let one = put(&client, "/v1/files/p", "one", &[("if-none-match", "*")]).await.expect(201);
    let tag = one.header("etag").unwrap();
    let refused = put(&client, "/v1/files/p", "two", &[("if-none-match", "*")]).await;
    refused.expect_problem(412, "precondition_failed");
    let weak = format!("W/{tag}");
    for other in ["\"other\"", weak.as_str()] {
        let refused = put(&client, "/v1/files/p", "two", &[("if-match", other)]).await;
        refused.expect_problem(412, "precondition_failed");
    }
    put(&client, "/v1/files/p", "two", &[("if-none-match", tag)])
        .await
        .expect_problem(400, "bad_precondition");
    assert_eq!(client.get("/v1/files/p").await.expect(200).body, "one");
    put(&client, "/v1/files/p", "two", &[("if-match", tag)]).await.expect(200);
    assert_eq!(client.get("/v1/files/p").await.expect(200).body, "two");
}

#[tokio::test]
async fn a_put_that_breaks_off_leaves_no_file() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    for bytes in [vec![7; 100], vec![7; 3_000_000]] {
        let broken = client.call("PUT", "/v1/files/broken").body(Body::broken_after(bytes));
        assert!(broken.try_send().await.is_err());
    }
    client.get("/v1/files/broken").await.expect_problem(404, "no_file");
    assert_eq!(client.get("/v1/me").await.expect(200).json()["used_bytes"], 0);
}

#[tokio::test]
async fn ranges_are_served_as_they_are_asked_for() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    client.put("/v1/files/r", "0123456789").await.expect(201);
    client.put("/v1/files/empty", "").await.expect(201);
    for (range, body, told) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let part = get(&client, "/v1/files/r", &[("range", range)]).await.expect(206);
        assert_eq!((part.text(), part.header("content-range")), (body, Some(told)));
        assert_eq!(part.header("content-length"), Some(body.len().to_string().as_str()));
    }
    for whole in ["bytes=0-1,3-4", "bytes=5-2", "lines=1-2", "bytes=x"] {
        let answer = get(&client, "/v1/files/r", &[("range", whole)]).await.expect(200);
        assert_eq!((answer.text(), answer.header("content-range")), ("0123456789", None));
    }
    for (path, range, told) in [
        ("r", "bytes=10-", "bytes */10"),
        ("r", "bytes=-0", "bytes */10"),
        ("empty", "bytes=0-", "bytes */0"),
    ] {
        let refused = get(&client, &format!("/v1/files/{path}"), &[("range", range)]).await;
        assert_eq!(refused.header("content-range"), Some(told));
        refused.expect_problem(416, "range");
    }
    assert_eq!(client.get("/v1/files/empty").await.expect(200).header("content-length"), Some("0"));
}

#[tokio::test]
async fn conditions_spare_what_the_client_has() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    client.put("/v1/files/c", "0123456789").await.expect(201);
    let whole = client.get("/v1/files/c").await.expect(200);
    let (tag, date) = (whole.header("etag").unwrap(), whole.header("last-modified").unwrap());
    for field in [("if-none-match", tag), ("if-none-match", "*"), ("if-modified-since", date)] {
        let same = get(&client, "/v1/files/c", &[field]).await.expect(304);
        assert_eq!((same.body.len(), same.header("etag")), (0, Some(tag)));
    }
    get(&client, "/v1/files/c", &[("if-none-match", "\"x\"")]).await.expect(200);
    get(&client, "/v1/files/c", &[("if-match", "\"x\"")]).await.expect_problem(412, "precondition_failed");
    let old = "Sun, 06 Nov 1994 08:49:37 GMT";
    get(&client, "/v1/files/c", &[("if-unmodified-since", old)])
        .await
        .expect_problem(412, "precondition_failed");
    for (condition, status) in [(tag, 206), (date, 206), ("\"x\"", 200), (old, 200)] {
        let fields = [("range", "bytes=0-3"), ("if-range", condition)];
        get(&client, "/v1/files/c", &fields).await.expect(status);
    }
}

#[tokio::test]
async fn served_content_is_harmless_whatever_it_is_called_and_claims_to_be() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    for (path, kind, disposition) in [
        ("x.html", "text/html", "attachment; filename=\"x.html\""),
        ("x.svg", "image/svg+xml", "attachment; filename=\"x.svg\""),
        ("x.pdf", "application/pdf", "attachment; filename=\"x.pdf\""),
        (
            "%D1%8F%22%E2%80%AE.txt",
            "text/plain",
            "inline; filename=\"__.txt\"; filename*=UTF-8''%D1%8F%22.txt",
        ),
    ] {
        put(&client, &format!("/v1/files/{path}"), "x", &[("content-type", kind)]).await.expect(201);
        let served = client.get(&format!("/v1/files/{path}")).await.expect(200);
        assert_eq!(served.header("content-disposition"), Some(disposition));
        assert_eq!(served.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(served.header("content-type"), Some(kind));
    }
    put(&client, "/v1/files/n", "x", &[]).await.expect(201);
    let served = client.get("/v1/files/n").await.expect(200);
    assert_eq!(served.header("content-type"), Some("application/octet-stream"));
}

#[tokio::test]
async fn a_path_of_any_script_is_kept_and_what_is_no_path_is_refused() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let good = ["%D0%B2%D0%B8%D0%B4%D0%B5%D0%BE/1", "%E6%97%A5%E6%9C%AC", "a%2520b", "..."];
    for path in good {
        client.put(&format!("/v1/files/{path}"), path).await.expect(201);
        assert_eq!(client.get(&format!("/v1/files/{path}")).await.expect(200).text(), path);
    }
    let long = "x".repeat(4096);
    for path in
        ["../a", "%2e%2e%2fa", "a/%2e%2e/b", "a%00", "a%0D%0Ab", "a//b", "a/", "", "%ff", long.as_str()]
    {
        let path = format!("/v1/files/{path}");
        client.put(&path, "x").await.expect_problem(400, "bad_path");
        client.get(&path).await.expect_problem(400, "bad_path");
        client.delete(&path).await.expect_problem(400, "bad_path");
    }
    let listed = client.get("/v1/files").await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), good.len());
}

#[tokio::test]
async fn files_are_listed_by_prefix_in_pages_and_folded() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    for path in ["a/1", "a/2", "a/b/3", "c/4", "d"] {
        client.put(&format!("/v1/files/{path}"), "x").await.expect(201);
    }
    let paths = |listing: &serde_json::Value| {
        let items = listing["items"].as_array().unwrap().iter();
        items.map(|item| item["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = client.get("/v1/files?limit=3").await.expect(200).json();
    assert_eq!(paths(&first), ["a/1", "a/2", "a/b/3"]);
    let rest = format!("/v1/files?cursor={}", first["next_cursor"].as_str().unwrap());
    let next = client.get(&rest).await.expect(200).json();
    assert_eq!((paths(&next), &next["next_cursor"]), (vec!["c/4".to_owned(), "d".to_owned()], &json!(null)));
    let folded = client.get("/v1/files?prefix=a%2F&delimiter=%2F").await.expect(200).json();
    assert_eq!(
        (paths(&folded), &folded["prefixes"]),
        (vec!["a/1".to_owned(), "a/2".to_owned()], &json!(["a/b/"]))
    );
    client.get("/v1/files?limit=x").await.expect_problem(400, "bad_limit");
    client.get(&format!("/v1/files?delimiter={}", "x".repeat(17))).await.expect_problem(400, "bad_delimiter");
}

#[tokio::test]
async fn renaming_and_copying_move_names_only() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    client.put("/v1/files/a", "content").await.expect(201);
    let renamed = client.post_json("/v1/files/a", &json!({ "rename_to": "dir/b" })).await.expect(200);
    assert_eq!(renamed.json()["path"], "dir/b");
    client.get("/v1/files/a").await.expect_problem(404, "no_file");
    let copied = client.post_json("/v1/files/dir/b", &json!({ "copy_to": "c" })).await.expect(200);
    assert_eq!(copied.json()["path"], "c");
    let taken = client.post_json("/v1/files/c", &json!({ "rename_to": "dir/b" })).await;
    taken.expect_problem(409, "file_exists");
    for wrong in [json!({}), json!({ "rename_to": "x", "copy_to": "y" }), json!({ "rename_to": null })] {
        client.post_json("/v1/files/c", &wrong).await.expect_problem(400, "bad_json");
    }
    client.post_json("/v1/files/c", &json!({ "rename_to": "../x" })).await.expect_problem(400, "bad_path");
    client.post_json("/v1/files/none", &json!({ "rename_to": "x" })).await.expect_problem(404, "no_file");
    assert_eq!(client.delete("/v1/files/c").await.expect(204).body.len(), 0);
    client.delete("/v1/files/c").await.expect_problem(404, "no_file");
    assert_eq!(client.get("/v1/files/dir/b").await.expect(200).body, "content");
}

#[tokio::test]
async fn nobody_learns_of_the_files_of_another() {
    let daemon = Daemon::start().await;
    let (ann, bob) = (daemon.client().user("ann"), daemon.client().user("bob"));
    ann.put("/v1/files/secret", "x").await.expect(201);
    for path in ["/v1/files/secret", "/v1/files/nothing"] {
        bob.get(path).await.expect_problem(404, "no_file");
        bob.delete(path).await.expect_problem(404, "no_file");
        bob.post_json(path, &json!({ "copy_to": "mine" })).await.expect_problem(404, "no_file");
    }
    assert_eq!(bob.get("/v1/files").await.expect(200).json()["items"], json!([]));
    bob.put("/v1/files/secret", "y").await.expect(201);
    assert_eq!(ann.get("/v1/files/secret").await.expect(200).body, "x");
}
