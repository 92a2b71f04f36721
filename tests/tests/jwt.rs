//! Tokens that somebody else issues, over the wire: who is believed as whom, and what becomes of the keys while the
//! daemon runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "an issuer of tokens knows the time by itself")]

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cairn_tests::{Client, Daemon, LIMIT};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::KeyPair;
use rustix::process::Signal;
use serde_json::{Value, json};

const SECRET: &str = "canary-secret-of-more-than-32-bytes-7f3a";

/// Issues tokens by a key of its own.
struct Issuer {
    folder: tempfile::TempDir,
    key: KeyPair,
}

impl Issuer {
    fn new() -> Self {
        let issuer = Self { folder: tempfile::tempdir().unwrap(), key: KeyPair::generate().unwrap() };
        issuer.publish(&issuer.key.public_key_pem());
        issuer
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    /// Puts this into the file of the keys, in one step.
    fn publish(&self, content: &str) {
        std::fs::write(self.folder.path().join("new"), content).unwrap();
        std::fs::rename(self.folder.path().join("new"), self.path()).unwrap();
    }

    async fn daemon(&self, more: &str) -> Daemon {
        let config = self.config(more);
        Daemon::builder().config(&config).start().await
    }

    fn config(&self, more: &str) -> String {
        format!(
            "[log]\nlevel = \"debug\"\n[auth]\nmode = \"jwt\"\n[auth.jwt]\nkeys = {:?}\n{more}\n",
            self.path().display().to_string()
        )
    }

    fn token(&self, claims: &Value) -> String {
        self.token_by_key_of_name(claims, None)
    }

    fn token_by_key_of_name(&self, claims: &Value, name: Option<&str>) -> String {
        let header = Header { kid: name.map(str::to_owned), ..Header::new(Algorithm::ES256) };
        encode(&header, claims, &EncodingKey::from_ec_der(&self.key.serialize_der())).unwrap()
    }

    fn of(&self, name: &str) -> String {
        self.token(&json!({ "sub": name, "exp": in_seconds(300) }))
    }

    /// The key as a set holds it.
    fn jwk(&self, name: &str) -> Value {
        let text = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let point = self.key.public_key_raw();
        json!({ "kty": "EC", "crv": "P-256", "kid": name, "x": text(&point[1..33]), "y": text(&point[33..]) })
    }
}

const ES256: &str = "algorithm = \"ES256\"";

/// A time so many seconds from now; before it, if negative.
fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + seconds
}

async fn me(client: &Client) -> (u16, Value) {
    let answer = client.get("/v1/me").await;
    (answer.status, answer.json())
}

async fn status(daemon: &Daemon, token: &str) -> u16 {
    me(&daemon.client().bearer(token)).await.0
}

async fn wait_until(condition: impl AsyncFn() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("it comes about in time");
}

#[tokio::test]
async fn a_token_says_who_asks_as_bearer_and_as_the_password_of_basic() {
    let issuer = Issuer::new();
    let daemon = issuer.daemon(ES256).await;
    let ann = issuer.of("ann");
    let basic = |user: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{ann}")));
    for client in [daemon.client().bearer(&ann), daemon.client().authorization(&basic("ann"))] {
        let (status, told) = me(&client).await;
        assert_eq!((status, &told["user"]), (200, &json!("ann")), "{told}");
    }
    for nobody in [
        daemon.client(),
        daemon.client().authorization(&basic("bob")),
        daemon.client().authorization(&basic("")),
        daemon.client().user("ann"),
        daemon.client().bearer("cairn_0123456789abcdef0123_secret"),
    ] {
        let refused = nobody.get("/v1/me").await.expect_problem(401, "unauthenticated");
        assert_eq!(refused.headers.get_all("www-authenticate").iter().count(), 2);
    }
    // What one keeps is theirs alone.
    daemon.client().bearer(&ann).put("/v1/files/a", "bytes").await.expect(201);
    daemon.client().bearer(&issuer.of("bob")).get("/v1/files/a").await.expect(404);
    daemon.client().bearer(&ann).get("/v1/files/a").await.expect(200);
    assert!(!daemon.log().contains(ann.rsplit('.').next().unwrap()), "no token is logged");
}

