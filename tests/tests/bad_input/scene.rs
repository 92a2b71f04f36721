//! What these tests begin and end with: a daemon, and the proof that bad input left nothing in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cairn_tests::{Builder, Client, Content, Daemon, LIMIT, left_behind};
use serde_json::{Value, json};

/// Bytes of a chunk in these tests.
pub(crate) const CHUNK: u64 = 1000;

/// How often is looked whether the sweeper has been there.
const LOOK: Duration = Duration::from_millis(50);

/// A daemon, and what lay in its data directory before anything was asked of it.
pub(crate) struct Scene {
    pub(crate) daemon: Daemon,
    pub(crate) client: Client,
    before: Left,
}

/// Rows of each table of the catalog, and objects.
type Left = (BTreeMap<String, u64>, Vec<PathBuf>);

impl Scene {
    /// A daemon that sweeps all the time, without grace, and remembers nothing.
    pub(crate) async fn open() -> Self {
        Self::with(Daemon::builder()).await
    }

    /// The same, with these settings.
    pub(crate) async fn with(builder: Builder) -> Self {
        let builder = builder.env("CAIRN__SWEEP__INTERVAL", "200ms").env("CAIRN__SWEEP__GRACE", "0s");
        let daemon = builder.env("CAIRN__SWEEP__REMEMBER", "0s").start().await;
        let client = daemon.client();
        let before = left(&daemon, &[]);
        Self { daemon, client, before }
    }

    /// An open upload of three chunks, the last of one byte; its path in the API.
    pub(crate) async fn upload(&self) -> (String, Content) {
        let content = Content::new(3, 2 * CHUNK + 1);
        let wish = json!({ "path": "a/b.bin", "length": content.length(), "chunk_size": CHUNK });
        let upload = self.client.create_upload(&wish).await;
        (path_of(&upload), content)
    }

    /// Asserts that the daemon is well, ends what is open, and asserts that the sweeper leaves all as it was at first.
    pub(crate) async fn close(self) {
        self.client.get("/readyz").await.expect(200);
        for upload in self.uploads("open").await {
            self.client.delete(&path_of(&upload)).await.expect(204);
        }
        // What a finished upload made is accounted for by its record, as long as that is remembered.
        let finished = self.uploads("complete").await;
        let finished: Vec<&str> =
            finished.iter().map(|upload| upload["upload_id"].as_str().unwrap()).collect();
        let begun = Instant::now();
        while left(&self.daemon, &finished) != self.before && begun.elapsed() < LIMIT {
            tokio::time::sleep(LOOK).await;
        }
        assert_eq!(left(&self.daemon, &finished), self.before);
        let log = self.daemon.log();
        assert!(!log.contains("panicked") && !log.contains("cut short"), "something panicked");
    }

    /// The caller's uploads of a state.
    pub(crate) async fn uploads(&self, state: &str) -> Vec<Value> {
        let all = self.client.get(&format!("/v1/uploads?state={state}&limit=1000")).await.expect(200).json();
        all["items"].as_array().unwrap().clone()
    }

    /// The chunks that an upload lacks.
    pub(crate) async fn missing(&self, upload: &str) -> Value {
        self.client.get(upload).await.expect(200).json()["missing"].clone()
    }
}

/// The path of an upload's document in the API.
pub(crate) fn path_of(upload: &Value) -> String {
    format!("/v1/uploads/{}", upload["upload_id"].as_str().unwrap())
}

fn left(daemon: &Daemon, finished: &[&str]) -> Left {
    let root = daemon.seen_data_dir();
    let mut rows = left_behind::row_counts(&root);
    rows.retain(|table, _| table.starts_with("catalog"));
    let objects = left_behind::files(&root).into_keys().filter(|path| is_object(path, finished)).collect();
    (rows, objects)
}

/// Whether it lies where uploads and blobs do, and not in the folder of one of these uploads.
fn is_object(path: &Path, finished: &[&str]) -> bool {
    let is = |part: &std::ffi::OsStr| part == "uploads" || part == "merged" || part == "files";
    let of_finished = |part: &std::ffi::OsStr| finished.iter().any(|id| part == *id);
    path.iter().any(is) && !path.iter().any(of_finished)
}
