//! nginx and Caddy in front, configured as the README has it: bodies are not gathered there, addresses are of the
//! proxy, and nobody gets the answer to another's request.

use std::net::SocketAddr;
use std::time::Duration;

use cairn_tests::{CaddyFront, Client, Content, Daemon, LIMIT, NginxFront, RawConnection};

use super::CONFIG;
use super::corpus::corpus;

/// A proxy answers for itself, or passes on what it understood. Whatever it does, the next honest client gets the answer
/// to its own request, on connections to the daemon that are used again.
async fn every_honest_request_gets_its_own_answer(proxy: SocketAddr) {
    let honest = Client::http1(proxy);
    for (number, case) in corpus().iter().enumerate() {
        let mut connection = RawConnection::open(proxy).await;
        // The proxy may close before all is sent.
        let _ = connection.send(&case.bytes).await;
        connection.finish().await;
        let id = format!("probe-{number}");
        let path = format!("/v1/files/none-{number}");
        let answer = honest.call("GET", &path).header("x-request-id", &id).send().await;
        assert_eq!(answer.header("x-request-id"), Some(&*id), "after {}", case.name);
        answer.expect_problem(404, "no_file");
    }
}

async fn large_uploads_pass(proxy: SocketAddr) {
    let client = Client::http1(proxy);
    let content = Content::new(9, 24 << 20);
    client.put("/v1/files/large", content.body(0..content.length())).await.expect(201);
    let download = client.download("/v1/files/large").await;
    assert_eq!((download.status, download.length), (200, content.length()));
}

/// Half of a `PATCH` is sent and then nothing more: a proxy that gathers the body would not have asked the daemon yet.
async fn half_a_body_has_come_through(proxy: SocketAddr, daemon: &Daemon) {
    let content = Content::new(10, 8 << 20);
    let client = Client::http1(proxy);
    let call = client.call("POST", "/files/").header("tus-resumable", "1.0.0");
    let created = call.header("upload-length", &content.length().to_string()).send().await.expect(201);
    let place = created.header("location").unwrap().to_owned();
    let path = place.strip_prefix(&format!("http://{proxy}")).expect("a place behind the proxy");
    let mut half = RawConnection::open(proxy).await;
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: {proxy}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: {}\r\n\r\n",
        content.length()
    );
    let before = received(daemon).await;
    half.send(head).await.unwrap();
    half.send(content.range(0..4 << 20)).await.unwrap();
    let arriving = async {
        // A proxy may keep the last piece until the next one comes.
        while received(daemon).await < before + (2 << 20) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, arriving).await.expect("bytes come while the body is not whole");
    let tus = |method: &str| client.call(method, path).header("tus-resumable", "1.0.0");
    let told = tus("HEAD").send().await.expect(200);
    let offset: u64 = told.header("upload-offset").unwrap().parse().unwrap();
    assert!((2 << 20..=4 << 20).contains(&offset), "what had arrived counts: {offset}");
    let rest = tus("PATCH").header("content-type", "application/offset+octet-stream");
    let rest = rest.header("upload-offset", &offset.to_string());
    rest.body(content.body(offset..content.length())).send().await.expect(204);
    let whole = client.call("GET", path).send().await.expect(200);
    assert!(whole.body == content.bytes());
}

/// How many bytes of bodies the daemon has read.
async fn received(daemon: &Daemon) -> u64 {
    let metrics = daemon.client().get("/metrics").await.expect(200);
    let line = metrics.text().lines().find_map(|line| line.strip_prefix("cairn_received_bytes_total "));
    line.map_or(0, |count| count.parse().unwrap())
}

async fn a_draft_upload_passes(proxy: SocketAddr) {
    let client = Client::http1(proxy);
    let draft =
        |method: &str, path: &str| client.call(method, path).header("upload-draft-interop-version", "8");
    let created = draft("POST", "/uploads/").header("upload-complete", "?0").body("hello, ").send().await;
    let place = created.expect(201).header("location").unwrap().to_owned();
    let path = place.strip_prefix(&format!("http://{proxy}")).expect("a place behind the proxy");
    let append = draft("PATCH", path).header("content-type", "application/partial-upload");
    let append = append.header("upload-offset", "7").header("upload-complete", "?1").body("tunnel");
    assert!((200..300).contains(&append.send().await.status));
    let upload = client.get(&path.replace("/uploads/", "/v1/uploads/")).await.expect(200).json();
    let name = upload.pointer("/file/path").unwrap().as_str().unwrap();
    assert_eq!(client.get(&format!("/v1/files/{name}")).await.expect(200).text(), "hello, tunnel");
}

async fn everything_passes(proxy: SocketAddr, daemon: &Daemon) {
    large_uploads_pass(proxy).await;
    half_a_body_has_come_through(proxy, daemon).await;
    a_draft_upload_passes(proxy).await;
}

#[tokio::test]
async fn behind_nginx_every_honest_request_gets_its_own_answer() {
    let daemon = Daemon::builder().config(CONFIG).start().await;
    let nginx = NginxFront::start(daemon.address());
    every_honest_request_gets_its_own_answer(nginx.address()).await;
}

#[tokio::test]
async fn behind_caddy_every_honest_request_gets_its_own_answer() {
    let daemon = Daemon::builder().config(CONFIG).start().await;
    let caddy = CaddyFront::start(daemon.address());
    every_honest_request_gets_its_own_answer(caddy.address()).await;
}

/// The default time-outs: half a body waits for the rest.
const TRUSTING: &str = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n";

#[tokio::test]
async fn uploads_of_every_protocol_pass_nginx_as_they_come() {
    let daemon = Daemon::builder().config(TRUSTING).start().await;
    let nginx = NginxFront::start(daemon.address());
    everything_passes(nginx.address(), &daemon).await;
}

#[tokio::test]
async fn uploads_of_every_protocol_pass_caddy_as_they_come() {
    let daemon = Daemon::builder().config(TRUSTING).start().await;
    let caddy = CaddyFront::start(daemon.address());
    everything_passes(caddy.address(), &daemon).await;
}
