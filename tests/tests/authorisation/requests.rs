//! A request of each route, about a thing of the owner's.

use cairn_tests::{Answer, Client, binary};
use serde_json::json;

/// A route as the daemon prints it.
pub(crate) struct Route {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) needed: String,
}

impl Route {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether it is about one upload or file, and not about everything that the asker has.
    pub(crate) fn is_about_a_thing(&self) -> bool {
        let by_parameter = self.path.starts_with("/file/")
            && !["/file/mpupload/init", "/file/query", "/file/fastupload"].contains(&self.path.as_str());
        (self.path.contains('{') || by_parameter) && self.method != "OPTIONS"
    }
}

/// Every route that the daemon has.
pub(crate) async fn routes() -> Vec<Route> {
    let printed =
        tokio::process::Command::new(binary("cairnd")).arg("--print-routes").output().await.unwrap();
    assert!(printed.status.success(), "{printed:?}");
    let text = String::from_utf8(printed.stdout).unwrap();
    let route = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        let mut next = || words.next().unwrap();
        Route { method: next(), path: next(), needed: next() }
    };
    text.lines().map(route).collect()
}

/// An upload of four bytes, none of which is there, and a file with the upload that it came from.
pub(crate) struct Target {
    pub(crate) upload: String,
    finished: String,
    pub(crate) file: String,
    hash: String,
    number: usize,
}

impl Target {
    pub(crate) async fn make(owner: &Client, number: usize) -> Self {
        let bytes = format!("file {number}");
        let (file, hash) = (format!("file-{number}"), sha1(bytes.as_bytes()));
        let wish = json!({ "path": file, "length": bytes.len(), "digest": format!("sha1:{hash}") });
        let finished = id_of(owner, &wish).await;
        owner.put(&format!("/v1/uploads/{finished}/chunks/1"), bytes.into_bytes()).await.expect(200);
        owner.post(&format!("/v1/uploads/{finished}/complete"), "").await.expect(200);
        let upload = id_of(owner, &json!({ "path": format!("upload-{number}"), "length": 4 })).await;
        Self { upload, finished, file, hash, number }
    }

    /// One that nobody has.
    pub(crate) fn absent(number: usize) -> Self {
        let upload = format!("{:032x}", 0xab5e_0000 + number);
        Self {
            finished: upload.clone(),
            upload,
            file: format!("absent-{number}"),
            hash: format!("{:040x}", 0xab5e_0000 + number),
            number,
        }
    }
}

fn sha1(bytes: &[u8]) -> String {
    use sha1::Digest as _;
    sha1::Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn id_of(owner: &Client, wish: &serde_json::Value) -> String {
    owner.create_upload(wish).await["upload_id"].as_str().unwrap().to_owned()
}

/// Asks for what the route does, about this target.
pub(crate) async fn request(client: &Client, route: &Route, target: &Target, link: Option<&str>) -> Answer {
    let path = route.path.replace("{*path}", &target.file).replace("{number}", "1");
    // tus reads the content of what is finished.
    let reads = route.method == "GET" && route.path.starts_with("/files");
    let upload = if reads { &target.finished } else { &target.upload };
    let path = path.replace("{id}", upload).replace("{*id}", upload);
    let mut query: Vec<String> = link.map(|link| format!("link={link}")).into_iter().collect();
    if route.path.starts_with("/file/") {
        query.extend(parameters(&route.path, target));
    }
    let target_text = if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) };
    let mut call = client.call(&route.method, &target_text);
    let (fields, body) = what(route, target);
    for (name, value) in fields {
        call = call.header(name, value);
    }
    call.body(body).send().await
}

