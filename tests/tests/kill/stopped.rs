//! SIGTERM: what runs may end, what had arrived is kept, and then it is out.

use std::time::Instant;

use cairn_tests::{Content, Daemon, LIMIT, RawConnection};
use serde_json::json;

use super::sending::{Acknowledged, CHUNK, create, numbers_of, scattered, send};

#[tokio::test]
async fn an_idle_daemon_stops_at_once_and_says_that_all_is_well() {
    let mut daemon = Daemon::start().await;
    let address = daemon.address();
    let begun = Instant::now();
    let status = daemon.terminate().await;
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(begun.elapsed() < LIMIT / 2);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_told_to_stop_with_uploads_running_loses_nothing_that_it_acknowledged() {
    let mut daemon = Daemon::builder().env("CAIRN__SERVER__SHUTDOWN_TIMEOUT", "2s").start().await;
    let content = Content::new(21, 100 * CHUNK);
    let client = daemon.client();
    let upload = create(&client, "x.bin", content).await;
    // A hundred others that have begun and say nothing more.
    let mut silent = Vec::new();
    for number in 0..100 {
        let other = Content::new(1000 + number, CHUNK);
        let upload = create(&client, &format!("silent/{number}"), other).await;
        let mut connection = RawConnection::open(daemon.address()).await;
        let head = format!("PUT {upload}/chunks/1 HTTP/1.1\r\nHost: a\r\nContent-Length: {CHUNK}\r\n\r\nabc");
        connection.send(head).await.unwrap();
        silent.push(connection);
    }
    let acknowledged = Acknowledged::default();
    let sending = send(&client, &upload, content, scattered(100, 3), &acknowledged);
    let stopping = async {
        acknowledged.reach(20).await;
        daemon.terminate().await
    };
    let ((), status) = tokio::join!(sending, stopping);
    assert!(status.code().is_some(), "it ended by itself: {status}");

    daemon.restart().await;
    let status = daemon.client().get(&upload).await.expect(200).json();
    let received = numbers_of(&status["received"]);
    let promised = acknowledged.all();
    assert!(promised.is_subset(&received), "acknowledged {promised:?}, kept {received:?}");
    let missing = numbers_of(&status["missing"]).into_iter().collect();
    send(&daemon.client(), &upload, content, missing, &acknowledged).await;
    daemon.client().post(&format!("{upload}/complete"), "").await.expect(200);
    assert_eq!(daemon.client().download("/v1/files/x.bin").await.sha1, content.sha1());
}

#[tokio::test]
async fn what_had_arrived_of_an_append_is_kept_when_the_daemon_stops() {
    let mut daemon = Daemon::builder().env("CAIRN__SERVER__SHUTDOWN_TIMEOUT", "1s").start().await;
    let content = Content::new(22, 1 << 20);
    let upload = daemon.client().create_upload(&json!({ "path": "stream" })).await;
    let upload = format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap());
    let half = content.range(0..1 << 19);
    let mut connection = RawConnection::open(daemon.address()).await;
    let head = format!(
        "PATCH {upload} HTTP/1.1\r\nHost: a\r\nUpload-Offset: 0\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        content.length()
    );
    connection.send(head).await.unwrap();
    // From here on the body is being read.
    assert!(connection.read_head().await.starts_with("HTTP/1.1 100 "));
    connection.send(&half).await.unwrap();
    daemon.terminate().await;
    daemon.restart().await;

    let status = daemon.client().get(&upload).await.expect(200).json();
    let kept = status["received_bytes"].as_u64().unwrap();
    assert!(kept > 0 && kept <= half.len() as u64, "{status}");
    let rest = daemon.client().call("PATCH", &upload).header("upload-offset", &kept.to_string());
    let rest =
        rest.header("content-type", "application/octet-stream").body(content.range(kept..1 << 20)).send();
    assert_eq!(rest.await.expect(204).header("upload-offset"), Some("1048576"));
    daemon.client().post(&format!("{upload}/complete"), "").await.expect(200);
    assert_eq!(daemon.client().download("/v1/files/stream").await.sha1, content.sha1());
}
