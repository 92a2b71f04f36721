//! The operator's tool, verb by verb, against the running daemon: all that it prints, and what it leaves behind.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use cairn_tests::{Client, Content, Daemon, LIMIT, Printed, Transcript, binary, on_a_terminal};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Bytes of a chunk in these tests.
const CHUNK: u64 = 40_000;

/// A daemon that keeps every chunk as an object, and merges and sweeps only when told.
async fn daemon() -> Daemon {
    let builder = Daemon::builder().env("CAIRN__STORAGE__PLACEMENT", "objects");
    builder.env("CAIRN__MERGE__MODE", "manual").start().await
}

/// An upload of 100 000 bytes in 3 chunks, of which these are sent; its id.
async fn upload(client: &Client, path: &str, chunks: &[u64]) -> String {
    let content = Content::new(path.len() as u64, 100_000);
    let wish = json!({ "path": path, "length": content.length(), "chunk_size": CHUNK });
    let upload = client.create_upload(&wish).await;
    let id = upload["upload_id"].as_str().unwrap().to_owned();
    for number in chunks {
        let chunk = content.chunk(*number, CHUNK);
        client.put(&format!("/v1/uploads/{id}/chunks/{number}"), chunk).await.expect(200);
    }
    id
}

/// A finished file of 3 chunks; its blob.
async fn file(client: &Client, path: &str) -> String {
    let id = upload(client, path, &[1, 2, 3]).await;
    let answer = client.post(&format!("/v1/uploads/{id}/complete"), "").await.expect(200);
    answer.json()["file"]["digest"].as_str().unwrap().to_owned()
}

async fn listed(daemon: &Daemon, what: &str) -> Vec<Value> {
    let printed = daemon.cairnctl(&[what, "list", "--json"]).await;
    assert_eq!((printed.code, printed.stderr.as_str()), (0, ""));
    let list: Value = serde_json::from_str(&printed.stdout).unwrap();
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn status_tells_how_the_daemon_is() {
    let daemon = daemon().await;
    let client = daemon.client();
    upload(&client, "a.bin", &[1]).await;
    file(&client, "b/c.bin").await;
    let mut transcript = Transcript::new(&daemon, "status");
    transcript.run_both(&["status"]).await;
    transcript.check();
}

#[tokio::test]
async fn records_that_are_there_need_no_rebuilding() {
    let daemon = daemon().await;
    let client = daemon.client();
    let open = upload(&client, "a.bin", &[1, 3]).await;
    let mut transcript = Transcript::new(&daemon, "uploads-rebuild");
    transcript.run_both(&["uploads", "rebuild", "--all"]).await;
    let finished = upload(&client, "b.bin", &[1, 2, 3]).await;
    client.post(&format!("/v1/uploads/{finished}/complete"), "").await.expect(200);
    transcript.run_both(&["uploads", "rebuild", &open, &finished]).await;
    transcript.run_both(&["uploads", "rebuild", &"0".repeat(32)]).await;
    transcript.run_both(&["uploads", "rebuild", "../status"]).await;
    transcript.run(&["uploads", "rebuild"]).await;
    transcript.check();
}

#[tokio::test]
async fn uploads_are_listed_by_owner_state_and_age() {
    let daemon = daemon().await;
    let (ann, bob) = (daemon.client().user("ann"), daemon.client().user("bob"));
    upload(&ann, "a.bin", &[1, 3]).await;
    file(&bob, "b.bin").await;
    let mut transcript = Transcript::new(&daemon, "uploads-list");
    transcript.run_both(&["uploads", "list", "--user", "ann"]).await;
    transcript.run_both(&["uploads", "list", "--state", "complete"]).await;
    transcript.run_both(&["uploads", "list", "--older-than", "2h"]).await;
    transcript.run_both(&["uploads", "list", "--state", "asleep"]).await;
    transcript.run(&["uploads", "list", "--older-than", "soon"]).await;
    transcript.check();
}

#[tokio::test]
async fn a_listing_goes_on_past_its_first_page_until_the_limit() {
    let daemon = Daemon::start().await;
    let mut senders = JoinSet::new();
    for first in 0..16 {
        let client = daemon.client();
        senders.spawn(async move {
            for number in (first..1_003).step_by(16) {
                client.put(&format!("/v1/files/{number:04}"), "x").await.expect(201);
            }
        });
    }
    senders.join_all().await;
    assert_eq!(listed(&daemon, "files").await.len(), 1_003);
    let printed = daemon.cairnctl(&["files", "list", "--limit", "1001", "--json"]).await;
    let list: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1_001);
    assert_eq!(list["items"][1_000]["path"], "1000");
}

