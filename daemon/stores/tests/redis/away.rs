//! A Redis that is away, stalls, or comes back.

use std::time::{Duration, Instant};

use cairn_engine::contracts::*;
use cairn_stores::{RedisConfig, RedisSessions};
use cairn_tests::RedisServer;
use futures_util::future::join_all;

use crate::words::*;

/// A configuration whose times are short.
fn quick(url: String) -> RedisConfig {
    let short = Duration::from_millis(500);
    RedisConfig { url, timeout: short, connect_timeout: short, ..RedisConfig::default() }
}

#[tokio::test]
async fn a_redis_that_is_absent_at_the_start_is_there_when_it_comes() {
    let mut server = RedisServer::start();
    server.kill();
    let sessions = RedisSessions::open(&quick(server.url())).unwrap();
    let begun = Instant::now();
    for answer in join_all((0..200).map(|_| sessions.check())).await {
        assert_eq!(answer.unwrap_err().failure, Failure::Unavailable);
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    server.start_again();
    let back = until_it_works(&sessions).await;
    assert!(back < Duration::from_secs(1), "{back:?}");
}

#[tokio::test]
async fn a_restart_between_two_requests_is_not_noticed_by_the_second() {
    let mut server = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let sessions = open(&server);
    created(&sessions, &upload(1)).await;
    for answer in join_all((0..8).map(|_| sessions.check())).await {
        answer.unwrap();
    }
    server.kill();
    server.start_again();
    // The library hears of the end of a connection as soon as its task runs.
    tokio::time::sleep(Duration::from_millis(50)).await;
    for answer in join_all((0..8).map(|_| sessions.load(id(1), View::Head))).await {
        assert!(answer.unwrap().unwrap().doubted);
    }
}

#[tokio::test]
async fn a_stalled_redis_costs_everybody_one_time_out_and_is_back_at_once() {
    let server = RedisServer::start();
    let sessions = RedisSessions::open(&quick(server.url())).unwrap();
    until_it_works(&sessions).await;
    server.stall();
    let begun = Instant::now();
    for answer in join_all((0..500).map(|_| sessions.check())).await {
        assert_eq!(answer.unwrap_err().failure, Failure::Unavailable);
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let begun = Instant::now();
    let answers = join_all((0..500).map(|_| sessions.check())).await;
    assert!(answers.iter().all(Result::is_err));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    server.go_on();
    let back = until_it_works(&sessions).await;
    assert!(back < Duration::from_secs(1), "{back:?}");
}

#[tokio::test]
async fn a_late_reply_reaches_nobody_else() {
    let server = RedisServer::start();
    let sessions = open(&server);
    for n in 1..=20 {
        created(&sessions, &upload(n)).await;
    }
    for round in 0..50 {
        // Requests that are given up while they are under way, among others that are not.
        let loads = (0..200_u64).map(|n| {
            let (sessions, wanted) = (&sessions, id(u128::from(n % 20 + 1)));
            async move {
                let patience =
                    if n % 3 == 0 { Duration::from_micros(10 * (round + n)) } else { Duration::MAX };
                let load = sessions.load(wanted, View::Head);
                if let Ok(loaded) = tokio::time::timeout(patience, load).await {
                    assert_eq!(loaded.unwrap().unwrap().upload.id, wanted);
                }
            }
        });
        join_all(loads).await;
    }
}

#[tokio::test]
async fn no_password_is_told_whatever_goes_wrong() {
    const SECRET: &str = "correct-horse";
    let server = RedisServer::start_with(&["--requirepass", "another"]);
    let plain = server.url().replace("redis://", "");
    let with_url = quick(format!("redis://ann:{SECRET}@{plain}/3"));
    let given = RedisConfig { password: Some(SECRET.to_owned()), ..quick(server.url()) };
    let absent = quick(format!("redis://:{SECRET}@127.0.0.1:1"));
    for config in [with_url, given, absent] {
        let sessions = RedisSessions::open(&config).unwrap();
        let error = sessions.check().await.unwrap_err();
        assert_eq!(error.failure, Failure::Unavailable, "{error:?}");
        for told in [told(&error), format!("{config:?}"), config.public_url()] {
            assert!(!told.contains(SECRET), "{told}");
        }
    }
    let right = RedisConfig { password: Some("another".to_owned()), ..quick(server.url()) };
    RedisSessions::open(&right).unwrap().check().await.unwrap();
}

#[tokio::test]
async fn a_socket_leads_to_redis_and_a_prefix_and_a_database_keep_apart() {
    let server = RedisServer::start();
    let url = format!("unix://{}", server.socket().display());
    let at = |prefix: &str, database| {
        let config = RedisConfig { url: url.clone(), prefix: prefix.to_owned(), database, ..config() };
        RedisSessions::open(&config).unwrap()
    };
    let places = [at("", None), at("a:", None), at("", Some(3))];
    created(&places[0], &upload(1)).await;
    for place in &places[1..] {
        assert_eq!(place.load(id(1), View::Head).await.unwrap(), None);
        assert_eq!(place.count().await.unwrap(), []);
    }
    assert!(RedisSessions::open(&RedisConfig { prefix: "{a}".to_owned(), ..config() }).is_err());
}

#[tokio::test]
async fn how_redis_stands_is_told_with_what_would_be_lost() {
    let server = RedisServer::start();
    let standing = open(&server).standing().await.unwrap();
    assert_eq!(standing.kind, RedisServer::kind());
    for fact in [("mode", "standalone"), ("role", "master"), ("appendonly", "no"), ("save", "off")] {
        assert!(standing.facts.contains(&(fact.0, fact.1.to_owned())), "{standing:?}");
    }
    assert!(standing.warnings[0].starts_with("appendonly and save are off"), "{standing:?}");
    server.ask(&["CONFIG", "SET", "appendonly", "yes"]);
    server.ask(&["CONFIG", "SET", "appendfsync", "always"]);
    assert_eq!(open(&server).standing().await.unwrap().warnings, [""; 0]);
}

#[tokio::test]
async fn with_tls_the_authority_that_is_named_is_believed_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &path("key"), "-out", &path("certificate")])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let options =
        ["--tls-cert-file", &path("certificate"), "--tls-key-file", &path("key"), "--tls-auth-clients", "no"];
    let server = RedisServer::start_with(&options);
    // A port for TLS, next to the plain one.
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port().to_string()
    };
    server.ask(&["CONFIG", "SET", "tls-port", &port]);
    let url = format!("rediss://localhost:{port}");
    let believed = RedisConfig { tls_ca: Some(path("certificate").into()), url: url.clone(), ..config() };
    let sessions = RedisSessions::open(&believed).unwrap();
    created(&sessions, &upload(1)).await;
    let stranger = RedisSessions::open(&quick(url)).unwrap();
    assert_eq!(stranger.check().await.unwrap_err().failure, Failure::Unavailable);
    let absent = RedisConfig { tls_ca: Some(path("absent").into()), ..config() };
    assert!(RedisSessions::open(&absent).is_err());
}
