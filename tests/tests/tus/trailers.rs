//! Checksums that follow the body: HTTP/1.1 chunked, and HTTP/2.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use cairn_tests::exchange;
use http::{HeaderMap, HeaderValue, Request};
use hyper::body::Frame;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::scene::{BYTES, Scene};

/// `sha1` of `world`.
const GOOD: &str = "sha1 fCEUM/AgcVl3Qeb/Wo6jR4mrv0M=";
const OTHER: &str = "sha1 AAAAM/AgcVl3Qeb/Wo6jR4mrv0M=";

fn chunked(path: &str, head: &str, trailer: &str) -> String {
    format!(
        "PATCH {path} HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\nContent-Type: {BYTES}\r\nUpload-Offset: 0\r\n\
         Transfer-Encoding: chunked\r\nTrailer: Upload-Checksum\r\nConnection: close\r\n{head}\r\n\
         2\r\nwo\r\n3\r\nrld\r\n0\r\n{trailer}\r\n"
    )
}

#[tokio::test]
async fn a_trailer_of_a_chunked_body_is_verified() {
    let scene = Scene::open().await;
    let field = |value: &str| format!("Upload-Checksum: {value}\r\n");
    let rows = [
        (String::new(), field(GOOD), "204", 5),
        (String::new(), field(OTHER), "460 Checksum Mismatch", 0),
        (String::new(), field("crc64 AAAA"), "400", 0),
        (String::new(), String::new(), "400", 0),
        (field(GOOD), field(GOOD), "204", 5),
        (field(GOOD), field(OTHER), "400", 0),
    ];
    for (head, trailer, status, offset) in rows {
        let path = scene.tus.create(10).await;
        let answer = exchange(scene.daemon.address(), chunked(&path, &head, &trailer)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{head}{trailer}: {answer}");
        assert_eq!(scene.tus.offset(&path).await, offset, "{head}{trailer}");
    }
}

#[tokio::test]
async fn a_body_cut_before_its_trailer_does_not_count() {
    let scene = Scene::open().await;
    let path = scene.tus.create(10).await;
    let whole = chunked(&path, "", "");
    let cut = whole.split_once("0\r\n\r\n").map(|_| whole.rsplit_once("0\r\n").unwrap().0).unwrap_or(&whole);
    let mut connection = cairn_tests::RawConnection::open(scene.daemon.address()).await;
    connection.send(cut).await.unwrap();
    connection.finish().await;
    connection.read_to_close().await;
    assert_eq!(scene.tus.offset(&path).await, 0);
}

/// `world`, and a trailer.
struct Trailed {
    frames: Vec<Frame<Bytes>>,
}

impl Trailed {
    fn new(checksum: &'static str) -> Self {
        let fields = HeaderMap::from_iter([(
            http::HeaderName::from_static("upload-checksum"),
            HeaderValue::from_static(checksum),
        )]);
        Self { frames: vec![Frame::trailers(fields), Frame::data(Bytes::from_static(b"world"))] }
    }
}

impl hyper::body::Body for Trailed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.frames.pop().map(Ok))
    }
}

#[tokio::test]
async fn a_trailer_of_an_http2_stream_is_verified() {
    let scene = Scene::open().await;
    let pool: Pool<HttpConnector, Trailed> =
        Pool::builder(TokioExecutor::new()).http2_only(true).build_http();
    for (checksum, status, offset) in [(GOOD, 204, 5), (OTHER, 460, 0)] {
        let path = scene.tus.create(10).await;
        let request = Request::builder()
            .method("PATCH")
            .uri(format!("http://{}{path}", scene.daemon.address()))
            .header("tus-resumable", "1.0.0")
            .header("content-type", BYTES)
            .header("upload-offset", "0")
            .header("trailer", "upload-checksum")
            .body(Trailed::new(checksum))
            .unwrap();
        let answer = pool.request(request).await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(scene.tus.offset(&path).await, offset);
    }
}
