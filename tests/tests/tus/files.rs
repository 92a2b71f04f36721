//! What becomes of finished uploads, and of those that nobody finishes.

use std::time::Duration;

use cairn_tests::{Call, Daemon};

use super::scene::{BYTES, Scene, path_of};

fn named(scene: &Scene, metadata: &str, length: usize) -> Call {
    let call = scene.tus.call("POST", "/files/").header("upload-length", &length.to_string());
    call.header("upload-metadata", metadata).header("content-type", BYTES)
}

#[tokio::test]
async fn two_uploads_of_one_name_are_two_files() {
    let scene = Scene::open().await;
    let one = path_of(&named(&scene, "filename YS50eHQ=", 3).body("one").send().await);
    let two = path_of(&named(&scene, "filename YS50eHQ=", 3).body("two").send().await);
    assert_eq!(scene.tus.content(&one).await, "one");
    assert_eq!(scene.tus.content(&two).await, "two");
    assert_eq!(scene.tus.0.get("/v1/files/a.txt").await.expect(200).body, "one");
    assert_eq!(scene.tus.0.get("/v1/files/a%20(2).txt").await.expect(200).body, "two");
}

#[tokio::test]
async fn an_upload_without_a_name_is_called_by_its_id_and_hostile_names_are_harmless() {
    let scene = Scene::open().await;
    let path = path_of(&named(&scene, "bare", 1).body("x").send().await);
    let id = path.trim_start_matches("/files/");
    assert_eq!(scene.tus.0.get(&format!("/v1/files/{id}")).await.expect(200).body, "x");
    // `../../etc/passwd`
    named(&scene, "name Li4vLi4vZXRjL3Bhc3N3ZA==", 1).body("y").send().await.expect(201);
    assert_eq!(scene.tus.0.get("/v1/files/etc/passwd").await.expect(200).body, "y");
    // A type with a line break in it.
    let path = path_of(&named(&scene, "filetype YS9iDQpYOiB5", 1).body("z").send().await);
    let answer = scene.tus.0.get(&path).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.header("x"), None);
}

#[tokio::test]
async fn a_file_stays_when_its_upload_is_removed() {
    let scene = Scene::open().await;
    let path = path_of(&named(&scene, "filename YS50eHQ=", 3).body("one").send().await);
    scene.tus.call("DELETE", &path).send().await.expect(204);
    for method in ["HEAD", "DELETE", "GET"] {
        scene.tus.call(method, &path).send().await.expect(404);
    }
    assert_eq!(scene.tus.0.get("/v1/files/a.txt").await.expect(200).body, "one");
}

#[tokio::test]
async fn an_upload_of_nothing_is_a_file_of_nothing() {
    let scene = Scene::open().await;
    let path = path_of(&named(&scene, "filename YS50eHQ=", 0).send().await);
    assert_eq!(scene.tus.offset(&path).await, 0);
    assert_eq!(scene.tus.0.get("/v1/files/a.txt").await.expect(200).body, "");
}

#[tokio::test]
async fn uploads_of_others_are_unknown() {
    let scene = Scene::open().await;
    let path = scene.tus.create(10).await;
    for method in ["HEAD", "DELETE", "GET"] {
        let call = scene.tus.call(method, &path).header("x-cairn-user", "eve");
        call.send().await.expect(404);
    }
    let call = scene.tus.patching(&path, 0).header("x-cairn-user", "eve");
    call.body("abc").send().await.expect(404);
    assert_eq!(scene.tus.offset(&path).await, 0);
}

#[tokio::test]
async fn an_upload_whose_time_ran_out_is_gone_before_any_sweep() {
    let scene = Scene::with(Daemon::builder().env("CAIRN__UPLOADS__TTL", "1s")).await;
    let path = scene.tus.create(10).await;
    let told = scene.tus.patch(&path, 0, "abc").await.expect(204);
    assert!(told.header("upload-expires").unwrap().ends_with(" GMT"));
    let gone = async {
        while scene.tus.head(&path).await.status != 404 {
            // Longer than it lives: looking does not keep it.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(cairn_tests::LIMIT, gone).await.expect("gone in time");
    scene.tus.patch(&path, 3, "def").await.expect(404);
    scene.tus.call("DELETE", &path).send().await.expect(404);
}
