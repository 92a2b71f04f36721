//! The rules of [`ObjectStore`], each a test that every adapter must pass.
//!
//! An adapter's test module makes a [`Subject`] and says
//! `cairn_engine::object_suite!(make_subject);`: each rule becomes a test of its own on a runtime of several threads.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a rule that does not hold must panic")]

pub use super::object_keeping_rules::*;

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;

use crate::contracts::{
    Attempt, ByteStream, Failure, IfExists, ListedObject, ObjectStore, Place, Placement, Precondition,
    StoreError, Surveyed,
};
use crate::digest::Checksum;
use crate::digest::tree::Subtrees;
use crate::extent::{Extent, Receipt};
use crate::id::{ObjectKey, StorageName, UploadId};
use crate::owner::Owner;
use crate::time::Timestamp;
use crate::upload::{Manifest, Metadata, Naming, State, Upload};

/// A store under test.
pub struct Subject {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// The same bytes as another process would open them.
    pub reopen: Box<dyn Fn() -> Arc<dyn ObjectStore> + Send + Sync>,
    /// What must live as long as the store: a temporary directory, for one.
    pub keep: Box<dyn Any + Send + Sync>,
}

/// The upload that most rules are about.
pub fn upload() -> UploadId {
    upload_numbered(0xab_cdef)
}

/// Any other upload.
pub fn upload_numbered(number: u128) -> UploadId {
    struct Fixed(u128);
    impl crate::id::Chance for Fixed {
        fn bits(&self) -> u128 {
            self.0
        }
    }
    UploadId::make(&Fixed(number))
}

/// Bytes that differ from place to place and from seed to seed.
pub fn pattern(seed: u8, length: usize) -> Bytes {
    let mix = |n: usize| (n ^ (n >> 8) ^ (n >> 16)).to_le_bytes()[0].wrapping_mul(31).wrapping_add(seed);
    (0..length).map(mix).collect::<Vec<_>>().into()
}

/// A place of the upload for that many bytes; as nonce, what `nonce` says.
pub fn place(offset: u64, max_length: u64, free: bool, nonce: u128) -> Place {
    Place { upload: upload(), offset, max_length, total: None, free, nonce }
}

/// The receipt of what an attempt stored.
pub fn receipt(attempt: &dyn Attempt, offset: u64, bytes: &[u8]) -> Receipt {
    let extent = Extent {
        offset,
        length: bytes.len() as u64,
        object: attempt.object().clone(),
        object_offset: attempt.object_offset(),
        checksum: Checksum::of(bytes),
    };
    Receipt { extent, subtrees: Subtrees::default() }
}

/// Begins, writes and commits a stretch; its receipt.
///
/// # Panics
/// If the store fails.
pub async fn store_stretch(store: &dyn ObjectStore, place: &Place, bytes: &Bytes) -> Receipt {
    let mut attempt = store.begin(place).await.unwrap();
    attempt.write(&mut vec![bytes.clone()]).await.unwrap();
    let receipt = receipt(&*attempt, place.offset, bytes);
    attempt.commit(&receipt).await.unwrap();
    receipt
}

/// All the bytes of a stream, or the error that broke it.
///
/// # Errors
/// The stream's.
pub async fn drain(mut stream: ByteStream) -> Result<Vec<u8>, StoreError> {
    let mut all = Vec::new();
    while let Some(bytes) = stream.next().await {
        all.extend_from_slice(&bytes?);
    }
    Ok(all)
}

/// The bytes of an extent.
///
/// # Errors
/// The store's.
pub async fn read_extent(store: &dyn ObjectStore, extent: &Extent) -> Result<Vec<u8>, StoreError> {
    let range = extent.object_offset..extent.object_offset + extent.length;
    drain(store.read(&extent.object, range).await?).await
}

pub(super) async fn listing(store: &dyn ObjectStore) -> Vec<ListedObject> {
    let mut listed: Vec<_> = store.list().await.unwrap().map(Result::unwrap).collect().await;
    listed.sort_by(|a, b| a.object.cmp(&b.object));
    listed
}

/// What a survey says, with `None` where it left the receipt to the reader.
fn found(survey: &[Surveyed]) -> Vec<(ObjectKey, u64, u64)> {
    survey.iter().map(|found| (found.object.clone(), found.offset, found.length)).collect()
}

