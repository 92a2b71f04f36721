//! The loops over stores in memory, in time that only the test moves.

use cairn_engine::contracts::{BlobFilter, PageRequest, Placement};
use cairn_engine::engine::{Completion, Created};
use cairn_engine::testing::bench::{Bench, body, owner, wish};
use cairn_engine::{Caller, UploadId};

use super::*;
use crate::config::MergeMode;
use crate::metrics::Metrics;
use crate::supervisor::Supervisor;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A configuration under which nothing happens by itself.
fn idle() -> Config {
    let mut config = Config::default();
    config.merge.interval = YEAR;
    config.sweep.interval = YEAR;
    config.uploads.inline_bytes = 0;
    config
}

fn house(bench: &Bench, config: Config) -> Arc<House> {
    let engine = bench.engine(config.policy());
    Arc::new(House::new(engine, config, Supervisor::default(), Arc::new(Metrics::default())).unwrap())
}

async fn begin(house: &House, path: &str, length: u64) -> UploadId {
    match house.engine.create(&owner("ada"), wish(path, Some(length), Some(length / 2))).await.unwrap() {
        Created::Upload(status) => status.upload.id,
        other => panic!("not a new upload: {other:?}"),
    }
}

/// A file of two chunks, each an object.
async fn scattered_file(house: &House, path: &str) {
    let id = begin(house, path, 2000).await;
    for number in [1_u64, 2] {
        let bytes = [path.as_bytes(), &number.to_be_bytes(), &[7; 1000]].concat()[..1000].to_vec();
        house.engine.put_chunk(&owner("ada"), id, number, body(bytes, 100)).await.unwrap();
    }
    house.complete(&Caller::User(owner("ada")), id, Completion::default()).await.unwrap();
}

async fn scattered(house: &House) -> usize {
    let found = house.engine.list_blobs(&BlobFilter { min_extents: 2 }, &PageRequest::first(100)).await;
    found.unwrap().items.len()
}

/// Waits, in the test's time, until the counters have a line.
async fn counted(house: &House, line: &str) {
    let counted = async {
        while !house.scrape().await.lines().any(|found| found == line) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let limit = tokio::time::timeout(YEAR * 2, counted);
    assert!(limit.await.is_ok(), "never `{line}` in\n{}", house.metrics.render());
}

async fn let_time_pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test(start_paused = true)]
async fn blobs_of_many_extents_are_merged_by_themselves() {
    let bench = Bench::new(Placement::Objects);
    let house = house(&bench, Config { merge: crate::config::Merge::default(), ..idle() });
    scattered_file(&house, "a").await;
    scattered_file(&house, "bb").await;
    assert_eq!(scattered(&house).await, 2);
    start(&house);
    counted(&house, r#"cairn_merges_total{outcome="merged"} 2"#).await;
    assert_eq!(scattered(&house).await, 0);
    assert!(house.supervisor.shut_down(Duration::from_secs(1)).await);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_merged_by_itself_where_the_operator_does_it() {
    let bench = Bench::new(Placement::Objects);
    let mut config = idle();
    config.merge.interval = Duration::from_secs(1);
    config.merge.mode = MergeMode::Manual;
    let house = house(&bench, config);
    scattered_file(&house, "a").await;
    start(&house);
    let_time_pass(Duration::from_secs(60)).await;
    assert_eq!(scattered(&house).await, 1);
}

#[tokio::test(start_paused = true)]
async fn merging_keeps_to_its_rate_and_stops_at_once_all_the_same() {
    let bench = Bench::new(Placement::Objects);
    let mut config = idle();
    config.merge.interval = Duration::from_secs(1);
    // 2 000 bytes take 2 000 seconds.
    config.merge.rate = Some(1);
    let house = house(&bench, config);
    scattered_file(&house, "a").await;
    scattered_file(&house, "bb").await;
    start(&house);
    let_time_pass(Duration::from_secs(1000)).await;
    assert_eq!(scattered(&house).await, 1);
    let_time_pass(Duration::from_secs(1500)).await;
    assert_eq!(scattered(&house).await, 0);
    assert!(house.supervisor.shut_down(Duration::from_secs(1)).await);
}

#[tokio::test(start_paused = true)]
async fn the_first_sweep_comes_soon_after_the_start() {
    let bench = Bench::new(Placement::Objects);
    let house = house(&bench, idle());
    begin(&house, "a", 2000).await;
    bench.clock.advance(YEAR);
    start(&house);
    let_time_pass(Duration::from_secs(11)).await;
    counted(&house, r#"cairn_sweep_removed_total{reason="expired_upload"} 1"#).await;
    counted(&house, r#"cairn_uploads{state="open"} 0"#).await;
}

#[tokio::test(start_paused = true)]
async fn a_shorter_interval_counts_at_once() {
    let bench = Bench::new(Placement::Objects);
    let house = house(&bench, idle());
    start(&house);
    let_time_pass(Duration::from_secs(20)).await;
    begin(&house, "a", 2000).await;
    bench.clock.advance(YEAR);
    let_time_pass(Duration::from_secs(3600)).await;
    counted(&house, r#"cairn_uploads{state="open"} 1"#).await;
    let mut config = idle();
    config.sweep.interval = Duration::from_secs(1);
    house.set_config(config);
    let_time_pass(Duration::from_secs(2)).await;
    counted(&house, r#"cairn_uploads{state="open"} 0"#).await;
}

#[tokio::test(start_paused = true)]
async fn both_loops_end_when_the_daemon_stops() {
    let bench = Bench::new(Placement::Objects);
    let house = house(&bench, idle());
    start(&house);
    assert!(house.supervisor.shut_down(Duration::from_secs(1)).await);
    assert_eq!(house.supervisor.running(), 0);
}
