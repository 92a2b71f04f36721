//! Served content runs nothing: hostile files are uploaded, and opened in Chromium in every way that a page has.
//!
//! The same files behind an ordinary server do run what they carry: otherwise the test would see nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod files;
mod ordinary;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cairn_tests::Daemon;

use self::ordinary::Ordinary;

/// How long Chromium may take for all of it.
const LIMIT: Duration = Duration::from_secs(60);

/// Files that an ordinary server lets run by being opened, or as somebody's script, at least.
const RUN_BEFORE: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn hostile_files_run_nothing_however_they_are_opened() {
    let server = Ordinary::start();
    let files = files::all(&format!("{}/beacon", server.address()));
    assert!(files.len() >= 50, "{}", files.len());
    let daemon = Daemon::start().await;
    for file in &files {
        let path = format!("/v1/files/hostile/{}", file.name);
        let put = daemon.client().call("PUT", &path).header("content-type", file.kind);
        let answer = put.body(file.bytes.clone()).send().await;
        assert_eq!(answer.status, 201, "{} {}", file.name, file.kind);
        server.serve(&file.name, file.kind, &file.bytes);
    }

    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    open_all(&server, &format!("{}/file", server.address()), &names);
    let heard = server.heard();
    assert!(heard.len() >= RUN_BEFORE, "the beacon would hear nothing: {heard:?}");

    open_all(&server, &format!("http://{}/v1/files/hostile", daemon.address()), &names);
    let heard = server.heard();
    assert!(heard.is_empty(), "these ran: {heard:?}");
}

/// Opens every file in Chromium, in every way, and comes back when its page has told that it is done.
fn open_all(server: &Ordinary, base: &str, names: &[&str]) {
    server.open(base, names);
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new("chromium");
    command.args([
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
    ]);
    command.args([
        "--disable-popup-blocking",
        "--disable-background-networking",
        "--deny-permission-prompts",
    ]);
    command
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("{}/page", server.address()));
    let mut browser =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while !server.is_done() && begun.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(20));
    }
    let done = server.is_done();
    browser.kill().unwrap();
    browser.wait().unwrap();
    assert!(done, "Chromium was not done in time");
}
