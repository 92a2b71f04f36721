//! The life of an upload over memory stores: what a client sees, and what is left behind.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so loudly")]

use std::sync::Arc;
use std::time::Duration;

use cairn_engine::contracts::{Placement, SessionStore, View};
use cairn_engine::digest::body::{BodyAlgorithm, BodyDigest};
use cairn_engine::engine::{Completion, Created, MergeOutcome, SweepReason, Sweeping, UploadStatus};
use cairn_engine::testing::bench::{Bench, body, broken_body, content, owner, wish, with_digest};
use cairn_engine::{Caller, Digest, Engine, Policy, Refusal, State, UploadId};

const CHUNK: u64 = 4096;

fn bytes(length: u64, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            u8::try_from(state & 0xff).unwrap()
        })
        .collect()
}

fn chunk_of(content: &[u8], number: u64) -> Vec<u8> {
    let size = usize::try_from(CHUNK).unwrap();
    content.chunks(size).nth(usize::try_from(number).unwrap() - 1).unwrap().to_vec()
}

async fn begin(engine: &Engine, length: Option<u64>) -> UploadId {
    match engine.create(&owner("ada"), wish("videos/a.mp4", length, Some(CHUNK))).await.unwrap() {
        Created::Upload(status) => status.upload.id,
        other => panic!("not a new upload: {other:?}"),
    }
}

async fn send(engine: &Engine, id: UploadId, content: &[u8], number: u64) {
    let sent = engine.put_chunk(&owner("ada"), id, number, body(chunk_of(content, number), 1000)).await;
    assert_eq!(sent.unwrap().number, number);
}

fn ada() -> Caller {
    Caller::User(owner("ada"))
}

async fn status(engine: &Engine, id: UploadId) -> UploadStatus {
    engine.status(&ada(), id).await.unwrap()
}

fn sha1(content: &[u8]) -> Digest {
    use sha1::Digest as _;
    Digest::new(cairn_engine::Algorithm::Sha1, &sha1::Sha1::digest(content)).unwrap()
}

#[tokio::test]
async fn chunks_in_any_order_become_a_file_without_reading_a_byte_again() {
    for placement in [Placement::InPlace, Placement::Objects] {
        let bench = Bench::new(placement);
        let engine = bench.engine(Policy::default());
        let whole = bytes(5 * CHUNK + 1, 1);
        let id = begin(&engine, Some(whole.len() as u64)).await;
        for number in [6, 2, 4, 1, 5] {
            send(&engine, id, &whole, number).await;
        }
        let seen = status(&engine, id).await;
        assert_eq!((seen.received, seen.missing), (vec![(1, 2), (4, 6)], vec![(3, 3)]));
        assert_eq!(seen.offset, 2 * CHUNK);

        let refused = engine.complete(&ada(), id, Completion::default()).await.unwrap_err();
        assert!(
            matches!(refused, Refusal::Incomplete { ref missing, missing_bytes } if *missing == [3..=3] && missing_bytes == CHUNK)
        );
        send(&engine, id, &whole, 3).await;
        let before = bench.objects.bytes_read();
        let file = engine.complete(&ada(), id, Completion::default()).await.unwrap();
        assert_eq!(bench.objects.bytes_read(), before, "complete reads nothing");
        assert_eq!(file.digest, Digest::blake3(*blake3::hash(&whole).as_bytes()));
        assert_eq!(content(&engine, &file).await, whole);
        assert_eq!(engine.complete(&ada(), id, Completion::default()).await.unwrap(), file);
        let seen = status(&engine, id).await;
        assert_eq!((seen.upload.state, seen.file), (State::Complete, Some(file)));
        let late = engine.put_chunk(&owner("ada"), id, 1, body(chunk_of(&whole, 1), 1000)).await.unwrap_err();
        assert!(matches!(late, Refusal::NotOpen { state: State::Complete }));
    }
}

#[tokio::test]
async fn a_declared_sha1_is_computed_as_bytes_arrive_and_caught_up_in_the_background() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy::default());
    let whole = bytes(8 * CHUNK, 2);
    let mut new = wish("a", Some(whole.len() as u64), Some(CHUNK));
    new.digest = Some(sha1(&whole));
    let Created::Upload(upload) = engine.create(&owner("ada"), new).await.unwrap() else { panic!() };
    let id = upload.upload.id;
    for number in [1, 2, 4, 3, 5, 8, 7, 6] {
        send(&engine, id, &whole, number).await;
        bench.errands.run().await;
    }
    let before = bench.objects.bytes_read();
    assert_eq!(before, 3 * CHUNK, "what came out of order is read back: chunks 4, 7 and 8");
    let file = engine.complete(&ada(), id, Completion::default()).await.unwrap();
    assert_eq!(bench.objects.bytes_read(), before);
    assert_eq!(file.digest, sha1(&whole));
}

