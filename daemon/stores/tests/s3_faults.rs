//! What an S3 service that fails makes of promises: what `commit` answers is true, a retry changes nothing, and no call
//! waits for ever.
#![cfg(feature = "services-s3")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and waits for the task that it starts"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cairn_engine::Receipt;
use cairn_engine::contracts::{Failure, ObjectStore, StoreError};
use cairn_engine::testing::object_suite::{pattern, place, read_extent, receipt, store_stretch, upload};
use cairn_stores::objects::{Durability, ObjectsConfig, OpenError, Patience, open, probe};
use cairn_tests::{Asked, Fault, S3Faults, S3Server};

/// More than one part of a multipart upload.
const LONG: usize = 6 << 20;

struct Scene {
    server: S3Server,
    faults: S3Faults,
    store: Arc<dyn ObjectStore>,
}

fn config(endpoint: &str, patience: Patience) -> ObjectsConfig {
    ObjectsConfig {
        scheme: "s3".to_owned(),
        options: S3Server::options_at(endpoint),
        default_root: PathBuf::new(),
        placement: None,
        durability: Durability::Chunk,
        patience,
    }
}

impl Scene {
    async fn new() -> Self {
        Self::with(Patience { retries: 2, ..Patience::default() }).await
    }

    async fn with(patience: Patience) -> Self {
        let server = S3Server::start();
        let faults = S3Faults::before(server.address()).await;
        let store = open(&config(&faults.endpoint(), patience)).unwrap();
        Self { server, faults, store }
    }

    /// Writes a stretch of two parts, or of one.
    async fn write(&self, nonce: u128, length: usize) -> Result<(Receipt, Bytes), StoreError> {
        let bytes = pattern(7, length);
        let mut attempt = self.store.begin(&place(0, length as u64, true, nonce)).await?;
        for piece in 0..length.div_ceil(1 << 20) {
            let start = piece << 20;
            attempt.write(&mut vec![bytes.slice(start..length.min(start + (1 << 20)))]).await?;
        }
        let receipt = receipt(&*attempt, 0, &bytes);
        attempt.commit(&receipt).await?;
        Ok((receipt, bytes))
    }

    /// What was acknowledged is there, once and whole; what was not is not found.
    async fn holds(&self, acknowledged: &[(Receipt, Bytes)]) {
        self.faults.calm();
        let found = self.store.survey(upload()).await.unwrap();
        assert_eq!(found.len(), acknowledged.len(), "{found:?}");
        for (receipt, bytes) in acknowledged {
            assert!(found.iter().any(|found| found.object == receipt.extent.object));
            assert_eq!(read_extent(&*self.store, &receipt.extent).await.unwrap(), *bytes);
        }
    }
}

