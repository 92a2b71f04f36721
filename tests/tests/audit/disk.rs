//! The disk of the audit log: full, hanging, with a file on it that was there before.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use cairn_tests::Client;
use rustix::fs::{CWD, FileType, OFlags};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{audited, book};

/// How many lines are lost, as the daemon counts them.
async fn lost(client: &Client) -> u64 {
    let metrics = client.get("/metrics").await.expect(200);
    let line = metrics.text().lines().find_map(|line| line.strip_prefix("cairn_audit_lost_total ")).unwrap();
    line.parse().unwrap()
}

/// Asks for files that are not there, `n0` and so on, each a line.
async fn ask(client: &Client, numbers: std::ops::Range<u64>) {
    for number in numbers {
        client.get(&format!("/v1/files/n{number}")).await.expect(404);
    }
}

#[tokio::test]
async fn a_full_disk_loses_whole_lines_and_counts_them_and_on_it_goes_when_there_is_room() {
    let mut daemon = audited("").tmpfs("24m").start().await;
    let client = daemon.client();
    ask(&client, 0..3).await;
    let filler = daemon.seen_data_dir().join("filler");
    std::fs::write(&filler, vec![0_u8; 64 << 20]).unwrap_err();
    let mut asked = 3;
    while lost(&client).await < 5 {
        ask(&client, asked..asked + 1).await;
        asked += 1;
        assert!(asked < 1000, "the disk is never full");
    }
    // Many at once, so that several lines are written in one go.
    let mut crowd = JoinSet::new();
    for number in asked..asked + 40 {
        let client = client.clone();
        crowd.spawn(async move { ask(&client, number..number + 1).await });
    }
    crowd.join_all().await;
    asked += 40;
    std::fs::remove_file(&filler).unwrap();
    ask(&client, asked..asked + 5).await;
    asked += 5;

    let copy = daemon.seen_data_dir().join("audit.jsonl");
    let there = |text: &str| text.lines().filter(|line| line.contains("\"path\":\"n")).count() as u64;
    // The last line is there once everything before it is.
    let last = format!("\"path\":\"n{}\"", asked - 1);
    let begun = Instant::now();
    let text = loop {
        let text = std::fs::read_to_string(&copy).unwrap();
        if text.ends_with('\n') && text.contains(&last) {
            break text;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "the last line never came: {text}");
        tokio::task::yield_now().await;
    };
    for line in text.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert_eq!(asked - there(&text), lost(&client).await);
    daemon.terminate().await;
    let log = daemon.log();
    assert_eq!(log.matches("lines of the audit log are lost").count(), 1, "{log}");
    assert!(log.contains("the audit log is written again"), "{log}");
}

#[tokio::test]
async fn a_disk_that_hangs_holds_up_no_request_and_no_end() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, 0o600.into(), 0).unwrap();
    // Whoever holds it open and does not read it is a disk that hangs, as soon as the pipe is full.
    let held = rustix::fs::open(&pipe, OFlags::RDONLY | OFlags::NONBLOCK, 0.into()).unwrap();
    let mut daemon = audited(&format!("file = {:?}\n", pipe.display().to_string())).start().await;
    let client = daemon.client();
    let begun = Instant::now();
    ask(&client, 0..40).await;
    // Names as long as they may be, so that the bytes that wait are at their bound soon.
    let long = format!("/v1/files/{}", "%E2%80%AE".repeat(1000));
    while lost(&client).await == 0 {
        let mut crowd = JoinSet::new();
        for _ in 0..50 {
            let (client, long) = (client.clone(), long.clone());
            crowd.spawn(async move { client.get(&long).await.status });
        }
        assert!(crowd.join_all().await.iter().all(|status| *status < 500));
    }
    client.put("/v1/files/f", &b"f"[..]).await.expect(201);
    assert!(daemon.log().contains("too many lines wait for the disk"), "{}", daemon.log());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let told = Instant::now();
    assert!(daemon.terminate().await.success());
    assert!(told.elapsed() < Duration::from_secs(15), "{:?}", told.elapsed());
    assert!(daemon.log().contains("the disk of the audit log does not answer"), "{}", daemon.log());

    // What came through is the beginning, in order.
    let mut text = String::new();
    let mut read = File::from(held);
    let mut some = [0; 4096];
    let count = read.read(&mut some).unwrap();
    text.push_str(std::str::from_utf8(&some[..count]).unwrap());
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["path"], "n0");
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, 0o600.into(), 0).unwrap();
    let ended = audited(&format!("file = {:?}\n", pipe.display().to_string())).run_to_end().await;
    assert!(!ended.status.success());
    assert!(ended.log.contains("the audit log ") && ended.log.contains("cannot be opened"), "{}", ended.log);
}

fn put_before(path: &Path, text: &str, mode: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_file_that_others_can_read_is_told_with_its_mode_and_left_as_it_is() {
    for (mode, told) in [(0o600, false), (0o640, false), (0o660, true), (0o644, true), (0o602, true)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("book");
        put_before(&path, "", mode);
        let mut daemon = audited(&format!("file = {:?}\n", path.display().to_string())).start().await;
        daemon.terminate().await;
        let log = daemon.log();
        assert_eq!(log.contains("others can read or write the audit log"), told, "{mode:o} {log}");
        assert_eq!(log.contains(&format!("{mode:04o}")), told, "{log}");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
    }
}

#[tokio::test]
async fn what_a_killed_daemon_left_of_a_line_spoils_no_other() {
    let mut daemon = audited("").start().await;
    ask(&daemon.client(), 0..1).await;
    daemon.terminate().await;
    let path = book(&daemon);
    let before = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{before}{{\"time\":\"2026")).unwrap();
    daemon.restart().await;
    ask(&daemon.client(), 1..2).await;
    daemon.terminate().await;
    let text = std::fs::read_to_string(&path).unwrap();
    let whole: Vec<_> = text.lines().map(|line| serde_json::from_str::<Value>(line).ok()).collect();
    let paths: Vec<_> =
        whole.iter().map(|line| line.as_ref().and_then(|line| line["path"].as_str())).collect();
    assert_eq!(paths, [Some("n0"), None, Some("n1")], "{text}");
}
