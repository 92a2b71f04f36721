//! Bodies that are longer than they may be, and those that wait to be asked.

use cairn_tests::{Body, Content, RawConnection, exchange};

use super::scene::{BYTES, Scene, path_of};

fn patch(path: &str, offset: u64, more: &str) -> String {
    format!(
        "PATCH {path} HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\nContent-Type: {BYTES}\r\n\
         Upload-Offset: {offset}\r\n{more}\r\n"
    )
}

#[tokio::test]
async fn a_body_that_says_it_is_too_long_is_refused_before_it_is_sent() {
    let scene = Scene::open().await;
    let path = scene.tus.create(10).await;
    let mut connection = RawConnection::open(scene.daemon.address()).await;
    connection.send(patch(&path, 0, "Content-Length: 11\r\nExpect: 100-continue\r\n")).await.unwrap();
    assert!(connection.read_head().await.starts_with("HTTP/1.1 413 "));
    assert_eq!(scene.tus.offset(&path).await, 0);

    let post = format!(
        "POST /files/ HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\nContent-Type: {BYTES}\r\nUpload-Length: 10\r\n\
         Content-Length: 11\r\nExpect: 100-continue\r\n\r\n"
    );
    let mut connection = RawConnection::open(scene.daemon.address()).await;
    connection.send(post).await.unwrap();
    assert!(connection.read_head().await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_body_is_asked_for_when_everything_else_is_right() {
    let scene = Scene::open().await;
    let path = scene.tus.create(10).await;
    let waits = "Content-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n";
    for (offset, checksum, status) in [(1, "", "409"), (0, "Upload-Checksum: crc64 AAAA\r\n", "400")] {
        let mut connection = RawConnection::open(scene.daemon.address()).await;
        connection.send(patch(&path, offset, &format!("{checksum}{waits}"))).await.unwrap();
        assert!(connection.read_head().await.starts_with(&format!("HTTP/1.1 {status} ")));
    }
    let mut connection = RawConnection::open(scene.daemon.address()).await;
    connection.send(patch(&path, 0, waits)).await.unwrap();
    assert!(connection.read_head().await.starts_with("HTTP/1.1 100 "));
    connection.send("hello").await.unwrap();
    assert!(connection.read_head().await.starts_with("HTTP/1.1 204 "));
}

#[tokio::test]
async fn of_a_chunked_body_past_the_end_what_fits_is_kept_and_the_rest_is_not_read() {
    let scene = Scene::open().await;
    let path = scene.tus.create(10).await;
    let mut connection = RawConnection::open(scene.daemon.address()).await;
    // The last chunk never comes: the answer does not wait for it.
    let body = "8\r\n01234567\r\n8\r\n89abcdef\r\n";
    connection.send(patch(&path, 0, "Transfer-Encoding: chunked\r\n") + body).await.unwrap();
    assert!(connection.read_head().await.starts_with("HTTP/1.1 413 "));
    assert_eq!(scene.tus.offset(&path).await, 10);
    assert_eq!(scene.tus.content(&path).await, "0123456789");
}

#[tokio::test]
async fn of_a_body_without_a_length_no_more_is_kept_than_an_upload_may_have() {
    let scene = Scene::with(cairn_tests::Daemon::builder().env("CAIRN__UPLOADS__MAX_LENGTH", "10B")).await;
    let path = scene.tus.create_deferred().await;
    let answer = scene.tus.patch(&path, 0, "01234567").await;
    assert_eq!(answer.expect(204).header("upload-offset"), Some("8"));
    scene.tus.patch(&path, 8, "89a").await.expect(413);
    let pieces = [Ok("89".into()), Ok("abc".into())];
    scene.tus.patching(&path, 8).body(Body::pieces(pieces.into_iter(), None)).send().await.expect(413);
    assert_eq!(scene.tus.offset(&path).await, 10);
}

#[tokio::test]
async fn a_chunked_body_of_another_type_is_refused_and_an_empty_one_is_not() {
    let scene = Scene::open().await;
    let head = "POST /files/ HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 10\r\nContent-Type: a/b\r\n\
                Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    let answer = exchange(scene.daemon.address(), format!("{head}5\r\nhello\r\n0\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
    let answer = exchange(scene.daemon.address(), format!("{head}0\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
}

#[tokio::test]
async fn a_long_body_under_a_checksum_counts_whole_or_not_at_all() {
    let builder = cairn_tests::Daemon::builder().env("CAIRN__UPLOADS__ROLL_BYTES", "64KiB");
    let scene = Scene::with(builder).await;
    let content = Content::new(7, 1 << 20);
    let path = scene.tus.create(content.length()).await;
    let checksum = base64_sha1(&content.sha1());
    let patching = |checksum: String| {
        let call = scene.tus.patching(&path, 0).header("upload-checksum", &format!("sha1 {checksum}"));
        call.body(content.bytes()).send()
    };
    patching(base64_sha1(&"00".repeat(20))).await.expect(460);
    assert_eq!(scene.tus.offset(&path).await, 0);
    patching(checksum).await.expect(204);
    assert_eq!(scene.tus.content(&path).await, content.bytes());
}

#[tokio::test]
async fn metadata_of_eight_kilobytes_come_back_byte_for_byte() {
    let scene = Scene::open().await;
    let metadata = format!("long {},filename YS5iaW4=,bare, spaced", "QUJD".repeat(8 * 1024 / 3));
    let created = scene.tus.call("POST", "/files/").header("upload-length", "3");
    let path = path_of(&created.header("upload-metadata", &metadata).send().await);
    assert_eq!(scene.tus.head(&path).await.header("upload-metadata"), Some(metadata.as_str()));
    scene.tus.patch(&path, 0, "abc").await.expect(204);
    assert_eq!(scene.tus.head(&path).await.header("upload-metadata"), Some(metadata.as_str()));
    assert_eq!(scene.tus.0.get("/v1/files/a.bin").await.expect(200).body, "abc");
}

/// Hexadecimal digits of 20 bytes, in base64.
fn base64_sha1(digits: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: String =
        digits.chars().map(|digit| format!("{:04b}", digit.to_digit(16).unwrap())).collect::<String>() + "00";
    let letters = bits.as_bytes().chunks(6).map(|six| {
        let value = usize::from_str_radix(std::str::from_utf8(six).unwrap(), 2).unwrap();
        char::from(LETTERS[value])
    });
    letters.collect::<String>() + "="
}