fn puts_object(asked: &Asked) -> bool {
    asked.is("PUT", "/uploads/")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_fails_for_now_is_sent_again() {
    let scene = Scene::new().await;
    let mut kept = Vec::new();
    for (nonce, fault) in
        [Fault::Status(500), Fault::Status(503), Fault::Status(429), Fault::Closed].into_iter().enumerate()
    {
        scene.faults.once(fault, puts_object);
        kept.push(scene.write(nonce as u128, 1000).await.unwrap());
        assert_eq!(scene.faults.faults(), nonce + 1, "{fault:?} was met");
    }
    scene.holds(&kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_whose_answer_is_lost_counts_once() {
    let scene = Scene::new().await;
    let mut kept = Vec::new();
    for (nonce, fault) in [Fault::AnswerLost, Fault::DoneButFailed].into_iter().enumerate() {
        scene.faults.once(fault, puts_object);
        kept.push(scene.write(nonce as u128, 1000).await.unwrap());
    }
    scene.holds(&kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stays_away_is_unavailable_and_nothing_counts() {
    let scene = Scene::new().await;
    scene.faults.play(|asked| (asked.method != "DELETE").then_some(Fault::Status(503)));
    let error = scene.write(1, 1000).await.unwrap_err();
    assert_eq!(error.failure, Failure::Unavailable, "{error:?}");
    scene.holds(&[]).await;
    let kept = scene.write(2, 1000).await.unwrap();
    scene.holds(&[kept]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_multipart_upload_that_was_put_together_counts_although_the_answer_says_otherwise() {
    // The server forgets the multipart upload when it is done: a repetition is told that there is none.
    for fault in [Fault::AnswerLost, Fault::DoneButFailed] {
        let scene = Scene::new().await;
        scene.faults.once(fault, Asked::completes);
        let kept = scene.write(1, LONG).await.unwrap();
        assert_eq!(scene.faults.faults(), 1);
        scene.holds(&[kept]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_an_answer_of_200_is_an_error() {
    let scene = Scene::new().await;
    scene.faults.once(Fault::ErrorIn200, Asked::completes);
    let first = scene.write(1, LONG).await;
    let kept: Vec<_> = first.into_iter().collect();
    scene.holds(&kept).await;
    scene.faults.play(|asked| asked.completes().then_some(Fault::ErrorIn200));
    let error = scene.write(2, LONG).await.unwrap_err();
    assert!(matches!(error.failure, Failure::Unavailable | Failure::Failed), "{error:?}");
    scene.holds(&kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_never_answers_is_given_up_in_time() {
    let (timeout, retries) = (Duration::from_millis(300), 1);
    let patience = Patience { timeout, io_timeout: timeout, retries, ..Patience::default() };
    let scene = Scene::with(patience).await;
    let (kept, bytes) = scene.write(1, 1000).await.unwrap();
    scene.faults.play(|_| Some(Fault::Hanging));
    let begun = Instant::now();
    for error in [
        scene.write(2, 1000).await.unwrap_err(),
        read_extent(&*scene.store, &kept.extent).await.unwrap_err(),
        scene.store.stat(&kept.extent.object).await.unwrap_err(),
        scene.store.check().await.unwrap_err(),
    ] {
        assert_eq!(error.failure, Failure::Unavailable, "{error:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    scene.holds(&[(kept, bytes)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_off_is_never_taken_for_the_whole() {
    let scene = Scene::new().await;
    let (kept, bytes) = scene.write(1, LONG).await.unwrap();
    scene.faults.once(Fault::Truncated, |asked| asked.is("GET", "/uploads/"));
    // OpenDAL may go on where it was cut off; then it is all of it.
    if let Ok(read) = read_extent(&*scene.store, &kept.extent).await {
        assert_eq!(read, bytes);
    }
    scene.faults.play(|asked| asked.is("GET", "/uploads/").then_some(Fault::Truncated));
    let error = read_extent(&*scene.store, &kept.extent).await.unwrap_err();
    assert_eq!(error.failure, Failure::Unavailable, "{error:?}");
    scene.holds(&[(kept, bytes)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_among_random_faults_is_there() {
    const FAULTS: &[Fault] = &[
        Fault::Status(500),
        Fault::Status(503),
        Fault::Closed,
        Fault::AnswerLost,
        Fault::DoneButFailed,
        Fault::Truncated,
    ];
    let scene = Scene::with(Patience { retries: 1, ..Patience::default() }).await;
    let (mut kept, mut refused) = (Vec::new(), 0);
    scene.faults.seeded(11, 250, FAULTS);
    for nonce in 0..40 {
        match scene.write(nonce, if nonce % 8 == 0 { LONG } else { 3000 }).await {
            Ok(written) => kept.push(written),
            Err(error) => {
                assert!(matches!(error.failure, Failure::Unavailable | Failure::Failed), "{error:?}");
                refused += 1;
            }
        }
    }
    assert!(scene.faults.faults() > 5 && !kept.is_empty(), "{refused} of 40 were refused");
    scene.faults.calm();
    for (receipt, bytes) in &kept {
        assert_eq!(read_extent(&*scene.store, &receipt.extent).await.unwrap(), *bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_the_service_is_one_request_without_a_body() {
    let scene = Scene::new().await;
    scene.store.check().await.unwrap();
    let played = scene.faults.played();
    assert_eq!(played.len(), 1, "{played:?}");
    assert_eq!(played[0].0.method, "HEAD");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_writes_reads_lists_and_removes_and_tells_what_will_be_used() {
    let scene = Scene::new().await;
    let config = config(&scene.faults.endpoint(), Patience::default());
    let standing = probe(&config, "one").await.unwrap();
    assert_eq!(standing.kind, "s3");
    assert!(standing.facts.contains(&("merging", "copied inside the store".to_owned())), "{standing:?}");
    assert_eq!(standing.warnings, [""; 0]);
    let methods: Vec<_> = scene.faults.played().into_iter().map(|(asked, _)| asked.method).collect();
    for method in ["PUT", "GET", "DELETE"] {
        assert!(methods.iter().any(|played| played == method), "{methods:?}");
    }
    assert_eq!(scene.server.keys(), [""; 0]);
    scene.faults.play(|asked| asked.is("PUT", "/probes/").then_some(Fault::Status(403)));
    let error = probe(&config, "two").await.unwrap_err().to_string();
    assert_eq!(error, "objects: write failed");
}

#[test]
fn a_service_without_its_bucket_is_refused_by_the_name_of_the_option() {
    let server = S3Server::start();
    for empty in [true, false] {
        let mut config = config(&server.endpoint(), Patience::default());
        config.options.remove("bucket");
        if empty {
            config.options.insert("bucket".to_owned(), String::new());
        }
        let error = open(&config).map(|_| ()).unwrap_err();
        assert!(matches!(error, OpenError::Missing { option: "bucket", .. }), "{error:?}");
        assert!(error.to_string().contains("`bucket`"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn never_more_requests_at_once_than_allowed_and_all_are_answered() {
    let scene = Scene::with(Patience { concurrency: 1, ..Patience::default() }).await;
    let bytes = pattern(1, 2000);
    let writes = (0..8).map(|nonce| {
        let (store, bytes) = (Arc::clone(&scene.store), bytes.clone());
        tokio::spawn(async move { store_stretch(&*store, &place(0, 2000, true, nonce), &bytes).await })
    });
    let mut kept = Vec::new();
    for write in writes.collect::<Vec<_>>() {
        kept.push((write.await.unwrap(), bytes.clone()));
    }
    scene.holds(&kept).await;
}
