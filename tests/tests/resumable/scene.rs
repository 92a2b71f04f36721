//! A daemon, and a client that speaks the draft to it.

use cairn_tests::{Answer, Body, Builder, Call, Client, Daemon};

/// The type of a body that is a part of an upload.
pub(crate) const PART: &str = "application/partial-upload";

/// A daemon and its client.
pub(crate) struct Scene {
    pub(crate) daemon: Daemon,
    pub(crate) draft: Draft,
}

impl Scene {
    pub(crate) async fn open() -> Self {
        Self::with(Daemon::builder()).await
    }

    pub(crate) async fn with(builder: Builder) -> Self {
        let daemon = builder.start().await;
        let draft = Draft(daemon.client());
        Self { daemon, draft }
    }
}

/// A client that says the version.
#[derive(Clone)]
pub(crate) struct Draft(pub(crate) Client);

impl Draft {
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        self.0.call(method, path).header("upload-draft-interop-version", "8")
    }

    /// A new upload with nothing in it; its path.
    pub(crate) async fn create(&self, length: Option<u64>) -> String {
        let mut call = self.call("POST", "/uploads/").header("upload-complete", "?0");
        if let Some(length) = length {
            call = call.header("upload-length", &length.to_string());
        }
        path_of(&call.send().await)
    }

    pub(crate) fn patching(&self, path: &str, offset: u64, complete: &str) -> Call {
        let call = self.call("PATCH", path).header("content-type", PART).header("upload-complete", complete);
        call.header("upload-offset", &offset.to_string())
    }

    pub(crate) async fn patch(
        &self,
        path: &str,
        offset: u64,
        complete: &str,
        body: impl Into<Body>,
    ) -> Answer {
        self.patching(path, offset, complete).body(body).send().await
    }

    pub(crate) async fn head(&self, path: &str) -> Answer {
        self.call("HEAD", path).send().await
    }

    /// The offset that `HEAD` tells.
    pub(crate) async fn offset(&self, path: &str) -> u64 {
        self.head(path).await.expect(204).header("upload-offset").unwrap().parse().unwrap()
    }

    /// The content of a finished upload, as its file has it.
    pub(crate) async fn content(&self, path: &str) -> bytes::Bytes {
        let upload = self.0.get(&path.replace("/uploads/", "/v1/uploads/")).await.expect(200).json();
        let name = upload["file"]["path"].as_str().unwrap().to_owned();
        self.0.get(&format!("/v1/files/{name}")).await.expect(200).body
    }
}

/// The path of the upload that an answer made.
#[track_caller]
pub(crate) fn path_of(created: &Answer) -> String {
    assert_eq!(created.status, 201, "{created:?}");
    let location = created.header("location").unwrap();
    let rest = location.strip_prefix("http://").unwrap();
    rest[rest.find('/').unwrap()..].to_owned()
}
