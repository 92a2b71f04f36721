//! SIGKILL while the storage service is at work: in a long append, a merge, a move. What was acknowledged is there,
//! readers see the right bytes, the work goes on when it is asked for again, and nothing is left in the bucket.
//!
//! The moment is a request to the service that is left hanging, before or after the service did it. It is asked of moto,
//! because that lists the multipart uploads that a killed process leaves.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicU64, Ordering};

use cairn_tests::{Asked, Client, Content, Daemon, Fault, MotoBucket, S3Faults};
use serde_json::json;

const MIB: u64 = 1 << 20;
/// The smallest extent that the service copies by itself.
const CHUNK: u64 = 5 * MIB;

/// A daemon on a bucket of its own, with two storages in it, and a proxy between that holds requests.
struct Scene {
    daemon: Daemon,
    bucket: MotoBucket,
    faults: S3Faults,
}

impl Scene {
    async fn open() -> Self {
        let bucket = tokio::task::spawn_blocking(MotoBucket::make).await.unwrap();
        let faults = S3Faults::before(bucket.address()).await;
        let mut toml = "[merge]\nmode = \"manual\"\n[sweep]\ngrace = \"0s\"\ninterval = \"1h\"\nmax_orphan_percent = 100\n\
                        [uploads]\nroll_bytes = \"6MiB\"\n"
            .to_owned();
        for (section, root) in [("storage", "/near"), ("storages.far", "/far")] {
            toml.push_str(&format!("[{section}]\nscheme = \"s3\"\n[{section}.options]\nroot = \"{root}\"\n"));
            for (name, value) in bucket.options_at(&faults.endpoint()) {
                toml.push_str(&format!("{name} = \"{value}\"\n"));
            }
        }
        let daemon = Daemon::builder().config(&toml).start().await;
        Self { daemon, bucket, faults }
    }

    /// Kills the daemon while the work waits for the first request that the question holds for.
    async fn kill_during(
        &mut self,
        work: impl Future<Output = ()>,
        fault: Fault,
        question: impl Fn(&Asked) -> bool + Send + 'static,
    ) {
        self.faults.once(fault, question);
        let killing = async {
            self.faults.hung().await;
            self.daemon.kill9().await;
        };
        // The work is cut off with the daemon.
        tokio::join!(work, killing);
        self.faults.calm();
        self.daemon.restart().await;
    }

    /// The same while `cairnctl` asks for something.
    async fn kill_during_verb(
        &mut self,
        verb: &[&str],
        fault: Fault,
        question: impl Fn(&Asked) -> bool + Send + 'static,
    ) {
        self.faults.once(fault, question);
        let asking = self.daemon.cairnctl(verb);
        tokio::select! {
            printed = asking => panic!("{verb:?} ended: {printed:?}"),
            () = self.faults.hung() => {}
        }
        self.daemon.kill9().await;
        self.faults.calm();
        self.daemon.restart().await;
    }

    /// The objects in the bucket, and how many multipart uploads nobody has ended.
    fn bucket(&self) -> (Vec<String>, usize) {
        let listed = self.bucket.ask("GET", "?list-type=2");
        let keys = listed.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap().to_owned());
        // By its marker a storage knows itself again.
        let keys = keys.filter(|key: &String| !key.ends_with("/marker"));
        (keys.collect(), self.bucket.ask("GET", "?uploads").matches("<UploadId>").count())
    }

    /// Sweeps until nothing more goes; the objects that are left. No multipart upload is.
    async fn swept(&self) -> Vec<String> {
        for _ in 0..3 {
            self.daemon.operator(&["sweep"]).await;
        }
        let (keys, unfinished) = self.bucket();
        assert_eq!(unfinished, 0, "multipart uploads are left: {}", self.bucket.ask("GET", "?uploads"));
        keys
    }

    async fn reads(&self, content: Content) {
        let file = self.daemon.client().download("/v1/files/a.bin").await;
        assert_eq!((file.status, file.length, file.sha1), (200, content.length(), content.sha1()));
    }

    /// Removes the file; nothing of it stays.
    async fn nothing_stays(&self) {
        self.daemon.client().delete("/v1/files/a.bin").await.expect(204);
        assert_eq!(self.swept().await, [""; 0]);
    }
}

