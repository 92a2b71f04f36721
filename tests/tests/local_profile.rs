//! What the local profile rests on, as far as it shows without a running systemd: a socket that was handed over serves
//! requests although the daemon's own network has nothing in it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cairn_tests::binary;

/// How long it may take until the socket is there, or an answer.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn a_daemon_without_a_network_serves_the_socket_it_was_given() {
    if !may_unshare() {
        assert!(!rustix::process::geteuid().is_root(), "root can give a process a network of its own");
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let address = free_address();
    let running = Running(start(address, data.path()));
    let answer = ask(address, "GET /healthz HTTP/1.1\r\nhost: cairn\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    // Two lines of titles, and the loopback device.
    let devices = std::fs::read_to_string(format!("/proc/{}/net/dev", running.0.id())).unwrap();
    let devices: Vec<&str> =
        devices.lines().skip(2).filter_map(|line| line.trim().split_once(':')).map(|d| d.0).collect();
    assert_eq!(devices, ["lo"]);
    // It is down: not even this machine can be reached from inside.
    let state = std::fs::read_to_string(format!("/proc/{}/net/fib_trie", running.0.id())).unwrap_or_default();
    assert!(!state.contains("127.0.0.1"), "{state}");
}

fn may_unshare() -> bool {
    let tried = Command::new("unshare").args(["--net", "true"]).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn start(address: SocketAddr, data: &std::path::Path) -> Child {
    let mut command = Command::new("systemd-socket-activate");
    command.args(["-l", &address.to_string(), "unshare", "--net"]).arg(binary("cairnd"));
    command.arg("--data-dir").arg(data).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn ask(address: SocketAddr, request: &str) -> String {
    let begun = Instant::now();
    // The socket has no way to tell that it is there.
    let mut connection = loop {
        match TcpStream::connect(address) {
            Ok(connection) => break connection,
            Err(error) => assert!(begun.elapsed() < LIMIT, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    connection.set_read_timeout(Some(LIMIT)).unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

/// Killed when the test ends, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
