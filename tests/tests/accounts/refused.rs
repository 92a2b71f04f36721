//! Nobody passes who does not say who asks: one answer in the manner of each protocol.

use cairn_tests::{Answer, Daemon};
use serde_json::json;

/// One route of each protocol.
const ROUTES: [(&str, &str); 9] = [
    ("GET", "/v1/me"),
    ("POST", "/v1/uploads"),
    ("PUT", "/v1/files/a"),
    ("GET", "/v1/files/a"),
    ("POST", "/uploads/"),
    ("POST", "/files/"),
    ("POST", "/file/mpupload/init"),
    ("GET", "/metrics"),
    ("GET", "/no/such/route"),
];

/// What says nothing true of who asks.
const WRONG: [Option<&str>; 8] = [
    None,
    Some("Bearer x"),
    Some("Bearer"),
    Some("Bearer cairn_0000000000000000_"),
    Some("Basic YW5uOng="),
    Some("Basic ?"),
    Some("Digest username=\"ann\""),
    Some(""),
];

#[tokio::test]
async fn who_does_not_say_who_asks_is_turned_away_in_the_manner_of_each_protocol() {
    let daemon = Daemon::builder().env("CAIRN__AUTH__MODE", "tokens").start().await;
    let client = daemon.client();
    for (method, path) in ROUTES {
        for wrong in WRONG {
            let call = client.call(method, path).header("tus-resumable", "1.0.0");
            let call = match wrong {
                Some(field) => call.header("authorization", field),
                None => call,
            };
            let answer = call.send().await;
            check(path, &answer);
        }
    }
    client.get("/healthz").await.expect(200);
    client.get("/readyz").await.expect(200);
    client.call("OPTIONS", "/files/").send().await.expect(200);
}

fn check(path: &str, answer: &Answer) {
    assert_eq!(answer.status, 401, "{path} {answer:?}");
    let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
    let expected = ["Bearer realm=\"cairn\"", "Basic realm=\"cairn\", charset=\"UTF-8\""];
    assert_eq!(challenges, expected, "{path}");
    let tus = (path == "/files/").then_some("1.0.0");
    assert_eq!(answer.header("tus-resumable"), tus, "{path}");
    if path.starts_with("/file/") {
        let told = answer.json();
        assert_eq!((&told["code"], &told["data"]), (&json!(-18), &json!(null)), "{told}");
        assert!(told["msg"].is_string(), "{told}");
        return;
    }
    assert_eq!(answer.problem(), "unauthenticated", "{path}");
}

#[tokio::test]
async fn an_unauthenticated_body_is_not_kept() {
    let daemon = Daemon::builder().env("CAIRN__AUTH__MODE", "tokens").start().await;
    let answer = daemon.client().put("/v1/files/a", vec![7; 3 << 20]).await;
    answer.expect_problem(401, "unauthenticated");
    let listed = daemon.cairnctl(&["files", "list", "--json"]).await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&listed.stdout).unwrap()["items"], json!([]));
    let objects = daemon.data_dir().join("objects");
    let kept = cairn_tests::left_behind::files(&objects);
    assert!(kept.is_empty(), "{kept:?}");
}