#[tokio::test]
async fn an_upload_is_shown_with_what_is_there_of_it() {
    let daemon = daemon().await;
    let id = upload(&daemon.client(), "a.bin", &[3, 1]).await;
    let mut transcript = Transcript::new(&daemon, "uploads-show");
    transcript.run_both(&["uploads", "show", &id]).await;
    transcript.run_both(&["uploads", "show", "../status"]).await;
    transcript.check();
}

#[tokio::test]
async fn an_upload_is_completed_if_its_chunks_are_all_there() {
    let daemon = daemon().await;
    let client = daemon.client();
    let short = upload(&client, "short.bin", &[1, 3]).await;
    let (first, second) =
        (upload(&client, "a.bin", &[1, 2, 3]).await, upload(&client, "bc.bin", &[3, 2, 1]).await);
    let mut transcript = Transcript::new(&daemon, "uploads-complete");
    transcript.run_both(&["uploads", "complete", &short]).await;
    transcript.run(&["uploads", "complete", &first]).await;
    transcript.run(&["uploads", "complete", &second, "--json"]).await;
    transcript.check();
    let content = Content::new(5, 100_000);
    assert_eq!(client.download("/v1/files/a.bin").await.blake3, content.blake3());
    let extents = listed(&daemon, "blobs").await;
    assert!(extents.iter().all(|blob| blob["extents"] == 1), "{extents:?}");
}

#[tokio::test]
async fn a_purge_needs_a_yes_and_removes_what_it_showed() {
    let daemon = daemon().await;
    let client = daemon.client();
    let id = upload(&client, "a.bin", &[1]).await;
    let other = upload(&client, "bc.bin", &[1, 2]).await;
    upload(&client, "d.bin", &[]).await;
    let mut transcript = Transcript::new(&daemon, "uploads-purge");
    transcript.run_both(&["uploads", "purge", &id]).await;
    transcript.run_both(&["uploads", "purge", &id, "--dry-run"]).await;
    assert_eq!(listed(&daemon, "uploads").await.len(), 3);
    transcript.run(&["uploads", "purge", &id, "--yes"]).await;
    transcript.run(&["uploads", "purge", &id, &other, "--yes"]).await;
    transcript.run(&["uploads", "purge", &other, "--yes", "--json"]).await;
    transcript.run_both(&["uploads", "purge", "--state", "expired"]).await;
    transcript.run_both(&["uploads", "purge", "--older-than", "2h", "--yes"]).await;
    transcript.run(&["uploads", "purge", "--state", "open", "--yes"]).await;
    transcript.run(&["uploads", "purge"]).await;
    transcript.run(&["uploads", "purge", &id, "--expired"]).await;
    transcript.check();
    assert_eq!(listed(&daemon, "uploads").await, Vec::<Value>::new());
    client.get(&format!("/v1/uploads/{id}")).await.expect(404);
}

#[tokio::test]
async fn expired_uploads_are_purged_and_others_stay() {
    let daemon = Daemon::builder().env("CAIRN__UPLOADS__TTL", "50ms").start().await;
    upload(&daemon.client(), "a.bin", &[]).await;
    let begun = Instant::now();
    loop {
        let printed = daemon.cairnctl(&["uploads", "purge", "--expired", "--yes", "--json"]).await;
        assert_eq!((printed.code, printed.stderr.as_str()), (0, ""));
        let purged: Value = serde_json::from_str(&printed.stdout).unwrap();
        if purged["items"] != json!([]) {
            assert_eq!(purged["items"][0]["path"], "a.bin");
            break;
        }
        assert!(begun.elapsed() < LIMIT, "it never expired");
    }
    assert_eq!(listed(&daemon, "uploads").await, Vec::<Value>::new());
}

