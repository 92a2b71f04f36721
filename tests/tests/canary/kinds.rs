//! Each kind of secret that a configuration can hold, in what the daemon prints of it and tells of its failures.

use std::path::Path;

use cairn_tests::{Answer, CANARY, Client, Daemon, RedisServer, leak};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{CertificateParams, KeyPair};
use rustix::process::Signal;
use serde_json::json;

/// Everything that a stopped daemon told of itself, and what it answered.
fn assert_silent(daemon: &Daemon, answers: &[Answer]) {
    for answer in answers {
        let fields = format!("{:?}", answer.headers);
        assert_eq!(leak(answer.text()).or(leak(&fields)), None);
    }
    let audit = std::fs::read_to_string(daemon.data_dir().join("audit.jsonl")).unwrap();
    assert_eq!(leak(&daemon.log()).or(leak(&audit)), None);
}

/// The summary, once it is logged.
async fn summarise(daemon: &Daemon) {
    daemon.signal(Signal::USR1);
    while !daemon.log().contains("\"summary\"") {
        tokio::task::yield_now().await;
    }
}

/// Two services that nobody answers at, with every secret that such a service can have.
fn services() -> String {
    format!(
        "[storages.cloud]\nscheme = \"s3\"\nretries = 1\n[storages.cloud.options]\nbucket = \"b\"\nregion = \"r\"\naccess_key_id = \"me\"\n\
         endpoint = \"http://{CANARY}user:{CANARY}password@127.0.0.1:1\"\nsecret_access_key = \"{CANARY}s3\"\nsession_token = \"{CANARY}session\"\n\
         [storages.dav]\nscheme = \"webdav\"\nretries = 1\n[storages.dav.options]\nendpoint = \"http://{CANARY}user:{CANARY}password@127.0.0.1:1\"\n\
         username = \"me\"\npassword = \"{CANARY}dav\"\n\
         [[storage_rules]]\npath_prefix = \"cloud/\"\nstorage = \"cloud\"\n[[storage_rules]]\npath_prefix = \"dav/\"\nstorage = \"dav\"\n"
    )
}

#[tokio::test]
async fn no_print_and_no_failure_of_a_storage_or_a_session_store_holds_a_secret() {
    let password = format!("{CANARY}redis");
    let mut redis = RedisServer::start_with(&["--requirepass", &password]);
    let url = format!("redis://default:{password}@{}", redis.address());
    let config = format!(
        "[log]\nlevel = \"trace\"\nformat = \"json\"\n[audit]\nto = \"file\"\nchunks = true\n[sessions]\nurl = {url:?}\n\
         sentinel_password = \"{CANARY}sentinel\"\ntimeout = \"500ms\"\n[uploads]\ninline_bytes = 0\n{}",
        services()
    );
    for print in ["--print-config", "--check-config"] {
        let ended = Daemon::builder().config(&config).argument(print).run_to_end().await;
        assert_eq!(leak(&ended.log), None, "{print}");
        assert!(ended.log.contains("(hidden)"), "{print} prints no address: {}", ended.log);
    }
    let mut daemon = Daemon::builder().config(&config).start().await;
    let client = daemon.client();
    let mut answers = vec![client.put("/v1/files/f", &b"f"[..]).await.expect(201)];
    for path in ["/v1/files/cloud/f", "/v1/files/dav/f"] {
        let refused = client.put(path, &b"f"[..]).await;
        assert!(refused.status >= 500, "{refused:?}");
        answers.push(refused);
    }
    for verb in [&["status"][..], &["config", "show"], &["config", "show", "--json"], &["sweep"]] {
        let printed = daemon.cairnctl(verb).await;
        assert_eq!(leak(&printed.stdout).or(leak(&printed.stderr)), None, "{verb:?}");
    }
    summarise(&daemon).await;
    redis.stop();
    answers.push(client.post_json("/v1/uploads", &json!({ "path": "a", "length": 9 })).await);
    assert!(answers.last().unwrap().status >= 500, "{answers:?}");
    for path in ["/readyz", "/metrics"] {
        answers.push(client.get(path).await);
    }
    daemon.terminate().await;
    assert_silent(&daemon, &answers);
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_without_the_secrets_in_it() {
    let canary = format!("{CANARY}x");
    let configs = [
        format!("[sessions]\nurl = \"mysql://u:{canary}@h\"\n"),
        format!("[sessions]\nurl = \"redis://u:{canary}@h:notaport\"\n"),
        format!("[sessions]\npassword = [\"{canary}\"]\n"),
        format!("[sessions]\npassword = {{ a = \"{canary}\" }}\n"),
        format!("[storage.options]\nsecret_access_key = [\"{canary}\"]\n"),
        format!(
            "[storage]\nscheme = \"s3\"\n[storage.options]\nendpoint = \"http://u:{canary}@\"\nsecret_access_key = \"{canary}\"\n"
        ),
        format!("[links]\nkeys = [\"one=/absent/{}\"]\n[storage.options]\npassword = \"{canary}\"\n", "file"),
    ];
    for config in configs {
        for more in ["--check-config", "--print-config"] {
            let ended = Daemon::builder().config(&config).argument(more).run_to_end().await;
            assert_eq!(leak(&ended.log), None, "{more} {config}");
        }
    }
    let by_environment = Daemon::builder().env("CAIRN__SESSIONS__URL", format!("mysql://u:{canary}@h"));
    let ended = by_environment.run_to_end().await;
    assert!(!ended.status.success());
    assert_eq!(leak(&ended.log), None);
}

/// A token and a link in fields where they do not belong.
async fn in_other_fields(client: &Client, url: &str, token: &str) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (name, value) in [
        ("referer", url),
        ("cookie", &format!("token={token}")),
        ("proxy-authorization", &format!("Bearer {token}")),
        ("user-agent", token),
        ("forwarded", &format!("for=\"{token}\"")),
        ("range", &format!("bytes={token}")),
        ("if-match", token),
        ("content-digest", token),
    ] {
        answers.push(client.call("GET", "/v1/files/f").header(name, value).send().await);
    }
    answers
}

