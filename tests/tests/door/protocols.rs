//! Requests that ask for another protocol, or that the standard lets a server read in one way only: they are answered
//! in HTTP/1.1, each by its own answer, and what follows them is the next request or nothing.

use cairn_tests::{Daemon, exchange};

/// The request behind each; its id tells its answer from any other.
const NEXT: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Request-Id: the-next\r\nConnection: close\r\n\r\n";

/// The statuses that came, and whether the last answer is that of the next request.
async fn answers(daemon: &Daemon, request: &str) -> (Vec<String>, bool) {
    let came = exchange(daemon.address(), format!("{request}{NEXT}")).await;
    let statuses = came.split("HTTP/1.1 ").skip(1);
    let statuses = statuses.map(|answer| answer.chars().take(3).collect()).collect();
    let last = came.rfind("HTTP/1.1 ").map_or("", |start| &came[start..]);
    (statuses, last.contains("x-request-id: the-next\r\n"))
}

fn statuses(of: &[&str]) -> Vec<String> {
    of.iter().map(|&status| status.to_owned()).collect()
}

#[tokio::test]
async fn no_request_leads_to_another_protocol() {
    let daemon = Daemon::start().await;
    let settings = "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n";
    let socket = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n";
    let fields = [
        format!("Connection: Upgrade, HTTP2-Settings\r\n{settings}"),
        format!("Connection: upgrade\r\n{socket}"),
        "Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n".to_owned(),
        "Connection: Upgrade\r\nUpgrade: HTTP/2.0, websocket, nobody/9\r\n".to_owned(),
    ];
    for fields in fields {
        let request = format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(answers(&daemon, &request).await, (statuses(&["200", "200"]), true), "{fields}");
        let upload = "PUT /v1/files/kept HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n";
        let (came, next) = answers(&daemon, &format!("{upload}{fields}\r\nhello")).await;
        assert!(came == ["201", "200"] || came == ["200", "200"], "{fields}: {came:?}");
        assert!(next, "{fields}");
    }
    assert_eq!(daemon.client().get("/v1/files/kept").await.expect(200).text(), "hello");
}

#[tokio::test]
async fn nobody_is_connected_to_anybody_and_no_request_is_echoed() {
    let daemon = Daemon::start().await;
    for target in ["a:80", "127.0.0.1:22", "/v1/files/x", "*"] {
        let (came, next) =
            answers(&daemon, &format!("CONNECT {target} HTTP/1.1\r\nHost: a:80\r\n\r\n")).await;
        let [status, ..] = &*came else { panic!("{target}: no answer") };
        assert!(status.starts_with('4'), "{target}: {came:?}");
        // Behind a refused tunnel there is nothing, or the next request.
        assert_eq!(came.len() == 2, next, "{target}: {came:?}");
    }
    for path in ["/", "/healthz", "/v1/files/x", "/files/"] {
        let secret = "Authorization: Bearer do-not-echo\r\nCookie: do-not-echo\r\n";
        let trace = format!("TRACE {path} HTTP/1.1\r\nHost: a\r\n{secret}\r\n{NEXT}");
        let came = exchange(daemon.address(), trace).await;
        assert!(came.starts_with("HTTP/1.1 4"), "{path}: {came}");
        assert!(!came.contains("do-not-echo"), "{path}: {came}");
    }
}

/// Fields that come behind a body are not those of the head (RFC 9110, 6.5.1).
#[tokio::test]
async fn what_comes_behind_a_body_frames_nothing_and_names_nobody() {
    let daemon = Daemon::start().await;
    for trailer in [
        "Content-Length: 0",
        "Content-Length: 9999",
        "Transfer-Encoding: chunked",
        "Host: b",
        "Connection: close",
        "Authorization: Bearer nobody",
        "Content-Encoding: gzip",
        "Upload-Offset: 3",
        "X-Http-Method-Override: DELETE",
        "Trailer: X",
    ] {
        let put = format!(
            "PUT /v1/files/trailed HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n\
             5\r\nhello\r\n0\r\n{trailer}\r\n\r\n"
        );
        let (came, next) = answers(&daemon, &put).await;
        assert!(came == ["201", "200"] || came == ["200", "200"], "{trailer}: {came:?}");
        assert!(next, "{trailer}");
        assert_eq!(daemon.client().get("/v1/files/trailed").await.expect(200).text(), "hello", "{trailer}");
    }
}

/// RFC 9112, 6.1: by its chunks, and the connection is closed; 2.2: a line may end with a bare line feed.
#[tokio::test]
async fn two_lengths_are_read_by_the_chunks_and_nothing_behind_them_is_heard() {
    let daemon = Daemon::start().await;
    let (length, chunked) = ("Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n");
    for (number, fields) in [format!("{length}{chunked}"), format!("{chunked}{length}")].iter().enumerate() {
        let put =
            format!("PUT /v1/files/two-{number} HTTP/1.1\r\nHost: a\r\n{fields}\r\n5\r\nhello\r\n0\r\n\r\n");
        assert_eq!(answers(&daemon, &put).await, (statuses(&["201"]), false), "{fields}");
        let kept = daemon.client().get(&format!("/v1/files/two-{number}")).await.expect(200);
        assert_eq!(kept.text(), "hello");
    }
    let bare = "PUT /v1/files/bare HTTP/1.1\nHost: a\nContent-Length: 5\n\nhello";
    assert_eq!(answers(&daemon, bare).await, (statuses(&["201", "200"]), true));
    assert_eq!(daemon.client().get("/v1/files/bare").await.expect(200).text(), "hello");
}

/// A connection speaks one protocol from its first byte to its last.
#[tokio::test]
async fn a_connection_does_not_turn_into_http_2_on_its_way() {
    let daemon = Daemon::start().await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let came =
        exchange(daemon.address(), format!("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n{preface}{NEXT}")).await;
    assert!(came.starts_with("HTTP/1.1 200 "), "{came}");
    assert!(!came.contains("the-next"), "{came}");
}
