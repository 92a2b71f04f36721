//! Merging in S3, against servers that nobody here wrote: what passes through the process, and what is left behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and drops the task that it starts on purpose"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cairn_engine::contracts::{Failure, Merged, ObjectStore};
use cairn_engine::digest::Checksum;
use cairn_engine::digest::joining::Joiner;
use cairn_engine::testing::object_suite::{pattern, place, read_extent, store_stretch};
use cairn_engine::{Extent, ObjectKey, Timestamp};
use cairn_stores::objects::{Durability, ObjectsConfig, Patience, open};
use cairn_tests::{MotoBucket, Proxy, S3Server};

const MIB: usize = 1 << 20;

fn store(options: BTreeMap<String, String>) -> Arc<dyn ObjectStore> {
    let config = ObjectsConfig {
        scheme: "s3".to_owned(),
        options,
        default_root: PathBuf::new(),
        placement: None,
        durability: Durability::Chunk,
        patience: Patience::default(),
    };
    open(&config).unwrap()
}

/// Stretches of these lengths, one after the other, and the whole that they make.
async fn stretches(store: &dyn ObjectStore, lengths: &[usize]) -> (Vec<Extent>, Vec<u8>) {
    let (mut extents, mut whole) = (Vec::new(), Vec::new());
    for (number, length) in lengths.iter().enumerate() {
        let bytes = pattern(u8::try_from(number % 251).unwrap(), *length);
        let place = place(whole.len() as u64, *length as u64, true, number as u128);
        extents.push(store_stretch(store, &place, &bytes).await.extent);
        whole.extend_from_slice(&bytes);
    }
    (extents, whole)
}

async fn merge(store: &dyn ObjectStore, extents: &[Extent]) -> (Merged, ObjectKey) {
    let mut joiner = Joiner::default();
    let expected = extents.iter().fold(Checksum::default(), |sum, e| joiner.join(sum, e.checksum, e.length));
    let target = ObjectKey::merged(0xfeed);
    (store.merge(extents, &target, expected).await.unwrap().unwrap(), target)
}

/// A bucket in moto, which lists multipart uploads, and a root in it with a space in its name.
async fn moto() -> (MotoBucket, BTreeMap<String, String>) {
    let bucket = tokio::task::spawn_blocking(MotoBucket::make).await.unwrap();
    let mut options = bucket.options();
    options.insert("root".to_owned(), "/some where/below".to_owned());
    (bucket, options)
}

fn unfinished(moto: &MotoBucket) -> usize {
    moto.ask("GET", "?uploads").matches("<UploadId>").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn extents_of_5_mib_never_pass_through_the_process_and_short_ones_do() {
    let server = S3Server::start();
    let direct = store(server.options());
    let mut lengths = vec![5 * MIB; 12];
    lengths.extend([100, 5 * MIB, 7 * MIB, 3]);
    let (extents, whole) = stretches(&*direct, &lengths).await;
    let proxy = Proxy::to(server.address()).await;
    let proxied = store(S3Server::options_at(&format!("http://{}", proxy.address())));
    let (merged, target) = merge(&*proxied, &extents).await;
    // The short one with the one after it, which would have been too short without its head; and the last.
    assert_eq!(merged.moved_bytes, 100 + 5 * MIB as u64 + 3);
    let passed = proxy.passed();
    let (up, down) = (passed.to_server, passed.to_client);
    let limit = merged.moved_bytes + (64 << 10);
    assert!(up >= merged.moved_bytes && up < limit, "{up} bytes went to the server");
    assert!(down >= merged.moved_bytes && down < limit, "{down} bytes came from the server");
    let checksum = Checksum::of(&whole);
    let extent = Extent { offset: 0, length: whole.len() as u64, object: target, object_offset: 0, checksum };
    assert_eq!(merged.extent, extent);
    assert!(read_extent(&*direct, &extent).await.unwrap() == whole, "other bytes came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_the_old_extents_goes_on_through_a_merge() {
    let server = S3Server::start();
    let store = store(server.options());
    let (extents, whole) = stretches(&*store, &[6 * MIB, 6 * MIB]).await;
    let mut reading = store.read(&extents[1].object, 0..6 * MIB as u64).await.unwrap();
    let first: Bytes = futures_util::StreamExt::next(&mut reading).await.unwrap().unwrap();
    let (merged, _) = merge(&*store, &extents).await;
    assert_eq!(merged.moved_bytes, 0);
    let rest = cairn_engine::testing::object_suite::drain(reading).await.unwrap();
    assert!([&first[..], &rest].concat() == whole[6 * MIB..], "other bytes came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_of_an_extent_that_is_gone_is_damage_and_leaves_nothing() {
    let server = S3Server::start();
    let store = store(server.options());
    let (extents, whole) = stretches(&*store, &[5 * MIB, 5 * MIB, 1000]).await;
    store.remove(&[extents[1].object.clone()]).await.unwrap();
    let left = server.keys();
    let outcome = store.merge(&extents, &ObjectKey::merged(1), Checksum::of(&whole)).await;
    assert_eq!(outcome.unwrap_err().failure, Failure::Corrupt);
    assert_eq!(server.keys(), left);
}

#[tokio::test(flavor = "multi_thread")]
async fn multipart_uploads_of_killed_writers_are_found_and_given_up() {
    let (moto, options) = moto().await;
    let store = store(options);
    let (extents, whole) = stretches(&*store, &[5 * MIB, 5 * MIB, 10]).await;
    let (merged, _) = merge(&*store, &extents).await;
    assert_eq!(merged.moved_bytes, 10);
    assert!(read_extent(&*store, &merged.extent).await.unwrap() == whole, "other bytes came back");
    assert_eq!(store.unfinished().await.unwrap(), []);

    // As a killed process leaves them: begun, and nobody there to end them.
    let target = ObjectKey::merged(9);
    let stretch = ObjectKey::stretch(cairn_engine::testing::object_suite::upload(), 0, 9);
    let root = "/some%20where/below/";
    for key in [target.as_str(), stretch.as_str(), "uploads/Not-Ours"] {
        moto.ask("POST", &format!("{root}{key}?uploads"));
    }
    moto.ask("POST", &format!("/elsewhere/{target}?uploads"));
    assert_eq!(unfinished(&moto), 4);
    let found = store.unfinished().await.unwrap();
    let mut objects: Vec<_> = found.iter().map(|found| found.object.clone()).collect();
    objects.sort();
    assert_eq!(objects, [target, stretch]);
    assert!(found.iter().all(|found| found.begun_at > Some(Timestamp(0))));
    store.give_up(&found).await.unwrap();
    store.give_up(&found).await.unwrap();
    assert_eq!(store.unfinished().await.unwrap(), []);
    assert_eq!(unfinished(&moto), 2, "those of others stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_list_multipart_uploads_has_none_to_give_up() {
    let server = S3Server::start();
    assert_eq!(store(server.options()).unfinished().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_is_dropped_leaves_no_multipart_upload() {
    let (moto, options) = moto().await;
    let store = store(options);
    let (extents, whole) = stretches(&*store, &[5 * MIB; 4]).await;
    let merging = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.merge(&extents, &ObjectKey::merged(3), Checksum::of(&whole)).await })
    };
    let limit = Duration::from_secs(20);
    let seen = async {
        while unfinished(&moto) == 0 && !merging.is_finished() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(limit, seen).await.unwrap();
    merging.abort();
    let gone = async {
        while unfinished(&moto) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(limit, gone).await.expect("it is aborted in the background");
}
