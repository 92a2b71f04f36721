//! Names that would end a line, begin another, or hide in one, wherever a stranger can put one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cairn_tests::{CANARY, Daemon};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::{audited, book};

/// Line ends of every kind, what a terminal obeys, what turns text around, and the end of a string.
const HOSTILE: [&str; 8] = [
    "a\n{\"by\":\"root\"}",
    "a\r\n{\"by\":\"root\"}",
    "a\u{1b}[2Jb",
    "a\u{85}b",
    "a\u{2028}{\"by\":\"root\"}\u{2029}",
    "a\u{202e}b\u{2066}\u{feff}",
    "a\",\"by\":\"root",
    "a\\u000a\\\"b\u{7f}",
];

fn percent(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The lines of a file in which nothing but line ends can be obeyed.
fn sound(text: &str) -> Vec<Value> {
    let obeyed =
        |c: &char| (c.is_control() && *c != '\n') || "\u{2028}\u{2029}\u{202e}\u{2066}\u{feff}".contains(*c);
    assert_eq!(text.chars().find(obeyed), None, "{text:?}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn no_path_and_no_request_id_of_a_stranger_forges_a_line() {
    let mut daemon = audited("").start().await;
    let client = daemon.client();
    for name in HOSTILE {
        let request = client.call("GET", &format!("/v1/files/{}", percent(name)));
        let answer = request.header("x-request-id", "x\",\"by\":\"root").send().await;
        assert!([400, 404].contains(&answer.status), "{answer:?}");
    }
    let path = book(&daemon);
    daemon.terminate().await;
    let text = std::fs::read_to_string(path).unwrap();
    let lines = sound(&text);
    let told: Vec<_> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert_eq!(told, HOSTILE);
    for line in &lines {
        assert_eq!((&line["by"], &line["action"]), (&json!("nobody"), &json!("file.read")), "{line}");
        assert_eq!(line["request_id"], "x\",\"by\":\"root", "{line}");
    }
}

#[tokio::test]
async fn no_user_whom_an_issuer_names_forges_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let (keys, secret) = (folder.path().join("keys"), format!("{CANARY}{}", "s".repeat(40)));
    std::fs::write(&keys, &secret).unwrap();
    let keys = keys.display().to_string();
    let config = format!(
        "[audit]\nto = \"file\"\n[auth]\nmode = \"jwt\"\n[auth.jwt]\nkeys = {keys:?}\nalgorithm = \"HS256\"\n"
    );
    let mut daemon = Daemon::builder().config(&config).start().await;
    let mut believed = Vec::new();
    for name in HOSTILE {
        let claims = json!({ "sub": name, "exp": 4_000_000_000_u64 });
        let token =
            encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret.as_bytes()));
        let token = token.unwrap();
        let basic = format!("Basic {}", STANDARD.encode(format!("{name}:{token}")));
        // A name with a control character is nobody's; Basic cannot tell one with a colon.
        let good = !name.chars().any(char::is_control);
        let ways = [
            (daemon.client().bearer(&token), good),
            (daemon.client().authorization(&basic), good && !name.contains(':')),
        ];
        for (client, good) in ways {
            let answer = client.put("/v1/files/f", &b"f"[..]).await;
            assert_eq!(answer.status == 201 || answer.status == 200, good, "{name:?} {answer:?}");
            assert_eq!(answer.status == 401, !good, "{name:?} {answer:?}");
            believed.push(good.then(|| name.to_owned()));
        }
    }
    let path = book(&daemon);
    daemon.terminate().await;
    let text = std::fs::read_to_string(path).unwrap();
    let owners: Vec<_> = sound(&text).iter().map(|line| line["owner"].as_str().map(str::to_owned)).collect();
    assert_eq!(owners, believed);
    assert!(believed.iter().filter(|name| name.is_some()).count() == 4);
}

#[tokio::test]
async fn what_goes_to_the_log_for_people_stays_one_line_too() {
    let config = "[log]\nformat = \"human\"\n[audit]\nto = \"log\"\n";
    let mut daemon = Daemon::builder().config(config).start().await;
    for name in HOSTILE {
        daemon.client().get(&format!("/v1/files/{}", percent(name))).await;
    }
    daemon.terminate().await;
    let log = daemon.log();
    assert_eq!(log.lines().filter(|line| line.contains("file.read")).count(), HOSTILE.len(), "{log}");
    assert!(log.lines().all(|line| !line.starts_with('{')), "{log}");
    assert!(log.chars().all(|c| !"\u{1b}\u{85}\u{2028}\u{202e}".contains(c)), "{log}");
}