fn expected(receipts: &[Receipt]) -> Vec<(ObjectKey, u64, u64)> {
    receipts.iter().map(|r| (r.extent.object.clone(), r.extent.offset, r.extent.length)).collect()
}

pub(super) fn manifest() -> Manifest {
    let upload = Upload {
        id: upload(),
        owner: "ada".parse::<Owner>().unwrap(),
        path: "films/one.bin".parse().unwrap(),
        length: Some(10),
        digest: None,
        chunk_size: 4,
        storage: StorageName::DEFAULT,
        content_type: Some("text/plain".to_owned()),
        metadata: Metadata::new(),
        naming: Naming { if_exists: Some(IfExists::Fail), precondition: Some(Precondition::Absent) },
        idempotency_key: None,
        created_at: Timestamp(1),
        expires_at: Timestamp(2),
        state: State::Open,
        epoch: 0,
        received_bytes: 0,
        rewrites: 0,
    };
    Manifest { upload, joined: Vec::new() }
}

/// A manifest is read back as it was announced, also by another process.
pub async fn manifest_is_read_back_as_announced(subject: Subject) {
    assert_eq!(subject.store.manifest(upload()).await.unwrap(), None);
    subject.store.announce(&manifest()).await.unwrap();
    assert_eq!(subject.store.manifest(upload()).await.unwrap(), Some(manifest()));
    assert_eq!((subject.reopen)().manifest(upload()).await.unwrap(), Some(manifest()));
    assert_eq!(subject.store.manifest(upload_numbered(1)).await.unwrap(), None);
}

/// A manifest that is renounced is gone, and may be renounced again.
pub async fn renounced_manifest_is_gone_and_may_be_renounced_again(subject: Subject) {
    subject.store.renounce(upload()).await.unwrap();
    subject.store.announce(&manifest()).await.unwrap();
    subject.store.renounce(upload()).await.unwrap();
    subject.store.renounce(upload()).await.unwrap();
    assert_eq!(subject.store.manifest(upload()).await.unwrap(), None);
    assert_eq!((subject.reopen)().manifest(upload()).await.unwrap(), None);
}

/// A manifest that is not one is corrupt, not absent.
pub async fn manifest_that_is_none_is_corrupt(subject: Subject) {
    let key = ObjectKey::manifest(upload());
    subject.store.write_small(&key, Bytes::from_static(b"{\"up")).await.unwrap();
    let error = subject.store.manifest(upload()).await.unwrap_err();
    assert_eq!(error.failure, Failure::Corrupt);
}

/// What is committed is read back byte for byte, whatever the order in which stretches came.
pub async fn committed_bytes_are_read_back(subject: Subject) {
    let store = &*subject.store;
    let late = pattern(1, 70_000);
    let early = pattern(2, 50_000);
    let second = store_stretch(store, &place(50_000, 70_000, true, 1), &late).await;
    let first = store_stretch(store, &place(0, 50_000, true, 2), &early).await;
    assert_eq!(read_extent(store, &first.extent).await.unwrap(), early);
    assert_eq!(read_extent(store, &second.extent).await.unwrap(), late);
    let begin = second.extent.object_offset;
    let middle = store.read(&second.extent.object, begin + 10..begin + 20).await.unwrap();
    assert_eq!(drain(middle).await.unwrap(), late[10..20]);
    let reopened = (subject.reopen)();
    assert_eq!(read_extent(&*reopened, &first.extent).await.unwrap(), early);
}

/// In place, free stretches lie at their own offsets of the upload's data object, and touch.
pub async fn free_stretches_lie_at_their_offsets_in_place(subject: Subject) {
    let store = &*subject.store;
    let bytes = pattern(3, 4096);
    let first = store_stretch(store, &place(0, 4096, true, 1), &bytes).await;
    let second = store_stretch(store, &place(4096, 4096, true, 2), &bytes).await;
    match store.placement() {
        Placement::InPlace => {
            assert_eq!(second.extent.object, ObjectKey::data(upload()));
            assert_eq!(second.extent.object_offset, 4096);
            assert!(first.extent.touches(&second.extent));
        }
        Placement::Objects => {
            assert_eq!(second.extent.object, ObjectKey::stretch(upload(), 4096, 2));
            assert_eq!(second.extent.object_offset, 0);
        }
    }
}

