//! What holds of every request: ids, problem documents, the check in front, limits of connections, CORS, health.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use cairn_tests::{Content, Daemon, RawConnection, exchange};
use serde_json::json;

#[tokio::test]
async fn every_answer_has_an_id_and_a_sane_one_is_kept() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let kept = client.call("GET", "/healthz").header("x-request-id", "trace-7/a").send().await;
    assert_eq!(kept.header("x-request-id"), Some("trace-7/a"));
    let refused = client.call("GET", "/nowhere").header("x-request-id", "trace-8").send().await;
    assert_eq!(refused.expect_problem(404, "not_found").json()["request_id"], "trace-8");
    for odd in ["a b", &"x".repeat(129), "ю"] {
        let made = client.call("GET", "/healthz").header("x-request-id", odd).send().await;
        assert_eq!(made.header("x-request-id").map(str::len), Some(16), "{odd}");
    }
}

#[tokio::test]
async fn no_route_and_no_method_are_problem_documents() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    client.get("/").await.expect_problem(404, "not_found");
    client.get("/v1/uploads/x/chunks").await.expect_problem(404, "not_found");
    let refused = client.delete("/v1/uploads").await;
    assert_eq!(refused.header("allow"), Some("POST,GET,HEAD"));
    refused.expect_problem(405, "method_not_allowed");
    let head = client.head("/v1/files/none").await.expect(404);
    assert_eq!((head.body.len(), head.header("content-type")), (0, Some("application/problem+json")));
}

#[tokio::test]
async fn heads_that_can_be_read_in_two_ways_are_refused_and_the_connection_closed() {
    let daemon = Daemon::start().await;
    for (head, kind) in [
        ("GET /healthz HTTP/1.1\r\n\r\n", "bad_host"),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "bad_host"),
        (
            "PUT /v1/files/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "bad_framing",
        ),
    ] {
        let answer = exchange(daemon.address(), head).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(answer.contains(kind) && answer.contains("connection: close"), "{answer}");
    }
    let encoded =
        "PUT /v1/files/x HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx";
    let answer = exchange(daemon.address(), encoded).await;
    assert!(answer.starts_with("HTTP/1.1 415") && answer.contains("accept-encoding: identity"), "{answer}");
    daemon.client().get("/v1/files/x").await.expect_problem(404, "no_file");
}

#[tokio::test]
async fn a_body_with_two_lengths_is_read_in_one_way_and_the_connection_closed() {
    let daemon = Daemon::start().await;
    for fields in
        ["Content-Length: 3\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 3"]
    {
        let request = format!(
            "PUT /v1/files/x HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        let answer = exchange(daemon.address(), request).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "what follows is never a request: {answer}");
    }
}

#[tokio::test]
async fn heads_of_100_kb_are_refused() {
    let daemon = Daemon::start().await;
    for length in [100_000, 1_000_000] {
        let head = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n", "x".repeat(length));
        let answer = exchange(daemon.address(), head).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{length}: {}", answer.get(..60).unwrap_or(&answer));
    }
    daemon.client().get("/healthz").await.expect(200);
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    let content = Content::new(4, 12 << 20);
    for _ in 0..3 {
        let path = format!("/v1/uploads/{}/chunks/1", "0".repeat(32));
        client.put(&path, content.body(0..content.length())).await.expect_problem(404, "no_upload");
    }
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_half_a_head_is_closed() {
    let config = "[server]\nheader_timeout = \"200ms\"\nkeep_alive_timeout = \"400ms\"\n";
    let daemon = Daemon::builder().config(config).start().await;
    for begun in ["", "PRI * HT", "GET /healthz HTTP/1.1\r\nHost"] {
        let mut connection = RawConnection::open(daemon.address()).await;
        connection.send(begun).await.unwrap();
        assert!(!connection.read_to_close().await.contains("200"), "{begun}");
    }
    let mut connection = RawConnection::open(daemon.address()).await;
    connection.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let answer = connection.read_to_close().await;
    assert!(answer.starts_with("HTTP/1.1 200"), "answered, and closed after a silence: {answer}");
}

#[tokio::test]
async fn pages_of_allowed_origins_may_call_and_others_learn_nothing() {
    let config = "[server]\ncors_origins = [\"https://app.example\"]\n";
    let daemon = Daemon::builder().config(config).start().await;
    let client = daemon.client();
    let from = |origin: &'static str, method: &'static str, path: &'static str| {
        let call = client.call(method, path).header("origin", origin);
        call.header("access-control-request-method", "PATCH").send()
    };
    let preflight = from("https://app.example", "OPTIONS", "/v1/uploads/x").await.expect(200);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("https://app.example"));
    assert!(preflight.header("access-control-allow-methods").unwrap().contains("PATCH"));
    assert!(preflight.header("access-control-allow-headers").unwrap().contains("upload-offset"));
    assert_eq!(preflight.header("access-control-max-age"), Some("86400"));
    let refused = from("https://app.example", "GET", "/v1/files/none").await;
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://app.example"));
    assert!(refused.header("access-control-expose-headers").unwrap().contains("upload-offset"));
    refused.expect_problem(404, "no_file");
    for method in ["OPTIONS", "GET"] {
        let other = from("https://evil.example", method, "/healthz").await;
        let told = other.headers.keys().filter(|name| name.as_str().starts_with("access-control"));
        assert_eq!(told.count(), 0, "{:?}", other.headers);
    }
}

#[tokio::test]
async fn health_is_told_and_requests_are_counted_by_route() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    assert_eq!(client.get("/healthz").await.expect(200).json()["status"], "ok");
    let ready = client.get("/readyz").await.expect(200).json();
    assert_eq!(ready["stores"], json!({ "sessions": "ok", "catalog": "ok", "objects": "ok" }));
    client.put("/v1/files/secret-name", "12345").await.expect(201);
    client.get("/v1/files/other-name").await.expect(404);
    let metrics = client.get("/metrics").await.expect(200);
    for line in [
        r#"cairn_requests_total{method="PUT",route="/v1/files/{*path}",status="2xx"} 1"#,
        r#"cairn_requests_total{method="GET",route="/v1/files/{*path}",status="4xx"} 1"#,
        "cairn_received_bytes_total 5",
    ] {
        assert!(metrics.text().lines().any(|told| told == line), "{line} in {}", metrics.text());
    }
    assert!(!metrics.text().contains("secret-name"), "no path is a label");
}