#[tokio::test]
async fn a_token_that_is_not_to_be_believed_is_refused_without_a_word_why_and_the_log_tells_it() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let more = format!(
        "{ES256}\nissuer = \"us\"\naudience = \"cairn\"\nleeway = \"1m\"\nmax_token_bytes = \"1KiB\""
    );
    let daemon = issuer.daemon(&more).await;
    let good = json!({ "sub": "ann", "iss": "us", "aud": ["x", "cairn"], "exp": in_seconds(300) });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        issuer.token(&claims)
    };
    assert_eq!(status(&daemon, &issuer.token(&good)).await, 200);
    // Over for less than the leeway.
    assert_eq!(status(&daemon, &with("exp", json!(in_seconds(-50)))).await, 200);
    let mut parts: Vec<String> = issuer.token(&good).split('.').map(str::to_owned).collect();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
    parts[2] = other.token(&good).rsplit('.').next().unwrap().to_owned();
    let by_public_key =
        encode(&Header::default(), &good, &EncodingKey::from_secret(issuer.key.public_key_pem().as_bytes()));
    let table = [
        (other.token(&good), "its signature is not that of the key"),
        (parts.join("."), "its signature is not that of the key"),
        (unsigned, "it is malformed"),
        (by_public_key.unwrap(), "it says that it is signed with HS256, and only ES256 counts"),
        ("garbage".to_owned(), "it is malformed"),
        (with("exp", json!(in_seconds(-61))), "it has expired"),
        (with("exp", Value::Null), "its claim exp is missing or malformed"),
        (with("nbf", json!(in_seconds(90))), "it is not good yet"),
        (with("iss", json!("them")), "another issuer made it"),
        (with("aud", json!("them")), "it is for somebody else"),
        (with("sub", Value::Null), "its claim sub is missing or malformed"),
        (with("sub", json!("a\nb")), "its claim sub is missing or malformed"),
        (with("scope", json!(7)), "its claim scope is missing or malformed"),
        (with("x", json!("y".repeat(1024))), "bytes, and may have 1024"),
    ];
    let mut bodies = Vec::new();
    for (token, why) in &table {
        let answer = daemon.client().bearer(token).get("/v1/me").await.expect_problem(401, "unauthenticated");
        let mut told = answer.json();
        told["request_id"].take();
        bodies.push(told);
        wait_until(async || daemon.log().contains(why)).await;
    }
    assert!(bodies.windows(2).all(|two| two[0] == two[1]), "{bodies:?}");
}

#[tokio::test]
async fn scopes_of_a_token_are_its_rights() {
    let issuer = Issuer::new();
    let daemon = issuer.daemon(ES256).await;
    let with = |scope: Value| {
        let token = issuer.token(&json!({ "sub": "ann", "exp": in_seconds(300), "scope": scope }));
        daemon.client().bearer(&token)
    };
    let table = [
        (json!("read"), [403, 404]),
        (json!(["write"]), [201, 403]),
        (json!("openid"), [403, 403]),
        (json!("read write"), [201, 200]),
    ];
    for (n, (scope, [put, get])) in table.into_iter().enumerate() {
        let client = with(scope.clone());
        let path = format!("/v1/files/{n}");
        assert_eq!(client.put(&path, "x").await.status, put, "{scope}");
        assert_eq!(client.get(&path).await.status, get, "{scope}");
    }
}

#[tokio::test]
async fn a_disabled_user_is_not_believed_and_one_that_was_never_added_is() {
    let issuer = Issuer::new();
    let daemon = issuer.daemon(ES256).await;
    let ann = issuer.of("ann");
    assert_eq!(status(&daemon, &ann).await, 200);
    daemon.add_user("ann").await;
    assert_eq!(status(&daemon, &ann).await, 200);
    daemon.operator(&["users", "disable", "ann"]).await;
    assert_eq!(status(&daemon, &ann).await, 401);
    assert_eq!(status(&daemon, &issuer.of("bob")).await, 200);
    daemon.operator(&["users", "enable", "ann"]).await;
    assert_eq!(status(&daemon, &ann).await, 200);
}

#[tokio::test]
async fn the_quota_of_a_user_holds_for_whoever_a_token_names() {
    let issuer = Issuer::new();
    let daemon = issuer.daemon(ES256).await;
    daemon.add_user("ann").await;
    daemon.operator(&["users", "set-quota", "ann", "10B"]).await;
    let ann = daemon.client().bearer(&issuer.of("ann"));
    ann.put("/v1/files/a", "0123456789").await.expect(201);
    ann.put("/v1/files/b", "x").await.expect_problem(413, "quota");
    daemon.client().bearer(&issuer.of("bob")).put("/v1/files/b", "0123456789x").await.expect(201);
}

