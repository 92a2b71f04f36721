//! Who may not have a content does not learn whether it is there.

use std::collections::BTreeMap;

use cairn_tests::{Answer, Client, Content, Daemon};
use serde_json::{Value, json};

use crate::scene::*;

/// An answer without what differs between any two: ids, times, and the digest that was asked about.
fn shape(answer: &Answer) -> (u16, BTreeMap<String, String>, Value) {
    let mut headers = BTreeMap::new();
    for (name, value) in &answer.headers {
        // A time of a whole tenth of a second is a digit or two shorter; the body is compared itself.
        let own = ["x-request-id", "location", "date", "content-length"].contains(&name.as_str());
        headers.insert(name.to_string(), if own { String::new() } else { format!("{value:?}") });
    }
    let mut body = answer.json();
    for own in ["upload_id", "created_at", "expires_at", "digest"] {
        assert!(body.as_object_mut().unwrap().remove(own).is_some(), "{own} in {body}");
    }
    (answer.status, headers, body)
}

async fn asked(eve: &Client, content: Content) -> Answer {
    let digest = format!("sha256:{}", content.sha256());
    let wish = json!({ "path": "eve's", "length": content.length(), "digest": digest });
    eve.post_json("/v1/uploads", &wish).await
}

#[tokio::test]
async fn without_proof_a_hit_and_a_miss_are_the_same_answer() {
    for instant in ["off", "own"] {
        let daemon = Daemon::builder().config(&format!("[uploads]\ninstant = \"{instant}\"\n")).start().await;
        daemon.client().user("ada").put("/v1/files/ada's", content().bytes()).await.expect(201);
        let eve = daemon.client().user("eve");
        let (hit, miss) = (asked(&eve, content()).await, asked(&eve, Content::new(2, LENGTH)).await);
        assert_eq!(shape(&hit), shape(&miss), "{instant}");
        assert_eq!(hit.status, 201);
        let form = |content: &Content| {
            format!("username=eve&filehash={}&filesize={LENGTH}&filename=f", content.sha1())
        };
        let fast = eve.post_form("/file/fastupload", &form(&content())).await.expect(200);
        let other = eve.post_form("/file/fastupload", &form(&Content::new(2, LENGTH))).await.expect(200);
        assert_eq!(fast.json(), other.json());
        assert_eq!(fast.json()["code"], -1);
    }
}

#[tokio::test]
async fn with_proof_a_miss_a_short_content_and_one_challenge_too_many_are_the_same_answer() {
    let (daemon, eve) = scene("proof_rate = 2").await;
    let ada = daemon.client().user("ada");
    let short = Content::new(3, (1 << 20) - 1);
    ada.put("/v1/files/short", short.bytes()).await.expect(201);
    let least = Content::new(4, 1 << 20);
    ada.put("/v1/files/least", least.bytes()).await.expect(201);
    let challenged = |answer: Answer| answer.expect(201).json().get("challenge").is_some();
    assert!(!challenged(asked(&eve, short).await));
    assert!(challenged(asked(&eve, least).await));
    assert!(challenged(asked(&eve, content()).await));
    let too_many = asked(&eve, content()).await;
    let miss = asked(&eve, Content::new(2, LENGTH)).await;
    assert_eq!(shape(&too_many), shape(&miss));
    assert!(challenged(asked(&daemon.client().user("bob"), content()).await));
    // The tutorial has no words for a challenge: a stranger's content is uploaded.
    let form = format!("username=eve&filehash={}&filesize={LENGTH}&filename=f", content().sha1());
    assert_eq!(eve.post_form("/file/fastupload", &form).await.expect(200).json()["code"], -1);
}

#[tokio::test]
async fn whose_own_content_it_is_needs_no_proof() {
    let (daemon, _) = scene("").await;
    let told = asked(&daemon.client().user("ada"), content()).await.expect(200).json();
    assert_eq!((&told["instant"], &told["file"]["path"]), (&json!(true), &json!("eve's")));
}
