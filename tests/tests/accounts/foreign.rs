//! Nobody learns of, reads or changes what is not theirs: what is another's answers like what is not there at all.

use cairn_tests::{Answer, Client, Content, Daemon};
use serde_json::{Value, json};

const LENGTH: u64 = 3000;

/// A daemon with ann, who has a file, an open upload, a partial upload of tus's that is whole and one of the draft; and
/// bob, who knows every id and hash of them.
struct Scene {
    daemon: Daemon,
    ann: Client,
    bob: Client,
    content: Content,
    upload: String,
    partial: String,
}

/// A method, a path with a place for an id, and fields.
type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// An id that no upload has.
const NOBODYS: &str = "0123456789abcdef0123456789abcdef";

fn tus(client: &Client, method: &str, path: &str) -> cairn_tests::Call {
    client.call(method, path).header("tus-resumable", "1.0.0")
}

impl Scene {
    async fn open() -> Self {
        let daemon = Daemon::builder().with_tokens().start().await;
        let (ann, bob) = (daemon.client_of("ann").await, daemon.client_of("bob").await);
        let content = Content::new(1, LENGTH);
        ann.put("/v1/files/a.bin", content.bytes()).await.expect(201);
        let upload = ann.create_upload(&json!({ "path": "open.bin", "length": LENGTH })).await;
        let upload = upload["upload_id"].as_str().unwrap().to_owned();
        let create = tus(&ann, "POST", "/files/").header("upload-concat", "partial");
        let create =
            create.header("upload-length", "4").header("content-type", "application/offset+octet-stream");
        let partial = create.body("abcd").send().await.expect(201);
        let partial = partial.header("location").unwrap().rsplit('/').next().unwrap().to_owned();
        Self { daemon, ann, bob, content, upload, partial }
    }

    /// That ann has everything that she had.
    async fn is_untouched(&self) {
        assert_eq!(self.ann.get("/v1/files/a.bin").await.expect(200).body, self.content.bytes());
        let upload = self.ann.get(&format!("/v1/uploads/{}", self.upload)).await.expect(200).json();
        assert_eq!((&upload["state"], &upload["received_bytes"]), (&json!("open"), &json!(0)));
        tus(&self.ann, "HEAD", &format!("/files/{}", self.partial)).send().await.expect(200);
        for list in ["/v1/files", "/v1/uploads?state=open"] {
            assert_eq!(self.bob.get(list).await.expect(200).json()["items"], json!([]), "{list}");
        }
        let usage = self.bob.get("/v1/me").await.expect(200).json();
        assert_eq!((&usage["used_bytes"], &usage["staged_bytes"]), (&json!(0), &json!(0)));
    }
}

/// What an answer says beside what differs from request to request.
fn told(answer: &Answer, id: &str) -> (u16, String) {
    let mut body = answer.text().replace(id, "ID");
    if let Ok(mut document) = serde_json::from_str::<Value>(&body) {
        document.as_object_mut().and_then(|members| members.remove("request_id"));
        body = document.to_string();
    }
    (answer.status, body)
}

#[tokio::test]
async fn an_upload_of_somebody_else_is_like_one_that_is_not_there() {
    let scene = Scene::open().await;
    let draft = ("upload-draft-interop-version", "6");
    let offset = ("upload-offset", "0");
    let rows: [Row<'_>; 13] = [
        ("GET", "/v1/uploads/{}", &[]),
        ("PATCH", "/v1/uploads/{}", &[offset, ("content-type", "application/octet-stream")]),
        ("DELETE", "/v1/uploads/{}", &[]),
        ("PUT", "/v1/uploads/{}/chunks/1", &[]),
        ("POST", "/v1/uploads/{}/complete", &[]),
        ("POST", "/v1/uploads/{}/proof", &[]),
        ("HEAD", "/files/{}", &[]),
        ("PATCH", "/files/{}", &[offset, ("content-type", "application/offset+octet-stream")]),
        ("DELETE", "/files/{}", &[]),
        ("GET", "/files/{}", &[]),
        ("GET", "/uploads/{}", &[draft]),
        (
            "PATCH",
            "/uploads/{}",
            &[draft, offset, ("content-type", "application/partial-upload"), ("upload-complete", "?0")],
        ),
        ("DELETE", "/uploads/{}", &[draft]),
    ];
    for (method, path, fields) in rows {
        let ask = async |id: &str| {
            let call = tus(&scene.bob, method, &path.replace("{}", id));
            let call = fields.iter().fold(call, |call, (name, value)| call.header(name, value));
            let body = match method {
                "PUT" | "PATCH" => "abc".to_owned(),
                _ if path.ends_with("/proof") => json!({ "answer": "0".repeat(64) }).to_string(),
                _ => String::new(),
            };
            call.body(body).send().await
        };
        for id in [&scene.upload, &scene.partial] {
            let (foreign, absent) = (ask(id).await, ask(NOBODYS).await);
            assert_eq!(told(&foreign, id), told(&absent, NOBODYS), "{method} {path}");
            assert_eq!(foreign.status, 404, "{method} {path}");
        }
    }
    scene.is_untouched().await;
}