/// A batch of many buffers, empty ones among them, is written in order; it is empty afterwards and keeps its room.
pub async fn batch_is_written_in_order_and_left_empty(subject: Subject) {
    let whole = pattern(4, 3000 * 7);
    let mut attempt = subject.store.begin(&place(7, 30_000, true, 1)).await.unwrap();
    let mut batch: Vec<Bytes> = Vec::with_capacity(4096);
    let mut rest = whole.clone();
    while !rest.is_empty() {
        batch.push(rest.split_to(7));
        batch.push(Bytes::new());
    }
    let capacity = batch.capacity();
    attempt.write(&mut batch).await.unwrap();
    assert!(batch.is_empty());
    assert_eq!(batch.capacity(), capacity);
    attempt.write(&mut batch).await.unwrap();
    batch.push(Bytes::from_static(b"and more"));
    attempt.write(&mut batch).await.unwrap();
    let whole = [&whole[..], b"and more"].concat();
    let receipt = receipt(&*attempt, 7, &whole);
    attempt.commit(&receipt).await.unwrap();
    assert_eq!(read_extent(&*subject.store, &receipt.extent).await.unwrap(), whole);
}

/// Two attempts at the same stretch that are not free each keep their own bytes.
pub async fn attempts_at_the_same_stretch_keep_their_own_bytes(subject: Subject) {
    let store = &*subject.store;
    let mut one = store.begin(&place(100, 2000, false, 1)).await.unwrap();
    let mut other = store.begin(&place(100, 2000, false, 2)).await.unwrap();
    assert_ne!(one.object(), other.object());
    let (ones, others) = (pattern(5, 2000), pattern(6, 2000));
    one.write(&mut vec![ones.slice(..1000)]).await.unwrap();
    other.write(&mut vec![others.clone()]).await.unwrap();
    one.write(&mut vec![ones.slice(1000..)]).await.unwrap();
    let receipts = [receipt(&*one, 100, &ones), receipt(&*other, 100, &others)];
    one.commit(&receipts[0]).await.unwrap();
    other.commit(&receipts[1]).await.unwrap();
    assert_eq!(read_extent(store, &receipts[0].extent).await.unwrap(), ones);
    assert_eq!(read_extent(store, &receipts[1].extent).await.unwrap(), others);
    let mut survey = found(&store.survey(upload()).await.unwrap());
    survey.sort();
    assert_eq!(survey, expected(&receipts));
}

/// Committed bytes stay as they are, even if the caller, who never recorded them, calls the stretch free again.
pub async fn committed_bytes_are_not_written_over(subject: Subject) {
    let store = &*subject.store;
    let (first, again) = (pattern(7, 3000), pattern(8, 3000));
    let kept = store_stretch(store, &place(0, 3000, true, 1), &first).await;
    for reopened in [Arc::clone(&subject.store), (subject.reopen)()] {
        let mut attempt = reopened.begin(&place(2999, 3000, true, 2)).await.unwrap();
        attempt.write(&mut vec![again.clone()]).await.unwrap();
        assert_ne!(attempt.object(), &kept.extent.object);
        attempt.discard().await;
    }
    assert_eq!(read_extent(store, &kept.extent).await.unwrap(), first);
}

/// A stretch whose attempt was discarded, or dropped, is free again, and nothing of it is surveyed.
pub async fn stretch_given_up_is_free_again_and_not_surveyed(subject: Subject) {
    let store = &*subject.store;
    for free in [true, false] {
        let mut attempt = store.begin(&place(0, 5000, free, 1)).await.unwrap();
        attempt.write(&mut vec![pattern(9, 5000)]).await.unwrap();
        attempt.discard().await;
        let mut attempt = store.begin(&place(0, 5000, free, 2)).await.unwrap();
        attempt.write(&mut vec![pattern(9, 2500)]).await.unwrap();
        drop(attempt);
    }
    assert_eq!(store.survey(upload()).await.unwrap(), []);
    let bytes = pattern(10, 5000);
    let kept = store_stretch(store, &place(0, 5000, true, 3), &bytes).await;
    assert_eq!(read_extent(store, &kept.extent).await.unwrap(), bytes);
    assert_eq!(found(&store.survey(upload()).await.unwrap()), expected(&[kept]));
}