#[tokio::test]
async fn files_are_listed_shown_and_removed() {
    let daemon = daemon().await;
    let (ann, bob) = (daemon.client().user("ann"), daemon.client().user("bob"));
    let typed = ann.call("PUT", "/v1/files/photos/%E6%BC%A2%20%25.jpg").header("content-type", "image/jpeg");
    typed.body("a photo").send().await.expect(201);
    bob.put("/v1/files/photo.jpg", "another").await.expect(201);
    let mut transcript = Transcript::new(&daemon, "files");
    transcript.run_both(&["files", "list"]).await;
    transcript.run(&["files", "list", "--user", "bob"]).await;
    transcript.run(&["files", "list", "--prefix", "photos/"]).await;
    transcript.run(&["files", "list", "--user", "eve"]).await;
    transcript.run_both(&["files", "show", "ann", "photos/漢 %.jpg"]).await;
    transcript.run_both(&["files", "show", "ann", "../x"]).await;
    transcript.run_both(&["files", "remove", "bob", "photo.jpg"]).await;
    transcript.run(&["files", "remove", "bob", "photo.jpg", "--yes"]).await;
    transcript.run(&["files", "remove", "ann", "photos/漢 %.jpg", "--yes", "--json"]).await;
    transcript.run_both(&["files", "remove", "bob", "photo.jpg", "--yes"]).await;
    transcript.check();
    assert_eq!(listed(&daemon, "files").await, Vec::<Value>::new());
    bob.get("/v1/files/photo.jpg").await.expect(404);
}

#[tokio::test]
async fn blobs_are_listed_shown_and_merged() {
    let daemon = daemon().await;
    let client = daemon.client();
    let (first, second) = (file(&client, "a.bin").await, file(&client, "bc.bin").await);
    file(&client, "d.bin").await;
    let mut transcript = Transcript::new(&daemon, "blobs");
    transcript.run_both(&["blobs", "list"]).await;
    transcript.run_both(&["blobs", "show", &first]).await;
    transcript.run(&["blobs", "show", "sha1:00"]).await;
    transcript.run_both(&["blobs", "merge", &first]).await;
    transcript.run(&["blobs", "list", "--min-extents", "2"]).await;
    transcript.run(&["blobs", "merge", "--all", "--json"]).await;
    transcript.run_both(&["blobs", "merge", "--all"]).await;
    transcript.run(&["blobs", "show", &second]).await;
    transcript.run_both(&["blobs", "merge", &format!("blake3:{}", "0".repeat(64))]).await;
    transcript.run(&["blobs", "merge"]).await;
    transcript.run(&["blobs", "merge", "--all", &first]).await;
    transcript.check();
    assert_eq!(client.download("/v1/files/bc.bin").await.blake3, Content::new(6, 100_000).blake3());
}

#[tokio::test]
async fn verify_finds_the_damage_and_where_it_lies() {
    let daemon = daemon().await;
    let client = daemon.client();
    let (whole, broken) = (file(&client, "a.bin").await, file(&client, "bc.bin").await);
    let mut transcript = Transcript::new(&daemon, "blobs-verify");
    transcript.run_both(&["blobs", "verify", &whole, &broken]).await;
    let shown = daemon.cairnctl(&["blobs", "show", &broken, "--json"]).await;
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    let object = daemon.data_dir().join("objects").join(shown["extents"][1]["object"].as_str().unwrap());
    spoil(&object);
    transcript.run_both(&["blobs", "verify", &broken]).await;
    transcript.check();
    let all = daemon.cairnctl(&["blobs", "verify", "--all", "--json"]).await;
    let all: Value = serde_json::from_str(&all.stdout).unwrap();
    let identical = all["items"].as_array().unwrap().iter().filter(|blob| blob["identical"] == true).count();
    assert_eq!((identical, all["items"].as_array().unwrap().len()), (1, 2));
}

