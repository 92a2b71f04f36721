//! Syncs and their failures; logs after a crash; what a start finds.

use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cairn_engine::contracts::{Failure, ObjectStore, Place, Placement};
use cairn_engine::testing::object_suite::{
    pattern, place, read_extent, receipt, store_stretch, upload, upload_numbered,
};
use cairn_engine::{ObjectKey, Receipt};
use tempfile::TempDir;

use super::super::super::Durability;
use super::super::super::local::disk::Disk;
use super::super::InPlace;

/// A store whose disk can be told to fail.
struct Bench {
    directory: TempDir,
    disk: Disk,
    durability: Durability,
    store: Arc<InPlace>,
}

impl Bench {
    fn new(durability: Durability) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::default();
        let store = open(&directory, durability, disk.clone());
        Self { directory, disk, durability, store }
    }

    /// As another process would find it.
    fn reopen(&mut self) {
        self.store = open(&self.directory, self.durability, self.disk.clone());
    }

    fn path(&self, key: &ObjectKey) -> PathBuf {
        self.directory.path().join(key.as_str())
    }

    fn log(&self) -> Vec<u8> {
        std::fs::read(self.path(&ObjectKey::receipts(upload()))).unwrap()
    }

    async fn surveyed(&self) -> Vec<Receipt> {
        let survey = self.store.survey(upload()).await.unwrap();
        survey.into_iter().filter_map(|found| found.receipt).collect()
    }
}

