//! By hand, with curl: created, cut, asked, gone on with.

use std::process::{Output, Stdio};

use cairn_tests::Content;
use tokio::process::Command;

use super::scene::Scene;

async fn curl(arguments: &[&str]) -> Output {
    let mut command = Command::new("curl");
    command.args(["-sS", "-i", "-H", "Upload-Draft-Interop-Version: 8", "-H", "Expect:"]).args(arguments);
    command.stdin(Stdio::null()).output().await.expect("curl is installed")
}

fn field(answer: &str, name: &str) -> String {
    let line = answer.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("{name} in {answer}"))[name.len() + 2..].trim().to_owned()
}

#[tokio::test]
async fn a_file_is_sent_by_hand_cut_and_gone_on_with() {
    let scene = Scene::open().await;
    let content = Content::new(8, 1 << 20);
    let folder = tempfile::tempdir().unwrap();
    let (whole, rest) = (folder.path().join("whole"), folder.path().join("rest"));
    std::fs::write(&whole, content.bytes()).unwrap();
    let target = format!("http://{}/v1/files/by-hand.bin", scene.daemon.address());
    let created = curl(&["-X", "PUT", "-H", "Upload-Complete: ?0", "-H", "Content-Length: 0", &target]).await;
    let created = String::from_utf8(created.stdout).unwrap();
    assert!(created.starts_with("HTTP/1.1 201"), "{created}");
    let upload = field(&created, "location");
    let append = |offset: String, file: String| {
        let upload = upload.clone();
        async move {
            let offset = format!("Upload-Offset: {offset}");
            let part = "Content-Type: application/partial-upload";
            let data = format!("@{file}");
            let slow = if offset.ends_with(" 0") { "300k" } else { "1G" };
            let fields = ["-X", "PATCH", "-H", part, "-H", "Upload-Complete: ?1", "-H", &offset];
            let more = ["--limit-rate", slow, "--max-time", if slow == "1G" { "60" } else { "1" }];
            curl(&[&fields[..], &more[..], &["--data-binary", &data, &upload]].concat()).await
        }
    };
    let cut = append("0".to_owned(), whole.display().to_string()).await;
    assert_eq!(cut.status.code(), Some(28), "{cut:?}");
    let head = String::from_utf8(curl(&["-I", &upload]).await.stdout).unwrap();
    let offset: u64 = field(&head, "upload-offset").parse().unwrap();
    assert!(0 < offset && offset < content.length() && head.contains("upload-complete: ?0"), "{head}");
    std::fs::write(&rest, content.range(offset..content.length())).unwrap();
    let last = append(offset.to_string(), rest.display().to_string()).await;
    let last = String::from_utf8_lossy(&last.stdout).into_owned();
    assert!(last.starts_with("HTTP/1.1 201") && last.contains("upload-complete: ?1"), "{last}");
    assert_eq!(scene.draft.0.get("/v1/files/by-hand.bin").await.expect(200).body, content.bytes());
}