/// Turns around the bits of an object's byte 7.
fn spoil(object: &Path) {
    let mut bytes = std::fs::read(object).unwrap_or_else(|error| panic!("{}: {error}", object.display()));
    bytes[7] = !bytes[7];
    std::fs::write(object, bytes).unwrap();
}

#[tokio::test]
async fn a_sweep_removes_what_nobody_needs() {
    let builder = Daemon::builder().env("CAIRN__STORAGE__PLACEMENT", "objects");
    let daemon = builder.env("CAIRN__SWEEP__GRACE", "0s").env("CAIRN__MERGE__MODE", "manual").start().await;
    let client = daemon.client();
    file(&client, "a.bin").await;
    let mut transcript = Transcript::new(&daemon, "sweep");
    transcript.run_both(&["sweep", "--dry-run"]).await;
    transcript.run(&["sweep", "--force", "--json"]).await;
    client.delete("/v1/files/a.bin").await.expect(204);
    transcript.run_both(&["sweep", "--dry-run"]).await;
    assert_eq!(listed(&daemon, "blobs").await.len(), 1);
    transcript.run(&["sweep"]).await;
    transcript.check();
    assert_eq!(listed(&daemon, "blobs").await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_configuration_in_force_is_shown() {
    let daemon = daemon().await;
    let mut transcript = Transcript::new(&daemon, "config-show");
    transcript.run_both(&["config", "show"]).await;
    transcript.check();
}

#[tokio::test]
async fn every_shell_gets_its_completions_without_a_daemon() {
    for (shell, word) in [
        ("bash", "complete -F _cairnctl"),
        ("zsh", "#compdef cairnctl"),
        ("fish", "complete -c cairnctl"),
        ("elvish", "edit:completion:arg-completer[cairnctl]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let printed = cairnctl(Path::new("/nowhere"), &["completions", shell]);
        assert_eq!((printed.code, printed.stderr.as_str()), (0, ""));
        for part in [word, "purge", "older-than"] {
            assert!(printed.stdout.contains(part), "{part} is missing in the completions of {shell}");
        }
    }
    assert_eq!(cairnctl(Path::new("/nowhere"), &["completions", "abacus"]).code, 2);
}

#[tokio::test]
async fn a_wrong_line_is_refused_before_anybody_is_asked() {
    let daemon = daemon().await;
    let mut transcript = Transcript::new(&daemon, "usage");
    transcript.run(&["uploads", "lst"]).await;
    transcript.run(&["uploads", "show"]).await;
    transcript.run(&["status", "--color", "mauve"]).await;
    transcript.run(&["--help"]).await;
    transcript.run(&["uploads", "purge", "--help"]).await;
    transcript.check();
}

#[tokio::test]
async fn a_daemon_that_is_not_there_is_named() {
    let mut daemon = daemon().await;
    let socket = daemon.data_dir().join("admin.sock");
    daemon.terminate().await;
    let mut transcript = Transcript::new(&daemon, "not-reachable");
    transcript.note("cairnctl status", &cairnctl(&socket, &["status"]));
    transcript.note("cairnctl status --json", &cairnctl(&socket, &["status", "--json"]));
    transcript.note("cairnctl blobs verify --all", &cairnctl(&socket, &["blobs", "verify", "--all"]));
    transcript.check();
}

fn command(socket: &Path, arguments: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(binary("cairnctl"));
    command.args(arguments).env("CAIRN_ADMIN_SOCKET", socket).env("TERM", "xterm").env_remove("NO_COLOR");
    command
}

fn cairnctl(socket: &Path, arguments: &[&str]) -> Printed {
    let output = command(socket, arguments).stdin(Stdio::null()).output().unwrap();
    Printed {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn socket(daemon: &Daemon) -> PathBuf {
    daemon.data_dir().join("admin.sock")
}

#[tokio::test]
async fn colours_are_for_terminals_and_for_who_asks_for_them() {
    let daemon = daemon().await;
    let socket = socket(&daemon);
    let green = "\u{1b}[32mcatalog   yes\u{1b}[0m";
    assert!(!cairnctl(&socket, &["status"]).stdout.contains('\u{1b}'));
    assert!(cairnctl(&socket, &["status", "--color", "always"]).stdout.contains(green));
    let (code, shown) = on_a_terminal(command(&socket, &["status"]), "");
    assert_eq!(code, 0);
    assert!(shown.contains(green), "{shown:?}");
    let (_, shown) = on_a_terminal(command(&socket, &["status", "--color", "never"]), "");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[tokio::test]
async fn at_a_terminal_only_a_yes_removes() {
    let daemon = daemon().await;
    let id = upload(&daemon.client(), "a.bin", &[1]).await;
    let purge = || command(&socket(&daemon), &["uploads", "purge", &id, "--color", "never"]);

    let (code, shown) = on_a_terminal(purge(), "n\n");
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains(&id) && shown.ends_with("Remove these? [y/N] Nothing was removed.\n"), "{shown}");
    assert_eq!(listed(&daemon, "uploads").await.len(), 1);

    let (code, shown) = on_a_terminal(purge(), "y\n");
    assert_eq!(code, 0, "{shown}");
    assert!(shown.ends_with("\n1 upload (39.1 KiB) removed.\n"), "{shown}");
    assert_eq!(listed(&daemon, "uploads").await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_clients_attached_cannot_write_to_the_terminal() {
    let daemon = daemon().await;
    let client = daemon.client();
    let metadata = json!({ "note": "\u{1b}[2Jgone\r\nupload\u{202e}", "\u{7}bell": [1, 2] });
    let upload = client.create_upload(&json!({ "path": "a.bin", "length": 0, "metadata": metadata })).await;
    let complete = format!("/v1/uploads/{}/complete", upload["upload_id"].as_str().unwrap());
    client.post(&complete, "").await.expect(200);
    let printed = daemon.cairnctl(&["files", "show", "default", "a.bin"]).await;
    let told: Vec<&str> = printed.stdout.lines().filter(|line| line.starts_with("metadata")).collect();
    let expected = ["metadata \\u{7}bell  [1,2]", "metadata note       \\u{1b}[2Jgone\\r\\nupload\\u{202e}"];
    assert_eq!(told, expected, "{}", printed.stdout);
    let printed = daemon.cairnctl(&["files", "show", "default", "a.bin", "--json"]).await;
    let shown: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(shown["metadata"], metadata);
}

#[tokio::test]
async fn the_bar_of_long_work_leaves_nothing_on_the_terminal_but_the_table() {
    let daemon = daemon().await;
    let blob = file(&daemon.client(), "a.bin").await;
    let verify = command(&socket(&daemon), &["blobs", "verify", "--all", "--color", "never"]);
    let (code, shown) = on_a_terminal(verify, "");
    assert_eq!(code, 0, "{shown}");
    let table = shown.rsplit_once("BLOB ").unwrap_or_else(|| panic!("no table in {shown:?}")).1;
    assert!(
        table.contains(&format!("{blob}  97.7 KiB  identical\n\n1 blob read, 0 damaged.\n")),
        "{shown:?}"
    );
}

#[tokio::test]
async fn long_work_is_interrupted_and_goes_on_when_run_again() {
    let daemon = daemon().await;
    file(&daemon.client(), "a.bin").await;
    daemon.signal(Signal::STOP);
    let child = command(&socket(&daemon), &["blobs", "merge", "--all"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until_it_listens_to_interrupts(child.id()).await;
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told, "cairnctl: interrupted before it began; running it again goes on\n");

    daemon.signal(Signal::CONT);
    assert_eq!(daemon.cairnctl(&["blobs", "merge", "--all"]).await.code, 0);
    assert_eq!(listed(&daemon, "blobs").await[0]["extents"], 1);
}

/// Waits until a process catches SIGINT: before, it would die of it.
async fn wait_until_it_listens_to_interrupts(process: u32) {
    let begun = Instant::now();
    loop {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        if u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << 1) != 0 {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "it does not listen");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
