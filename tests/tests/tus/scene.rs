//! A daemon, and a client that speaks tus to it.

use cairn_tests::{Answer, Body, Builder, Call, Client, Daemon};

/// The type of a body that is bytes of an upload.
pub(crate) const BYTES: &str = "application/offset+octet-stream";

/// A daemon and its client.
pub(crate) struct Scene {
    pub(crate) daemon: Daemon,
    pub(crate) tus: Tus,
}

impl Scene {
    pub(crate) async fn open() -> Self {
        Self::with(Daemon::builder()).await
    }

    pub(crate) async fn with(builder: Builder) -> Self {
        let daemon = builder.start().await;
        let tus = Tus(daemon.client());
        Self { daemon, tus }
    }
}

/// A client that says the version.
#[derive(Clone)]
pub(crate) struct Tus(pub(crate) Client);

impl Tus {
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        self.0.call(method, path).header("tus-resumable", "1.0.0")
    }

    /// A new upload; its path.
    pub(crate) async fn create(&self, length: u64) -> String {
        path_of(&self.call("POST", "/files/").header("upload-length", &length.to_string()).send().await)
    }

    /// A new upload whose length is not told; its path.
    pub(crate) async fn create_deferred(&self) -> String {
        path_of(&self.call("POST", "/files/").header("upload-defer-length", "1").send().await)
    }

    pub(crate) fn patching(&self, path: &str, offset: u64) -> Call {
        let call = self.call("PATCH", path).header("content-type", BYTES);
        call.header("upload-offset", &offset.to_string())
    }

    pub(crate) async fn patch(&self, path: &str, offset: u64, body: impl Into<Body>) -> Answer {
        self.patching(path, offset).body(body).send().await
    }

    pub(crate) async fn head(&self, path: &str) -> Answer {
        self.call("HEAD", path).send().await
    }

    /// The offset that `HEAD` tells.
    pub(crate) async fn offset(&self, path: &str) -> u64 {
        self.head(path).await.expect(200).header("upload-offset").unwrap().parse().unwrap()
    }

    /// The content of a finished upload.
    pub(crate) async fn content(&self, path: &str) -> bytes::Bytes {
        self.0.get(path).await.expect(200).body
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
