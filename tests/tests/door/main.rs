//! The door: what is no request, or two at once, is refused or closed, and nothing behind it is ever answered.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod corpus;
mod protocols;
mod proxies;

use std::net::SocketAddr;
use std::time::Duration;

use cairn_tests::{Daemon, LIMIT, exchange};
use corpus::{Case, corpus};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A whole request; its answer would be the second one.
const AFTER: &[u8] = b"GET /v1/files/smuggled HTTP/1.1\r\nHost: a\r\nX-Request-Id: smuggled\r\n\r\n";
/// Short limits: whatever waits for more is closed soon.
const CONFIG: &str = "[server]\nheader_timeout = \"300ms\"\nbody_idle_timeout = \"300ms\"\n\
                      keep_alive_timeout = \"300ms\"\ntrusted_proxies = [\"127.0.0.1\"]\n";

async fn answer_to(address: SocketAddr, case: &Case) -> String {
    exchange(address, [&case.bytes, AFTER].concat()).await
}

/// What is wrong with an answer, if anything is.
fn wrong(answer: &str) -> bool {
    let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5");
    let answers = answer.matches("HTTP/1.").count();
    !refused || answers > 1 || answer.contains("smuggled")
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_nothing_behind_it_is_answered() {
    let daemon = Daemon::builder().config(CONFIG).start().await;
    let cases = corpus();
    assert!(cases.len() >= 150, "{}", cases.len());
    let mut failures = Vec::new();
    for some in cases.chunks(16) {
        let mut asked = tokio::task::JoinSet::new();
        for case in some {
            let (address, name) = (daemon.address(), case.name.clone());
            let case = Case { name: name.clone(), bytes: case.bytes.clone() };
            asked.spawn(async move { (name, answer_to(address, &case).await) });
        }
        for (name, answer) in asked.join_all().await {
            if wrong(&answer) {
                failures.push(format!("{name}: {answer:.200}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
    let listed = daemon.client().get("/v1/files").await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 0, "nothing was kept: {listed}");
}

/// A connection that was let in, if it was.
async fn let_in(address: SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answered = asked.is_ok() && matches!(stream.read(&mut [0; 4096]).await, Ok(1..));
    answered.then_some(stream)
}

/// Others may hold a place for a moment: whoever looked whether the daemon is ready, or who has just gone.
async fn let_in_soon(address: SocketAddr) -> TcpStream {
    let waiting = async {
        loop {
            if let Some(stream) = let_in(address).await {
                return stream;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.unwrap()
}

#[tokio::test]
async fn an_address_has_as_many_connections_as_it_may_and_one_more_when_one_has_gone() {
    let config = "[server]\nmax_connections_per_address = 3\n";
    let daemon = Daemon::builder().config(config).start().await;
    let address = daemon.address();
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(let_in_soon(address).await);
    }
    assert!(let_in(address).await.is_none(), "one over the limit is closed");
    drop(held.pop());
    held.push(let_in_soon(address).await);
    assert!(let_in(address).await.is_none(), "the place is taken again");
    let trusting = format!("{config}trusted_proxies = [\"127.0.0.1\"]\n");
    let daemon = Daemon::builder().config(&trusting).start().await;
    let mut many = Vec::new();
    for _ in 0..8 {
        many.push(let_in(daemon.address()).await.expect("a proxy is not counted"));
    }
}
