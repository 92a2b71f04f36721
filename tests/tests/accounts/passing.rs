//! With a token every protocol works, as Bearer and as Basic.

use cairn_tests::{Client, Content, Daemon};
use serde_json::json;
use tokio::process::Command;

const LENGTH: u64 = 2500;
const CHUNK: u64 = 1000;

async fn daemon() -> Daemon {
    let daemon = Daemon::builder().with_tokens().env("CAIRN__UPLOADS__MIN_CHUNK_SIZE", "1000").start().await;
    daemon.add_user("ann").await;
    daemon
}

/// The field of Basic for a user and what goes for a password.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(*three.get(at).unwrap_or(&0)));
        let digit = |at: usize| char::from(ALPHABET[(bits >> (18 - 6 * at)) as usize & 63]);
        (0..4).map(|at| if at <= three.len() { digit(at) } else { '=' }).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

async fn is_there(client: &Client, path: &str, content: &Content) {
    assert_eq!(client.get(&format!("/v1/files/{path}")).await.expect(200).body, content.bytes());
}

async fn natively(client: &Client, path: &str) {
    let content = Content::new(1, LENGTH);
    let upload = client.create_upload(&json!({ "path": path, "length": LENGTH, "chunk_size": CHUNK })).await;
    let id = upload["upload_id"].as_str().unwrap();
    for number in 1..=3 {
        client
            .put(&format!("/v1/uploads/{id}/chunks/{number}"), content.chunk(number, CHUNK))
            .await
            .expect(200);
    }
    client.post(&format!("/v1/uploads/{id}/complete"), "").await.expect(200);
    is_there(client, path, &content).await;
}

async fn by_the_tutorial(client: &Client, path: &str) {
    let content = Content::new(2, LENGTH);
    let form = format!("filehash={}&filesize={LENGTH}&chunksize={CHUNK}&filename={path}", content.sha1());
    let begun = client.post_form("/file/mpupload/init", &form).await.expect(200).json();
    let id = begun["data"]["UploadID"].as_str().unwrap();
    for index in 1..=3 {
        let part = format!("/file/mpupload/uppart?uploadid={id}&index={index}");
        client.post(&part, content.chunk(index, CHUNK)).await.expect(200);
    }
    client.post_form("/file/mpupload/complete", &format!("uploadid={id}&{form}")).await.expect(200);
    is_there(client, path, &content).await;
}

async fn by_tus(client: &Client, path: &str) {
    let content = Content::new(3, LENGTH);
    let tus = |method, path: &str| client.call(method, path).header("tus-resumable", "1.0.0");
    let metadata = format!("filename {}", base64(path.as_bytes()));
    let create = tus("POST", "/files/").header("upload-length", &LENGTH.to_string());
    let created = create.header("upload-metadata", &metadata).send().await.expect(201);
    let address = created.header("location").unwrap().to_owned();
    let address = &address[address.find("/files/").unwrap()..];
    let patch = tus("PATCH", address).header("content-type", "application/offset+octet-stream");
    patch.header("upload-offset", "0").body(content.bytes()).send().await.expect(204);
    is_there(client, path, &content).await;
}

async fn by_the_draft(client: &Client, path: &str) {
    let content = Content::new(4, LENGTH);
    let put = client.call("PUT", &format!("/v1/files/{path}")).header("upload-draft-interop-version", "6");
    let begun = put.header("upload-complete", "?0").body(content.range(0..1000)).send().await.expect(201);
    let address = begun.header("location").unwrap().to_owned();
    let address = &address[address.find("/uploads/").unwrap()..];
    let rest = client.call("PATCH", address).header("upload-draft-interop-version", "6");
    let rest = rest.header("upload-offset", "1000").header("upload-complete", "?1");
    let rest = rest.header("content-type", "application/partial-upload").body(content.range(1000..LENGTH));
    assert!((200..300).contains(&rest.send().await.status));
    is_there(client, path, &content).await;
}

#[tokio::test]
async fn with_a_token_every_protocol_works_as_bearer_and_as_basic() {
    let daemon = daemon().await;
    let token = daemon.add_token("ann", "read,write").await;
    let open = daemon.client();
    let bearer = open.bearer(&token);
    let password = open.authorization(&basic("ann", &token));
    let over_http2 = daemon.client_http2().bearer(&token);
    for (how, client) in [("bearer", &bearer), ("basic", &password), ("http2", &over_http2)] {
        natively(client, &format!("{how}/native")).await;
        by_the_tutorial(client, &format!("{how}-tutorial")).await;
        by_tus(client, &format!("{how}-tus")).await;
        by_the_draft(client, &format!("{how}/draft")).await;
        let me = client.get("/v1/me").await.expect(200).json();
        assert_eq!(me["user"], "ann");
    }
    let listed = daemon.operator(&["files", "list", "--user", "ann", "--json"]).await;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 12);
}

#[tokio::test]
async fn plain_curl_sends_and_fetches_a_file() {
    let daemon = daemon().await;
    let token = daemon.add_token("ann", "read,write").await;
    let folder = tempfile::tempdir().unwrap();
    let sent = folder.path().join("sent");
    std::fs::write(&sent, Content::new(5, 70_000).bytes()).unwrap();
    let address = format!("http://{}/v1/files/a.bin", daemon.address());
    let field = format!("Authorization: Bearer {token}");
    let user = format!("ann:{token}");
    for (who, got) in [(["-H", &field], "by-bearer"), (["-u", &user], "by-basic")] {
        let got = folder.path().join(got);
        let [sent, got] = [&sent, &got].map(|path| path.to_str().unwrap());
        for line in [["-T", sent, &address], ["-o", got, &address]] {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--show-error", "--fail"]).args(who).args(line);
            let ended = curl.kill_on_drop(true).output().await.unwrap();
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        }
        assert_eq!(std::fs::read(got).unwrap(), std::fs::read(sent).unwrap());
    }
}

#[tokio::test]
async fn the_metrics_are_for_who_may_see_how_the_daemon_is_doing() {
    let daemon = daemon().await;
    let client = daemon.client();
    let admin = client.bearer(&daemon.add_token("ann", "admin").await);
    let answer = admin.get("/metrics").await.expect(200);
    assert!(answer.text().contains("# EOF"));
    // How long it takes to look up who asks is told too.
    assert!(answer.text().contains("operation=\"find_token\""), "{}", answer.text());
    let other = client.bearer(&daemon.add_token("ann", "read,write").await);
    other.get("/metrics").await.expect_problem(403, "forbidden");
    // It opens nobody's files, not even its user's.
    admin.get("/v1/files").await.expect_problem(403, "forbidden");
    admin.get("/v1/me").await.expect_problem(403, "forbidden");
}
