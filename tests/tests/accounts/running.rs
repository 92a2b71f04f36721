//! Whoever is not believed any more while a request runs is stopped, within a moment.

use std::time::{Duration, Instant};

use cairn_tests::{Content, Daemon, RawConnection};
use serde_json::json;

/// Longer than anything here may take, and shorter than a client's silence is borne with.
const SOON: Duration = Duration::from_secs(5);

async fn scene() -> (Daemon, String) {
    let daemon = Daemon::builder().with_tokens().start().await;
    daemon.add_user("ann").await;
    let token = daemon.add_token("ann", "read,write").await;
    (daemon, token)
}

fn id_of(token: &str) -> &str {
    token.split('_').nth(1).unwrap()
}

#[tokio::test]
async fn a_revoked_token_stops_an_upload_at_its_next_chunk() {
    let (daemon, token) = scene().await;
    let (ann, content) = (daemon.client().bearer(&token), Content::new(1, 30_000));
    let upload = ann.create_upload(&json!({ "path": "a", "length": 30_000, "chunk_size": 10_000 })).await;
    let path = format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap());
    ann.put(&format!("{path}/chunks/1"), content.chunk(1, 10_000)).await.expect(200);
    daemon.operator(&["tokens", "revoke", id_of(&token)]).await;
    let refused = ann.put(&format!("{path}/chunks/2"), content.chunk(2, 10_000)).await;
    refused.expect_problem(401, "unauthenticated");
    // Another token of the same user goes on where that one stopped.
    let ann = daemon.client().bearer(&daemon.add_token("ann", "read,write").await);
    assert_eq!(ann.get(&path).await.expect(200).json()["received"], json!([[1, 1]]));
    for number in [2, 3] {
        ann.put(&format!("{path}/chunks/{number}"), content.chunk(number, 10_000)).await.expect(200);
    }
    ann.post(&format!("{path}/complete"), "").await.expect(200);
    assert_eq!(ann.get("/v1/files/a").await.expect(200).body, content.bytes());
}

/// A connection on which a body was begun and then goes silent.
async fn begun(daemon: &Daemon, head: &str, bytes: &[u8]) -> RawConnection {
    let mut connection = RawConnection::open(daemon.address()).await;
    connection.send(format!("{head}Host: a\r\nExpect: 100-continue\r\n\r\n")).await.unwrap();
    assert!(connection.read_head().await.starts_with("HTTP/1.1 100 "));
    connection.send(bytes).await.unwrap();
    connection
}

#[tokio::test]
async fn a_body_on_its_way_is_cut_off_and_what_had_arrived_counts() {
    let stops: [(&str, &[&str]); 3] = [
        ("revoked", &["tokens", "revoke", "ID"]),
        ("disabled", &["users", "disable", "ann"]),
        ("removed", &["users", "remove", "ann", "--purge", "--yes"]),
    ];
    for (how, verb) in stops {
        let (daemon, token) = scene().await;
        let (ann, content) = (daemon.client().bearer(&token), Content::new(1, 4 << 20));
        let create = ann.call("POST", "/files/").header("tus-resumable", "1.0.0");
        let created = create.header("upload-length", &(4 << 20).to_string()).send().await.expect(201);
        let address = created.header("location").unwrap().to_owned();
        let address = &address[address.find("/files/").unwrap()..];
        let head = format!(
            "PATCH {address} HTTP/1.1\r\nAuthorization: Bearer {token}\r\nTus-Resumable: 1.0.0\r\n\
             Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: {}\r\n",
            4 << 20
        );
        let mut running = begun(&daemon, &head, &content.range(0..1 << 20)).await;
        let verb: Vec<&str> =
            verb.iter().map(|word| if *word == "ID" { id_of(&token) } else { *word }).collect();
        let told = Instant::now();
        daemon.operator(&verb).await;
        let answer = running.read_head().await;
        assert!(told.elapsed() < SOON, "{how}: {:?}", told.elapsed());
        assert!(answer.starts_with("HTTP/1.1 401 "), "{how}: {answer}");
        assert!(answer.to_lowercase().contains("www-authenticate: bearer"), "{how}: {answer}");
        if how == "revoked" {
            let ann = daemon.client().bearer(&daemon.add_token("ann", "read,write").await);
            let asked = ann.call("HEAD", address).header("tus-resumable", "1.0.0").send().await.expect(200);
            let offset: u64 = asked.header("upload-offset").unwrap().parse().unwrap();
            assert!(offset <= 1 << 20, "{offset}");
            let rest = ann.call("PATCH", address).header("tus-resumable", "1.0.0");
            let rest = rest.header("content-type", "application/offset+octet-stream");
            let rest = rest.header("upload-offset", &offset.to_string());
            rest.body(content.range(offset..4 << 20)).send().await.expect(204);
            let got = ann.call("GET", address).send().await.expect(200);
            assert_eq!(got.body, content.bytes());
        }
    }
}