/// The tutorial's parameters.
fn parameters(path: &str, target: &Target) -> Vec<String> {
    let Target { upload, hash, number, .. } = target;
    let named = match path {
        "/file/mpupload/init" | "/file/fastupload" => {
            format!("filehash={:040x}&filesize=3&filename=compat-{number}", 0xc0_0000 + number)
        }
        "/file/mpupload/uppart" => format!("uploadid={upload}&index=1"),
        "/file/mpupload/complete" | "/file/mpupload/status" | "/file/mpupload/cancel" => {
            format!("uploadid={upload}")
        }
        "/file/query" => "limit=5".to_owned(),
        "/file/update" => format!("op=0&filehash={hash}&filename=renamed-{number}"),
        "/file/meta" | "/file/delete" | "/file/download" | "/file/downloadurl" => format!("filehash={hash}"),
        other => panic!("{other} has no request here: add one"),
    };
    vec![named]
}

type Fields = Vec<(&'static str, &'static str)>;

/// Fields and body of a request.
fn what(route: &Route, target: &Target) -> (Fields, Vec<u8>) {
    let json = |value: serde_json::Value| {
        (vec![("content-type", "application/json")], value.to_string().into_bytes())
    };
    let none = || (Vec::new(), Vec::new());
    let bytes = |fields: Fields| (fields, b"abcd".to_vec());
    let path = route.path.as_str();
    if path.starts_with("/files") {
        return tus(&route.method);
    }
    if path.starts_with("/uploads") {
        return draft(&route.method);
    }
    match (route.method.as_str(), path) {
        ("GET" | "OPTIONS" | "DELETE", _) => none(),
        ("POST", "/v1/links") => json(json!({ "for": "download", "path": target.file })),
        ("POST", "/v1/uploads") => json(json!({ "path": format!("more-{}", target.number), "length": 4 })),
        ("POST", "/v1/uploads/{id}/proof") => json(json!({ "answer": "0".repeat(64) })),
        ("POST", "/v1/uploads/{id}/complete") => none(),
        ("PATCH", "/v1/uploads/{id}") => {
            bytes(vec![("upload-offset", "0"), ("content-type", "application/octet-stream")])
        }
        ("PUT", "/v1/uploads/{id}/chunks/{number}") => bytes(Vec::new()),
        ("PUT", "/v1/files/" | "/v1/files/{*path}") => bytes(Vec::new()),
        ("POST", "/v1/files/" | "/v1/files/{*path}") => {
            json(json!({ "copy_to": format!("copy-{}", target.number) }))
        }
        ("POST", "/file/mpupload/uppart") => bytes(Vec::new()),
        ("POST", path) if path.starts_with("/file/") => none(),
        (method, path) => panic!("{method} {path} has no request here: add one"),
    }
}

fn tus(method: &str) -> (Fields, Vec<u8>) {
    const VERSION: (&str, &str) = ("tus-resumable", "1.0.0");
    const BYTES: (&str, &str) = ("content-type", "application/offset+octet-stream");
    match method {
        "PATCH" => (vec![VERSION, BYTES, ("upload-offset", "0")], b"ab".to_vec()),
        "POST" => (
            vec![
                VERSION,
                BYTES,
                ("upload-length", "4"),
                ("upload-offset", "0"),
                ("x-http-method-override", "PATCH"),
            ],
            b"ab".to_vec(),
        ),
        "HEAD" | "GET" | "DELETE" | "OPTIONS" => (vec![VERSION], Vec::new()),
        other => panic!("tus has no {other} here: add one"),
    }
}

fn draft(method: &str) -> (Fields, Vec<u8>) {
    const VERSION: (&str, &str) = ("upload-draft-interop-version", "8");
    match method {
        "PATCH" => (
            vec![
                VERSION,
                ("content-type", "application/partial-upload"),
                ("upload-offset", "0"),
                ("upload-complete", "?0"),
            ],
            b"ab".to_vec(),
        ),
        "POST" => (vec![VERSION, ("upload-complete", "?0")], b"ab".to_vec()),
        "HEAD" | "GET" | "DELETE" | "OPTIONS" => (vec![VERSION], Vec::new()),
        other => panic!("the draft has no {other} here: add one"),
    }
}
