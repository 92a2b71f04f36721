//! One upload, any protocol, in any order.

use cairn_tests::{Client, Content};
use serde_json::json;

use super::scene::Scene;

const CHUNK: u64 = 1000;

/// An upload under its three addresses.
struct Upload {
    client: Client,
    id: String,
}

impl Upload {
    fn native(&self) -> String {
        format!("/v1/uploads/{}", self.id)
    }

    /// The offset, as each protocol tells it; they agree.
    async fn offset(&self) -> u64 {
        let tus = self.client.call("HEAD", &format!("/files/{}", self.id)).header("tus-resumable", "1.0.0");
        let tus = tus.send().await.expect(200);
        let draft = self.client.head(&format!("/uploads/{}", self.id)).await.expect(204);
        let native = self.client.get(&self.native()).await.expect(200);
        let offset = tus.header("upload-offset").unwrap();
        assert_eq!(
            (draft.header("upload-offset"), native.header("upload-offset")),
            (Some(offset), Some(offset))
        );
        offset.parse().unwrap()
    }

    async fn append(&self, protocol: u64, offset: u64, bytes: bytes::Bytes) {
        let call = match protocol {
            0 => self.client.call("PATCH", &self.native()).header("content-type", "application/octet-stream"),
            1 => self
                .client
                .call("PATCH", &format!("/files/{}", self.id))
                .header("tus-resumable", "1.0.0")
                .header("content-type", "application/offset+octet-stream"),
            _ => self
                .client
                .call("PATCH", &format!("/uploads/{}", self.id))
                .header("upload-complete", "?0")
                .header("content-type", "application/partial-upload"),
        };
        call.header("upload-offset", &offset.to_string()).body(bytes).send().await.expect(204);
    }
}

#[tokio::test]
async fn chunks_natively_then_tus_then_the_draft_completed_natively() {
    let scene = Scene::open().await;
    let content = Content::new(5, 4000);
    let client = scene.daemon.client();
    let wish = json!({ "path": "all.bin", "length": 4000, "chunk_size": CHUNK });
    let id = client.create_upload(&wish).await["upload_id"].as_str().unwrap().to_owned();
    let upload = Upload { client, id };
    for number in [1, 2, 4] {
        let path = format!("{}/chunks/{number}", upload.native());
        upload.client.put(&path, content.chunk(number, CHUNK)).await.expect(200);
    }
    assert_eq!(upload.offset().await, 2000);
    upload.append(1, 2000, content.range(2000..2500)).await;
    assert_eq!(upload.offset().await, 2500);
    upload.append(2, 2500, content.range(2500..4000)).await;
    assert_eq!(upload.offset().await, 4000);
    upload.client.post(&format!("{}/complete", upload.native()), "").await.expect(200);
    assert_eq!(upload.client.get("/v1/files/all.bin").await.expect(200).body, content.bytes());
    let head = upload.client.head(&format!("/uploads/{}", upload.id)).await.expect(204);
    assert_eq!(head.header("upload-complete"), Some("?1"));
}

/// Numbers that only look random: the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

async fn begin(client: &Client, dice: &mut Dice, name: &str, length: u64) -> Upload {
    let call = match dice.below(2) {
        0 => {
            let wish = json!({ "path": name, "length": length, "chunk_size": CHUNK });
            let id = client.create_upload(&wish).await["upload_id"].as_str().unwrap().to_owned();
            return Upload { client: client.clone(), id };
        }
        _ => client.call("PUT", &format!("/v1/files/{name}")).header("upload-draft-interop-version", "9"),
    };
    let call = call.header("upload-complete", "?0").header("upload-length", &length.to_string());
    let location = call.send().await.expect(201).header("location").unwrap().to_owned();
    Upload { client: client.clone(), id: location.rsplit('/').next().unwrap().to_owned() }
}

/// One upload from its beginning to its bytes.
async fn story(client: &Client, seed: u64) {
    let mut dice = Dice(seed);
    let length = 1 + dice.below(6000);
    let (content, name) = (Content::new(seed, length), format!("story-{seed}.bin"));
    let upload = begin(client, &mut dice, &name, length).await;
    let head = client.get(&upload.native()).await.expect(200).json();
    let chunk_size = head["chunk_size"].as_u64().unwrap();
    loop {
        let offset = upload.offset().await;
        if offset == length {
            break;
        }
        // tus calls an upload whole when its last byte is there; the others wait until somebody says so.
        let mut whole_by_tus = false;
        match dice.below(4) {
            3 => {
                let number = 1 + dice.below(length.div_ceil(chunk_size));
                let path = format!("{}/chunks/{number}", upload.native());
                client.put(&path, content.chunk(number, chunk_size)).await.expect(200);
            }
            protocol => {
                let end = offset + 1 + dice.below((length - offset).min(1500));
                upload.append(protocol, offset, content.range(offset..end)).await;
                whole_by_tus = protocol == 1 && end == length;
            }
        }
        let state = client.get(&upload.native()).await.expect(200).json()["state"].clone();
        assert_eq!(state, if whole_by_tus { "complete" } else { "open" });
    }
    if dice.below(2) == 0 {
        client.post(&format!("{}/complete", upload.native()), "").await.expect(200);
    } else {
        let call = client.call("PATCH", &format!("/uploads/{}", upload.id)).header("upload-complete", "?1");
        let call = call.header("content-type", "application/partial-upload");
        call.header("upload-offset", &length.to_string()).send().await.expect(201);
    }
    assert_eq!(upload.offset().await, length);
    assert_eq!(client.get(&format!("/v1/files/{name}")).await.expect(200).body, content.bytes());
}

#[tokio::test]
async fn in_any_order_of_protocols_the_bytes_are_the_same() {
    let scene = Scene::open().await;
    let client = scene.daemon.client();
    for seed in 1..=40 {
        // Printed if it fails: the last one is the one.
        println!("seed {seed}");
        story(&client, seed).await;
    }
}