#[tokio::test]
async fn a_wrong_digest_keeps_the_bytes_and_names_the_chunks_that_are_damaged() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy::default());
    let whole = bytes(3 * CHUNK, 3);
    let id = begin(&engine, Some(whole.len() as u64)).await;
    for number in 1..=3 {
        send(&engine, id, &whole, number).await;
    }
    let wrong = Completion { digest: Some(sha1(b"other")), ..Completion::default() };
    let refused = engine.complete(&ada(), id, wrong).await.unwrap_err();
    assert!(
        matches!(refused, Refusal::Digest { expected, computed, suspect_chunks } if expected == sha1(b"other") && computed == sha1(&whole) && suspect_chunks.is_empty())
    );
    assert_eq!(status(&engine, id).await.upload.state, State::Open);

    let right = Completion { digest: Some(sha1(&whole)), ..Completion::default() };
    let file = engine.complete(&ada(), id, right).await.unwrap();
    assert_eq!(content(&engine, &file).await, whole);
}

#[tokio::test]
async fn a_chunk_sent_twice_with_other_bytes_replaces_the_first() {
    for placement in [Placement::InPlace, Placement::Objects] {
        let bench = Bench::new(placement);
        let engine = bench.engine(Policy::default());
        let (first, second) = (bytes(2 * CHUNK, 4), bytes(2 * CHUNK, 5));
        let mut new = wish("a", Some(2 * CHUNK), Some(CHUNK));
        let mixed = [chunk_of(&second, 1), chunk_of(&first, 2)].concat();
        new.digest = Some(sha1(&mixed));
        let Created::Upload(upload) = engine.create(&owner("ada"), new).await.unwrap() else { panic!() };
        let id = upload.upload.id;
        send(&engine, id, &first, 1).await;
        send(&engine, id, &first, 2).await;
        bench.errands.run().await;
        send(&engine, id, &second, 1).await;
        assert_eq!(status(&engine, id).await.upload.received_bytes, 2 * CHUNK);
        bench.errands.run().await;
        let file = engine.complete(&ada(), id, Completion::default()).await.unwrap();
        assert_eq!(content(&engine, &file).await, mixed);
        bench.errands.run().await;

        if placement == Placement::InPlace {
            let merged = engine.merge(&file.blob).await.unwrap();
            assert_eq!(merged, MergeOutcome::Merged { extents: 2, moved_bytes: 2 * CHUNK });
            assert_eq!(engine.merge(&file.blob).await.unwrap(), MergeOutcome::AlreadyOne);
            assert_eq!(content(&engine, &file).await, mixed);
        }
        assert!(engine.verify(&file.blob).await.unwrap().identical);
    }
}

#[tokio::test]
async fn the_same_bytes_again_change_nothing() {
    let bench = Bench::new(Placement::Objects);
    let engine = bench.engine(Policy::default());
    let whole = bytes(CHUNK, 6);
    let id = begin(&engine, Some(CHUNK)).await;
    send(&engine, id, &whole, 1).await;
    let before = bench.sessions.load(id, View::All).await.unwrap().unwrap();
    send(&engine, id, &whole, 1).await;
    let after = bench.sessions.load(id, View::All).await.unwrap().unwrap();
    assert_eq!(before.receipts, after.receipts);
    assert_eq!(after.upload.rewrites, 0);
}

#[tokio::test]
async fn an_append_keeps_what_arrived_of_a_body_that_breaks_off_but_not_under_a_digest() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy { roll_bytes: 1000, ..Policy::default() });
    let whole = bytes(10_000, 7);
    let id = begin(&engine, None).await;
    let refused = engine.append(&owner("ada"), id, 0, broken_body(whole[..2500].to_vec(), 9999)).await;
    assert!(matches!(refused.unwrap_err(), Refusal::Body { kept: 2500, .. }));
    let wrong = engine.append(&owner("ada"), id, 2400, body(whole[2400..].to_vec(), 777)).await;
    assert!(matches!(wrong.unwrap_err(), Refusal::Offset { expected: 2500, provided: 2400 }));

    let expected = BodyDigest::new(BodyAlgorithm::Md5, vec![0; 16]).unwrap();
    let announced = with_digest(broken_body(whole[2500..4000].to_vec(), 9999), expected.clone());
    let refused = engine.append(&owner("ada"), id, 2500, announced).await;
    assert!(matches!(refused.unwrap_err(), Refusal::Body { kept: 0, .. }));
    let mismatch = with_digest(body(whole[2500..4000].to_vec(), 500), expected);
    let refused = engine.append(&owner("ada"), id, 2500, mismatch).await;
    assert!(matches!(refused.unwrap_err(), Refusal::BodyDigest { algorithm: "md5", .. }));
    assert_eq!(status(&engine, id).await.offset, 2500);

    assert_eq!(
        engine.append(&owner("ada"), id, 2500, body(whole[2500..].to_vec(), 777)).await.unwrap(),
        10_000
    );
    let file = engine.complete(&ada(), id, Completion::default()).await.unwrap();
    assert_eq!(content(&engine, &file).await, whole);
}

