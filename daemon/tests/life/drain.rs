//! Stopping while requests run.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;

use crate::process::{Place, Running, get};

/// A new upload of unknown length; its address.
fn begin(daemon: &Running) -> String {
    let body = r#"{"path":"a"}"#;
    let request = format!(
        "POST /v1/uploads HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = daemon.ask(&request);
    let location =
        answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_else(|| panic!("{answer}"));
    location.rsplit_once("/v1/").map(|(_, rest)| format!("/v1/{rest}")).unwrap()
}

/// An append of 10 bytes, of which only some are sent.
fn append(daemon: &Running, upload: &str, sent: &str) -> TcpStream {
    let mut stream = daemon.connect();
    let head = format!(
        "PATCH {upload} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/octet-stream\r\n\
         upload-offset: 0\r\nexpect: 100-continue\r\ncontent-length: 10\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The daemon asks for the body: from now on the append runs.
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(sent.as_bytes()).unwrap();
    stream
}

fn start(place: &Place, shutdown_timeout: &str) -> Running {
    let mut command = place.command();
    command.env("CAIRN__SERVER__SHUTDOWN_TIMEOUT", shutdown_timeout);
    place.start_as(command)
}

fn received_bytes(daemon: &Running, upload: &str) -> serde_json::Value {
    let answer = daemon.ask(&get(upload));
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    let upload: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
    upload["received_bytes"].clone()
}

#[test]
fn a_running_request_ends_while_new_connections_are_refused() {
    let place = Place::new();
    let daemon = start(&place, "1h");
    let upload = begin(&daemon);
    let mut stream = append(&daemon, &upload, "01234");
    let address = daemon.address();
    daemon.signal(Signal::TERM);
    daemon.logged("\"message\":\"stopping\"");
    stream.write_all(b"56789").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let (code, log) = daemon.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(received_bytes(&place.start(), &upload), 10);
}

#[test]
fn what_had_arrived_of_an_append_is_kept_when_the_time_is_over() {
    let place = Place::new();
    let daemon = start(&place, "0s");
    let upload = begin(&daemon);
    let _stream = append(&daemon, &upload, "01234");
    // The counter tells that the five bytes have arrived.
    while !daemon.ask(&get("/metrics")).contains("cairn_received_bytes_total 5") {}
    daemon.signal(Signal::TERM);
    let (code, log) = daemon.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("connections are dropped"), "{log}");
    assert_eq!(received_bytes(&place.start(), &upload), 5);
}

#[test]
fn a_second_signal_waits_no_longer() {
    let place = Place::new();
    let daemon = start(&place, "1h");
    let upload = begin(&daemon);
    let _stream = append(&daemon, &upload, "01234");
    daemon.signal(Signal::TERM);
    daemon.logged("\"message\":\"stopping\"");
    daemon.signal(Signal::TERM);
    let (code, log) = daemon.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("connections are dropped"), "{log}");
}