fn open(directory: &TempDir, durability: Durability, disk: Disk) -> Arc<InPlace> {
    let fs = opendal::services::Fs::default().root(directory.path().to_str().unwrap());
    let operator = opendal::Operator::new(fs).unwrap();
    Arc::new(InPlace::open_on(directory.path(), operator, durability, disk).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn torn_receipt_is_passed_over_and_the_next_one_goes_in_its_place() {
    let mut bench = Bench::new(Durability::Chunk);
    let bytes = pattern(1, 1000);
    let first = store_stretch(&*bench.store, &place(0, 1000, true, 1), &bytes).await;
    let whole = bench.log();
    store_stretch(&*bench.store, &place(1000, 1000, true, 2), &bytes).await;
    let torn = bench.log().len() - 1;
    let log =
        std::fs::OpenOptions::new().write(true).open(bench.path(&ObjectKey::receipts(upload()))).unwrap();
    log.set_len(torn as u64).unwrap();
    bench.reopen();
    assert_eq!(bench.surveyed().await, std::slice::from_ref(&first));

    let third = store_stretch(&*bench.store, &place(1000, 1000, true, 3), &bytes).await;
    assert_eq!(third.extent.object, ObjectKey::data(upload()), "the torn stretch is free again");
    assert_eq!(bench.surveyed().await, [first, third]);
    assert_eq!(bench.log()[..whole.len()], whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_sync_ends_the_data_file_and_is_never_tried_again() {
    for durability in [Durability::Chunk, Durability::Complete] {
        let mut bench = Bench::new(durability);
        let bytes = pattern(2, 1000);
        let kept = store_stretch(&*bench.store, &place(0, 1000, true, 1), &bytes).await;
        bench.disk.probe.fail_sync.store(true, Ordering::SeqCst);
        match durability {
            Durability::Chunk => {
                let mut attempt = bench.store.begin(&place(1000, 1000, true, 2)).await.unwrap();
                attempt.write(&mut vec![bytes.clone()]).await.unwrap();
                let receipt = receipt(&*attempt, 1000, &bytes);
                assert_eq!(attempt.commit(&receipt).await.unwrap_err().failure, Failure::Failed);
            }
            Durability::Complete => {
                assert!(bench.store.finish(upload(), std::slice::from_ref(&kept.extent)).await.is_err());
            }
        }
        for _process in 0..2 {
            let finished = bench.store.finish(upload(), std::slice::from_ref(&kept.extent)).await;
            assert_eq!(finished.unwrap_err().failure, Failure::Failed);
            // What was synced before is still there; what was not may be lost, whatever the page cache says.
            let believed = if durability == Durability::Chunk { vec![kept.clone()] } else { vec![] };
            assert_eq!(bench.surveyed().await, believed);
            bench.reopen();
        }
        let own = store_stretch(&*bench.store, &place(1000, 1000, true, 3), &bytes).await;
        assert_eq!(own.extent.object, ObjectKey::stretch(upload(), 1000, 3));
        bench.store.finish(upload(), &[own.extent]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_write_ends_the_data_file_and_later_attempts_lie_apart() {
    let bench = Bench::new(Durability::Chunk);
    let bytes = pattern(3, 1000);
    let mut attempt = bench.store.begin(&place(0, 1000, true, 1)).await.unwrap();
    let mut beside = bench.store.begin(&place(1000, 1000, true, 2)).await.unwrap();
    bench.disk.probe.fail_write.store(true, Ordering::SeqCst);
    assert_eq!(attempt.write(&mut vec![bytes.clone()]).await.unwrap_err().failure, Failure::Failed);
    attempt.discard().await;
    beside.write(&mut vec![bytes.clone()]).await.unwrap();
    let beside_receipt = receipt(&*beside, 1000, &bytes);
    assert_eq!(beside.commit(&beside_receipt).await.unwrap_err().failure, Failure::Failed);
    let own = store_stretch(&*bench.store, &place(0, 1000, true, 3), &bytes).await;
    assert_eq!(own.extent.object, ObjectKey::stretch(upload(), 0, 3));
    assert_eq!(bench.surveyed().await, [own]);
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_at_the_same_time_share_their_syncs() {
    const COMMITS: u64 = 64;
    let bench = Bench::new(Durability::Chunk);
    let bytes = pattern(4, 4096);
    store_stretch(&*bench.store, &place(0, 4096, true, 0), &bytes).await;
    let mut attempts = Vec::new();
    for n in 1..=COMMITS {
        let mut attempt = bench.store.begin(&place(n * 4096, 4096, true, 0)).await.unwrap();
        attempt.write(&mut vec![bytes.clone()]).await.unwrap();
        let receipt = receipt(&*attempt, n * 4096, &bytes);
        attempts.push((attempt, receipt));
    }
    let before = bench.disk.probe.syncs.load(Ordering::SeqCst);
    let directories = bench.disk.probe.directory_syncs.load(Ordering::SeqCst);
    let commits = attempts.into_iter().map(async |(attempt, receipt)| attempt.commit(&receipt).await);
    for committed in futures_util::future::join_all(commits).await {
        committed.unwrap();
    }
    let syncs = bench.disk.probe.syncs.load(Ordering::SeqCst) - before;
    assert!(syncs <= COMMITS / 2, "{syncs} syncs for {COMMITS} commits of two files each");
    assert_eq!(bench.disk.probe.directory_syncs.load(Ordering::SeqCst), directories);
    assert_eq!(bench.surveyed().await.len() as u64, COMMITS + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_synced_before_the_first_commit_returns() {
    let bench = Bench::new(Durability::Chunk);
    let before = bench.disk.probe.directory_syncs.load(Ordering::SeqCst);
    let bytes = pattern(5, 10);
    store_stretch(&*bench.store, &place(0, 10, true, 1), &bytes).await;
    let syncs = bench.disk.probe.directory_syncs.load(Ordering::SeqCst) - before;
    assert_eq!(syncs, 3, "the folder, its shard, and the directory of shards");
    store_stretch(&*bench.store, &place(10, 10, true, 2), &bytes).await;
    assert_eq!(bench.disk.probe.directory_syncs.load(Ordering::SeqCst) - before, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_unsynced_bytes_start_a_sync_before_the_upload_is_finished() {
    let bench = Bench::new(Durability::Complete);
    let before = bench.disk.probe.syncs.load(Ordering::SeqCst);
    let mut attempt = bench.store.begin(&place(0, 64 << 20, true, 1)).await.unwrap();
    let block = pattern(6, 1 << 20);
    for _ in 0..33 {
        attempt.write(&mut vec![block.clone()]).await.unwrap();
    }
    wait_until("a sync begins", || bench.disk.probe.syncs.load(Ordering::SeqCst) > before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsynced_receipts_of_another_boot_are_compared_with_their_bytes() {
    let mut bench = Bench::new(Durability::Complete);
    let bytes = pattern(7, 5000);
    let whole = store_stretch(&*bench.store, &place(0, 5000, true, 1), &bytes).await;
    let lost = store_stretch(&*bench.store, &place(5000, 5000, true, 2), &bytes).await;
    let data = std::fs::OpenOptions::new().write(true).open(bench.path(&lost.extent.object)).unwrap();
    data.write_all_at(&[0; 100], 7000).unwrap();
    assert_eq!(bench.surveyed().await, [whole.clone(), lost], "in the same boot receipts are believed");
    bench.reopen();
    let mut other = Arc::into_inner(bench.store).unwrap();
    Arc::get_mut(&mut other.ground).unwrap().boot = "another".to_owned();
    bench.store = Arc::new(other);
    assert_eq!(bench.surveyed().await, [whole]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_process_left_half_done_is_cleared_at_the_next_start() {
    let mut bench = Bench::new(Durability::Chunk);
    let [temporary, trash] = ["tmp", "trash"].map(|name| bench.directory.path().join(name));
    std::fs::write(temporary.join("half"), b"half").unwrap();
    std::fs::write(trash.join("old"), vec![0; 2 << 20]).unwrap();
    bench.reopen();
    let is_empty = |path: &PathBuf| std::fs::read_dir(path).unwrap().next().is_none();
    wait_until("nothing is left", || is_empty(&temporary) && is_empty(&trash)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_bytes_are_unlinked_and_empty_folders_go() {
    let bench = Bench::new(Durability::Chunk);
    let bytes = pattern(8, 3 << 20);
    let big = store_stretch(&*bench.store, &place(0, 3 << 20, true, 1), &bytes).await.extent.object;
    bench.store.remove(&[big, ObjectKey::receipts(upload())]).await.unwrap();
    assert!(!bench.directory.path().join(ObjectKey::folder(upload())).exists());
    let trash = bench.directory.path().join("trash");
    wait_until("the trash is empty", || std::fs::read_dir(&trash).unwrap().next().is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn released_upload_without_bytes_leaves_nothing() {
    let bench = Bench::new(Durability::Chunk);
    bench.store.begin(&place(0, 1000, true, 1)).await.unwrap().discard().await;
    bench.store.release(upload()).await.unwrap();
    assert!(!bench.directory.path().join(ObjectKey::folder(upload())).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn attempt_that_is_dropped_leaves_no_temporary_file() {
    let bench = Bench::new(Durability::Chunk);
    let mut attempt = bench.store.begin(&place(0, 1000, false, 1)).await.unwrap();
    attempt.write(&mut vec![pattern(9, 1000)]).await.unwrap();
    drop(attempt);
    let mut left = std::fs::read_dir(bench.directory.path().join("tmp")).unwrap();
    assert!(left.next().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_into_an_upload_that_was_released_fails() {
    let bench = Bench::new(Durability::Chunk);
    let bytes = pattern(10, 1000);
    let mut attempt = bench.store.begin(&place(0, 1000, true, 1)).await.unwrap();
    attempt.write(&mut vec![bytes.clone()]).await.unwrap();
    bench.store.release(upload()).await.unwrap();
    let receipt = receipt(&*attempt, 0, &bytes);
    assert!(attempt.commit(&receipt).await.is_err());
    assert_eq!(bench.surveyed().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_uploads_than_are_kept_open_lose_nothing() {
    let bench = Bench::new(Durability::Complete);
    let bytes = pattern(11, 100);
    let mut first = None;
    for number in 0..600 {
        let place = Place { upload: upload_numbered(number), ..place(0, 100, true, 1) };
        let receipt = store_stretch(&*bench.store, &place, &bytes).await;
        first.get_or_insert(receipt);
    }
    let first = first.unwrap();
    let overlapping = Place { upload: upload_numbered(0), ..place(50, 100, true, 2) };
    let again = bench.store.begin(&overlapping);
    assert_ne!(again.await.unwrap().object(), &first.extent.object);
    bench.store.finish(upload_numbered(0), std::slice::from_ref(&first.extent)).await.unwrap();
    assert_eq!(read_extent(&*bench.store, &first.extent).await.unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_bytes_than_announced_are_refused() {
    let bench = Bench::new(Durability::Chunk);
    assert_eq!(bench.store.placement(), Placement::InPlace);
    let mut attempt = bench.store.begin(&place(0, 3, true, 1)).await.unwrap();
    attempt.write(&mut vec![Bytes::from_static(b"abc")]).await.unwrap();
    let error = attempt.write(&mut vec![Bytes::from_static(b"d")]).await.unwrap_err();
    assert_eq!(error.failure, Failure::Failed);
}

/// Waits for an event, with a limit.
async fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !happened() {
        assert!(Instant::now() < limit, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