#[tokio::test]
async fn a_finished_upload_of_somebody_else_is_like_none() {
    let scene = Scene::open().await;
    let create = tus(&scene.ann, "POST", "/files/").header("upload-length", "4");
    let created = create.header("content-type", "application/offset+octet-stream").body("abcd").send().await;
    let finished = created.expect(201).header("location").unwrap().rsplit('/').next().unwrap().to_owned();
    tus(&scene.ann, "HEAD", &format!("/files/{finished}")).send().await.expect(200);
    let rows: [Row<'_>; 4] = [
        ("GET", "/files/{}", &[]),
        ("DELETE", "/files/{}", &[]),
        ("GET", "/uploads/{}", &[]),
        (
            "PATCH",
            "/uploads/{}",
            &[
                ("upload-offset", "4"),
                ("content-type", "application/partial-upload"),
                ("upload-complete", "?1"),
            ],
        ),
    ];
    for (method, path, fields) in rows {
        let ask = async |id: &str| {
            let call = tus(&scene.bob, method, &path.replace("{}", id));
            fields.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await
        };
        let (foreign, absent) = (ask(&finished).await, ask(NOBODYS).await);
        assert_eq!(told(&foreign, &finished), told(&absent, NOBODYS), "{method} {path}");
        assert_eq!(foreign.status, 404, "{method} {path}");
    }
    scene.is_untouched().await;
    assert_eq!(tus(&scene.ann, "GET", &format!("/files/{finished}")).send().await.expect(200).body, "abcd");
}

#[tokio::test]
async fn the_tutorials_routes_find_nothing_of_somebody_else() {
    let scene = Scene::open().await;
    let part = |id: &str| format!("/file/mpupload/uppart?uploadid={id}&index=1");
    for (what, path) in [("status", "status"), ("cancel", "cancel"), ("complete", "complete")] {
        let ask = async |id: &str| {
            scene.bob.post_form(&format!("/file/mpupload/{path}"), &format!("uploadid={id}")).await
        };
        let (foreign, absent) = (ask(&scene.upload).await, ask(NOBODYS).await);
        assert_eq!(told(&foreign, &scene.upload), told(&absent, NOBODYS), "{what}");
        assert_eq!(foreign.expect(404).json()["code"], -3, "{what}");
    }
    let foreign = scene.bob.post(&part(&scene.upload), scene.content.bytes()).await;
    let absent = scene.bob.post(&part(NOBODYS), scene.content.bytes()).await;
    assert_eq!(told(&foreign, &scene.upload), told(&absent, NOBODYS));
    assert_eq!(foreign.expect(404).json()["code"], -3);
    // By the hash of ann's file, which bob knows.
    let hash = scene.content.sha1();
    for route in ["meta", "download", "downloadurl", "delete", "update"] {
        let form = format!("filehash={hash}&op=0&filename=mine");
        let answer = scene.bob.post_form(&format!("/file/{route}"), &form).await.expect(404).json();
        assert_eq!(answer["code"], -4, "{route}");
    }
    let instant = format!("filehash={hash}&filesize={LENGTH}&filename=mine");
    assert_eq!(scene.bob.post_form("/file/fastupload", &instant).await.expect(200).json()["code"], -1);
    assert_eq!(scene.bob.post_form("/file/query", "").await.expect(200).json()["data"], json!([]));
    scene.is_untouched().await;
}

#[tokio::test]
async fn whoever_is_known_goes_by_no_other_name() {
    let scene = Scene::open().await;
    let hash = scene.content.sha1();
    for path in ["/v1/me", "/v1/files", "/v1/files/a.bin", "/v1/uploads"] {
        let by_field = scene.bob.user("ann").get(path).await;
        by_field.expect_problem(404, "no_user");
        scene.bob.get(&format!("{path}?user=ann")).await.expect_problem(404, "no_user");
        scene.bob.get(&format!("{path}?user=eve")).await.expect_problem(404, "no_user");
    }
    for form in [format!("username=ann&filehash={hash}"), format!("user=ann&filehash={hash}")] {
        let answer = scene.bob.post_form("/file/meta", &form).await.expect(404).json();
        assert_eq!(answer["code"], -17);
    }
    let answer = scene.bob.get(&format!("/file/download?username=ann&filehash={hash}")).await;
    assert_eq!(answer.expect(404).json()["code"], -17);
    scene.bob.user("bob").get("/v1/me").await.expect(200);
    scene.ann.get("/v1/me?user=ann").await.expect(200);
    scene.is_untouched().await;
}

#[tokio::test]
async fn nobody_joins_a_part_of_somebody_else() {
    let scene = Scene::open().await;
    let join = async |client: &Client, parts: &str| {
        tus(client, "POST", "/files/").header("upload-concat", &format!("final;{parts}")).send().await
    };
    let own =
        tus(&scene.bob, "POST", "/files/").header("upload-concat", "partial").header("upload-length", "0");
    let own = own.send().await.expect(201).header("location").unwrap().to_owned();
    for (parts, of_nobody) in [
        (format!("/files/{}", scene.partial), format!("/files/{NOBODYS}")),
        (format!("{own} /files/{}", scene.partial), format!("{own} /files/{NOBODYS}")),
        (
            format!("http://{}/files/{}", scene.daemon.address(), scene.partial),
            format!("http://{}/files/{NOBODYS}", scene.daemon.address()),
        ),
    ] {
        let (foreign, absent) = (join(&scene.bob, &parts).await, join(&scene.bob, &of_nobody).await);
        assert_eq!(told(&foreign, &scene.partial), told(&absent, NOBODYS), "{parts}");
        assert_eq!(foreign.status, 404);
    }
    let id = own.rsplit('/').next().unwrap();
    tus(&scene.bob, "DELETE", &format!("/files/{id}")).send().await.expect(204);
    scene.is_untouched().await;
    join(&scene.ann, &format!("/files/{}", scene.partial)).await.expect(201);
}