/// An object of its own is not seen before it is committed.
pub async fn object_of_its_own_is_hidden_until_commit(subject: Subject) {
    let store = &*subject.store;
    let bytes = pattern(11, 9000);
    let mut attempt = store.begin(&place(0, 9000, false, 1)).await.unwrap();
    let key = attempt.object().clone();
    attempt.write(&mut vec![bytes.clone()]).await.unwrap();
    assert_eq!(store.stat(&key).await.unwrap(), None);
    assert!(!listing(store).await.iter().any(|listed| listed.object == key));
    let receipt = receipt(&*attempt, 0, &bytes);
    attempt.commit(&receipt).await.unwrap();
    assert_eq!(store.stat(&key).await.unwrap(), Some(9000));
    assert!(listing(store).await.iter().any(|listed| listed.object == key));
}

/// A survey, by this process or another, finds what was committed and nothing else; a receipt it gives is the one
/// that was committed.
pub async fn survey_finds_exactly_what_was_committed(subject: Subject) {
    let store = &*subject.store;
    assert_eq!(store.survey(upload()).await.unwrap(), []);
    let mut receipts = Vec::new();
    for (nonce, (offset, free)) in [(8000, true), (0, true), (0, false), (4000, true)].into_iter().enumerate()
    {
        let bytes = pattern(12, 4000);
        receipts.push(store_stretch(store, &place(offset, 4000, free, nonce as u128), &bytes).await);
    }
    let mut unfinished = store.begin(&place(12_000, 4000, true, 9)).await.unwrap();
    unfinished.write(&mut vec![pattern(13, 4000)]).await.unwrap();
    for store in [Arc::clone(&subject.store), (subject.reopen)()] {
        let survey = store.survey(upload()).await.unwrap();
        let kept: Vec<_> = survey.iter().filter_map(|found| found.receipt.clone()).collect();
        if store.placement() == Placement::InPlace {
            assert_eq!(kept, receipts);
        }
        let mut survey = found(&survey);
        let mut receipts = expected(&receipts);
        survey.sort();
        receipts.sort();
        assert_eq!(survey, receipts);
        assert_eq!(store.survey(upload_numbered(1)).await.unwrap(), []);
    }
    unfinished.discard().await;
}

/// What was removed is no longer surveyed.
pub async fn survey_leaves_out_removed_objects(subject: Subject) {
    let store = &*subject.store;
    let bytes = pattern(14, 100);
    let kept = store_stretch(store, &place(0, 100, true, 1), &bytes).await;
    let gone = store_stretch(store, &place(0, 100, false, 2), &bytes).await;
    store.remove(&[gone.extent.object]).await.unwrap();
    assert_eq!(found(&store.survey(upload()).await.unwrap()), expected(&[kept]));
}

/// Finishing what was committed succeeds, again too, and after another process opened the store.
pub async fn committed_extents_can_be_finished(subject: Subject) {
    let store = &*subject.store;
    let bytes = pattern(15, 6000);
    let extents = vec![
        store_stretch(store, &place(0, 6000, true, 1), &bytes).await.extent,
        store_stretch(store, &place(6000, 6000, true, 2), &bytes).await.extent,
        store_stretch(store, &place(0, 6000, false, 3), &bytes).await.extent,
    ];
    store.finish(upload(), &extents).await.unwrap();
    store.finish(upload(), &extents).await.unwrap();
    (subject.reopen)().finish(upload(), &extents).await.unwrap();
    store.finish(upload(), &[]).await.unwrap();
}

/// Extents of several uploads, as a joined one has them, are finished together.
pub async fn extents_of_other_uploads_can_be_finished(subject: Subject) {
    let store = &*subject.store;
    let bytes = pattern(16, 600);
    let here = store_stretch(store, &place(0, 600, true, 1), &bytes).await.extent;
    let there = Place { upload: upload_numbered(2), ..place(0, 600, true, 2) };
    let there = store_stretch(store, &there, &bytes).await.extent;
    store.finish(upload(), &[here, there]).await.unwrap();
}

