//! Bodies that are cut under a checksum. Others are in `tests/interrupted.rs`.

use cairn_tests::{Builder, Content, Daemon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::scene::{BYTES, Scene, Tus};

const LENGTH: u64 = 4 << 20;
const SENT: u64 = (1 << 20) + 777;

fn builder() -> Builder {
    Daemon::builder().env("CAIRN__UPLOADS__ROLL_BYTES", "64KiB")
}

/// A connection that has sent a part of a `PATCH`.
async fn partly_sent(scene: &Scene, path: &str, content: Content, checksum: &str) -> TcpStream {
    let mut stream = TcpStream::connect(scene.daemon.address()).await.unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\nContent-Type: {BYTES}\r\nUpload-Offset: 0\r\n\
         {checksum}Content-Length: {LENGTH}\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert!(asked.starts_with(b"HTTP/1.1 100 "));
    stream.write_all(&content.range(0..SENT)).await.unwrap();
    stream
}

#[tokio::test]
async fn under_a_checksum_nothing_of_a_cut_body_counts() {
    let mut scene = Scene::with(builder()).await;
    let content = Content::new(4, LENGTH);
    let path = scene.tus.create(LENGTH).await;
    let checksum = "Upload-Checksum: sha1 fCEUM/AgcVl3Qeb/Wo6jR4mrv0M=\r\n";
    let mut stream = partly_sent(&scene, &path, content, checksum).await;
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!(scene.tus.offset(&path).await, 0);
    let stream = partly_sent(&scene, &path, content, checksum).await;
    scene.daemon.kill9().await;
    drop(stream);
    scene.daemon.restart().await;
    let tus = Tus(scene.daemon.client());
    assert_eq!(tus.offset(&path).await, 0);
    tus.patch(&path, 0, content.bytes()).await.expect(204);
    assert_eq!(tus.content(&path).await, content.bytes());
}
