//! How slow a body may be.

use std::time::Duration;

use cairn_tests::{Daemon, RawConnection};
use serde_json::json;

/// Sends a head that announces a thousand bytes, and then one byte at a time; the head of the answer.
async fn trickle(daemon: &Daemon, head: &str) -> String {
    let mut connection = RawConnection::open(daemon.address()).await;
    connection.send(format!("{head}\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")).await.unwrap();
    let bytes = async {
        // The other side may answer and close first.
        while connection.send("x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(2500), bytes).await;
    connection.read_head().await
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_stopped_and_what_had_arrived_of_an_append_counts() {
    let daemon = Daemon::builder().config("[limits]\nbody_time = \"1s\"\n").start().await;
    let client = daemon.client();
    let file = trickle(&daemon, "PUT /v1/files/slow HTTP/1.1").await;
    assert!(file.starts_with("HTTP/1.1 408"), "{file}");
    client.get("/v1/files/slow").await.expect_problem(404, "no_file");

    let upload = client.create_upload(&json!({ "path": "a", "length": 1000 })).await;
    let path = format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap());
    let fields = "Content-Type: application/octet-stream\r\nUpload-Offset: 0";
    let append = trickle(&daemon, &format!("PATCH {path} HTTP/1.1\r\n{fields}")).await;
    assert!(append.starts_with("HTTP/1.1 408"), "{append}");
    let told = client.get(&path).await.expect(200).json();
    assert!((1..100).contains(&told["received_bytes"].as_u64().unwrap()), "{told}");
    client.put("/v1/files/quick", vec![7; 100_000]).await.expect(201);
}

#[tokio::test]
async fn a_body_that_trickles_is_stopped_and_what_had_arrived_of_an_append_counts() {
    let config = "[limits]\nbody_rate = \"100B\"\nbody_rate_window = \"1s\"\n";
    let daemon = Daemon::builder().config(config).start().await;
    let client = daemon.client();
    let file = trickle(&daemon, "PUT /v1/files/slow HTTP/1.1").await;
    assert!(file.starts_with("HTTP/1.1 408"), "{file}");
    client.get("/v1/files/slow").await.expect_problem(404, "no_file");

    let upload = client.create_upload(&json!({ "path": "a", "length": 1000 })).await;
    let path = format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap());
    let fields = "Content-Type: application/octet-stream\r\nUpload-Offset: 0";
    let append = trickle(&daemon, &format!("PATCH {path} HTTP/1.1\r\n{fields}")).await;
    assert!(append.starts_with("HTTP/1.1 408"), "{append}");
    let told = client.get(&path).await.expect(200).json();
    assert!((1..100).contains(&told["received_bytes"].as_u64().unwrap()), "{told}");
    assert_eq!(told["state"], "open");
    client.put("/v1/files/quick", vec![7; 100_000]).await.expect(201);
}
