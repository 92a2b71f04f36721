//! Everybody who may knock.

use std::time::{Duration, Instant};

use cairn_tests::{Client, Daemon};
use serde_json::json;

use crate::requests::Route;

/// How long a token takes to expire at most.
const LIMIT: Duration = Duration::from_secs(20);

/// Somebody, and what they show.
pub(crate) struct Asker {
    pub(crate) name: &'static str,
    pub(crate) client: Client,
    /// What goes into the query as `link`.
    pub(crate) link: Option<String>,
    /// Whether the things asked for are theirs.
    pub(crate) is_the_owner: bool,
    /// Whether they are known, as somebody else.
    pub(crate) is_another: bool,
    scopes: Option<&'static str>,
}

impl Asker {
    /// What they must be told: what is not known, or may not, is not let in; everybody else is.
    pub(crate) fn expect(&self, route: &Route, told: &str) {
        let may = |scope: &str| self.scopes.is_some_and(|scopes| scopes.contains(scope));
        let enough = match route.needed.as_str() {
            "Open" => true,
            "Either" => may("read") || may("write"),
            "Read" => may("read"),
            "Write" => may("write"),
            "Admin" => may("admin"),
            other => panic!("a need that is not known: {other}"),
        };
        let expected = match (self.scopes, enough) {
            (_, true) if self.is_another && route.is_about_a_thing() => "as if absent",
            // A link for reading needs the right to read, and one is asked for here.
            (Some(scopes), true) if route.path == "/v1/links" && !scopes.contains("read") => "403",
            (_, true) => "may",
            (Some(_), false) => "403",
            (None, false) if self.link.is_some() => "403",
            (None, false) => "401",
        };
        // A link opens its own path, and no other door; an open door it does not close.
        assert_eq!(told, expected, "{} by {}", route.name(), self.name);
    }
}

/// Everybody; the owner first.
pub(crate) async fn askers(daemon: &Daemon) -> Vec<Asker> {
    for user in ["ann", "bob", "carl"] {
        daemon.add_user(user).await;
    }
    let client = daemon.client();
    let known = |name, token: String, scopes, owner: bool| Asker {
        name,
        client: client.bearer(&token),
        link: None,
        is_the_owner: owner,
        is_another: !owner,
        scopes: Some(scopes),
    };
    let nobody = |name, client| Asker {
        name,
        client,
        link: None,
        is_the_owner: false,
        is_another: false,
        scopes: None,
    };
    let token = async |user: &'static str, scopes: &'static str| daemon.add_token(user, scopes).await;
    let owner = known("owner", token("ann", "read,write").await, "read,write", true);
    let link = link_to_another_file(&owner.client).await;
    let basic = |user: &str, token: &str| {
        let text = format!("{user}:{token}");
        format!("Basic {}", base64(text.as_bytes()))
    };
    let anns = token("ann", "read,write").await;
    vec![
        owner,
        known("owner, to read", token("ann", "read").await, "read", true),
        known("owner, to write", token("ann", "write").await, "write", true),
        known("owner, admin", token("ann", "admin").await, "admin", true),
        known("another", token("bob", "read,write").await, "read,write", false),
        known("another, to read", token("bob", "read").await, "read", false),
        known("another, admin", token("bob", "admin").await, "admin", false),
        nobody("nobody", client.clone()),
        nobody("malformed", client.bearer("cairn_0")),
        nobody("unknown", client.bearer(&unknown(&anns))),
        nobody("revoked", client.bearer(&revoked(daemon).await)),
        nobody("expired", client.bearer(&expired(daemon).await)),
        nobody("disabled", client.bearer(&disabled(daemon).await)),
        nobody("Basic, another's name", client.authorization(&basic("bob", &anns))),
        Asker { link: Some(link), ..nobody("link to another file", client.clone()) },
    ]
}

/// A token of the right form whose secret is another.
fn unknown(token: &str) -> String {
    let (head, last) = token.split_at(token.len() - 1);
    format!("{head}{}", if last == "0" { "1" } else { "0" })
}

async fn revoked(daemon: &Daemon) -> String {
    let token = daemon.add_token("ann", "read,write").await;
    daemon.operator(&["tokens", "revoke", token.split('_').nth(1).unwrap()]).await;
    token
}

async fn disabled(daemon: &Daemon) -> String {
    let token = daemon.add_token("carl", "read,write").await;
    daemon.operator(&["users", "disable", "carl"]).await;
    token
}

async fn expired(daemon: &Daemon) -> String {
    let made = daemon.operator(&["tokens", "add", "--user", "ann", "--expires", "1s"]).await;
    let token = made.trim().to_owned();
    let begun = Instant::now();
    while daemon.client().bearer(&token).get("/v1/me").await.status != 401 {
        assert!(begun.elapsed() < LIMIT, "the token does not expire");
    }
    token
}

async fn link_to_another_file(owner: &Client) -> String {
    owner.put("/v1/files/linked", &b"linked"[..]).await.expect(201);
    let wish = json!({ "for": "download", "path": "linked" });
    let made = owner.post_json("/v1/links", &wish).await.expect(201).json();
    made["url"].as_str().unwrap().split_once("?link=").unwrap().1.to_owned()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place > group.len() { '=' } else { char::from(letter) });
        }
    }
    text
}
