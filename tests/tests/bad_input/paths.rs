//! Paths that try to leave, or that are merely unusual.

use cairn_tests::left_behind;
use serde_json::json;

use crate::scene::Scene;

/// As JSON texts; some would leave the data directory if a path were ever one of the system.
const BAD: [&str; 14] = [
    "",
    "/",
    "..",
    ".",
    "../escape",
    "a/../../escape",
    "a/./b",
    "a//b",
    "/escape",
    "a/",
    "a\u{0}b",
    "a\r\nX-Evil: 1",
    "a\u{7f}b",
    "a\u{9b}b",
];

/// The same as they may come in a URL.
const BAD_IN_URL: [&str; 12] = [
    "%2e%2e",
    "%2e%2e%2fescape",
    "%2E%2E%2Fescape",
    "a%2f..%2f..%2fescape",
    "..%2fescape",
    "a//b",
    "%2fescape",
    "a%00b",
    "a%0d%0aX-Evil:%201",
    "a%ffb",
    "a%c3%28b",
    "%2e",
];

#[tokio::test]
async fn a_path_that_is_none_names_no_upload_and_no_file() {
    let scene = Scene::open().await;
    let long = "x".repeat(4096);
    for path in BAD.into_iter().chain([long.as_str()]) {
        let answer = scene.client.post_json("/v1/uploads", &json!({ "path": path, "length": 3 })).await;
        answer.expect_problem(400, "bad_path");
    }
    let long = format!("a/{long}");
    for path in BAD_IN_URL.into_iter().chain([long.as_str()]) {
        let url = format!("/v1/files/{path}");
        scene.client.put(&url, "abc").await.expect_problem(400, "bad_path");
        scene.client.get(&url).await.expect_problem(400, "bad_path");
        scene.client.delete(&url).await.expect_problem(400, "bad_path");
    }
    scene.client.put("/v1/files/good", "abc").await.expect(201);
    for path in BAD {
        let answer = scene.client.post_json("/v1/files/good", &json!({ "rename_to": path })).await;
        answer.expect_problem(400, "bad_path");
    }
    scene.client.delete("/v1/files/good").await.expect(204);
    scene.close().await;
}

#[tokio::test]
async fn no_name_from_outside_becomes_a_name_of_the_system() {
    let scene = Scene::open().await;
    let names =
        ["findme.txt", "日本語/ファイル.txt", "العربية", "C:\\findme", "~findme", "-rf findme", "%2e%2e"];
    for name in names {
        let url = format!("/v1/files/{}", percent_encoded(name));
        scene.client.put(&url, format!("content of {name}")).await.expect(201);
        let got = scene.client.get(&url).await.expect(200);
        assert_eq!(got.text(), format!("content of {name}"));
        let disposition = got.header("content-disposition").unwrap_or_default();
        assert!(disposition.is_ascii(), "{disposition}");
    }
    let listed = scene.client.get("/v1/files").await.expect(200).json();
    let mut paths: Vec<&str> =
        listed["items"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap()).collect();
    let mut expected = names.to_vec();
    paths.sort_unstable();
    expected.sort_unstable();
    assert_eq!(paths, expected);
    for path in left_behind::files(&scene.daemon.seen_data_dir()).keys() {
        let text = path.to_string_lossy();
        assert!(text.is_ascii() && !text.contains("findme"), "{text}");
    }
    for name in names {
        scene.client.delete(&format!("/v1/files/{}", percent_encoded(name))).await.expect(204);
    }
    scene.close().await;
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'/' | b'.' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