#[tokio::test]
async fn keys_change_while_it_runs_and_those_that_cannot_be_used_change_nothing() {
    let (old, new) = (Issuer::new(), Issuer::new());
    let set = |keys: &[Value]| json!({ "keys": keys }).to_string();
    old.publish(&set(&[old.jwk("old"), json!({ "kty": "RSA", "kid": "strange" })]));
    let daemon = old.daemon(ES256).await;
    let told = daemon.log();
    assert!(told.contains("a key for tokens is not used") && told.contains("strange"), "{told}");
    let claims = json!({ "sub": "ann", "exp": in_seconds(300) });
    let by_old = old.token_by_key_of_name(&claims, Some("old"));
    let by_new = new.token_by_key_of_name(&claims, Some("new"));
    assert_eq!((status(&daemon, &by_old).await, status(&daemon, &by_new).await), (200, 401));

    old.publish(&set(&[old.jwk("old"), new.jwk("new")]));
    daemon.signal(Signal::HUP);
    wait_until(async || status(&daemon, &by_new).await == 200).await;
    assert_eq!(status(&daemon, &by_old).await, 200);
    // Of two keys none is the one of a token that names none.
    assert_eq!(status(&daemon, &old.token(&claims)).await, 401);

    for bad in ["nonsense".to_owned(), set(&[old.jwk("k"), new.jwk("k")]), set(&[])] {
        let before = daemon.log().matches("the new keys for tokens are refused").count();
        old.publish(&bad);
        daemon.signal(Signal::HUP);
        wait_until(async || daemon.log().matches("the new keys for tokens are refused").count() > before)
            .await;
        assert_eq!((status(&daemon, &by_old).await, status(&daemon, &by_new).await), (200, 200));
    }

    // Without a signal too.
    old.publish(&set(&[new.jwk("new")]));
    wait_until(async || status(&daemon, &by_old).await == 401).await;
    assert_eq!(status(&daemon, &by_new).await, 200);
}

#[tokio::test]
async fn a_secret_checks_tokens_and_shows_up_nowhere() {
    let issuer = Issuer::new();
    issuer.publish(&format!("{SECRET}\n"));
    let config = issuer.config("algorithm = \"HS256\"");
    let daemon = Daemon::builder().config(&config).start().await;
    let claims = json!({ "sub": "ann", "exp": in_seconds(300) });
    let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
    assert_eq!(status(&daemon, &token).await, 200);
    let other = encode(&Header::default(), &claims, &EncodingKey::from_secret(b"another")).unwrap();
    assert_eq!(status(&daemon, &other).await, 401);
    let mut told = daemon.log();
    for argument in ["--check-config", "--print-config"] {
        let ended = Daemon::builder().config(&config).argument(argument).run_to_end().await;
        assert!(ended.status.success(), "{}", ended.log);
        told.push_str(&ended.log);
    }
    told.push_str(&daemon.operator(&["config", "show"]).await);
    assert!(told.contains("1 for HS256") && !told.contains("canary-secret"), "{told}");
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_refused_before_anything_starts() {
    let issuer = Issuer::new();
    static CASES: LazyLock<Vec<(&str, String, &str)>> = LazyLock::new(|| {
        let private = KeyPair::generate().unwrap().serialize_pem();
        vec![
            ("ES256", "canary".to_owned(), "there is no public key"),
            ("ES256", private, "it is a private key"),
            ("HS256", "canary".to_owned(), "the secret has 6 bytes"),
            ("RS256", KeyPair::generate().unwrap().public_key_pem(), "not of the kind that RS256 needs"),
        ]
    });
    for (algorithm, content, why) in CASES.iter() {
        issuer.publish(content);
        let config = issuer.config(&format!("algorithm = \"{algorithm}\""));
        let builders = [Daemon::builder(), Daemon::builder().argument("--check-config")];
        for builder in builders.map(|builder| builder.config(&config)) {
            let ended = builder.run_to_end().await;
            assert_eq!(ended.status.code(), Some(78), "{}", ended.log);
            assert!(ended.log.contains(why) && !ended.log.contains("canary"), "{}", ended.log);
        }
    }
    for more in [
        "algorithm = \"none\"",
        "algorithm = \"RS512\"",
        "leeway = \"2h\"",
        "max_token_bytes = \"1B\"",
        "user_claim = \"\"",
    ] {
        let ended = Daemon::builder().config(&issuer.config(more)).run_to_end().await;
        assert_eq!(ended.status.code(), Some(78), "{more}: {}", ended.log);
    }
}

#[tokio::test]
async fn a_body_ends_when_the_token_that_others_issued_does_and_no_sooner() {
    let issuer = Issuer::new();
    let daemon = issuer.daemon(&format!("{ES256}\nleeway = \"1s\"")).await;
    let end = in_seconds(3);
    let token = issuer.token(&json!({ "sub": "ann", "exp": end }));
    let mut running = cairn_tests::RawConnection::open(daemon.address()).await;
    let head = "PUT /v1/files/b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n";
    running.send(format!("{head}Authorization: Bearer {token}\r\n\r\n")).await.unwrap();
    assert!(running.read_head().await.starts_with("HTTP/1.1 100 "));
    running.send([7; 1000]).await.unwrap();
    let answer = running.read_head().await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    // The leeway is borne with here as at the beginning.
    assert!(in_seconds(0) > end, "it came before the end");
    assert!(in_seconds(0) < end + 10, "it came late");
}
