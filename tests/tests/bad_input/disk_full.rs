//! A disk that is full in the middle of a chunk: a clear 507, nothing lost, and on it goes when there is room.

use cairn_tests::{Content, Daemon};
use serde_json::json;

use crate::scene::{Scene, path_of};

const MIB: u64 = 1 << 20;

#[tokio::test]
async fn a_full_disk_is_told_by_507_and_the_upload_goes_on_when_there_is_room() {
    let scene = Scene::with(Daemon::builder().tmpfs("24m")).await;
    // Sent without a length first: nothing reserves its room ahead.
    let kept = Content::new(1, MIB);
    scene.client.put("/v1/files/kept", kept.bytes()).await.expect(201);
    let content = Content::new(2, 8 * MIB);
    let upload =
        scene.client.create_upload(&json!({ "path": "late", "length": 8 * MIB, "chunk_size": MIB })).await;
    let upload = path_of(&upload);
    for number in [1, 5] {
        scene.client.put(&format!("{upload}/chunks/{number}"), content.chunk(number, MIB)).await.expect(200);
    }
    let filler = scene.daemon.seen_data_dir().join("filler");
    std::fs::write(&filler, vec![0_u8; 64 << 20]).unwrap_err();

    // Now there is no room. Whole files and other uploads run into it in the middle of their bodies.
    let refused = scene.client.put("/v1/files/large", Content::new(3, 4 * MIB).bytes()).await;
    refused.expect_problem(507, "no_room");
    scene.client.get("/v1/files/large").await.expect_problem(404, "no_file");
    let mut lost = Vec::new();
    for number in [2, 3, 4, 6, 7, 8] {
        let answer = scene.client.put(&format!("{upload}/chunks/{number}"), content.chunk(number, MIB)).await;
        match answer.status {
            // Room that was reserved when the upload was created is room.
            200 => {}
            _ => {
                answer.expect_problem(507, "no_room");
                lost.push(number);
            }
        }
    }
    // What was acknowledged is there, what is there can be read, and the daemon is up.
    assert_eq!(scene.client.get("/v1/files/kept").await.expect(200).body, kept.bytes());
    let status = scene.client.get(&upload).await.expect(200).json();
    assert_eq!(status["received_bytes"], (8 - lost.len() as u64) * MIB);
    scene.client.get("/healthz").await.expect(200);

    std::fs::remove_file(&filler).unwrap();
    for number in lost {
        scene.client.put(&format!("{upload}/chunks/{number}"), content.chunk(number, MIB)).await.expect(200);
    }
    scene.client.post(&format!("{upload}/complete"), "").await.expect(200);
    let late = scene.client.download("/v1/files/late").await;
    assert_eq!((late.status, late.sha1), (200, content.sha1()));
    scene.client.put("/v1/files/large", Content::new(3, 4 * MIB).bytes()).await.expect(201);
    for path in ["kept", "late", "large"] {
        scene.client.delete(&format!("/v1/files/{path}")).await.expect(204);
    }
    scene.close().await;
}
