//! Heads that are too long, or that two parsers could read in two ways.

use cairn_tests::exchange;

use crate::scene::Scene;

#[tokio::test]
async fn a_head_of_100_kb_is_refused() {
    let scene = Scene::open().await;
    let one_long = format!("X-Long: {}\r\n", "x".repeat(100_000));
    let many = (0..1000).map(|n| format!("X-{n}: {}\r\n", "x".repeat(90))).collect::<String>();
    for fields in [one_long, many] {
        let request = format!("GET /v1/uploads HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
        let answer = exchange(scene.daemon.address(), request).await;
        // A reset may overtake the answer: the daemon closes while bytes are still coming.
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    scene.close().await;
}

const BODY: &str = "5\r\nhello\r\n0\r\n\r\n";
const SMUGGLED: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_head_that_can_be_read_in_two_ways_is_refused_and_the_connection_closed() {
    let scene = Scene::open().await;
    for fields in [
        "Host: a\r\nTransfer-Encoding: gzip, chunked\r\n",
        "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Host: a\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Host: a\r\nHost: b\r\nTransfer-Encoding: chunked\r\n",
        "Host: a\r\nTransfer-Encoding : chunked\r\n",
    ] {
        let request = format!("PUT /v1/files/x HTTP/1.1\r\n{fields}\r\n{BODY}{SMUGGLED}");
        let answer = exchange(scene.daemon.address(), request).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{fields}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{fields}: {answer}");
    }
    scene.client.get("/v1/files/x").await.expect_problem(404, "no_file");
    scene.close().await;
}

#[tokio::test]
async fn a_body_with_two_lengths_smuggles_no_request() {
    let scene = Scene::open().await;
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
    ] {
        let request = format!("PUT /v1/files/x HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{BODY}{SMUGGLED}");
        let answer = exchange(scene.daemon.address(), request).await;
        // Refused, or read by its chunks alone; whatever follows is never a request.
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{fields}: {answer}");
        let status = scene.client.delete("/v1/files/x").await.status;
        assert_eq!(status, if answer.starts_with("HTTP/1.1 400 ") { 404 } else { 204 }, "{fields}: {answer}");
    }
    scene.close().await;
}

#[tokio::test]
async fn an_encoded_body_is_refused() {
    let scene = Scene::open().await;
    let call = scene.client.call("PUT", "/v1/files/x").header("content-encoding", "gzip").body("abc");
    call.send().await.expect(415);
    scene.close().await;
}

#[tokio::test]
async fn what_is_no_http_at_all_harms_nobody() {
    let scene = Scene::open().await;
    for bytes in [
        &b"\x00\x01\x02\x03\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"GET /v1/files/\x80\xff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\nConnection: close\r\n\r\n",
    ] {
        let answer = exchange(scene.daemon.address(), bytes).await;
        assert!(
            !answer.starts_with("HTTP/1.1 2") && !answer.starts_with("HTTP/1.1 5"),
            "{bytes:?}: {answer}"
        );
    }
    scene.close().await;
}

#[tokio::test]
async fn an_unknown_route_or_method_is_told_in_the_same_form() {
    let scene = Scene::open().await;
    scene.client.get("/nothing/here").await.expect_problem(404, "not_found");
    scene.client.call("BREW", "/v1/uploads").send().await.expect_problem(405, "method_not_allowed");
    let head = scene.client.head("/nothing/here").await.expect(404);
    assert!(head.body.is_empty());
    scene.close().await;
}
