//! tus by plain curl.

use tokio::process::Command;

use crate::scene::{MIB, Run, Scene, run};

async fn curl(arguments: &[&str]) -> Run {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail", "--include", "--header", "Tus-Resumable: 1.0.0"]);
    run(command.args(arguments).kill_on_drop(true)).await
}

/// A field of an answer that curl printed.
fn field(answer: &Run, name: &str) -> String {
    assert!(answer.succeeded, "{answer:?}");
    let mut lines = answer.printed.lines().filter_map(|line| line.split_once(": "));
    let (_, value) = lines.find(|(field, _)| field.eq_ignore_ascii_case(name)).unwrap();
    value.to_owned()
}

#[tokio::test]
async fn a_file_is_created_sent_in_two_pieces_and_asked_for_in_between() {
    let scene = Scene::open(31).await;
    let half = 5 * MIB;
    for (name, range) in [("first", 0..half), ("second", half..scene.content.length())] {
        std::fs::write(scene.path(name), scene.content.range(range)).unwrap();
    }
    let length = format!("Upload-Length: {}", scene.content.length());
    let metadata = "Upload-Metadata: filename YS5iaW4=";
    let created = curl(&["-X", "POST", "-H", &length, "-H", metadata, &scene.endpoint()]).await;
    let upload = field(&created, "location");
    let patch = async |offset: u64, name: &str| {
        let (offset, body) = (format!("Upload-Offset: {offset}"), format!("@{}", scene.path(name)));
        let kind = "Content-Type: application/offset+octet-stream";
        curl(&["-X", "PATCH", "-H", kind, "-H", &offset, "--data-binary", &body, &upload]).await
    };
    assert_eq!(field(&patch(0, "first").await, "upload-offset"), half.to_string());
    assert_eq!(field(&curl(&["--head", &upload]).await, "upload-offset"), half.to_string());
    let done = patch(half, "second").await;
    assert_eq!(field(&done, "upload-offset"), scene.content.length().to_string());
    scene.expect_only("a.bin").await;
}
