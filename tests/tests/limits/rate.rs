//! How often a client may ask: a burst passes, one more is refused and told when to come back, and whoever may be made to
//! wait is not refused at all.

use std::time::{Duration, Instant};

use cairn_tests::left_behind::files;
use cairn_tests::{Answer, Client, Daemon};

/// One request of each protocol that would leave something behind.
const ASKED: [(&str, &str); 5] = [
    ("PUT", "/v1/files/a"),
    ("POST", "/v1/uploads"),
    ("POST", "/files/"),
    ("POST", "/uploads/"),
    ("POST", "/file/mpupload/init?username=ann&filehash=0&filesize=3"),
];

async fn limited(toml: &str) -> Daemon {
    Daemon::builder().config(&format!("[limits]\n{toml}")).start().await
}

async fn ask(client: &Client, method: &str, path: &str) -> Answer {
    let call = client.call(method, path).header("tus-resumable", "1.0.0").header("upload-length", "3");
    let call = call.header("upload-draft-interop-version", "8").header("upload-complete", "?1");
    call.body("abc").send().await
}

/// The seconds after which a client is asked to come again, in the words of the protocol that the path is of.
fn told_to_wait(path: &str, answer: &Answer) -> u64 {
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(answer.status, 429, "{path} {answer:?}");
    let told = answer.json();
    if path.starts_with("/file/") {
        assert_eq!((&told["code"], &told["data"]["RetryAfter"]), (&(-33).into(), &seconds.into()), "{told}");
        return seconds;
    }
    assert_eq!((answer.problem().as_str(), &told["retry_after"]), ("too_many_requests", &seconds.into()));
    let version = |field| answer.header(field).is_some();
    assert_eq!(version("tus-resumable"), path == "/files/", "{path}");
    assert_eq!(version("upload-draft-interop-version"), path == "/uploads/", "{path}");
    seconds
}

#[tokio::test]
async fn one_more_than_the_burst_is_refused_in_every_protocol_and_leaves_nothing_behind() {
    let daemon = limited("requests_per_minute = 1\nrequest_burst = 3\nrequest_delay = \"0s\"\n").await;
    let client = daemon.client();
    for _ in 0..3 {
        client.get("/v1/me").await.expect(200);
    }
    for (method, path) in ASKED {
        let answer = ask(&client, method, path).await;
        assert!((55..=60).contains(&told_to_wait(path, &answer)), "{answer:?}");
    }
    for path in ["/healthz", "/readyz"] {
        client.get(path).await.expect(200);
    }
    for what in ["uploads", "files"] {
        let printed = daemon.cairnctl(&[what, "list", "--json"]).await;
        let listed: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
        assert_eq!(listed["items"], serde_json::json!([]), "{what}");
    }
    let objects = files(&daemon.data_dir().join("objects"));
    assert!(objects.is_empty(), "{objects:?}");
}

#[tokio::test]
async fn who_waits_as_long_as_was_told_is_let_through() {
    let daemon = limited("requests_per_minute = 60\nrequest_burst = 1\nrequest_delay = \"0s\"\n").await;
    let client = daemon.client();
    let refused = loop {
        let answer = client.get("/v1/me").await;
        if answer.status != 200 {
            break answer;
        }
    };
    let seconds = told_to_wait("/v1/me", &refused);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    client.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn who_may_be_made_to_wait_becomes_slow_and_is_not_refused() {
    let daemon = limited("requests_per_minute = 600\nrequest_burst = 1\nrequest_delay = \"10s\"\n").await;
    let client = daemon.client();
    let begun = Instant::now();
    for number in 0..8 {
        client.put(&format!("/v1/files/{number}"), "abc").await.expect(201);
    }
    assert!(begun.elapsed() >= Duration::from_millis(690), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn strangers_are_counted_too() {
    let tokens = "[auth]\nmode = \"tokens\"\n[limits]\nrequests_per_minute = 1\nrequest_burst = 2\nrequest_delay = \"0s\"\n";
    let daemon = Daemon::builder().config(tokens).start().await;
    let client = daemon.client();
    let guess = || client.call("GET", "/v1/me").header("authorization", "Bearer guessed").send();
    for _ in 0..2 {
        guess().await.expect_problem(401, "unauthenticated");
    }
    let answer = guess().await;
    assert!((59..=60).contains(&told_to_wait("/v1/me", &answer)));
}

#[tokio::test]
async fn as_it_comes_nobody_is_counted() {
    let daemon = Daemon::start().await;
    let client = daemon.client();
    for _ in 0..200 {
        client.get("/v1/me").await.expect(200);
    }
}
