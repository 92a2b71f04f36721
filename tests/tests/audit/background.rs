//! Lines of what nobody asked for, and of what one verb of an operator did to many things.

use std::time::{Duration, Instant};

use cairn_tests::{Client, Content, Daemon};
use serde_json::{Value, json};

use crate::{TUS_BYTES, book, lines, told, tus};

const CHUNK: u64 = 64 << 10;

/// A file of two chunks, each an object.
async fn scattered(client: &Client, path: &str) {
    let content = Content::new(path.len() as u64, 2 * CHUNK);
    let wish = json!({ "path": path, "length": content.length(), "chunk_size": CHUNK });
    let id = client.create_upload(&wish).await["upload_id"].as_str().unwrap().to_owned();
    for number in [1, 2] {
        let chunk = content.chunk(number, CHUNK);
        client.put(&format!("/v1/uploads/{id}/chunks/{number}"), chunk).await.expect(200);
    }
    client.post(&format!("/v1/uploads/{id}/complete"), "").await.expect(200);
}

/// What was done in whose name, what for, to what.
fn done(line: &Value) -> String {
    let of = |name: &str| line[name].as_str().unwrap_or("-");
    ["by", "action", "reason", "owner", "path", "outcome"].map(of).join(" ")
}

/// Waits until something is done in this daemon.
async fn until(daemon: &Daemon, wanted: &str) {
    let begun = Instant::now();
    loop {
        let text = std::fs::read_to_string(book(daemon)).unwrap_or_default();
        let whole = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        if whole.map(|line| done(&line)).any(|line| line == wanted) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "never `{wanted}` in\n{text}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_happens_by_itself_is_told_in_the_name_of_cairn() {
    let config = "[audit]\nto = \"file\"\n[uploads]\nttl = \"1s\"\ninline_bytes = 0\n[storage]\nplacement = \"objects\"\n\
                  [sweep]\ninterval = \"100ms\"\ngrace = \"0s\"\n[merge]\ninterval = \"100ms\"\n";
    let mut daemon = Daemon::builder().config(config).start().await;
    let ann = daemon.client().user("ann");
    let late = ann.create_upload(&json!({ "path": "late", "length": 9 })).await;
    scattered(&ann, "parts").await;
    ann.put("/v1/files/gone", &b"gone"[..]).await.expect(201);
    ann.delete("/v1/files/gone").await.expect(204);
    for wanted in [
        "cairn upload.end expired ann late done",
        "cairn blob.merge - - - done",
        "cairn blob.remove unnamed - - done",
        "cairn objects.remove orphans - - done",
    ] {
        until(&daemon, wanted).await;
    }
    let lines = lines(&mut daemon).await;
    let by_itself: Vec<_> = lines.iter().filter(|line| line["by"] == "cairn").collect();
    let only = |action: &str| {
        let mut found = by_itself.iter().filter(|line| line["action"] == action);
        let first = found.next().unwrap();
        assert!(found.next().is_none(), "more than one {action}");
        first
    };
    let ended = only("upload.end");
    assert_eq!((&ended["upload"], &ended["length"]), (&late["upload_id"], &json!(9)));
    let merged = only("blob.merge");
    assert_eq!(merged["length"], 2 * CHUNK);
    assert!(merged["digest"].as_str().unwrap().starts_with("blake3:"));
    assert_eq!(only("blob.remove")["length"], 4);
    let removed: u64 = by_itself.iter().filter_map(|line| line["objects"].as_u64()).sum();
    assert!(removed >= 3, "two chunks that were merged and a file that is gone: {by_itself:?}");
    for line in &by_itself {
        assert_eq!(
            (&line["protocol"], &line["request_id"], &line["address"]),
            (&json!("cairn"), &Value::Null, &Value::Null)
        );
        assert!(line["time"].as_str().unwrap().ends_with('Z'));
    }
}

#[tokio::test]
async fn each_thing_that_an_operators_verb_changes_is_told_with_the_request_of_that_verb() {
    let config = "[audit]\nto = \"file\"\n[uploads]\ninline_bytes = 0\n[storage]\nplacement = \"objects\"\n[storages.cold]\n\
                  placement = \"objects\"\n[sweep]\ninterval = \"1h\"\ngrace = \"0s\"\n[merge]\nmode = \"manual\"\n";
    let mut daemon = Daemon::builder().config(config).with_tokens().start().await;
    let ann = daemon.client_of("ann").await;
    scattered(&ann, "f").await;
    for path in ["x", "y"] {
        ann.create_upload(&json!({ "path": path, "length": 9 })).await;
    }
    daemon.operator(&["uploads", "purge", "--state", "open", "--yes"]).await;
    daemon.operator(&["blobs", "merge", "--all"]).await;
    daemon.operator(&["blobs", "move", "--all", "--to", "cold", "--yes"]).await;
    daemon.operator(&["users", "remove", "ann", "--purge", "--yes"]).await;
    daemon.operator(&["sweep", "--dry-run"]).await;
    daemon.operator(&["sweep", "--force"]).await;
    let lines = lines(&mut daemon).await;
    let of_verb = |verb: &str| -> Vec<String> {
        let asked = lines.iter().filter(|line| line["verb"] == verb).map(|line| line["request_id"].clone());
        let asked: Vec<Value> = asked.collect();
        let of = lines.iter().filter(|line| asked.contains(&line["request_id"]) && line["verb"].is_null());
        let mut of: Vec<String> = of.map(done).collect();
        of.sort_unstable();
        of
    };
    let purged = ["uid upload.end purged ann x done", "uid upload.end purged ann y done"];
    assert_eq!(of_verb("POST /admin/v1/uploads/purge"), purged);
    assert_eq!(of_verb("POST /admin/v1/blobs/merge"), ["uid blob.merge - - - done"]);
    assert_eq!(of_verb("POST /admin/v1/blobs/move"), ["uid blob.move - - - done"]);
    let left = of_verb("POST /admin/v1/users/{name}/remove");
    assert!(left.contains(&"uid file.remove user_removed ann f done".to_owned()), "{left:?}");
    let swept = of_verb("POST /admin/v1/sweep");
    assert!(swept.contains(&"uid blob.remove unnamed - - done".to_owned()), "{swept:?}");
    assert!(lines.iter().all(|line| line["by"] != "cairn"), "{lines:?}");
    let moved = lines.iter().find(|line| line["action"] == "blob.move").unwrap();
    assert_eq!((&moved["storage"], &moved["length"]), (&json!("cold"), &json!(2 * CHUNK)));
}

#[tokio::test]
async fn uploads_that_are_joined_are_a_file_that_is_told() {
    let mut daemon = crate::audited("").start().await;
    let ann = daemon.client().user("ann");
    let mut parts = Vec::new();
    for body in [&b"one"[..], b"two"] {
        let partial = [("upload-length", "3"), ("upload-concat", "partial")];
        let address = tus(&ann, "POST", "/files/", &partial, b"").await;
        let path = address[address.find("/files/").unwrap()..].to_owned();
        tus(&ann, "PATCH", &path, &[("upload-offset", "0"), TUS_BYTES], body).await;
        parts.push(path);
    }
    let joined = format!("final;{}", parts.join(" "));
    tus(&ann, "POST", "/files/", &[("upload-concat", &joined), ("upload-metadata", "filename Zg==")], b"")
        .await;
    let lines = lines(&mut daemon).await;
    let last = told(&lines);
    assert!(last.contains(&"tus upload.complete ann f done".to_owned()), "{last:?}");
    let complete = lines.iter().find(|line| line["action"] == "upload.complete").unwrap();
    assert_eq!((&complete["by"], &complete["length"]), (&json!("nobody"), &json!(6)));
}
