//! Who may do what: every route of every protocol, asked by everybody, and the owner's things looked at after each.
//!
//! The routes are the daemon's own (`cairnd --print-routes`); one that `requests` does not know fails the test, and so
//! does a page `docs/AUTHORISATION.md` that says anything else than what was seen. `UPDATE_TRANSCRIPTS=1` writes it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod askers;
mod page;
mod requests;

use cairn_tests::{Answer, Client, Daemon};
use serde_json::{Value, json};

use crate::askers::{Asker, askers};
use crate::requests::{Target, request, routes};

/// What an asker is told of a route.
fn cell(answer: &Answer, of_absent: Option<&Answer>) -> String {
    match answer.status {
        401 => "401".to_owned(),
        403 => "403".to_owned(),
        _ => match of_absent {
            Some(absent) => {
                assert_eq!(shape(answer), shape(absent), "a foreign thing is told from an absent one");
                "as if absent".to_owned()
            }
            None => "may".to_owned(),
        },
    }
}

/// Status and body, without what names the request or the thing that was asked for.
fn shape(answer: &Answer) -> (u16, Value) {
    let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else {
        return (answer.status, json!(String::from_utf8_lossy(&answer.body)));
    };
    // What one's own answer tells of one's own thing.
    if answer.status < 300 {
        return (answer.status, Value::Null);
    }
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
    }
    (answer.status, body)
}

/// Everything that the owner has, as they see it.
async fn state(owner: &Client, target: &Target) -> (Value, Vec<u8>, Value) {
    let upload = owner.get(&format!("/v1/uploads/{}", target.upload)).await.expect(200).json();
    let file = owner.get(&format!("/v1/files/{}", target.file)).await.expect(200).body.to_vec();
    let me = owner.get("/v1/me").await.expect(200).json();
    (upload, file, json!([me["used_bytes"], me["staged_bytes"]]))
}

#[tokio::test]
async fn everybody_may_do_what_is_theirs_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, [7_u8; 32]).unwrap();
    let config = format!("[links]\nkeys = [\"one={}\"]\n[uploads]\nmax_open = 100000\n", key.display());
    let daemon = Daemon::builder().config(&config).with_tokens().start().await;
    let askers = askers(&daemon).await;
    let owner = askers[0].client.clone();
    let mut rows = Vec::new();
    for (number, route) in routes().await.into_iter().enumerate() {
        let target = Target::make(&owner, number).await;
        let absent = Target::absent(number);
        let before = state(&owner, &target).await;
        let mut cells = vec![String::new(); askers.len()];
        // Whoever may change something comes last.
        let mut reached = !route.is_about_a_thing();
        for at in (0..askers.len()).rev() {
            let asker: &Asker = &askers[at];
            let answer = request(&asker.client, &route, &target, asker.link.as_deref()).await;
            let foreign = asker.is_another && route.is_about_a_thing();
            let of_absent = match foreign && ![401, 403].contains(&answer.status) {
                true => Some(request(&asker.client, &route, &absent, asker.link.as_deref()).await),
                false => None,
            };
            cells[at] = cell(&answer, of_absent.as_ref());
            if !asker.is_the_owner {
                assert_eq!(state(&owner, &target).await, before, "{} by {}", route.name(), asker.name);
            }
            asker.expect(&route, &cells[at]);
            if asker.is_the_owner && cells[at] == "may" && !reached {
                // Only then do the others' answers say something.
                assert!([200, 201, 204, 404, 409].contains(&answer.status), "{}: {answer:?}", route.name());
                reached = answer.status != 404;
            }
        }
        // A challenge is there only where `instant = "proof"`.
        assert!(reached || route.path.ends_with("/proof"), "{} does not reach the thing", route.name());
        rows.push((route, cells));
    }
    let count: usize = rows.iter().map(|(_, cells)| cells.len()).sum();
    assert!(count >= 250, "{count} cells");
    page::check(&askers, &rows);
}

#[tokio::test]
async fn nothing_of_the_admin_api_is_reachable_over_tcp() {
    let daemon = Daemon::builder().with_tokens().start().await;
    daemon.add_user("ann").await;
    let all = daemon.client().bearer(&daemon.add_token("ann", "read,write,admin").await);
    let source = std::fs::read_to_string(cairn_tests::workspace().join("daemon/src/admin/mod.rs")).unwrap();
    let routes: Vec<&str> =
        source.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(routes.len() >= 20, "{routes:?}");
    for route in routes {
        let path = route.replace("{*path}", "a").replace(['{', '}'], "");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let answer = all.call(method, &path).send().await;
            let absent = all.call(method, "/nothing/v1/here").send().await;
            assert_eq!((answer.status, shape(&answer)), (404, shape(&absent)), "{method} {path}");
        }
    }
    all.get("/v1/me").await.expect(200);
}
