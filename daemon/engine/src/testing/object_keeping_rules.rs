//! Those rules of objects that are about what is kept: reading, listing, removing, merging.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a rule that does not hold panics"
)]

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::StreamExt;

use super::object_suite::*;
use crate::contracts::*;
use crate::digest::Checksum;
use crate::extent::Extent;
use crate::id::ObjectKey;

/// Reading what is not there, or beyond an object's end, is an error of the call or of the stream.
pub async fn reading_what_is_not_there_is_an_error(subject: Subject) {
    let store = &*subject.store;
    let kept = store_stretch(store, &place(0, 500, false, 1), &pattern(18, 500)).await;
    for (object, range) in
        [(kept.extent.object.clone(), 400..600), (ObjectKey::merged(1), 0..1), (kept.extent.object, 500..501)]
    {
        let outcome = match store.read(&object, range.clone()).await {
            Ok(stream) => drain(stream).await.map(|_| ()),
            Err(error) => Err(error),
        };
        let error = outcome.unwrap_err();
        assert_eq!(error.failure, Failure::Corrupt, "{error:?}");
        let scanned = store.scan(&object, range, Box::new(|_| {})).await;
        assert_eq!(scanned.unwrap_err().failure, Failure::Corrupt);
    }
}

/// A scan gives exactly the bytes of its range, in order.
pub async fn scan_gives_the_bytes_of_a_range_in_order(subject: Subject) {
    let store = &*subject.store;
    let bytes = pattern(20, 700_001);
    let object = store_stretch(store, &place(0, 700_001, true, 1), &bytes).await.extent.object;
    for range in [0..700_001, 1..700_000, 262_144..524_288, 5..5] {
        let scanned = Arc::new(Mutex::new(Vec::new()));
        let taking = Arc::clone(&scanned);
        let taker = Box::new(move |part: &[u8]| taking.lock().unwrap().extend_from_slice(part));
        store.scan(&object, range.start as u64..range.end as u64, taker).await.unwrap();
        let scanned = Arc::into_inner(scanned).unwrap().into_inner().unwrap();
        assert!(scanned == bytes[range.clone()], "other bytes were given of {range:?}");
    }
}

/// Content of several MiB is read in items of a few MiB at the most.
pub async fn items_of_a_long_read_are_bounded(subject: Subject) {
    let store = &*subject.store;
    let bytes = pattern(19, 9 << 20);
    let mut attempt = store.begin(&place(0, bytes.len() as u64, true, 1)).await.unwrap();
    let mut rest = bytes.clone();
    while !rest.is_empty() {
        attempt.write(&mut vec![rest.split_to(rest.len().min(1 << 20))]).await.unwrap();
    }
    let receipt = receipt(&*attempt, 0, &bytes);
    attempt.commit(&receipt).await.unwrap();
    let mut stream = store.read(&receipt.extent.object, 0..bytes.len() as u64).await.unwrap();
    let mut all = Vec::new();
    while let Some(item) = stream.next().await {
        let item = item.unwrap();
        assert!(item.len() <= 4 << 20, "an item of {} bytes", item.len());
        all.extend_from_slice(&item);
    }
    assert!(all == bytes, "other bytes came back");
}

/// A listing names what is there, with lengths where it tells them, and nothing that is not cairn's.
pub async fn listing_names_what_is_there(subject: Subject) {
    let store = &*subject.store;
    assert_eq!(listing(store).await, []);
    store.announce(&manifest()).await.unwrap();
    store.write_small(&ObjectKey::marker(), Bytes::from_static(b"catalog")).await.unwrap();
    let bytes = pattern(20, 800);
    let receipts = [
        store_stretch(store, &place(0, 800, true, 1), &bytes).await,
        store_stretch(store, &place(0, 800, false, 2), &bytes).await,
    ];
    let extents: Vec<_> = receipts.iter().map(|receipt| receipt.extent.clone()).collect();
    let merged = ObjectKey::merged(3);
    let merges = store.merge(&extents[..1], &merged, extents[0].checksum).await.unwrap().is_some();
    let listed = listing(store).await;
    let mut written = vec![&extents[0].object, &extents[1].object];
    written.extend(merges.then_some(&merged));
    for object in written {
        let entry = listed.iter().find(|listed| listed.object == *object).unwrap();
        assert!(entry.length.is_none_or(|length| length == 800), "{entry:?}");
    }
    for object in [ObjectKey::manifest(upload()), ObjectKey::marker()] {
        assert!(listed.iter().any(|listed| listed.object == object), "{object} is not listed");
    }
}

