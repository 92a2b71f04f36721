//! The audit log: a line for whatever was done to an upload or a file, and none that a stranger wrote.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod background;
mod disk;
mod forging;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use cairn_tests::{Builder, Client, Daemon};
use rustix::process::Signal;
use serde_json::{Value, json};

fn audited(more: &str) -> Builder {
    Daemon::builder().config(&format!("[audit]\nto = \"file\"\n{more}"))
}

fn book(daemon: &Daemon) -> PathBuf {
    daemon.data_dir().join("audit.jsonl")
}

/// The lines, once the daemon has ended and written them all.
async fn lines(daemon: &mut Daemon) -> Vec<Value> {
    let path = book(daemon);
    daemon.terminate().await;
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Protocol, action, owner, path and outcome of each.
fn told(lines: &[Value]) -> Vec<String> {
    let of = |line: &Value, name: &str| line[name].as_str().unwrap_or("-").to_owned();
    let names = ["protocol", "action", "owner", "path", "outcome"];
    lines.iter().map(|line| names.map(|name| of(line, name)).join(" ")).collect()
}

async fn tus(
    client: &Client,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    body: &'static [u8],
) -> String {
    let mut call = client.call(method, path).header("tus-resumable", "1.0.0");
    for (name, value) in fields {
        call = call.header(name, value);
    }
    let answer = call.body(body).send().await;
    assert!(answer.status < 300, "{answer:?}");
    answer.header("location").unwrap_or_default().to_owned()
}

const TUS_BYTES: (&str, &str) = ("content-type", "application/offset+octet-stream");

#[tokio::test]
async fn a_life_in_every_protocol_has_its_lines_and_no_others() {
    let mut daemon = audited("").start().await;
    let ann = daemon.client().user("ann");
    let upload = ann.create_upload(&json!({ "path": "n", "length": 4 })).await;
    let id = upload["upload_id"].as_str().unwrap().to_owned();
    ann.put(&format!("/v1/uploads/{id}/chunks/1"), &b"abcd"[..]).await.expect(200);
    ann.get(&format!("/v1/uploads/{id}")).await.expect(200);
    ann.post(&format!("/v1/uploads/{id}/complete"), "").await.expect(200);
    ann.get("/v1/files/n").await.expect(200);
    ann.head("/v1/files/n").await.expect(200);
    ann.post_json("/v1/files/n", &json!({ "rename_to": "m" })).await.expect(200);
    ann.delete("/v1/files/m").await.expect(204);
    ann.get("/v1/files/m").await.expect(404);
    ann.put("/v1/files/whole", &b"w"[..]).await.expect(201);
    let aborted = ann.create_upload(&json!({ "path": "x", "length": 4 })).await;
    ann.delete(&format!("/v1/uploads/{}", aborted["upload_id"].as_str().unwrap())).await.expect(204);

    let metadata = ("upload-metadata", "filename dA==");
    let address = tus(&ann, "POST", "/files/", &[("upload-length", "2"), metadata], b"").await;
    let path = &address[address.find("/files/").unwrap()..];
    tus(&ann, "PATCH", path, &[("upload-offset", "0"), TUS_BYTES], b"t").await;
    tus(&ann, "PATCH", path, &[("upload-offset", "1"), TUS_BYTES], b"t").await;
    let draft = ann.call("PUT", "/v1/files/d").header("upload-draft-interop-version", "8");
    draft.header("upload-complete", "?1").body(&b"dd"[..]).send().await.expect(201);
    let form = "filehash=a9993e364706816aba3e25717850c26c9cd0d89d&username=bob&filesize=3&filename=c";
    let begun = daemon.client().post_form("/file/mpupload/init", form).await.expect(200).json();
    let part =
        format!("/file/mpupload/uppart?index=1&uploadid={}", begun["data"]["UploadID"].as_str().unwrap());
    daemon.client().post(&part, &b"abc"[..]).await.expect(200);
    let done = format!("{form}&uploadid={}", begun["data"]["UploadID"].as_str().unwrap());
    daemon.client().post_form("/file/mpupload/complete", &done).await.expect(200);

    let lines = lines(&mut daemon).await;
    let expected = [
        "native upload.create ann n done",
        "native upload.complete ann n done",
        "native file.read ann n done",
        "native file.name ann n done",
        "native file.remove ann m done",
        "native file.read ann m no_file",
        "native file.write ann whole done",
        "native upload.create ann x done",
        "native upload.abort ann - done",
        "tus upload.create ann t done",
        "tus upload.complete ann t done",
        "native upload.create ann d done",
        "native upload.complete ann d done",
        "compat upload.create bob c done",
        "compat upload.complete bob c done",
    ];
    assert_eq!(told(&lines), expected);
    let complete = &lines[1];
    assert_eq!(
        (&complete["upload"], &complete["length"], &complete["status"]),
        (&json!(id), &json!(4), &json!(200))
    );
    assert_eq!((&complete["by"], &complete["address"]), (&json!("nobody"), &json!("127.0.0.1")));
    assert!(complete["digest"].as_str().unwrap().starts_with("blake3:"));
    assert!(complete["time"].as_str().unwrap().ends_with('Z') && complete["request_id"].is_string());
    assert_eq!(lines[3]["to"], "m");
    let mode = std::fs::metadata(book(&daemon)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn who_is_turned_away_and_what_an_operator_does_is_told_without_a_secret() {
    let mut daemon = audited("").with_tokens().start().await;
    daemon.add_user("ann").await;
    let token = daemon.add_token("ann", "read").await;
    let client = daemon.client().bearer(&token);
    client.put("/v1/files/f", &b"f"[..]).await.expect(403);
    client.get("/v1/me").await.expect(200);
    daemon.client().get("/v1/me").await.expect(401);
    daemon.client().bearer("cairn_wrong").call("GET", "/v1/files/f?token=s3cret").send().await.expect(401);
    let path = book(&daemon);
    let lines = lines(&mut daemon).await;
    let requests: Vec<_> = lines.iter().filter(|line| line["protocol"] != "admin").cloned().collect();
    let expected = [
        "native file.write ann f forbidden",
        "native ask - - unauthenticated",
        "native file.read - f unauthenticated",
    ];
    assert_eq!(told(&requests), expected);
    assert_eq!(requests[0]["by"], "token");
    assert!(token.contains(requests[0]["credential"].as_str().unwrap()));
    let verbs: Vec<_> = lines.iter().filter_map(|line| line["verb"].as_str()).collect();
    assert_eq!(verbs, ["POST /admin/v1/users", "POST /admin/v1/tokens"]);
    assert!(lines.iter().filter(|line| line["verb"].is_string()).all(|line| line["by"] == "uid"));
    let text = std::fs::read_to_string(path).unwrap();
    let secret = token.rsplit('_').next().unwrap();
    for hidden in [secret, "s3cret", "cairn_wrong"] {
        assert!(!text.contains(hidden), "{text}");
    }
}

#[tokio::test]
async fn no_name_forges_a_line_and_the_file_can_be_moved_away() {
    let mut daemon = audited("chunks = true").start().await;
    let name = "a%E2%80%AE%E2%80%A8%22%7D%7B%22b";
    daemon.client().put(&format!("/v1/files/{name}"), &b"1"[..]).await.expect(201);
    let path = book(&daemon);
    let moved = daemon.data_dir().join("moved.jsonl");
    while std::fs::read_to_string(&path).unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    std::fs::rename(&path, &moved).unwrap();
    daemon.signal(Signal::HUP);
    while !path.exists() {
        tokio::task::yield_now().await;
    }
    let upload = daemon.client().create_upload(&json!({ "path": "n", "length": 4 })).await;
    let chunk = format!("/v1/uploads/{}/chunks/1", upload["upload_id"].as_str().unwrap());
    daemon.client().put(&chunk, &b"abcd"[..]).await.expect(200);
    let lines = lines(&mut daemon).await;
    assert_eq!(told(&lines), ["native upload.create default n done", "native upload.append default - done"]);
    let before = std::fs::read_to_string(moved).unwrap();
    assert_eq!(before.lines().count(), 1);
    assert!(before.chars().all(|c| !"\u{202e}\u{2028}".contains(c)), "{before}");
    let line: Value = serde_json::from_str(&before).unwrap();
    assert_eq!(line["path"], "a\u{202e}\u{2028}\"}{\"b");
}

#[tokio::test]
async fn the_log_takes_the_lines_too_and_by_default_there_are_none() {
    for (to, there) in [("log", true), ("off", false)] {
        let mut daemon = Daemon::builder().config(&format!("[audit]\nto = \"{to}\"\n")).start().await;
        daemon.client().put("/v1/files/f", &b"1"[..]).await.expect(201);
        let path = book(&daemon);
        daemon.terminate().await;
        assert_eq!(daemon.log().contains("file.write"), there, "{}", daemon.log());
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn a_link_is_told_by_its_id_and_never_whole() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, [7_u8; 32]).unwrap();
    let keys = format!("[links]\nkeys = [\"one={}\"]\n", key.display());
    let mut daemon = audited(&keys).start().await;
    let ann = daemon.client().user("ann");
    ann.put("/v1/files/f", &b"f"[..]).await.expect(201);
    let made =
        ann.post_json("/v1/links", &json!({ "for": "download", "path": "f" })).await.expect(201).json();
    let url = made["url"].as_str().unwrap();
    let target = &url[url.find("/v1/").unwrap()..];
    assert_eq!(daemon.client().get(target).await.expect(200).body, &b"f"[..]);
    let path = book(&daemon);
    let lines = lines(&mut daemon).await;
    let expected =
        ["native file.write ann f done", "native link.create ann f done", "native file.read ann f done"];
    assert_eq!(told(&lines), expected);
    assert_eq!((&lines[2]["by"], &lines[2]["credential"]), (&json!("link"), &lines[1]["link"]));
    let secret = target.split_once('?').unwrap().1;
    assert!(!std::fs::read_to_string(path).unwrap().contains(secret));
}
