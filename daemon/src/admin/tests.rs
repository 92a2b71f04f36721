//! Listings and long work over more blobs than are in memory at once, with stores in memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::response::Response;
use cairn_admin_api as api;
use cairn_engine::contracts::{BlobFilter, PageRequest, Placement};
use cairn_engine::engine::{Completion, Created};
use cairn_engine::testing::bench::{Bench, body, owner, wish};
use cairn_engine::{Caller, Refusal};
use futures_util::StreamExt;

use super::walk::{self, Chosen, Tally, Walk};
use super::*;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::supervisor::Supervisor;

/// More than two batches.
const BLOBS: u64 = 70;
/// Bytes of each blob, in two chunks.
const LENGTH: u64 = 20;

/// A house with many blobs of two extents.
async fn house() -> Arc<House> {
    let bench = Bench::new(Placement::Objects);
    let engine = bench.engine(Config::default().policy());
    let house = House::new(engine, Config::default(), Supervisor::default(), Arc::new(Metrics::default()));
    let house = house.unwrap();
    let ada = owner("ada");
    for number in 0..BLOBS {
        let path = format!("{number:03}");
        let created = house.engine.create(&ada, wish(&path, Some(LENGTH), Some(LENGTH / 2))).await;
        let Created::Upload(status) = created.unwrap() else { panic!("not a new upload") };
        let id = status.upload.id;
        for chunk in [1_u64, 2] {
            let bytes = format!("{path}{chunk:07}").into_bytes();
            house.engine.put_chunk(&ada, id, chunk, body(bytes, 100)).await.unwrap();
        }
        house.complete(&Caller::User(ada.clone()), id, Completion::default()).await.unwrap();
    }
    Arc::new(house)
}

/// Every blob's identity, in order, in one call of the catalog.
async fn identities(house: &House) -> Vec<String> {
    let page = PageRequest::first(1_000);
    let listed = house.engine.list_blobs(&BlobFilter::default(), &page).await.unwrap();
    listed.items.iter().map(|blob| blob.id.to_string()).collect()
}

#[tokio::test]
async fn a_walk_meets_every_blob_once_although_they_are_merged_on_the_way() {
    let house = house().await;
    let scattered = Chosen::All(BlobFilter { min_extents: 2 });
    let tally = walk::tally(&house.engine, &scattered).await.unwrap();
    assert_eq!(tally, Tally { blobs: BLOBS, length: BLOBS * LENGTH });
    let mut met = Vec::new();
    let mut walk = Walk::new(Arc::clone(&house.engine), scattered.clone());
    while let Some(blob) = walk.next().await.unwrap() {
        house.merge(&blob.id).await.unwrap();
        met.push(blob.id.to_string());
    }
    assert_eq!(met, identities(&house).await);
    assert_eq!(walk::tally(&house.engine, &scattered).await.unwrap(), Tally::default());
}

#[tokio::test]
async fn named_blobs_are_all_looked_for_before_the_first_is_touched() {
    let house = house().await;
    let known: cairn_engine::Digest = identities(&house).await[0].parse().unwrap();
    let nobodys: cairn_engine::Digest = format!("blake3:{}", "0".repeat(64)).parse().unwrap();
    let both = Chosen::Named(vec![known.clone(), nobodys]);
    let refused = walk::tally(&house.engine, &both).await;
    assert!(matches!(refused, Err(Refusal::NoFile)), "{refused:?}");
    // One that goes after that is left out, and the others are done.
    let mut walk = Walk::new(Arc::clone(&house.engine), both);
    assert_eq!(walk.next().await.unwrap().map(|blob| blob.id), Some(known));
    assert_eq!(walk.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_page_is_as_long_as_it_was_asked_for_and_the_next_goes_on_behind_it() {
    let house = house().await;
    let told = |blob: &cairn_engine::Blob| blob.id.to_string();
    let mut request = PageRequest::first(40);
    let all = BlobFilter::default();
    let first = walk::page(&house.engine, &all, request.clone(), told).await.unwrap();
    assert_eq!(first.items.len(), 40);
    request.cursor = first.next_cursor;
    assert!(request.cursor.is_some());
    let second = walk::page(&house.engine, &all, request, told).await.unwrap();
    assert_eq!((second.items.len(), second.next_cursor), (30, None));
    assert_eq!([first.items, second.items].concat(), identities(&house).await);
    let exact = walk::page(&house.engine, &all, PageRequest::first(70), told).await.unwrap();
    assert_eq!((exact.items.len(), exact.next_cursor), (70, None));
}

/// Lines about every blob, and how many blobs were done.
async fn work(house: &Arc<House>) -> (Response, Arc<AtomicU64>) {
    let done = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&done);
    let chosen = Chosen::All(BlobFilter::default());
    let tally = walk::tally(&house.engine, &chosen).await.unwrap();
    let response = blobs::lines(house, "count blobs", chosen, tally, move |_, blob| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move { Ok(serde_json::json!({ "length": blob.length })) }
    });
    (response, done)
}

fn event(line: &[u8]) -> api::Event<serde_json::Value> {
    assert_eq!(line.last(), Some(&b'\n'));
    serde_json::from_slice(line).unwrap()
}

#[tokio::test]
async fn long_work_begins_does_every_blob_and_says_that_it_ended() {
    let house = house().await;
    let (response, done) = work(&house).await;
    let mut lines = response.into_body().into_data_stream();
    let begin = event(&lines.next().await.unwrap().unwrap());
    assert_eq!(begin, api::Event::Begin { items: BLOBS, length: BLOBS * LENGTH });
    let rest: Vec<_> = lines.map(|line| event(&line.unwrap())).collect().await;
    let (last, items) = rest.split_last().unwrap();
    assert_eq!(*last, api::Event::End);
    assert_eq!(items.len() as u64, done.load(Ordering::Relaxed));
    assert_eq!(items.len() as u64, BLOBS);
}

#[tokio::test]
async fn whoever_hangs_up_interrupts_long_work_between_two_blobs() {
    let house = house().await;
    let (response, done) = work(&house).await;
    let mut lines = response.into_body().into_data_stream();
    lines.next().await.unwrap().unwrap();
    drop(lines);
    assert!(house.supervisor.shut_down(Duration::from_secs(10)).await, "the work went on");
    assert!(done.load(Ordering::Relaxed) < BLOBS);
}

#[tokio::test]
async fn long_work_stops_between_two_blobs_when_the_daemon_does_and_says_so() {
    let house = house().await;
    let (response, done) = work(&house).await;
    house.supervisor.stopping().cancel();
    let lines: Vec<_> =
        response.into_body().into_data_stream().map(|line| event(&line.unwrap())).collect().await;
    assert!(matches!(lines.last(), Some(api::Event::Stopped { .. })), "{lines:?}");
    assert_eq!(lines.len() as u64, done.load(Ordering::Relaxed) + 2);
    assert!(done.load(Ordering::Relaxed) < BLOBS);
}