/// A file of this content in chunks.
async fn file(client: &Client, content: Content) {
    let wish = json!({ "path": "a.bin", "length": content.length(), "chunk_size": CHUNK });
    let id = client.create_upload(&wish).await["upload_id"].as_str().unwrap().to_owned();
    for number in 1..=content.chunk_count(CHUNK) {
        let chunk = content.chunk(number, CHUNK);
        client.put(&format!("/v1/uploads/{id}/chunks/{number}"), chunk).await.expect(200);
    }
    client.post(&format!("/v1/uploads/{id}/complete"), "").await.expect(200);
}

/// Killed in a merge at this request, then merged again.
async fn merge_killed(fault: Fault, question: impl Fn(&Asked) -> bool + Send + 'static) {
    let mut scene = Scene::open().await;
    let content = Content::new(21, 2 * CHUNK + 1000);
    file(&scene.daemon.client(), content).await;
    scene.kill_during_verb(&["blobs", "merge", "--all"], fault, question).await;
    scene.reads(content).await;
    assert_eq!(scene.swept().await.len(), 3, "the chunks, and nothing of the merge");
    scene.daemon.operator(&["blobs", "merge", "--all"]).await;
    scene.reads(content).await;
    let left = scene.swept().await;
    assert!(left.len() == 1 && left[0].starts_with("near/merged/"), "{left:?}");
    scene.reads(content).await;
    scene.nothing_stays().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_is_killed_between_two_parts() {
    merge_killed(Fault::Hanging, |asked| {
        asked.is("PUT", "/merged/") && asked.target.contains("partNumber=2")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_is_killed_when_the_object_is_whole_and_the_blob_does_not_name_it_yet() {
    merge_killed(Fault::DoneButHanging, |asked| asked.completes() && asked.target.contains("/merged/")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_is_killed_when_the_blob_names_the_object_and_the_chunks_are_still_there() {
    let mut scene = Scene::open().await;
    let content = Content::new(22, 2 * CHUNK + 1000);
    file(&scene.daemon.client(), content).await;
    scene.daemon.operator(&["blobs", "merge", "--all"]).await;
    scene.daemon.kill9().await;
    scene.daemon.restart().await;
    scene.reads(content).await;
    // The chunks go one by one or together; the daemon is killed in the middle of that, too.
    let removes = |asked: &Asked| asked.method == "DELETE" || asked.is("POST", "?delete");
    let before = scene.bucket().0;
    assert_eq!(before.len(), 4, "{before:?}");
    scene.kill_during_verb(&["sweep"], Fault::DoneButHanging, removes).await;
    scene.reads(content).await;
    let left = scene.swept().await;
    assert!(left.len() == 1 && left[0].starts_with("near/merged/"), "{left:?}");
    scene.reads(content).await;
    scene.nothing_stays().await;
}

const MOVE: &[&str] = &["blobs", "move", "--to", "far", "--all", "--yes"];

/// Killed in a move at this request, then moved again.
async fn move_killed(fault: Fault, question: impl Fn(&Asked) -> bool + Send + 'static) {
    let mut scene = Scene::open().await;
    let content = Content::new(23, 2 * CHUNK + 1000);
    file(&scene.daemon.client(), content).await;
    scene.kill_during_verb(MOVE, fault, question).await;
    scene.reads(content).await;
    let before = scene.swept().await;
    assert!(before.iter().all(|key| key.starts_with("near/")) && before.len() == 3, "{before:?}");
    scene.daemon.operator(MOVE).await;
    scene.reads(content).await;
    let after = scene.swept().await;
    assert!(after.iter().all(|key| key.starts_with("far/")) && !after.is_empty(), "{after:?}");
    scene.reads(content).await;
    scene.nothing_stays().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_is_killed_in_the_middle_of_the_copy() {
    move_killed(Fault::DoneButHanging, |asked| {
        asked.is("PUT", "/far/") && asked.target.contains("partNumber=2")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_is_killed_when_the_copy_is_whole_and_the_blob_does_not_name_it_yet() {
    move_killed(Fault::DoneButHanging, |asked| asked.completes() && asked.target.contains("/far/")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_is_killed_when_the_blob_names_the_copy_and_the_first_is_still_there() {
    let mut scene = Scene::open().await;
    let content = Content::new(24, 2 * CHUNK + 1000);
    file(&scene.daemon.client(), content).await;
    scene.daemon.operator(MOVE).await;
    scene.daemon.kill9().await;
    scene.daemon.restart().await;
    scene.reads(content).await;
    let removes = |asked: &Asked| asked.method == "DELETE" || asked.is("POST", "?delete");
    scene.kill_during_verb(&["sweep"], Fault::Hanging, removes).await;
    scene.reads(content).await;
    let left = scene.swept().await;
    assert!(left.iter().all(|key| key.starts_with("far/")) && !left.is_empty(), "{left:?}");
    scene.reads(content).await;
    scene.nothing_stays().await;
}

/// Appends one body through tus; the answer, if there is one.
async fn append(client: &Client, upload: &str, content: Content, from: u64, to: u64) -> Option<u16> {
    let call = client.call("PATCH", upload).header("tus-resumable", "1.0.0");
    let call = call.header("content-type", "application/offset+octet-stream");
    let call = call.header("upload-offset", &from.to_string()).body(content.range(from..to));
    call.try_send().await.ok().map(|answer| answer.status)
}

/// Killed while a long append is at this request for its second or a later object; then it goes on.
async fn roll_killed(fault: Fault, question: impl Fn(&Asked) -> bool + Send + 'static) {
    let mut scene = Scene::open().await;
    let content = Content::new(25, 20 * MIB);
    let client = scene.daemon.client();
    let call = client.call("POST", "/files/").header("tus-resumable", "1.0.0");
    // That is `a.bin`.
    let call = call.header("upload-metadata", "filename YS5iaW4=");
    let created = call.header("upload-length", &content.length().to_string()).send().await.expect(201);
    let location = created.header("location").unwrap();
    let rest = location.strip_prefix("http://").unwrap();
    let upload = rest[rest.find('/').unwrap()..].to_owned();
    assert_eq!(append(&client, &upload, content, 0, MIB).await, Some(204));
    let work = {
        let (client, upload) = (client.clone(), upload.clone());
        async move { assert_eq!(append(&client, &upload, content, MIB, content.length()).await, None) }
    };
    scene.kill_during(work, fault, question).await;
    let client = scene.daemon.client();
    let head = client.call("HEAD", &upload).header("tus-resumable", "1.0.0").send().await.expect(200);
    let offset: u64 = head.header("upload-offset").unwrap().parse().unwrap();
    // What was acknowledged and the first object of the long one are there; the second may be.
    assert!(offset == 7 * MIB || offset == 13 * MIB, "{offset}");
    assert_eq!(append(&client, &upload, content, offset, content.length()).await, Some(204));
    let file = client.download(&upload).await;
    assert_eq!((file.status, file.length, file.sha1), (200, content.length(), content.sha1()));
    let offsets: Vec<String> = (scene.swept().await.iter())
        .map(|key| key.rsplit('/').next().unwrap().split('-').next().unwrap().to_owned())
        .collect();
    // One for each stretch, and none beside them.
    let expected = [0, 1, 7, 13, 19].map(|at: u64| format!("{:016x}", at * MIB));
    assert_eq!(offsets, expected);
    scene.nothing_stays().await;
}

/// The second object that is put together.
fn second_whole() -> impl Fn(&Asked) -> bool + Send {
    let completed = AtomicU64::new(0);
    move |asked| asked.completes() && completed.fetch_add(1, Ordering::Relaxed) == 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_append_is_killed_before_its_second_object_is_whole() {
    roll_killed(Fault::Hanging, second_whole()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_append_is_killed_when_its_second_object_is_whole_and_not_recorded_yet() {
    roll_killed(Fault::DoneButHanging, second_whole()).await;
}
