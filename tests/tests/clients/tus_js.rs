//! tus-js-client in Node.

use cairn_tests::{LIMIT, Proxy, Way};
use tokio::process::Command;

use crate::scene::{MIB, Scene, run, script};

fn node(arguments: &[&str]) -> Command {
    let mut command = script("node", "tus.mjs");
    command.args(arguments);
    command
}

/// Uploads the scene's file in one of the script's ways, and looks at what is stored.
async fn uploads(seed: u64, kind: &str) {
    let scene = Scene::open(seed).await;
    let address = run(&mut node(&[kind, &scene.endpoint(), &scene.file(), "a.bin"])).await.address();
    assert!(address.starts_with(&scene.endpoint()), "{address}");
    scene.expect_only("a.bin").await;
}

#[tokio::test]
async fn a_whole_file_goes_up_in_one_request() {
    uploads(1, "whole").await;
}

#[tokio::test]
async fn a_file_goes_up_in_chunks() {
    uploads(2, "chunked").await;
}

#[tokio::test]
async fn four_parallel_uploads_become_one_file() {
    uploads(3, "parallel").await;
}

#[tokio::test]
async fn a_stream_goes_up_whose_length_nobody_knows() {
    uploads(4, "deferred").await;
}

#[tokio::test]
async fn data_goes_up_with_the_creation() {
    uploads(5, "creation").await;
}

/// The same by the IETF draft, which tus-js-client speaks in version 6 of its interop.
async fn uploads_by_the_draft(seed: u64, kind: &str) {
    let scene = Scene::open(seed).await;
    let endpoint = format!("http://{}/uploads/", scene.daemon.address());
    let address = run(&mut node(&[kind, &endpoint, &scene.file(), "a.bin"])).await.address();
    assert!(address.starts_with(&endpoint), "{address}");
    scene.expect_only("a.bin").await;
}

#[tokio::test]
async fn the_draft_takes_a_whole_file() {
    uploads_by_the_draft(9, "draft").await;
}

#[tokio::test]
async fn the_draft_takes_a_file_in_chunks() {
    uploads_by_the_draft(10, "draft-chunked").await;
}

/// tus-js-client calls an upload done when its bytes are sent, and says `Upload-Complete: ?1` only of a source that
/// tells its last slice; a file's stream in Node tells it only of the whole file. The draft completes an upload when
/// the client says so, and for nothing else: so the bytes are all there, and the file is one that somebody else has
/// to ask for.
#[tokio::test]
async fn by_the_draft_a_client_that_never_says_that_it_is_done_leaves_the_upload_open() {
    let scene = Scene::open(11).await;
    let endpoint = format!("http://{}/uploads/", scene.daemon.address());
    let empty = scene.path("empty");
    std::fs::write(&empty, "").unwrap();
    let client = scene.daemon.client();
    for (kind, file, length) in
        [("draft-stream-chunked", scene.file(), scene.content.length()), ("draft-stream-chunked", empty, 0)]
    {
        let address = run(&mut node(&[kind, &endpoint, &file, "a.bin"])).await.address();
        let path = address.strip_prefix(&format!("http://{}", scene.daemon.address())).unwrap().to_owned();
        let head = client.call("HEAD", &path).header("upload-draft-interop-version", "6").send().await;
        let told = ["upload-offset", "upload-length"].map(|field| head.header(field).unwrap().to_owned());
        assert_eq!((head.status, head.header("upload-complete")), (204, Some("?0")));
        assert_eq!(told, [length.to_string(), length.to_string()]);
        let files = client.get("/v1/files").await.expect(200).json();
        assert_eq!(files["items"], serde_json::json!([]));
        let native = path.replace("/uploads/", "/v1/uploads/");
        if length == 0 {
            client.call("DELETE", &path).send().await.expect(204);
        } else {
            client.post(&format!("{native}/complete"), "").await.expect(200);
            scene.expect_only("a.bin").await;
            client.call("DELETE", "/v1/files/a.bin").send().await.expect(204);
        }
    }
}

#[tokio::test]
async fn a_second_process_goes_on_where_the_first_one_stopped() {
    let scene = Scene::open(6).await;
    let storage = scene.path("storage.json");
    let (endpoint, file) = (scene.endpoint(), scene.file());
    let first = run(&mut node(&["aborted", &endpoint, &file, "a.bin", &storage])).await.address();
    let path = first.strip_prefix(&format!("http://{}", scene.daemon.address())).unwrap().to_owned();
    let head = scene.daemon.client().call("HEAD", &path).header("tus-resumable", "1.0.0").send().await;
    let offset: u64 = head.expect(200).header("upload-offset").unwrap().parse().unwrap();
    assert!((3 * MIB..scene.content.length()).contains(&offset), "{offset}");
    let second = run(&mut node(&["resumed", &endpoint, &file, "a.bin", &storage])).await.address();
    assert_eq!(first, second);
    scene.expect_only("a.bin").await;
}

#[tokio::test]
async fn a_connection_that_is_cut_again_and_again_costs_nothing_but_time() {
    let scene = Scene::open(7).await;
    let proxy = Proxy::to(scene.daemon.address()).await;
    proxy.cut_after(Way::ToServer, 3 * MIB);
    let endpoint = format!("http://{}/files/", proxy.address());
    let mut client = node(&["stubborn-whole", &endpoint, &scene.file(), "a.bin"]);
    let cutting = async {
        for megabytes in [6, 9] {
            until_passed(&proxy, megabytes * MIB).await;
            proxy.reset();
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ran = run(&mut client) => { ran.address(); }
        () = cutting => {}
    }
    assert!(proxy.passed().connections > 1, "{:?}", proxy.passed());
    scene.expect_only("a.bin").await;
}

#[tokio::test]
async fn a_daemon_that_is_killed_and_started_again_goes_on_with_the_same_upload() {
    let mut scene = Scene::open(8).await;
    let proxy = Proxy::to(scene.daemon.address()).await;
    let endpoint = format!("http://{}/files/", proxy.address());
    let mut client = node(&["stubborn", &endpoint, &scene.file(), "a.bin"]);
    let killing = async {
        until_passed(&proxy, 6 * MIB).await;
        scene.daemon.kill9().await;
        proxy.cut();
        scene.daemon.restart().await;
        proxy.switch(scene.daemon.address());
    };
    let (ran, ()) = tokio::join!(run(&mut client), killing);
    ran.address();
    scene.expect_only("a.bin").await;
}

/// Waits until so many bytes have gone to the server; an upload that is done before is waited for by nobody.
async fn until_passed(proxy: &Proxy, bytes: u64) {
    let passing = async {
        while proxy.passed().to_server < bytes {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    let passed = tokio::time::timeout(LIMIT, passing).await;
    assert!(passed.is_ok(), "the client sent only {:?}", proxy.passed());
}
