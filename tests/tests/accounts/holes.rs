//! Holes that other servers of uploads had, each by the name under which it became known, and that cairn has not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cairn_tests::{Call, Client, Content, Daemon, left_behind};
use serde_json::json;

const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
const DRAFT: (&str, &str) = ("upload-draft-interop-version", "8");

fn call(client: &Client, method: &str, path: &str, field: (&str, &str)) -> Call {
    client.call(method, path).header(field.0, field.1)
}

/// A name as tus's metadata has it.
fn named(name: &str) -> String {
    format!("filename {}", STANDARD.encode(name))
}

async fn upload_of(client: &Client, length: u64) -> String {
    let upload = client.create_upload(&json!({ "path": "open.bin", "length": length })).await;
    upload["upload_id"].as_str().unwrap().to_owned()
}

/// File Browser, CVE-2026-29188: `DELETE` by tus asked for no right to delete.
#[tokio::test]
async fn an_upload_is_ended_by_nobody_but_who_may_write_its_owners_files() {
    let daemon = Daemon::builder().with_tokens().start().await;
    let (ann, bob) = (daemon.client_of("ann").await, daemon.client_of("bob").await);
    let reader = daemon.client().bearer(&daemon.add_token("ann", "read").await);
    let id = upload_of(&ann, 10).await;
    for (path, field) in [("/files/", TUS), ("/uploads/", DRAFT), ("/v1/uploads/", ("accept", "*/*"))] {
        let path = format!("{path}{id}");
        assert_eq!(call(&reader, "DELETE", &path, field).send().await.status, 403, "{path}");
        assert_eq!(call(&bob, "DELETE", &path, field).send().await.status, 404, "{path}");
        assert_eq!(call(&daemon.client(), "DELETE", &path, field).send().await.status, 401, "{path}");
        let hidden = call(&reader, "POST", &path, field).header("x-http-method-override", "DELETE");
        assert!(hidden.send().await.status >= 400, "{path}");
        assert_eq!(ann.get(&format!("/v1/uploads/{id}")).await.expect(200).json()["state"], "open", "{path}");
    }
}

/// Gokapi, CVE-2026-30961: each chunk was held against the limit, and all of them together were not.
#[tokio::test]
async fn pieces_together_are_no_longer_than_one_upload_may_be() {
    let daemon = Daemon::builder().with_tokens().env("CAIRN__UPLOADS__MAX_LENGTH", "10B").start().await;
    let ann = daemon.client_of("ann").await;
    let create = call(&ann, "POST", "/files/", TUS).header("upload-defer-length", "1").send().await;
    let id = create.expect(201).header("location").unwrap().rsplit('/').next().unwrap().to_owned();
    let patch = |path: &str, field, kind: &str, offset: &str| {
        call(&ann, "PATCH", &format!("{path}{id}"), field)
            .header("content-type", kind)
            .header("upload-offset", offset)
    };
    let (tus, part) = ("application/offset+octet-stream", "application/partial-upload");
    patch("/files/", TUS, tus, "0").body("123456").send().await.expect(204);
    patch("/files/", TUS, tus, "6").body("12345").send().await.expect(413);
    let draft =
        patch("/uploads/", DRAFT, part, "6").header("upload-complete", "?0").body("12345").send().await;
    assert_eq!(draft.status, 413, "{draft:?}");
    patch("/v1/uploads/", ("accept", "*/*"), "application/octet-stream", "6")
        .body("12345")
        .send()
        .await
        .expect(413);
    let told = ann.get(&format!("/v1/uploads/{id}")).await.expect(200).json();
    assert!(told["received_bytes"].as_u64().unwrap() <= 10, "{told}");
}

/// zot, CVE-2024-39897: whether a blob is there was looked up before it was asked whose it is.
#[tokio::test]
async fn a_digest_tells_nobody_else_that_its_content_is_there() {
    let daemon = Daemon::builder().with_tokens().start().await;
    let (ann, bob) = (daemon.client_of("ann").await, daemon.client_of("bob").await);
    let (there, absent) = (Content::new(1, 2000), Content::new(2, 2000));
    ann.put("/v1/files/a", there.bytes()).await.expect(201);
    let digests = |content: &Content| {
        [
            format!("sha1:{}", content.sha1()),
            format!("sha256:{}", content.sha256()),
            format!("blake3:{}", content.blake3()),
        ]
    };
    for (there, absent) in digests(&there).into_iter().zip(digests(&absent)) {
        let told = async |digest: &str| {
            let wish = json!({ "path": "b", "length": 2000, "digest": digest });
            let mut told = bob.post_json("/v1/uploads", &wish).await.expect(201).json();
            let id = told["upload_id"].as_str().unwrap().to_owned();
            bob.delete(&format!("/v1/uploads/{id}")).await.expect(204);
            for own in ["upload_id", "created_at", "expires_at", "digest"] {
                told.as_object_mut().unwrap().remove(own);
            }
            told.to_string().replace(&id, "ID")
        };
        assert_eq!(told(&there).await, told(&absent).await);
    }
    bob.get("/v1/files/b").await.expect_problem(404, "no_file");
}

/// OneupUploaderBundle, CVE-2020-5237: a name that came with a chunk became a path of the system.
#[tokio::test]
async fn a_name_is_never_a_path_of_the_system() {
    let daemon = Daemon::builder().with_tokens().start().await;
    let ann = daemon.client_of("ann").await;
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("hole");
    for name in ["../../../hole", target.to_str().unwrap(), "a/../../hole", ".", "/etc/hole\0.png"] {
        let create = call(&ann, "POST", "/files/", TUS).header("upload-metadata", &named(name));
        let create = create.header("content-type", "application/offset+octet-stream");
        let answer = create.header("upload-length", "4").body("hole").send().await;
        assert!(answer.status == 201 || answer.status == 400, "{name:?}: {answer:?}");
        ann.post_json("/v1/uploads", &json!({ "path": name, "length": 4 }))
            .await
            .expect_problem(400, "bad_path");
    }
    assert!(!target.exists());
    for stored in left_behind::files(daemon.data_dir()).keys() {
        assert!(!stored.to_string_lossy().contains("hole"), "{stored:?}");
    }
}

/// copyparty, CVE-2023-38501: a header was made of a name as it came.
#[tokio::test]
async fn a_name_makes_no_header_of_its_own() {
    let daemon = Daemon::builder().with_tokens().start().await;
    let ann = daemon.client_of("ann").await;
    for name in ["a\r\nx-hole: 1", "a\nx-hole: 1", "a\"; x-hole=1; b=\"", "\u{202e}gpj.exe"] {
        let create = call(&ann, "POST", "/files/", TUS).header("upload-metadata", &named(name));
        let create = create.header("content-type", "application/offset+octet-stream");
        let answer = create.header("upload-length", "4").body("hole").send().await;
        assert!(answer.status == 201 || answer.status == 400, "{name:?}: {answer:?}");
        assert_eq!(answer.header("x-hole"), None, "{name:?}");
    }
    for file in ann.get("/v1/files").await.expect(200).json()["items"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        let encoded: String = path.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = ann.get(&format!("/v1/files/{encoded}")).await.expect(200);
        assert_eq!(answer.header("x-hole"), None, "{path:?}");
        let disposition = answer.header("content-disposition").unwrap();
        assert!(disposition.starts_with("attachment; filename=\""), "{disposition}");
        assert_eq!(disposition.matches('"').count(), 2, "what is quoted stays quoted: {disposition}");
        assert!(disposition.is_ascii(), "{disposition}");
    }
}
