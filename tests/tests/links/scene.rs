//! A daemon that signs links, ann who has a file, and somebody who has nothing but a link.

use cairn_tests::{Answer, Builder, Client, Content, Daemon};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const LENGTH: u64 = 3_000;

pub(crate) fn content() -> Content {
    Content::new(1, LENGTH)
}

/// Keys in files of their own.
pub(crate) struct KeyRing(TempDir);

impl KeyRing {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for id in ["one", "two"] {
            std::fs::write(folder.path().join(id), format!("{id}: a secret of more than 32 bytes\n"))
                .unwrap();
        }
        Self(folder)
    }

    /// A configuration with these keys.
    pub(crate) fn config(&self, ids: &[&str]) -> String {
        let keys = ids.iter().map(|id| format!("\"{id}={}\"", self.0.path().join(id).display()));
        let keys = keys.collect::<Vec<_>>().join(", ");
        format!("[auth]\nmode = \"tokens\"\n[links]\nkeys = [{keys}]\n[log]\nlevel = \"debug\"\n")
    }
}

pub(crate) struct Scene {
    pub(crate) daemon: Daemon,
    pub(crate) ann: Client,
    /// Has no credentials.
    pub(crate) somebody: Client,
    _keys: KeyRing,
}

impl Scene {
    pub(crate) async fn open() -> Self {
        let keys = KeyRing::new();
        let builder: Builder = Daemon::builder().config(&keys.config(&["one"]));
        let daemon = builder.start().await;
        let ann = daemon.client_of("ann").await;
        ann.put("/v1/files/a%20file.bin", content().bytes()).await.expect(201);
        Self { somebody: daemon.client(), daemon, ann, _keys: keys }
    }

    pub(crate) async fn download(&self, wish: Value) -> String {
        let mut wish = wish;
        wish["for"] = json!("download");
        wish["path"] = json!("a file.bin");
        target(&link(&self.ann, &wish).await["url"])
    }

    /// The targets of `PUT` and of tus.
    pub(crate) async fn upload(&self, wish: Value) -> (String, String) {
        let mut wish = wish;
        wish["for"] = json!("upload");
        wish["path"] = json!("in/box.bin");
        let link = link(&self.ann, &wish).await;
        (target(&link["url"]), target(&link["tus_url"]))
    }
}

pub(crate) async fn link(client: &Client, wish: &Value) -> Value {
    client.post_json("/v1/links", wish).await.expect(201).json()
}

/// An address without the host.
pub(crate) fn target(url: &Value) -> String {
    let url = url.as_str().unwrap();
    let (_, rest) = url.split_once("://").unwrap();
    rest[rest.find('/').unwrap()..].to_owned()
}

/// The text of the link in a target.
pub(crate) fn text(target: &str) -> &str {
    target.split_once("?link=").unwrap().1
}

/// Begins an upload by tus.
pub(crate) async fn begin(client: &Client, target: &str, length: u64, metadata: &str) -> Answer {
    let call = client.call("POST", target).header("tus-resumable", "1.0.0");
    let call = call.header("upload-length", &length.to_string()).header("upload-metadata", metadata);
    call.send().await
}

/// Where an upload goes on.
pub(crate) fn location(answer: &Answer) -> String {
    target(&json!(answer.header("location").unwrap()))
}

pub(crate) async fn append(
    client: &Client,
    target: &str,
    offset: u64,
    bytes: impl Into<bytes::Bytes>,
) -> Answer {
    let call = client.call("PATCH", target).header("tus-resumable", "1.0.0");
    let call = call.header("content-type", "application/offset+octet-stream");
    call.header("upload-offset", &offset.to_string()).body(bytes.into()).send().await
}
