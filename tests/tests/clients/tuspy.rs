//! tuspy, the Python client.

use crate::scene::{Scene, run, script};

async fn upload(scene: &Scene, kind: &str) -> String {
    let mut command = script("tuspy/bin/python", "tus.py");
    run(command.args([kind, &scene.endpoint(), &scene.file(), "a.bin"])).await.address()
}

#[tokio::test]
async fn every_chunk_goes_up_with_its_checksum() {
    let scene = Scene::open(21).await;
    upload(&scene, "checksum").await;
    scene.expect_only("a.bin").await;
}

#[tokio::test]
async fn no_metadata_is_as_good_as_some_and_the_file_is_named_after_the_upload() {
    let scene = Scene::open(22).await;
    let address = upload(&scene, "bare").await;
    let id = address.strip_prefix(&scene.endpoint()).unwrap().to_owned();
    scene.expect_only(&id).await;
}

#[tokio::test]
async fn an_upload_is_resumed_by_its_address() {
    let scene = Scene::open(23).await;
    upload(&scene, "resumed").await;
    scene.expect_only("a.bin").await;
}
