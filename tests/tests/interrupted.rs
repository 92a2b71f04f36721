//! Bodies of 1 GiB that end in the middle: by FIN, by RST, by a reset of their HTTP/2 stream, by silence, by SIGTERM, by
//! SIGKILL; in tus and in the draft.
//!
//! What is there afterwards is at most what was sent and at least that less one checkpoint (`uploads.roll_bytes`), and
//! the bytes are the right ones.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and waits for the task that it starts"
)]

use std::time::Duration;

use bytes::Bytes;
use cairn_tests::{Answer, Body, Builder, Call, Client, Content, Daemon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const ROLL: u64 = 1 << 20;
const ANNOUNCED: u64 = 1 << 30;
const SENT: u64 = 3 * ROLL + 777;

/// A protocol of appends.
#[derive(Clone, Copy, Debug)]
enum Protocol {
    Tus,
    Draft,
}

use Protocol::{Draft, Tus};

impl Protocol {
    const BOTH: [Self; 2] = [Tus, Draft];

    /// Fields of a request that begins an upload whose length nobody knows.
    fn creation(self) -> (&'static str, [(&'static str, &'static str); 2]) {
        match self {
            Tus => ("/files/", [("tus-resumable", "1.0.0"), ("upload-defer-length", "1")]),
            Draft => ("/uploads/", [("upload-draft-interop-version", "8"), ("upload-complete", "?0")]),
        }
    }

    /// Fields of an append; of the last one, if it ends there.
    fn append(self, offset: u64, end: Option<u64>) -> Vec<(&'static str, String)> {
        let mut fields = vec![("upload-offset", offset.to_string())];
        match self {
            Tus => {
                fields.push(("tus-resumable", "1.0.0".to_owned()));
                fields.push(("content-type", "application/offset+octet-stream".to_owned()));
            }
            Draft => {
                fields.push(("upload-draft-interop-version", "8".to_owned()));
                fields.push(("content-type", "application/partial-upload".to_owned()));
                fields.push(("upload-complete", if end.is_some() { "?1" } else { "?0" }.to_owned()));
            }
        }
        fields.extend(end.map(|end| ("upload-length", end.to_string())));
        fields
    }
}

struct Scene {
    daemon: Daemon,
    protocol: Protocol,
    content: Content,
    /// The upload's path, without that of a protocol.
    id: String,
}

impl Scene {
    async fn open(protocol: Protocol) -> Self {
        Self::with(Daemon::builder(), protocol).await
    }

    async fn with(builder: Builder, protocol: Protocol) -> Self {
        let daemon = builder.env("CAIRN__UPLOADS__ROLL_BYTES", "1MiB").start().await;
        let (path, fields) = protocol.creation();
        let call = daemon.client().call("POST", path);
        let created = fields.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await;
        let location = created.expect(201).header("location").unwrap().to_owned();
        let id = location.rsplit('/').next().unwrap().to_owned();
        Self { daemon, protocol, content: Content::new(7, ANNOUNCED), id }
    }

    fn path(&self) -> String {
        format!("{}{}", self.protocol.creation().0, self.id)
    }

    fn append(&self, client: &Client, offset: u64, end: Option<u64>) -> Call {
        let fields = self.protocol.append(offset, end);
        let call = client.call("PATCH", &self.path());
        fields.iter().fold(call, |call, (name, value)| call.header(name, value))
    }

    /// A connection of its own that announces 1 GiB and has sent a part of it.
    async fn partly_sent(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.daemon.address()).await.unwrap();
        let fields = self.protocol.append(0, None);
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let path = self.path();
        let head = format!(
            "PATCH {path} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {ANNOUNCED}\r\nExpect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut asked = [0; 25];
        stream.read_exact(&mut asked).await.unwrap();
        assert!(asked.starts_with(b"HTTP/1.1 100 "));
        stream.write_all(&self.content.range(0..SENT)).await.unwrap();
        stream
    }

    /// Waits until every whole checkpoint is recorded, as the native API tells without stopping anything: what the
    /// daemon has not read is lost with a reset, and was never sent as far as anybody can tell.
    async fn recorded(&self) {
        let native = format!("/v1/uploads/{}", self.id);
        let client = self.daemon.client();
        let look = async {
            while client.get(&native).await.json()["received_bytes"].as_u64().unwrap() < SENT / ROLL * ROLL {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(cairn_tests::LIMIT, look).await.unwrap();
    }

    async fn head(&self) -> Answer {
        let (_, [(name, value), _]) = self.protocol.creation();
        self.daemon.client().call("HEAD", &self.path()).header(name, value).send().await
    }

    /// What arrived is kept, and the upload goes on from there to a file whose bytes are the right ones.
    async fn is_kept_and_goes_on(&self) {
        let offset: u64 = self.head().await.header("upload-offset").unwrap().parse().unwrap();
        assert!(offset <= SENT && offset + ROLL >= SENT, "{:?}: {offset} of {SENT}", self.protocol);
        let end = SENT + 1000;
        let rest = self.content.range(offset..end);
        let last = self.append(&self.daemon.client(), offset, Some(end)).body(rest).send().await;
        assert!(matches!(last.status, 201 | 204), "{last:?}");
        let upload = self.daemon.client().get(&format!("/v1/uploads/{}", self.id)).await.expect(200).json();
        let file = format!("/v1/files/{}", upload["file"]["path"].as_str().unwrap());
        let stored = self.daemon.client().download(&file).await;
        let digest = blake3::hash(&self.content.range(0..end)).to_hex().to_string();
        assert_eq!((stored.length, stored.blake3), (end, digest));
    }
}

#[tokio::test]
async fn a_fin() {
    for protocol in Protocol::BOTH {
        let scene = Scene::open(protocol).await;
        let mut stream = scene.partly_sent().await;
        stream.shutdown().await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
        scene.is_kept_and_goes_on().await;
    }
}

#[tokio::test]
async fn a_reset_of_the_connection() {
    for protocol in Protocol::BOTH {
        let scene = Scene::open(protocol).await;
        let stream = scene.partly_sent().await;
        scene.recorded().await;
        stream.set_zero_linger().unwrap();
        drop(stream);
        scene.is_kept_and_goes_on().await;
    }
}

#[tokio::test]
async fn a_reset_of_an_http2_stream_which_harms_no_other_stream() {
    for protocol in Protocol::BOTH {
        let scene = Scene::open(protocol).await;
        let client = scene.daemon.client_http2();
        let (pieces, body) = mpsc::unbounded_channel();
        let call = scene.append(&client, 0, None).body(Body::following(body, Some(ANNOUNCED)));
        let (others, other) = mpsc::unbounded_channel();
        let beside = client.call("PUT", "/v1/files/beside").body(Body::following(other, None));
        let (broken, beside) = (tokio::spawn(call.try_send()), tokio::spawn(beside.try_send()));
        others.send(Ok(Bytes::from_static(b"not "))).unwrap();
        pieces.send(Ok(scene.content.range(0..SENT))).unwrap();
        scene.recorded().await;
        pieces.send(Err(std::io::Error::other("broken off on purpose"))).unwrap();
        assert!(broken.await.unwrap().is_err());
        scene.is_kept_and_goes_on().await;
        others.send(Ok(Bytes::from_static(b"harmed"))).unwrap();
        drop(others);
        beside.await.unwrap().unwrap().expect(201);
        assert_eq!(client.get("/v1/files/beside").await.expect(200).body, "not harmed");
    }
}

#[tokio::test]
async fn silence() {
    for protocol in Protocol::BOTH {
        let builder = Daemon::builder().env("CAIRN__SERVER__BODY_IDLE_TIMEOUT", "500ms");
        let scene = Scene::with(builder, protocol).await;
        let mut stream = scene.partly_sent().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{}", answer.escape_ascii());
        scene.is_kept_and_goes_on().await;
    }
}

#[tokio::test]
async fn a_daemon_that_is_asked_to_stop() {
    for protocol in Protocol::BOTH {
        let builder = Daemon::builder().env("CAIRN__SERVER__SHUTDOWN_TIMEOUT", "300ms");
        let mut scene = Scene::with(builder, protocol).await;
        let stream = scene.partly_sent().await;
        scene.recorded().await;
        scene.daemon.terminate().await;
        drop(stream);
        scene.daemon.restart().await;
        scene.is_kept_and_goes_on().await;
    }
}

#[tokio::test]
async fn a_daemon_that_is_killed() {
    for protocol in Protocol::BOTH {
        let mut scene = Scene::open(protocol).await;
        let stream = scene.partly_sent().await;
        scene.recorded().await;
        scene.daemon.kill9().await;
        drop(stream);
        scene.daemon.restart().await;
        scene.is_kept_and_goes_on().await;
    }
}
