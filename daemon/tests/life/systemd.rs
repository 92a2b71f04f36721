//! What systemd hands over and hears.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::process::{LIMIT, Place, ask, get, printed};

/// The same command with a socket handed over as systemd does it. A shell moves the socket to the descriptor and tells
/// its own process id, which the daemon then has.
fn handed(command: &Command, socket: OwnedFd) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"exec env LISTEN_PID=$$ LISTEN_FDS=1 "$@" 3<&0 </dev/null"#, "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.stdin(Stdio::from(socket));
    shell
}

#[test]
fn a_tcp_socket_is_used_instead_of_the_configured_address() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let daemon = place.start_as(handed(&place.command(), OwnedFd::from(listener)));
    assert_eq!(daemon.address(), address);
    assert!(daemon.ask(&get("/healthz")).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_connection_that_came_before_the_daemon_is_served() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let early = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    early.set_read_timeout(Some(LIMIT)).unwrap();
    let _daemon = place.start_as(handed(&place.command(), OwnedFd::from(listener)));
    assert!(ask(early, &get("/healthz")).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_unix_socket_is_used() {
    use std::os::unix::net::{UnixListener, UnixStream};
    let place = Place::new();
    let path = place.folder.path().join("http.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let _daemon = place.start_as(handed(&place.command(), OwnedFd::from(listener)));
    let stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let answer = ask(stream, &get("/healthz"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!place.data().join("listen").exists());
}

#[test]
fn a_socket_that_others_reach_is_refused_as_an_address_would_be() {
    let place = Place::new();
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let (code, _, error) = printed(&mut handed(&place.command(), OwnedFd::from(listener)));
    assert!(code == 78 && error.contains("can be reached from other machines"), "{code}: {error}");
}

#[test]
fn systemd_hears_ready_and_stopping() {
    let place = Place::new();
    // `start` has heard READY.
    let daemon = place.start();
    daemon.signal(Signal::INT);
    assert!(place.told().starts_with("STOPPING=1\n"));
    assert_eq!(daemon.ended().0, Some(0));
}

#[test]
fn the_watchdog_is_fed() {
    let place = Place::new();
    let mut command = place.command();
    command.env("WATCHDOG_USEC", "30000000");
    let mut command_told = Vec::new();
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    while command_told.len() < 2 {
        command_told.push(place.told());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    command_told.sort();
    assert!(command_told[0].starts_with("READY=1\n"), "{command_told:?}");
    assert_eq!(command_told[1], "WATCHDOG=1\n");
}