/// What is removed is gone for every call; what is absent may be removed.
pub async fn removed_objects_are_gone_and_absent_ones_may_be_removed(subject: Subject) {
    let store = &*subject.store;
    store.announce(&manifest()).await.unwrap();
    let bytes = pattern(21, 3 << 20);
    let gone = store_stretch(store, &place(0, 3 << 20, true, 1), &bytes).await.extent.object;
    let own = store_stretch(store, &place(0, 3 << 20, false, 2), &bytes).await.extent.object;
    let mut objects = vec![gone, own, ObjectKey::merged(77), ObjectKey::manifest(upload())];
    objects.push(ObjectKey::receipts(upload()));
    store.remove(&objects).await.unwrap();
    store.remove(&objects).await.unwrap();
    store.remove(&[]).await.unwrap();
    for object in &objects {
        assert_eq!(store.stat(object).await.unwrap(), None, "{object}");
    }
    assert_eq!(listing(store).await, []);
    assert_eq!(store.survey(upload()).await.unwrap(), []);
    let again = store_stretch(store, &place(0, 3 << 20, true, 3), &bytes).await;
    assert_eq!(read_extent(store, &again.extent).await.unwrap(), bytes);
}

/// A merge writes the extents' bytes in order as one object and tells its checksum.
pub async fn merge_makes_one_object_of_many(subject: Subject) {
    let store = &*subject.store;
    let mut extents = Vec::new();
    let mut whole = Vec::new();
    for (number, free) in [(0_u8, true), (1, false), (2, true)] {
        let offset = 900_000 * u64::from(number);
        let bytes = pattern(22 + number, 900_000);
        let place = place(offset, 900_000, free, u128::from(number));
        extents.push(store_stretch(store, &place, &bytes).await.extent);
        whole.extend_from_slice(&bytes);
    }
    let target = ObjectKey::merged(4);
    let checksum = Checksum::of(&whole);
    let Some(merged) = store.merge(&extents, &target, checksum).await.unwrap() else { return };
    let extent = Extent { offset: 0, length: 2_700_000, object: target, object_offset: 0, checksum };
    assert_eq!(merged.extent, extent);
    assert!(merged.moved_bytes == 0 || merged.moved_bytes == extent.length);
    assert!(read_extent(store, &extent).await.unwrap() == whole, "other bytes came back");
    store.finish(upload(), &[extent]).await.unwrap();
}

/// What a stream brings becomes one object; a stream that fails leaves none, and its error is the answer.
pub async fn a_stream_becomes_one_object_or_none(subject: Subject) {
    let store = &subject.store;
    let (whole, none) = (ObjectKey::merged(20), ObjectKey::merged(21));
    let brought = |last: Result<Bytes, StoreError>| {
        futures_util::stream::iter([Ok(Bytes::from(vec![1; 70_000])), Ok(Bytes::from_static(b"end")), last])
            .boxed()
    };
    let written = store.write_new(&whole, brought(Ok(Bytes::from_static(b"!")))).await.unwrap();
    assert_eq!((written, store.stat(&whole).await.unwrap()), (70_004, Some(70_004)));
    assert_eq!(drain(store.read(&whole, 69_999..70_004).await.unwrap()).await.unwrap(), b"\x01end!");
    let broken = StoreError::new(Store::Objects, "elsewhere", Failure::Unavailable, "away");
    let error = store.write_new(&none, brought(Err(broken))).await.unwrap_err();
    assert_eq!((error.operation, error.failure), ("elsewhere", Failure::Unavailable));
    assert_eq!(store.stat(&none).await.unwrap(), None);
    assert!(listing(store.as_ref()).await.iter().all(|listed| listed.object != none));
}

/// A merge of bytes that are not what their checksums say is refused, and leaves nothing.
pub async fn merge_of_damaged_bytes_keeps_nothing(subject: Subject) {
    let store = &*subject.store;
    let bytes = pattern(25, 5000);
    let extent = store_stretch(store, &place(0, 5000, true, 1), &bytes).await.extent;
    let target = ObjectKey::merged(5);
    let other = Checksum::of(b"other bytes");
    let damaged = Extent { checksum: other, ..extent.clone() };
    for (extent, expected) in [(damaged, extent.checksum), (extent, other)] {
        match store.merge(&[extent], &target, expected).await {
            Ok(None) => return,
            outcome => assert_eq!(outcome.unwrap_err().failure, Failure::Corrupt),
        }
        assert_eq!(store.stat(&target).await.unwrap(), None);
    }
}
