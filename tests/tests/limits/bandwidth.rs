//! How fast bodies may come: they wait, in every protocol, and are stored as they were sent.

use std::time::{Duration, Instant};

use cairn_tests::{Client, Content, Daemon};
use serde_json::json;

/// Bytes a second.
const RATE: u64 = 512 << 10;
/// A second's worth comes at once, the rest takes this long.
const LENGTH: u64 = 3 * RATE;
const TAKES: Duration = Duration::from_secs(2);

/// Somebody who may look at the metrics.
async fn watcher(daemon: &Daemon) -> Client {
    daemon.add_user("watcher").await;
    daemon.client().bearer(&daemon.add_token("watcher", "admin").await)
}

/// How often a body was held back.
async fn held_back(client: &Client) -> u64 {
    let metrics = client.get("/metrics").await.expect(200);
    let line = metrics.text().lines().find_map(|line| line.strip_prefix("cairn_bodies_held_back_total "));
    line.unwrap().parse().unwrap()
}

async fn limited(line: &str) -> Daemon {
    let config = format!("[limits]\n{line}\n");
    Daemon::builder().with_tokens().config(&config).start().await
}

/// A whole file by `PUT`; how long it took.
async fn put(client: &Client, path: &str, content: &Content) -> Duration {
    let begun = Instant::now();
    client.put(path, content.body(0..content.length())).await.expect(201);
    begun.elapsed()
}

async fn by_chunk(client: Client, content: Content) -> Duration {
    let length = content.length();
    let wish = json!({ "path": "file", "length": length, "chunk_size": length });
    let upload = client.create_upload(&wish).await;
    let path = format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap());
    let begun = Instant::now();
    client.put(&format!("{path}/chunks/1"), content.body(0..length)).await.expect(200);
    let took = begun.elapsed();
    client.post(&format!("{path}/complete"), "").await.expect(200);
    took
}

async fn by_tus(client: Client, content: Content) -> Duration {
    let tus = |method: &str, path: &str| client.call(method, path).header("tus-resumable", "1.0.0");
    let create = tus("POST", "/files/").header("upload-metadata", "filename ZmlsZQ==");
    let created = create.header("upload-length", &content.length().to_string()).send().await.expect(201);
    let path = path_of(created.header("location").unwrap());
    let patch = tus("PATCH", &path).header("content-type", "application/offset+octet-stream");
    let begun = Instant::now();
    let body = content.body(0..content.length());
    patch.header("upload-offset", "0").body(body).send().await.expect(204);
    begun.elapsed()
}

async fn by_the_draft(client: Client, content: Content) -> Duration {
    let draft = client.call("PUT", "/v1/files/file").header("upload-draft-interop-version", "8");
    let begun = Instant::now();
    let body = content.body(0..content.length());
    let answer = draft.header("upload-complete", "?1").body(body).send().await;
    assert!((200..300).contains(&answer.status), "{answer:?}");
    begun.elapsed()
}

fn path_of(location: &str) -> String {
    let rest = location.strip_prefix("http://").unwrap();
    rest[rest.find('/').unwrap()..].to_owned()
}

#[tokio::test]
async fn a_seconds_worth_comes_at_once_and_what_is_over_it_waits() {
    let daemon = limited(&format!("user_bandwidth = \"{RATE}B\"")).await;
    let watcher = watcher(&daemon).await;
    for (number, (length, waits)) in
        [(RATE - 1, false), (RATE, false), (LENGTH, true)].into_iter().enumerate()
    {
        let client = daemon.client_of(&format!("user-{number}")).await;
        let before = held_back(&watcher).await;
        put(&client, "/v1/files/a", &Content::new(1, length)).await;
        assert_eq!(held_back(&watcher).await > before, waits, "{length}");
    }
}

#[tokio::test]
async fn bodies_of_every_protocol_wait_and_are_stored_as_they_were_sent() {
    let daemon = limited(&format!("user_bandwidth = \"{RATE}B\"")).await;
    let (ann, bob, cid) =
        (daemon.client_of("ann").await, daemon.client_of("bob").await, daemon.client_of("cid").await);
    let contents = [1, 2, 3].map(|seed| Content::new(seed, LENGTH));
    let [one, two, three] = contents;
    let took =
        tokio::join!(by_chunk(ann.clone(), one), by_tus(bob.clone(), two), by_the_draft(cid.clone(), three));
    for took in [took.0, took.1, took.2] {
        assert!(took >= TAKES, "{took:?}");
    }
    for (client, content) in [ann, bob, cid].iter().zip(contents) {
        assert!(client.get("/v1/files/file").await.expect(200).body == content.bytes());
    }
}

#[tokio::test]
async fn two_bodies_of_one_user_share_the_rate_and_so_do_all_where_all_have_one() {
    let content = Content::new(4, LENGTH / 2);
    for line in ["user_bandwidth", "bandwidth"] {
        let daemon = limited(&format!("{line} = \"{RATE}B\"")).await;
        let (ann, bob) = (daemon.client_of("ann").await, daemon.client_of("bob").await);
        let other = if line == "bandwidth" { &bob } else { &ann };
        let begun = Instant::now();
        tokio::join!(put(&ann, "/v1/files/a", &content), put(other, "/v1/files/b", &content));
        assert!(begun.elapsed() >= TAKES, "{line}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn who_is_made_to_wait_is_neither_slow_nor_silent() {
    let config = "user_bandwidth = \"64KiB\"\nbody_rate = \"128KiB\"\nbody_rate_window = \"1s\"\n\
                  [server]\nbody_idle_timeout = \"1s\"";
    let daemon = limited(config).await;
    let ann = daemon.client_of("ann").await;
    let content = Content::new(5, 4 * (64 << 10));
    assert!(put(&ann, "/v1/files/a", &content).await >= Duration::from_secs(3));
    assert!(ann.get("/v1/files/a").await.expect(200).body == content.bytes());
}

#[tokio::test]
async fn a_users_own_rate_stands_in_the_place_of_the_configured_one() {
    let daemon = limited("user_bandwidth = \"64KiB\"").await;
    let (ann, bob) = (daemon.client_of("ann").await, daemon.client_of("bob").await);
    let content = Content::new(6, 256 << 10);
    let own = [
        ("ann", &ann, "user_bandwidth=0", json!(null)),
        ("bob", &bob, "user_bandwidth=131072", json!(131_072)),
    ];
    for (user, client, limit, told) in own {
        daemon.operator(&["users", "set-limits", user, limit]).await;
        assert_eq!(client.get("/v1/me").await.expect(200).json()["limits"]["bandwidth"], told);
    }
    put(&ann, "/v1/files/a", &content).await;
    assert_eq!(held_back(&watcher(&daemon).await).await, 0, "without bound");
    assert!(put(&bob, "/v1/files/a", &content).await >= Duration::from_secs(1));
}
