//! Joining uploads: no byte moved, the right identity, nothing lost and nothing left.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so loudly")]

use std::time::Duration;

use cairn_engine::contracts::{Catalog, ObjectStore, Placement, SessionStore, View};
use cairn_engine::engine::{Completion, Sweeping};
use cairn_engine::testing::bench::{Bench, body, owner, wish};
use cairn_engine::{Caller, Digest, Engine, Policy, Refusal, State, Upload, UploadId};
use futures_util::TryStreamExt;

/// Lengths that end within a KiB, on one, and elsewhere.
const LENGTHS: [usize; 4] = [5000, 1, 70_000, 2048];
const LONG: usize = 65 << 20;

fn ann() -> Caller {
    Caller::User(owner("ann"))
}

fn bytes(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|n| u8::try_from((n * 31 + n / 251 + seed) % 256).unwrap()).collect()
}

async fn part(engine: &Engine, content: &[u8]) -> UploadId {
    let new = wish("part", Some(content.len() as u64), None);
    let id = engine.begin_upload(&owner("ann"), new).await.unwrap().id;
    engine.append(&owner("ann"), id, 0, body(content.to_vec(), 777)).await.unwrap();
    id
}

async fn joined(engine: &Engine, parts: &[UploadId]) -> Result<Upload, Refusal> {
    engine.join(&owner("ann"), wish("whole", None, None), parts).await
}

async fn content(engine: &Engine, id: UploadId) -> (Digest, Vec<u8>) {
    let file = engine.file_of(&ann(), id).await.unwrap();
    let blob = engine.blob_of(&file).await.unwrap();
    let stream = engine.read(&blob, 0..blob.length).await.unwrap();
    let bytes: Vec<bytes::Bytes> = stream.try_collect().await.unwrap();
    (file.blob, bytes.concat())
}

fn identity(content: &[u8]) -> Digest {
    Digest::blake3(*blake3::hash(content).as_bytes())
}

#[tokio::test]
async fn uploads_of_any_lengths_become_one_with_the_identity_of_all_their_bytes() {
    for placement in [Placement::InPlace, Placement::Objects] {
        let bench = Bench::new(placement);
        let engine = bench.engine(Policy { roll_bytes: 4096, ..Policy::default() });
        let contents: Vec<Vec<u8>> = LENGTHS.iter().enumerate().map(|(n, l)| bytes(n, *l)).collect();
        let mut parts = Vec::new();
        for content in &contents {
            parts.push(part(&engine, content).await);
        }
        // The same one twice.
        parts.push(parts[0]);
        let whole = [contents.concat(), contents[0].clone()].concat();
        let upload = joined(&engine, &parts).await.unwrap();
        assert_eq!((upload.state, upload.length), (State::Complete, Some(whole.len() as u64)));
        assert_eq!(content(&engine, upload.id).await, (identity(&whole), whole.clone()));
        let again = joined(&engine, &parts).await.unwrap();
        assert_eq!(engine.file_of(&ann(), again.id).await.unwrap().path.as_str(), "whole (2)");
        // The parts go; the bytes stay.
        parts.pop();
        for id in parts {
            engine.dismiss(&ann(), id).await.unwrap();
        }
        bench.errands.run().await;
        sweep_all(&bench, &engine).await;
        assert_eq!(content(&engine, upload.id).await, (identity(&whole), whole));
        assert_eq!(engine.account(&owner("ann")).await.unwrap().staged_bytes, 0);
    }
}

