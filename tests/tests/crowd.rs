//! Many connections at once: ten thousand that ask nothing, and a thousand that ask slowly. Neither hinders who asks.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::time::Duration;

use cairn_tests::{Client, Content, Daemon, LIMIT};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const IDLE: usize = 10_000;
const FEWEST_IDLE: usize = 9_000;
/// Files of the test program itself, and of the other test in it.
const OTHER_FILES: usize = 3_000;
/// Bytes that a connection may cost an unoptimised daemon before its first byte. What serves HTTP is larger.
const IDLE_BYTES: u64 = 6 * 1024;
const SLOW: usize = 1_000;
/// How often a slow client sends a byte: often enough never to be silent for too long.
const TRICKLE: Duration = Duration::from_millis(200);

/// As many connections as may be open here, up to [`IDLE`].
fn how_many() -> usize {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let room = maximum.map_or(IDLE, |limit| usize::try_from(limit).unwrap().saturating_sub(OTHER_FILES));
    assert!(
        room >= FEWEST_IDLE,
        "too few files may be open for this test: raise the hard limit to at least {} (ulimit -Hn, or LimitNOFILE=)",
        FEWEST_IDLE + OTHER_FILES
    );
    room.min(IDLE)
}

async fn connect(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(TcpStream::connect(address).await.unwrap());
    }
    streams
}

/// Bytes of memory that are resident.
fn memory(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

/// How many connections the daemon has.
async fn connections(client: &Client) -> usize {
    let metrics = client.get("/metrics").await.expect(200);
    let line = metrics.text().lines().find_map(|line| line.strip_prefix("cairn_connections ")).unwrap();
    line.parse().unwrap()
}

async fn until_connections(client: &Client, right: impl Fn(usize) -> bool) {
    let waiting = async {
        while !right(connections(client).await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("the daemon has as many connections in time");
}

/// A file is put and read back.
async fn is_served(client: &Client, number: u64) {
    let content = Content::new(number, 100_000);
    let path = format!("/v1/files/healthy-{number}");
    client.put(&path, content.bytes()).await.expect(201);
    assert_eq!(client.get(&path).await.expect(200).body, content.bytes());
}

#[tokio::test]
async fn ten_thousand_idle_connections_cost_little_and_hinder_nobody_and_leave_their_places() {
    let count = how_many();
    let config = format!(
        "[server]\nmax_connections = {}\nmax_connections_per_address = 0\nheader_timeout = \"5m\"\n",
        count + 8
    );
    let daemon = Daemon::builder().config(&config).start().await;
    let client = daemon.client();
    is_served(&client, 0).await;
    let before = memory(&daemon);
    let idle = connect(daemon.address(), count).await;
    until_connections(&client, |now| now >= count).await;
    let each = memory(&daemon).saturating_sub(before) / count as u64;
    println!("{each} bytes for each of {count} connections");
    assert!(each <= IDLE_BYTES, "{each} bytes for each idle connection");
    is_served(&client, 1).await;
    drop(idle);
    until_connections(&client, |now| now <= 8).await;
    is_served(&daemon.client(), 2).await;
}

/// Sends these bytes and then one at a time, until the daemon closes.
async fn dawdle(mut stream: TcpStream, begin: String) {
    stream.write_all(begin.as_bytes()).await.unwrap();
    let (mut answers, mut bytes) = stream.split();
    let sending = async {
        while bytes.write_all(b"x").await.is_ok() {
            tokio::time::sleep(TRICKLE).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    tokio::select! {
        () = sending => {}
        // A reset closes too.
        _ = answers.read_to_end(&mut answer) => {}
    }
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_thousand_slow_clients_are_cut_by_the_time_outs_and_every_healthy_request_succeeds_meanwhile() {
    let config = "[server]\nmax_connections_per_address = 0\nheader_timeout = \"1s\"\n\
                  [limits]\nbody_rate = \"1KiB\"\nbody_rate_window = \"1s\"\n";
    how_many();
    let daemon = Daemon::builder().config(config).start().await;
    let client = daemon.client();
    let mut slow = JoinSet::new();
    for (number, stream) in connect(daemon.address(), SLOW).await.into_iter().enumerate() {
        let begin = match number % 2 {
            0 => "GET /v1/files HTTP/1.1\r\nHost: a\r\nX-Slow: ".to_owned(),
            _ => format!("PUT /v1/files/slow-{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"),
        };
        slow.spawn(dawdle(stream, begin));
    }
    let mut served = 0;
    let cut = async { while slow.join_next().await.transpose().unwrap().is_some() {} };
    let mut cut = std::pin::pin!(tokio::time::timeout(LIMIT, cut));
    loop {
        tokio::select! {
            ended = &mut cut => break ended.expect("the slow ones are cut in time"),
            () = is_served(&client, served) => served += 1,
        }
    }
    assert!(served >= 10, "{served} files were put and read while there were slow clients");
    until_connections(&client, |now| now <= 8).await;
    let listed = client.get("/v1/files?limit=1000").await.expect(200);
    assert!(!listed.text().contains("slow-"), "nothing of the slow ones is kept");
}
