//! A daemon, a file, and a program of others that uploads it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use cairn_tests::{Builder, Content, Daemon, LIMIT, left_behind, workspace};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

pub(crate) const MIB: u64 = 1 << 20;
/// How long a client may take.
const PATIENCE: Duration = LIMIT;

pub(crate) struct Scene {
    pub(crate) daemon: Daemon,
    pub(crate) content: Content,
    folder: TempDir,
}

/// What a client did.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) succeeded: bool,
    pub(crate) printed: String,
    pub(crate) complained: String,
}

impl Scene {
    /// A daemon with nothing special, and a file of 12 MiB and a bit: no multiple of any chunk size.
    pub(crate) async fn open(seed: u64) -> Self {
        Self::open_with(Daemon::builder(), seed).await
    }

    pub(crate) async fn open_with(builder: Builder, seed: u64) -> Self {
        let content = Content::new(seed, 12 * MIB + 345);
        let folder = TempDir::with_prefix("cairn-").unwrap();
        std::fs::write(folder.path().join("file"), content.bytes()).unwrap();
        Self { daemon: builder.start().await, content, folder }
    }

    /// The file that is uploaded.
    pub(crate) fn file(&self) -> String {
        self.path("file")
    }

    /// A path beside it.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Where tus clients are told to upload.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}/files/", self.daemon.address())
    }

    /// The file under that name has the bytes that were sent, and there is nothing else: no upload that is open, no
    /// other file.
    pub(crate) async fn expect_only(&self, name: &str) {
        let client = self.daemon.client();
        let stored = client.download(&format!("/v1/files/{name}")).await;
        assert_eq!(
            (stored.status, stored.length, stored.blake3),
            (200, self.content.length(), self.content.blake3())
        );
        let open = client.get("/v1/uploads?state=open").await.expect(200).json();
        assert_eq!(open["items"], json!([]));
        let files = client.get("/v1/files").await.expect(200).json();
        assert_eq!(files["items"].as_array().unwrap().len(), 1, "{files}");
        let files = left_behind::files(&self.daemon.seen_data_dir()).into_iter();
        let bytes = files.filter(|(path, _)| !path.to_string_lossy().contains(".sqlite"));
        let kept: u64 = bytes.map(|(_, length)| length).sum();
        let (least, most) = (self.content.length(), self.content.length() + MIB / 2);
        assert!((least..most).contains(&kept), "{kept} bytes are kept of {least}");
    }
}

/// A program with one of `tests/clients`' scripts.
pub(crate) fn script(program: impl Into<PathBuf>, name: &str) -> Command {
    let program = program.into();
    let own = workspace().join("target/tools").join(&program);
    let mut command = Command::new(if own.is_file() { own } else { program });
    command.arg(workspace().join("tests/clients").join(name)).kill_on_drop(true).stdin(Stdio::null());
    command
}

/// Runs a client to its end.
pub(crate) async fn run(command: &mut Command) -> Run {
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{command:?} did not end in time"));
    let output =
        output.unwrap_or_else(|error| panic!("{command:?}: {error}; tests/run installs what is missing"));
    let text = |bytes| String::from_utf8(bytes).unwrap().trim().to_owned();
    Run { succeeded: output.status.success(), printed: text(output.stdout), complained: text(output.stderr) }
}

impl Run {
    /// The address that a client printed after it uploaded everything.
    pub(crate) fn address(self) -> String {
        assert!(self.succeeded, "{}{}", self.printed, self.complained);
        assert!(self.printed.starts_with("http://"), "{}{}", self.printed, self.complained);
        self.printed
    }
}