/// In place, where `finish` has work to do, finishing extents whose object is not there fails, and makes none.
pub async fn absent_extents_cannot_be_finished(subject: Subject) {
    if subject.store.placement() == Placement::Objects {
        return;
    }
    for object in [ObjectKey::data(upload()), ObjectKey::stretch(upload(), 0, 9)] {
        let checksum = Checksum::of(b"x");
        let extent = Extent { offset: 0, length: 1, object: object.clone(), object_offset: 0, checksum };
        assert!(subject.store.finish(upload(), &[extent]).await.is_err());
        assert_eq!(subject.store.stat(&object).await.unwrap(), None);
    }
}

/// Releasing an upload keeps its bytes; an unknown one may be released too.
pub async fn released_upload_keeps_its_bytes(subject: Subject) {
    let store = &*subject.store;
    store.release(upload()).await.unwrap();
    let bytes = pattern(17, 6000);
    let in_place = store_stretch(store, &place(0, 6000, true, 1), &bytes).await;
    let own = store_stretch(store, &place(0, 6000, false, 2), &bytes).await;
    store.finish(upload(), &[in_place.extent.clone(), own.extent.clone()]).await.unwrap();
    store.release(upload()).await.unwrap();
    store.release(upload()).await.unwrap();
    assert_eq!(read_extent(store, &in_place.extent).await.unwrap(), bytes);
    assert_eq!(read_extent(store, &own.extent).await.unwrap(), bytes);
    let beside = ObjectKey::receipts(upload());
    assert!(!listing(store).await.iter().any(|listed| listed.object == beside));
}

/// A small object is read back whole, is replaced by the next, and is `None` before the first.
pub async fn small_object_is_replaced_whole(subject: Subject) {
    let store = &*subject.store;
    let marker = ObjectKey::marker();
    assert_eq!(store.read_small(&marker).await.unwrap(), None);
    store.write_small(&marker, Bytes::from_static(b"the first, longer")).await.unwrap();
    store.write_small(&marker, Bytes::from_static(b"second")).await.unwrap();
    assert_eq!(store.read_small(&marker).await.unwrap().as_deref(), Some(&b"second"[..]));
    assert_eq!((subject.reopen)().read_small(&marker).await.unwrap().as_deref(), Some(&b"second"[..]));
}

/// A healthy store says so, tells what room it has if it can, and leaves no trace of the question.
pub async fn healthy_store_answers_the_check(subject: Subject) {
    subject.store.check().await.unwrap();
    assert_ne!(subject.store.free_bytes().await.unwrap(), Some(0));
    assert_eq!(listing(&*subject.store).await, []);
}

/// Makes a test of every rule, for the adapter that `$make` (an async function without arguments) gives.
#[macro_export]
macro_rules! object_suite {
    ($make:path) => {
        $crate::object_suite!(@rules $make;
            manifest_is_read_back_as_announced
            renounced_manifest_is_gone_and_may_be_renounced_again
            manifest_that_is_none_is_corrupt
            committed_bytes_are_read_back
            free_stretches_lie_at_their_offsets_in_place
            batch_is_written_in_order_and_left_empty
            attempts_at_the_same_stretch_keep_their_own_bytes
            committed_bytes_are_not_written_over
            stretch_given_up_is_free_again_and_not_surveyed
            object_of_its_own_is_hidden_until_commit
            survey_finds_exactly_what_was_committed
            survey_leaves_out_removed_objects
            committed_extents_can_be_finished
            extents_of_other_uploads_can_be_finished
            absent_extents_cannot_be_finished
            released_upload_keeps_its_bytes
            reading_what_is_not_there_is_an_error
            scan_gives_the_bytes_of_a_range_in_order
            items_of_a_long_read_are_bounded
            listing_names_what_is_there
            removed_objects_are_gone_and_absent_ones_may_be_removed
            merge_makes_one_object_of_many
            a_stream_becomes_one_object_or_none
            merge_of_damaged_bytes_keeps_nothing
            small_object_is_replaced_whole
            healthy_store_answers_the_check
        );
    };
    (@rules $make:path; $($rule:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                $crate::testing::object_suite::$rule($make().await).await;
            }
        )+
    };
}
