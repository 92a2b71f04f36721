//! Two contents of one length and one SHA-1: the beginnings of the two PDFs of <https://shattered.io>, and after them
//! the same bytes.

use cairn_tests::Client;
use serde_json::json;
use sha1::{Digest, Sha1};

use crate::scene::*;

const FIRST: &[u8] = include_bytes!("shattered-1.pdf");
const SECOND: &[u8] = include_bytes!("shattered-2.pdf");

/// The two, each longer than what is asked for as a proof.
fn pair() -> [Vec<u8>; 2] {
    let rest = content().bytes();
    [FIRST, SECOND].map(|beginning| [beginning, &rest].concat())
}

fn sha1_of(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn put(client: &Client, path: &str, bytes: &[u8]) -> String {
    let answer = client.put(&format!("/v1/files/{path}"), bytes.to_vec()).await.expect(201);
    answer.json()["digest"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn two_contents_of_one_sha_1_stay_two() {
    let daemon = proving("").start().await;
    let [first, second] = pair();
    assert!(first != second);
    let sha1 = sha1_of(&first);
    assert_eq!(sha1, sha1_of(&second));
    let ada = daemon.client().user("ada");
    assert_ne!(put(&ada, "first", &first).await, put(&ada, "second", &second).await);
    for (path, bytes) in [("first", &first), ("second", &second)] {
        assert!(ada.get(&format!("/v1/files/{path}")).await.expect(200).body == *bytes, "{path}");
    }
    let blobs = daemon.cairnctl(&["blobs", "list", "--json"]).await.stdout;
    let blobs: serde_json::Value = serde_json::from_str(&blobs).unwrap();
    assert_eq!(blobs["items"].as_array().unwrap().len(), 2);
    // Which of the two somebody means who names the SHA-1 cannot be told: not even ada gets one of hers.
    let wish = json!({ "path": "third", "length": first.len(), "digest": format!("sha1:{sha1}") });
    for user in ["ada", "eve"] {
        let answer = daemon.client().user(user).post_json("/v1/uploads", &wish).await.expect(201).json();
        assert_eq!(answer.get("challenge"), None);
    }
}

#[tokio::test]
async fn who_has_the_one_does_not_get_the_other() {
    let (daemon, eve) = scene("proof = \"ranges\"").await;
    let [first, second] = pair();
    put(&daemon.client().user("ada"), "first", &first).await;
    let length = u64::try_from(first.len()).unwrap();
    let upload = claim(&eve, &format!("sha1:{}", sha1_of(&second)), length).await;
    assert_eq!(upload["challenge"]["ranges"], json!([[0, length]]), "named by SHA-1 it is asked for whole");
    prove(&eve, &upload, &answer(&upload, &second)).await.expect_problem(403, "proof_failed");
    let address = address(&upload);
    for (number, chunk) in (1..).zip(second.chunks(1 << 20)) {
        eve.put(&format!("{address}/chunks/{number}"), chunk.to_vec()).await.expect(200);
    }
    eve.post(&format!("{address}/complete"), "").await.expect(200);
    assert!(eve.get("/v1/files/eve's").await.expect(200).body == second);
    assert!(daemon.client().user("ada").get("/v1/files/first").await.expect(200).body == first);
}