#[tokio::test]
async fn a_body_under_a_digest_waits_for_its_verdict_as_one_object_and_is_bounded_by_what_an_object_may_have()
{
    use sha1::Digest as _;
    let bench = Bench::new(Placement::Objects);
    let objects = Arc::new((*bench.objects).clone().of_objects_up_to(5_000));
    let policy = Policy { roll_bytes: 1_000, ..Policy::default() };
    let engine = bench.engine_over(bench.sessions.clone(), bench.catalog.clone(), objects, policy);
    let announced = |bytes: &[u8]| {
        let digest = BodyDigest::new(BodyAlgorithm::Sha1, sha1::Sha1::digest(bytes).to_vec()).unwrap();
        with_digest(body(bytes.to_vec(), 300), digest)
    };
    let whole = bytes(10_000, 9);
    let id = begin(&engine, None).await;
    assert_eq!(engine.append(&owner("ada"), id, 0, announced(&whole[..5_000])).await.unwrap(), 5_000);
    assert_eq!(engine.inspect(id).await.unwrap().receipts.len(), 1);

    let mut untold = announced(&whole[4_999..]);
    untold.length = None;
    let refused = engine.append(&owner("ada"), id, 5_000, untold).await.unwrap_err();
    assert!(matches!(refused, Refusal::TooLong { limit: 10_000, .. }), "{refused:?}");
    assert_eq!(status(&engine, id).await.offset, 5_000);
    assert_eq!(bench.objects.keys().iter().filter(|key| key.stretch_offset().is_some()).count(), 1);
    let refused = engine.append(&owner("ada"), id, 5_000, announced(&whole[4_999..])).await.unwrap_err();
    assert!(matches!(refused, Refusal::TooLong { asked: 10_001, limit: 10_000 }), "{refused:?}");

    // Without a digest there is no such bound.
    assert_eq!(
        engine.append(&owner("ada"), id, 5_000, body(whole[5_000..].to_vec(), 300)).await.unwrap(),
        10_000
    );
    let file = engine.complete(&ada(), id, Completion::default()).await.unwrap();
    assert_eq!(content(&engine, &file).await, whole);
}

#[tokio::test]
async fn a_session_that_was_lost_is_rebuilt_and_a_finished_upload_is_remembered() {
    for placement in [Placement::InPlace, Placement::Objects] {
        let bench = Bench::new(placement);
        let engine = bench.engine(Policy::default());
        let whole = bytes(3 * CHUNK, 8);
        let id = begin(&engine, Some(3 * CHUNK)).await;
        send(&engine, id, &whole, 3).await;
        send(&engine, id, &whole, 1).await;
        bench.sessions.remove(id).await.unwrap();
        let engine = bench.engine(Policy::default());
        assert_eq!(status(&engine, id).await.missing, [(2, 2)]);
        bench.sessions.remove(id).await.unwrap();
        send(&engine, id, &whole, 2).await;
        let file = engine.complete(&ada(), id, Completion::default()).await.unwrap();
        assert_eq!(content(&engine, &file).await, whole);
        bench.sessions.remove(id).await.unwrap();
        let seen = status(&engine, id).await;
        assert_eq!((seen.upload.state, seen.file.as_ref()), (State::Complete, Some(&file)));
        assert_eq!(engine.complete(&ada(), id, Completion::default()).await.unwrap(), file);
    }
}

#[tokio::test]
async fn what_is_anothers_looks_as_if_it_were_not() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy::default());
    let whole = bytes(CHUNK, 9);
    let id = begin(&engine, Some(CHUNK)).await;
    let eve = owner("eve");
    let caller = Caller::User(eve.clone());
    assert!(matches!(engine.status(&caller, id).await.unwrap_err(), Refusal::NoUpload));
    assert!(matches!(
        engine.put_chunk(&eve, id, 1, body(whole.clone(), 100)).await.unwrap_err(),
        Refusal::NoUpload
    ));
    assert!(matches!(engine.append(&eve, id, 0, body(whole, 100)).await.unwrap_err(), Refusal::NoUpload));
    assert!(matches!(
        engine.complete(&caller, id, Completion::default()).await.unwrap_err(),
        Refusal::NoUpload
    ));
    assert!(matches!(engine.abort(&caller, id).await.unwrap_err(), Refusal::NoUpload));
    assert_eq!(status(&engine, id).await.upload.received_bytes, 0);
}

