//! What stands in Redis, and what it costs.

use cairn_engine::contracts::*;
use cairn_engine::{State, Timestamp};
use cairn_tests::RedisServer;
use futures_util::future::join_all;

use crate::words::*;

/// The fields of the tutorial, and those that say how much of a chunk is there.
fn shown(server: &RedisServer) -> Vec<(String, String)> {
    let key = format!("MP_{}", id(1));
    let ours = ["chunkcount", "filehash", "filesize", "chunksize"];
    let is_ours =
        |name: &&str| ours.contains(name) || name.starts_with("chkidx_") || name.starts_with("part_");
    let names = server.ask(&["HKEYS", &key]);
    let value = |name: &str| (name.to_owned(), server.ask(&["HGET", &key, name]));
    let mut fields: Vec<_> = names.lines().filter(is_ours).map(value).collect();
    fields.sort();
    fields
}

fn fields<const N: usize>(expected: [(&str, &str); N]) -> Vec<(String, String)> {
    expected.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

#[tokio::test]
async fn the_tutorial_reads_its_hash() {
    let server = RedisServer::start();
    let sessions = open(&server);
    created(&sessions, &upload(1)).await;
    let hash = "ab".repeat(20);
    let head = [("chunkcount", "3"), ("chunksize", "100"), ("filehash", hash.as_str()), ("filesize", "250")];
    assert_eq!(shown(&server), fields(head));
    record(&sessions, &receipt(200, 50, 1)).await.unwrap();
    record(&sessions, &receipt(0, 130, 2)).await.unwrap();
    let mut expected = fields([("chkidx_1", "1"), ("chkidx_3", "1")]);
    expected.extend(fields(head));
    let mut with_part = expected.clone();
    with_part.extend(fields([("part_2", "30")]));
    assert_eq!(sorted(shown(&server)), sorted(with_part));
    record(&sessions, &receipt(120, 80, 3)).await.unwrap();
    expected.extend(fields([("chkidx_2", "1")]));
    assert_eq!(sorted(shown(&server)), sorted(expected.clone()));
    // A rebuilt record shows the same.
    let whole = sessions.load(id(1), View::All).await.unwrap().unwrap();
    sessions.remove(id(1)).await.unwrap();
    assert_eq!(server.ask(&["DBSIZE"]), "0");
    sessions.restore(&whole).await.unwrap();
    assert_eq!(sorted(shown(&server)), sorted(expected));
}

fn sorted(mut fields: Vec<(String, String)>) -> Vec<(String, String)> {
    fields.sort();
    fields
}

#[tokio::test]
async fn the_last_chunk_is_there_once_the_length_is_known() {
    let server = RedisServer::start();
    let sessions = open(&server);
    created(&sessions, &cairn_engine::Upload { length: None, digest: None, ..upload(1) }).await;
    record(&sessions, &receipt(0, 230, 1)).await.unwrap();
    let before = [("chkidx_1", "1"), ("chkidx_2", "1"), ("chunksize", "100"), ("part_3", "30")];
    assert_eq!(shown(&server), fields(before));
    let known = Settlement { length: Some(230), ..Settlement::to(State::Open) };
    sessions.settle(id(1), &[State::Open], known).await.unwrap();
    let after = [
        ("chkidx_1", "1"),
        ("chkidx_2", "1"),
        ("chkidx_3", "1"),
        ("chunkcount", "3"),
        ("chunksize", "100"),
        ("filesize", "230"),
    ];
    assert_eq!(shown(&server), fields(after));
}

#[tokio::test]
async fn the_ten_thousandth_chunk_costs_what_the_first_one_does() {
    let server = RedisServer::start();
    let sessions = open(&server);
    let long = cairn_engine::Upload { length: Some(1_000_000), ..upload(1) };
    created(&sessions, &long).await;
    let received = || {
        let stats = server.ask(&["INFO", "stats"]);
        let number = |name: &str| -> u64 {
            let line = stats.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().parse().unwrap()
        };
        (
            number("total_commands_processed:"),
            number("total_net_input_bytes:"),
            number("total_net_output_bytes:"),
        )
    };
    let mut costs = Vec::new();
    for batch in 0..20_u64 {
        let before = received();
        let receipts: Vec<_> = (0..500).map(|n| receipt((batch * 500 + n) * 100, 100, 1 << 100)).collect();
        for recorded in join_all(receipts.iter().map(|receipt| record(&sessions, receipt))).await {
            recorded.unwrap();
        }
        let after = received();
        costs.push((after.0 - before.0, after.1 - before.1, after.2 - before.2));
    }
    // Each is one call of a script, which is some commands inside of Redis; the question itself costs a little.
    let (first, last) = (costs[1], costs[19]);
    assert!(last.0 <= first.0 + 20, "commands: {costs:?}");
    assert!(last.1 <= first.1 + 2_000, "bytes to Redis: {costs:?}");
    assert!(last.2 <= first.2 + 2_000, "bytes from Redis: {costs:?}");
    assert!(last.1 / 500 < 600, "bytes of one record: {costs:?}");
    let calls = server.ask(&["INFO", "commandstats"]);
    let scripts = calls.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap();
    assert!(scripts.contains("calls=10001,"), "{scripts}");
    assert!(!calls.contains("cmdstat_keys") && !calls.contains("cmdstat_scan"), "{calls}");
}

#[tokio::test]
async fn every_number_of_64_bits_is_kept_exactly() {
    let server = RedisServer::start();
    let sessions = open(&server);
    let upload =
        cairn_engine::Upload { length: None, chunk_size: (1 << 53) + 1, rewrites: u64::MAX - 1, ..upload(1) };
    created(&sessions, &upload).await;
    let far = (1 << 60) + 1;
    for (offset, length, received) in [
        (u64::MAX - 10, 9, 9),
        (far, (1 << 53) + 1, (1 << 53) + 10),
        (far + 1, 1, (1 << 53) + 10),
        (far - 3, 5, (1 << 53) + 13),
        (0, far, far + (1 << 53) + 10),
    ] {
        let recorded = record(&sessions, &receipt(offset, length, u128::from(offset))).await.unwrap();
        let Recording::Recorded { received_bytes, .. } = recorded else { panic!("{recorded:?}") };
        assert_eq!(received_bytes, received, "{offset}");
    }
    let session = sessions.load(id(1), View::Range(far..far + 1)).await.unwrap().unwrap();
    let extents: Vec<_> = session.receipts.iter().map(|r| (r.extent.offset, r.extent.length)).collect();
    assert_eq!(extents, [(far, (1 << 53) + 1), (far - 3, 5)]);
    assert_eq!(session.upload.rewrites, 1, "it is counted round and round");
    // Chunk 128 begins at 127 · (2^53 + 1), before the far extent; chunk 129 lies in it.
    let chunk = sessions.load(id(1), View::Chunk(129)).await.unwrap().unwrap();
    let extents: Vec<_> = chunk.receipts.iter().map(|r| r.extent.offset).collect();
    assert_eq!(extents, [far]);
    let beyond = record(&sessions, &receipt(u64::MAX - 1, 5, 1)).await.unwrap_err();
    assert_eq!(beyond.failure, Failure::Failed);
}

#[tokio::test]
async fn a_receipt_recorded_twice_is_recorded_once() {
    let server = RedisServer::start();
    let sessions = open(&server);
    created(&sessions, &upload(1)).await;
    for _ in 0..2 {
        let recorded = record(&sessions, &receipt(0, 100, 1)).await.unwrap();
        assert_eq!(recorded, Recording::Recorded { received_bytes: 100, replaced: vec![] });
    }
    let session = sessions.load(id(1), View::All).await.unwrap().unwrap();
    assert_eq!((session.receipts, session.upload.rewrites), (vec![receipt(0, 100, 1)], 0));
}

#[tokio::test]
async fn a_record_outlives_its_end_by_a_week_and_its_last_change_too() {
    const WEEK: u64 = 7 * 24 * 3600 * 1000;
    let server = RedisServer::start();
    let sessions = open(&server);
    let lives = |key: String| -> u64 { server.ask(&["PEXPIRETIME", &key]).parse().unwrap() };
    let keys = [format!("MP_{}", id(1)), format!("{{MP_{}}}:extents", id(1))];
    created(&sessions, &upload(1)).await;
    record(&sessions, &receipt(0, 1, 1)).await.unwrap();
    for key in keys.clone() {
        assert_eq!(lives(key), LATER.0 + WEEK);
    }
    let long_ago = Settlement { expires_at: Some(Timestamp(5)), ..aborted() };
    sessions.settle(id(1), &State::ALL, long_ago).await.unwrap();
    let now: Vec<u64> = server.ask(&["TIME"]).lines().map(|line| line.parse().unwrap()).collect();
    for key in keys {
        let ends = lives(key);
        let now = now[0] * 1_000 + now[1] / 1_000;
        assert!(ends <= now + WEEK && ends + 30_000 > now + WEEK, "{ends} {now}");
    }
}

#[tokio::test]
async fn a_forgotten_script_is_told_again() {
    let server = RedisServer::start();
    let sessions = open(&server);
    created(&sessions, &upload(1)).await;
    for n in 0..3 {
        server.ask(&["SCRIPT", "FLUSH"]);
        record(&sessions, &receipt(n * 10, 10, 1)).await.unwrap();
    }
    assert_eq!(all(&sessions).await.1, 30);
}