/// Sweeps until nothing is left to be swept.
async fn sweep_all(bench: &Bench, engine: &Engine) {
    for _ in 0..4 {
        bench.clock.advance(Duration::from_secs(2 * 3600));
        engine.sweep(Sweeping::default()).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_not_whole_not_there_or_not_the_owners_is_not_joined() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy::default());
    let whole = part(&engine, b"whole").await;
    let short = engine.begin_upload(&owner("ann"), wish("short", Some(10), None)).await.unwrap().id;
    let endless = engine.begin_upload(&owner("ann"), wish("endless", None, None)).await.unwrap().id;
    let gone = part(&engine, b"gone").await;
    engine.dismiss(&ann(), gone).await.unwrap();
    assert!(matches!(joined(&engine, &[whole, short]).await, Err(Refusal::Incomplete { .. })));
    assert!(matches!(joined(&engine, &[endless]).await, Err(Refusal::Incomplete { .. })));
    assert!(matches!(joined(&engine, &[gone]).await, Err(Refusal::NotOpen { .. })));
    let eve = engine.join(&owner("eve"), wish("x", None, None), &[whole]).await;
    assert!(matches!(eve, Err(Refusal::NoUpload)));
    let tight = bench.engine(Policy { max_length: 9, ..Policy::default() });
    assert!(matches!(joined(&tight, &[whole, whole]).await, Err(Refusal::TooLong { asked: 10, limit: 9 })));
}

#[tokio::test]
async fn a_quota_that_holds_the_parts_holds_what_is_joined_of_them() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy { quota: Some(10), ..Policy::default() });
    let (one, two) = (part(&engine, b"12345").await, part(&engine, b"67890").await);
    assert!(joined(&engine, &[one, two]).await.is_ok());
    assert!(matches!(joined(&engine, &[one]).await, Err(Refusal::Quota { .. })));
}

#[tokio::test]
async fn a_long_one_is_published_after_the_answer_even_if_its_parts_end_before() {
    let bench = Bench::new(Placement::Objects);
    let policy = Policy { roll_bytes: 16 << 20, ..Policy::default() };
    let engine = bench.engine(policy.clone());
    let content_of_part = bytes(1, LONG);
    let one = part(&engine, &content_of_part).await;
    let two = part(&engine, b"tail").await;
    bench.errands.run().await;
    let upload = joined(&engine, &[two, one]).await.unwrap();
    let whole = [b"tail".to_vec(), content_of_part].concat();
    assert_eq!(upload.state, State::Completing);
    assert_eq!(engine.progress(&ann(), upload.id).await.unwrap().offset, whole.len() as u64);
    // The process dies before the errand; after the restart the parts end, are given back and swept, and the session
    // of the whole is lost.
    bench.errands.lose();
    let engine = bench.engine(policy);
    for id in [one, two] {
        engine.dismiss(&ann(), id).await.unwrap();
    }
    bench.errands.run().await;
    sweep_all(&bench, &engine).await;
    assert!(matches!(engine.file_of(&ann(), upload.id).await, Err(Refusal::NoFile)));
    bench.sessions.remove(upload.id).await.unwrap();
    assert_eq!(engine.find_upload(&ann(), upload.id).await.unwrap().state, State::Completing);
    engine.publish_joined().await.unwrap();
    assert_eq!(content(&engine, upload.id).await, (identity(&whole), whole));
    bench.errands.run().await;
    assert!(bench.objects.manifest(upload.id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_part_takes_no_more_bytes_once_it_was_joined_and_what_is_joined_can_be_ended() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy::default());
    let one = part(&engine, b"hello").await;
    let upload = joined(&engine, &[one, one]).await.unwrap();
    let late = engine.put_chunk(&owner("ann"), one, 1, body("HELLO", 5)).await;
    assert!(matches!(late, Err(Refusal::NotOpen { state: State::Completing })));
    engine.dismiss(&ann(), upload.id).await.unwrap();
    assert!(matches!(engine.find_upload(&ann(), upload.id).await, Err(Refusal::NoUpload)));
    // Another one can still be made of it, and it of itself.
    assert!(joined(&engine, &[one]).await.is_ok());
    let file = engine.complete(&ann(), one, Completion::default()).await.unwrap();
    assert_eq!(file.blob, identity(b"hello"));
    assert!(bench.sessions.load(one, View::Head).await.unwrap().is_some());
    assert!(bench.catalog.origin(one).await.unwrap().is_some());
}