#[tokio::test]
async fn an_aborted_and_an_expired_upload_leave_nothing() {
    for placement in [Placement::InPlace, Placement::Objects] {
        let bench = Bench::new(placement);
        let policy = Policy::default();
        let engine = bench.engine(policy.clone());
        let whole = bytes(2 * CHUNK, 10);
        let (gone, late) = (begin(&engine, Some(2 * CHUNK)).await, begin(&engine, Some(2 * CHUNK)).await);
        for id in [gone, late] {
            send(&engine, id, &whole, 1).await;
        }
        engine.abort(&ada(), gone).await.unwrap();
        engine.abort(&ada(), gone).await.unwrap();
        bench.errands.run().await;
        assert_eq!(status(&engine, gone).await.upload.state, State::Aborted);
        bench.clock.advance(policy.ttl + Duration::from_secs(1));
        let would = engine.sweep(Sweeping { dry_run: true, forced: false }).await.unwrap();
        let did = engine.sweep(Sweeping::default()).await.unwrap();
        assert_eq!(would.swept, did.swept);
        let mut reasons: Vec<SweepReason> = did.swept.iter().map(|swept| swept.reason).collect();
        reasons.sort_unstable();
        assert_eq!(reasons, [SweepReason::ExpiredUpload, SweepReason::EndedUpload]);
        assert!(matches!(engine.status(&ada(), late).await.unwrap_err(), Refusal::NoUpload));
        for _ in 0..3 {
            bench.clock.advance(policy.grace + Duration::from_secs(1));
            engine.sweep(Sweeping::default()).await.unwrap();
        }
        assert_eq!(bench.objects.keys(), [cairn_engine::ObjectKey::marker()]);
    }
}

#[tokio::test]
async fn a_removed_file_gives_its_bytes_back_after_the_grace_and_not_before() {
    let bench = Bench::new(Placement::Objects);
    let policy = Policy::default();
    let engine = bench.engine(policy.clone());
    let whole = bytes(2 * CHUNK, 11);
    let id = begin(&engine, Some(2 * CHUNK)).await;
    send(&engine, id, &whole, 1).await;
    send(&engine, id, &whole, 2).await;
    let file = engine.complete(&ada(), id, Completion::default()).await.unwrap();
    bench.errands.run().await;
    let blob = engine.blob_of(&file).await.unwrap();
    engine.remove_file(&owner("ada"), &file.path).await.unwrap();
    engine.sweep(Sweeping::default()).await.unwrap();
    assert!(engine.read(&blob, 0..blob.length).await.is_ok());
    for _ in 0..4 {
        bench.clock.advance(policy.grace + Duration::from_secs(1));
        engine.sweep(Sweeping::default()).await.unwrap();
    }
    assert_eq!(bench.objects.keys(), [cairn_engine::ObjectKey::marker()]);
    assert_eq!(engine.totals().await.unwrap().blobs, 0);
}

#[tokio::test]
async fn instant_upload_needs_a_file_of_the_callers_own() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy::default());
    let whole = bytes(CHUNK, 12);
    let id = begin(&engine, Some(CHUNK)).await;
    send(&engine, id, &whole, 1).await;
    let declared = Completion { digest: Some(sha1(&whole)), ..Completion::default() };
    engine.complete(&ada(), id, declared).await.unwrap();
    let mut again = wish("b", Some(CHUNK), None);
    again.digest = Some(sha1(&whole));
    let Created::Instant(file) = engine.create(&owner("ada"), again.clone()).await.unwrap() else { panic!() };
    assert_eq!(content(&engine, &file).await, whole);
    assert!(matches!(engine.create(&owner("eve"), again).await.unwrap(), Created::Upload(_)));
    let adopted = engine.adopt(&owner("eve"), &"c".parse().unwrap(), &sha1(&whole), None).await.unwrap();
    assert_eq!(adopted, None);
}

#[tokio::test]
async fn an_upload_that_expired_while_the_daemon_was_down_gets_the_grace() {
    let bench = Bench::new(Placement::InPlace);
    let policy = Policy::default();
    let id = begin(&bench.engine(policy.clone()), Some(CHUNK)).await;
    bench.clock.advance(policy.ttl * 10);
    let engine = bench.engine(policy.clone());
    assert_eq!(engine.sweep(Sweeping::default()).await.unwrap().swept, []);
    send(&engine, id, &bytes(CHUNK, 13), 1).await;
    bench.clock.advance(policy.grace);
    assert_eq!(engine.sweep(Sweeping::default()).await.unwrap().swept, []);
    bench.clock.advance(policy.ttl);
    assert_eq!(engine.sweep(Sweeping::default()).await.unwrap().swept.len(), 1);
}
