//! A daemon that asks for proofs, ada who has a content, and eve who says so.

use cairn_tests::{Answer, Builder, Client, Content, Daemon};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// A content that is long enough to be asked for.
pub(crate) const LENGTH: u64 = (1 << 20) + 4_321;

pub(crate) fn content() -> Content {
    Content::new(1, LENGTH)
}

/// A daemon that asks for proofs, with these keys of `[uploads]` besides.
pub(crate) fn proving(keys: &str) -> Builder {
    Daemon::builder().config(&format!(
        "[uploads]\ninstant = \"proof\"\ndigests = [\"sha1\", \"sha256\"]\n{keys}\n[sweep]\ngrace = \"0s\"\ninterval = \"1h\"\n"
    ))
}

/// The daemon, with ada's file in it; eve.
pub(crate) async fn scene(keys: &str) -> (Daemon, Client) {
    let daemon = proving(keys).start().await;
    daemon.client().user("ada").put("/v1/files/ada's", content().bytes()).await.expect(201);
    let eve = daemon.client().user("eve");
    (daemon, eve)
}

/// What eve is told who says that she has the content of this digest.
pub(crate) async fn claim(eve: &Client, digest: &str, length: u64) -> Value {
    let wish = json!({ "path": "eve's", "length": length, "chunk_size": 1 << 20, "digest": digest });
    eve.post_json("/v1/uploads", &wish).await.expect(201).json()
}

/// The same of ada's content.
pub(crate) async fn claimed(eve: &Client) -> Value {
    claim(eve, &format!("blake3:{}", content().blake3()), LENGTH).await
}

/// The answer of somebody who holds these bytes.
pub(crate) fn answer(upload: &Value, held: &[u8]) -> String {
    let challenge = &upload["challenge"];
    assert_eq!(challenge["algorithm"], "hmac-sha256");
    let nonce = challenge["nonce"].as_str().unwrap();
    let key: Vec<u8> =
        (0..nonce.len() / 2).map(|n| u8::from_str_radix(&nonce[2 * n..2 * n + 2], 16).unwrap()).collect();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    for range in challenge["ranges"].as_array().unwrap() {
        let at = |n: usize| usize::try_from(range[n].as_u64().unwrap()).unwrap();
        mac.update(&held[at(0)..at(0) + at(1)]);
    }
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn address(upload: &Value) -> String {
    format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap())
}

pub(crate) async fn prove(eve: &Client, upload: &Value, answer: &str) -> Answer {
    eve.post_json(&format!("{}/proof", address(upload)), &json!({ "answer": answer })).await
}

/// Sends the content as an ordinary upload, and completes it.
pub(crate) async fn goes_on(eve: &Client, upload: &Value) {
    let address = address(upload);
    for number in [2, 1] {
        eve.put(&format!("{address}/chunks/{number}"), content().chunk(number, 1 << 20)).await.expect(200);
    }
    let done = eve.post(&format!("{address}/complete"), "").await.expect(200).json();
    assert_eq!(done["file"]["path"], "eve's");
    has_the_file(eve).await;
}

pub(crate) async fn has_the_file(eve: &Client) {
    assert_eq!(eve.download("/v1/files/eve's").await.sha1, content().sha1());
    let me = eve.get("/v1/me").await.expect(200).json();
    assert_eq!((&me["used_bytes"], &me["staged_bytes"]), (&json!(LENGTH), &json!(0)));
}