#[tokio::test]
async fn every_protocol_lets_go_of_a_body_of_nobody() {
    let (daemon, token) = scene().await;
    let ann = daemon.client().bearer(&token);
    let upload = ann.create_upload(&json!({ "path": "a", "length": 1 << 20 })).await;
    let id = upload["upload_id"].as_str().unwrap();
    let field = format!("Authorization: Bearer {token}\r\nContent-Length: 1000000\r\n");
    let heads = [
        format!("PUT /v1/files/b HTTP/1.1\r\n{field}"),
        format!("PUT /v1/uploads/{id}/chunks/1 HTTP/1.1\r\n{}", field.replace("1000000", "1048576")),
        format!(
            "POST /uploads/ HTTP/1.1\r\n{field}Upload-Draft-Interop-Version: 6\r\nUpload-Complete: ?1\r\n"
        ),
        format!(
            "POST /file/mpupload/uppart?uploadid={id}&index=1 HTTP/1.1\r\n{}",
            field.replace("1000000", "1048576")
        ),
    ];
    let mut running = Vec::new();
    for head in &heads {
        running.push(begun(&daemon, head, &[7; 1000]).await);
    }
    // Another user's bodies go on.
    let bob = {
        daemon.add_user("bob").await;
        daemon.add_token("bob", "write").await
    };
    let head = format!("PUT /v1/files/c HTTP/1.1\r\nAuthorization: Bearer {bob}\r\nContent-Length: 2000\r\n");
    let mut bobs = begun(&daemon, &head, &[7; 1000]).await;
    daemon.operator(&["tokens", "revoke", id_of(&token)]).await;
    for (connection, head) in running.iter_mut().zip(&heads) {
        let answer = connection.read_head().await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{head}: {answer}");
    }
    bobs.send([7; 1000]).await.unwrap();
    assert!(bobs.read_head().await.starts_with("HTTP/1.1 201 "));
    let files = daemon.operator(&["files", "list", "--json"]).await;
    let files: serde_json::Value = serde_json::from_str(&files).unwrap();
    let paths: Vec<_> = files["items"].as_array().unwrap().iter().map(|file| file["path"].clone()).collect();
    assert_eq!(paths, [json!("c")]);
}

#[tokio::test]
async fn a_download_on_its_way_is_cut_off() {
    let (daemon, token) = scene().await;
    let ann = daemon.client().bearer(&token);
    let length = 64_u64 << 20;
    ann.put("/v1/files/a", Content::new(1, length).bytes()).await.expect(201);
    let mut reader = RawConnection::open(daemon.address()).await;
    let head = format!("GET /v1/files/a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
    reader.send(head).await.unwrap();
    assert!(reader.read_head().await.starts_with("HTTP/1.1 200 "));
    // The client reads no further: far less than the whole is on its way.
    daemon.operator(&["tokens", "revoke", id_of(&token)]).await;
    let got = reader.read_to_close().await.len() as u64;
    assert!(got < length, "{got}");
}

/// Bodies of several protocols that an asker of this `Authorization` began and does not end.
async fn bodies(daemon: &Daemon, token: &str) -> Vec<(&'static str, RawConnection)> {
    let client = daemon.client().bearer(token);
    let upload = client.create_upload(&json!({ "path": "a", "length": 1 << 20 })).await;
    let id = upload["upload_id"].as_str().unwrap();
    let create = client.call("POST", "/files/").header("tus-resumable", "1.0.0");
    let created = create.header("upload-length", "1048576").send().await.expect(201);
    let tus = created.header("location").unwrap();
    let tus = &tus[tus.find("/files/").unwrap()..];
    let field = format!("Authorization: Bearer {token}\r\nContent-Length: 1048576\r\n");
    let heads = [
        ("chunk", format!("PUT /v1/uploads/{id}/chunks/1 HTTP/1.1\r\n{field}")),
        ("file", format!("PUT /v1/files/b HTTP/1.1\r\n{field}")),
        (
            "tus",
            format!(
                "PATCH {tus} HTTP/1.1\r\n{field}Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
                 Content-Type: application/offset+octet-stream\r\n"
            ),
        ),
        (
            "draft",
            format!(
                "POST /uploads/ HTTP/1.1\r\n{field}Upload-Draft-Interop-Version: 6\r\nUpload-Complete: ?1\r\n"
            ),
        ),
    ];
    let mut running = Vec::new();
    for (name, head) in heads {
        running.push((name, begun(daemon, &head, &[7; 1000]).await));
    }
    running
}

#[tokio::test]
async fn a_body_ends_when_the_token_does_in_every_protocol() {
    let (daemon, lasting) = scene().await;
    let life = Duration::from_secs(3);
    let made = Instant::now();
    let short = daemon
        .operator(&["tokens", "add", "--user", "ann", "--scope", "read,write", "--expires", "3s"])
        .await;
    let running = bodies(&daemon, short.trim()).await;
    let head =
        format!("PUT /v1/files/c HTTP/1.1\r\nAuthorization: Bearer {lasting}\r\nContent-Length: 2000\r\n");
    let mut other = begun(&daemon, &head, &[7; 1000]).await;
    assert!(made.elapsed() < life, "the machine is too slow for this");
    for (name, mut connection) in running {
        let answer = connection.read_head().await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{name}: {answer}");
        assert!(made.elapsed() >= life && made.elapsed() < life + SOON, "{name}: {:?}", made.elapsed());
    }
    // What is shown beside a token that lasts goes on.
    other.send([7; 1000]).await.unwrap();
    assert!(other.read_head().await.starts_with("HTTP/1.1 201 "));
    // What had arrived counts, for whoever comes with a token that is good.
    let ann = daemon.client().bearer(&lasting);
    let uploads = ann.get("/v1/uploads").await.expect(200).json();
    assert_eq!(uploads["uploads"].as_array().or(uploads["items"].as_array()).unwrap().len(), 3, "{uploads}");
}