#[tokio::test]
async fn neither_the_key_of_tokens_nor_tokens_nor_whole_links_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let secret = format!("{CANARY}{}", "s".repeat(40));
    let (tokens, links) = (file("tokens", &secret), file("links", &format!("{CANARY}{}", "l".repeat(40))));
    let config = format!(
        "[log]\nlevel = \"trace\"\nformat = \"json\"\n[audit]\nto = \"file\"\nchunks = true\n[links]\nkeys = [\"one={links}\"]\n\
         [auth]\nmode = \"jwt\"\n[auth.jwt]\nalgorithm = \"HS256\"\nkeys = {tokens:?}\n"
    );
    for print in ["--print-config", "--check-config"] {
        let ended = Daemon::builder().config(&config).argument(print).run_to_end().await;
        assert!(ended.status.success(), "{}", ended.log);
        assert_eq!(leak(&ended.log), None, "{print}");
    }
    let token = |claims: serde_json::Value, key: &str| {
        encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
    };
    let good = token(json!({ "sub": "ann", "exp": 4_000_000_000_u64 }), &secret);
    let mut daemon = Daemon::builder().config(&config).start().await;
    let ann = daemon.client().bearer(&good);
    let mut answers = vec![ann.put("/v1/files/f", &b"f"[..]).await.expect(201)];
    for bad in [
        token(json!({ "sub": "ann", "exp": 1 }), &secret),
        token(json!({ "sub": "ann" }), &secret),
        token(json!({ "sub": "a\nb", "exp": 4_000_000_000_u64 }), &secret),
        token(json!({ "sub": "ann", "exp": 4_000_000_000_u64 }), &format!("{CANARY}another")),
        format!("{good}x"),
        good.replace('.', "_"),
    ] {
        answers.push(daemon.client().bearer(&bad).get("/v1/me").await.expect(401));
    }
    let made =
        ann.post_json("/v1/links", &json!({ "for": "download", "path": "f" })).await.expect(201).json();
    let url = made["url"].as_str().unwrap();
    let target = url[url.find("/v1/").unwrap()..].to_owned();
    answers.push(daemon.client().get(&target).await.expect(200));
    answers.push(daemon.client().get(&target.replace("/f?", "/g?")).await.expect(403));
    answers.push(daemon.client().get(&format!("{target}0")).await.expect(403));
    answers.push(daemon.client().put(&target, &b"x"[..]).await.expect(403));
    answers.extend(in_other_fields(&ann, url, &good).await);
    summarise(&daemon).await;
    daemon.signal(Signal::HUP);
    std::fs::write(Path::new(&tokens), format!("{CANARY}short")).unwrap();
    while !daemon.log().contains("stay in use") && !daemon.log().contains("the configuration was read again")
    {
        tokio::task::yield_now().await;
    }
    answers.push(ann.get("/metrics").await);
    daemon.terminate().await;
    assert!(daemon.log().contains("a token is not believed"));
    assert_silent(&daemon, &answers);
}

#[tokio::test]
async fn no_line_of_a_private_key_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let keys = [KeyPair::generate().unwrap(), KeyPair::generate().unwrap()];
    let certificate =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&keys[0]).unwrap();
    std::fs::write(path("pem"), certificate.pem()).unwrap();
    let pems = keys.map(|key| key.serialize_pem());
    let config = |certificate: &str, key: &str| {
        let (certificate, key) = (path(certificate), path(key));
        format!("[log]\nlevel = \"trace\"\n[server.tls]\ncertificate = {certificate:?}\nkey = {key:?}\n")
    };
    let assert_untold = |log: &str| {
        for line in pems.iter().flat_map(|pem| pem.lines()) {
            assert!(!log.contains(line), "{log}");
        }
    };
    std::fs::write(path("key"), &pems[1]).unwrap();
    std::fs::write(path("torn"), pems[0].replace("-----END", "-----")).unwrap();
    for (certificate, key) in
        [("pem", "key"), ("key", "pem"), ("key", "key"), ("pem", "torn"), ("torn", "torn")]
    {
        let wrong = Daemon::builder().config(&config(certificate, key));
        for wrong in [wrong.clone().argument("--check-config"), wrong] {
            let ended = wrong.run_to_end().await;
            assert!(!ended.status.success(), "{}", ended.log);
            assert_untold(&ended.log);
        }
    }
    std::fs::write(path("key"), &pems[0]).unwrap();
    let mut daemon = Daemon::builder().config(&config("pem", "key")).start_listening().await;
    std::fs::write(path("key"), &pems[1]).unwrap();
    daemon.signal(Signal::HUP);
    while !daemon.log().contains("the configuration was read again") {
        tokio::task::yield_now().await;
    }
    daemon.terminate().await;
    assert_untold(&daemon.log());
}
