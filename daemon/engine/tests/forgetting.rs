//! What becomes of uploads whose records the session store forgets: nobody notices, but for the time it takes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cairn_engine::contracts::{IfExists, Placement, Precondition, SessionStore, View};
use cairn_engine::engine::{Append, Completion, Created, Incoming, NewUpload, Rebuilt, Sweeping};
use cairn_engine::testing::bench::{Bench, body, content, owner, wish};
use cairn_engine::testing::faults::{FaultPlan, Faults};
use cairn_engine::upload::Naming;
use cairn_engine::{Caller, Engine, ObjectKey, Policy, Refusal, State, UploadId};
use futures_util::{StreamExt, TryStreamExt, stream};

const CHUNK: usize = 1000;
const PLACEMENTS: [Placement; 2] = [Placement::InPlace, Placement::Objects];

fn ada() -> Caller {
    Caller::User(owner("ada"))
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at / 3 + at % 241) % 256).unwrap()).collect()
}

async fn begin(engine: &Engine, chunks: usize) -> UploadId {
    let new = wish("a.bin", Some((chunks * CHUNK) as u64), Some(CHUNK as u64));
    match engine.create(&owner("ada"), new).await.unwrap() {
        Created::Upload(status) => status.upload.id,
        other => panic!("not a new upload: {other:?}"),
    }
}

async fn send(engine: &Engine, id: UploadId, whole: &[u8], number: usize) {
    let chunk = whole[(number - 1) * CHUNK..number * CHUNK].to_vec();
    engine.put_chunk(&owner("ada"), id, number as u64, body(chunk, 300)).await.unwrap();
}

fn counted(bench: &Bench) -> (Arc<Faults>, Engine) {
    let faults = Faults::new(FaultPlan::NONE);
    let engine = bench.engine_over(
        faults.sessions(bench.sessions.clone()),
        faults.catalog(bench.catalog.clone()),
        faults.objects(bench.objects.clone()),
        Policy::default(),
    );
    (faults, engine)
}

fn calls_of(faults: &Faults, name: &str) -> usize {
    (1..=faults.calls()).filter(|n| faults.name_of(*n) == name).count()
}

#[tokio::test]
async fn a_crowd_that_finds_a_record_lost_or_doubted_has_it_rebuilt_once() {
    for placement in PLACEMENTS {
        let bench = Bench::new(placement);
        let (faults, engine) = counted(&bench);
        let whole = bytes(20 * CHUNK);
        let id = begin(&engine, 20).await;
        for number in 1..=10 {
            send(&engine, id, &whole, number).await;
        }
        for forget in [|bench: &Bench| bench.sessions.flush(), |bench: &Bench| bench.sessions.doubt()] {
            faults.restart(FaultPlan::NONE);
            forget(&bench);
            let (id, engine) = (id, &engine);
            let ask = || async move { engine.status(&ada(), id).await.unwrap().received };
            let told = futures_util::future::join_all((0..32).map(|_| ask())).await;
            assert!(told.iter().all(|received| *received == [(1, 10)]), "{told:?}");
            assert_eq!(calls_of(&faults, "objects survey"), 1);
        }
    }
}

#[tokio::test]
async fn what_a_doubted_record_has_is_not_read_again_and_what_it_lacks_is_read_once() {
    let bench = Bench::new(Placement::Objects);
    let engine = bench.engine(Policy::default());
    let whole = bytes(6 * CHUNK);
    let id = begin(&engine, 6).await;
    for number in [1, 2, 3] {
        send(&engine, id, &whole, number).await;
    }
    let then = bench.sessions.as_now();
    for number in [4, 5] {
        send(&engine, id, &whole, number).await;
    }
    bench.sessions.go_back_to(then);
    let before = bench.objects.bytes_read();
    assert_eq!(engine.rebuild(id).await.unwrap(), Rebuilt::Vouched { extents: 2 });
    assert_eq!(bench.objects.bytes_read() - before, 2 * CHUNK as u64);
    assert_eq!(engine.rebuild(id).await.unwrap(), Rebuilt::There);
    assert_eq!(engine.status(&ada(), id).await.unwrap().received, [(1, 5)]);
    bench.sessions.flush();
    assert_eq!(engine.rebuild(id).await.unwrap(), Rebuilt::PutBack { extents: 5 });
}

#[tokio::test]
async fn a_chunk_that_was_replaced_stays_so_whatever_the_store_forgets() {
    for placement in PLACEMENTS {
        let bench = Bench::new(placement);
        let engine = bench.engine(Policy::default());
        let whole = bytes(2 * CHUNK);
        let id = begin(&engine, 2).await;
        let nothing = bench.sessions.as_now();
        let wrong = body(vec![0xee; CHUNK], 300);
        engine.put_chunk(&owner("ada"), id, 1, wrong).await.unwrap();
        let replaced = bench.sessions.as_now();
        send(&engine, id, &whole, 1).await;
        // The errand that removes what was replaced never runs.
        for then in [nothing, replaced] {
            bench.sessions.go_back_to(then);
            assert_eq!(engine.status(&ada(), id).await.unwrap().received, [(1, 1)]);
            let upload = bench.uploads().await.unwrap().remove(0);
            assert_eq!(bench.bytes_of_upload(&upload).await.unwrap().0, whole[..CHUNK]);
        }
        send(&engine, id, &whole, 2).await;
        let file = engine.complete(&ada(), id, Completion::default()).await.unwrap();
        assert_eq!(content(&engine, &file).await, whole);
    }
}

/// A body whose second half comes after something has happened.
fn interrupted(whole: &[u8], happens: impl FnOnce() + Send + 'static) -> Incoming {
    let half = whole.len() / 2;
    let (first, second) = (Bytes::copy_from_slice(&whole[..half]), Bytes::copy_from_slice(&whole[half..]));
    let later = stream::once(async move {
        happens();
        Ok(second)
    });
    let body = stream::iter([Ok(first)]).chain(later).boxed();
    Incoming { body, length: Some(whole.len() as u64), digests: Vec::new() }
}

#[tokio::test]
async fn an_append_goes_on_though_the_store_forgets_that_it_claimed_the_upload() {
    for placement in PLACEMENTS {
        for flushed in [true, false] {
            let bench = Bench::new(placement);
            let engine = bench.engine(Policy { roll_bytes: CHUNK as u64, ..Policy::default() });
            let whole = bytes(8 * CHUNK);
            let id = begin(&engine, 8).await;
            let (sessions, then) = (Arc::clone(&bench.sessions), bench.sessions.as_now());
            let incoming = interrupted(&whole, move || match flushed {
                true => sessions.flush(),
                false => sessions.go_back_to(then),
            });
            assert_eq!(engine.append(&owner("ada"), id, 0, incoming).await.unwrap(), 8 * CHUNK as u64);
            let file = engine.complete(&ada(), id, Completion::default()).await.unwrap();
            assert_eq!(content(&engine, &file).await, whole);
        }
    }
}

#[tokio::test]
async fn an_epoch_from_before_a_flush_records_nothing_after_it() {
    let bench = Bench::new(Placement::Objects);
    let engine = bench.engine(Policy::default());
    let id = begin(&engine, 1).await;
    let old = bench.sessions.claim(id).await.unwrap().unwrap();
    bench.sessions.flush();
    engine.status(&ada(), id).await.unwrap();
    for _ in 0..3 {
        let epoch = bench.sessions.claim(id).await.unwrap().unwrap();
        assert!(epoch > old, "{epoch} is not beyond {old}");
    }
}

#[tokio::test]
async fn an_upload_that_was_ended_does_not_come_back_when_the_store_goes_back_in_time() {
    for placement in PLACEMENTS {
        let bench = Bench::new(placement);
        let engine = bench.engine(Policy::default());
        let whole = bytes(2 * CHUNK);
        let (aborted, finished) = (begin(&engine, 2).await, begin(&engine, 2).await);
        for id in [aborted, finished] {
            send(&engine, id, &whole, 1).await;
        }
        let then = bench.sessions.as_now();
        engine.abort(&ada(), aborted).await.unwrap();
        send(&engine, finished, &whole, 2).await;
        let file = engine.complete(&ada(), finished, Completion::default()).await.unwrap();
        bench.errands.run().await;
        bench.sessions.go_back_to(then);
        assert!(matches!(engine.status(&ada(), aborted).await.unwrap_err(), Refusal::NoUpload));
        let told = engine.status(&ada(), finished).await.unwrap();
        assert_eq!((told.upload.state, told.file), (State::Complete, Some(file.clone())));
        assert_eq!(engine.complete(&ada(), finished, Completion::default()).await.unwrap(), file);
        assert_eq!(content(&engine, &file).await, whole);
    }
}

#[tokio::test]
async fn an_abort_during_which_the_record_vanishes_is_an_abort() {
    let bench = Bench::new(Placement::Objects);
    let (faults, engine) = counted(&bench);
    let id = begin(&engine, 1).await;
    faults.restart(FaultPlan::NONE);
    let sessions = Arc::clone(&bench.sessions);
    faults.before(3, async move { sessions.flush() });
    engine.abort(&ada(), id).await.unwrap();
    assert!(engine.status(&ada(), id).await.is_ok_and(|told| told.upload.state == State::Aborted));
}

#[tokio::test]
async fn the_sweeper_leaves_lost_uploads_their_objects_until_their_own_time_is_over() {
    for placement in PLACEMENTS {
        for forget in [|bench: &Bench| bench.sessions.flush(), |bench: &Bench| bench.sessions.doubt()] {
            let bench = Bench::new(placement);
            let policy = Policy { grace: Duration::from_secs(60), ..Policy::default() };
            let engine = bench.engine(policy.clone());
            let whole = bytes(3 * CHUNK);
            let id = begin(&engine, 3).await;
            send(&engine, id, &whole, 1).await;
            let then = bench.sessions.as_now();
            send(&engine, id, &whole, 3).await;
            bench.sessions.go_back_to(then);
            forget(&bench);
            for _ in 0..5 {
                bench.clock.advance(policy.grace * 2);
                assert_eq!(engine.sweep(Sweeping::default()).await.unwrap().swept, []);
            }
            let session = bench.sessions.load(id, View::Head).await.unwrap().unwrap();
            assert!(!session.doubted);
            assert_eq!(engine.status(&ada(), id).await.unwrap().missing, [(2, 2)]);
            bench.clock.advance(policy.ttl);
            for _ in 0..3 {
                bench.clock.advance(policy.grace * 2);
                engine.sweep(Sweeping::default()).await.unwrap();
            }
            assert_eq!(bench.objects.keys(), [ObjectKey::marker()]);
        }
    }
}

#[tokio::test]
async fn manifests_name_what_is_in_progress_whether_the_store_knows_it_or_not() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy::default());
    let whole = bytes(CHUNK);
    let mut open = Vec::new();
    for _ in 0..3 {
        let id = begin(&engine, 1).await;
        send(&engine, id, &whole, 1).await;
        open.push(id);
    }
    let finished = open.pop().unwrap();
    engine.complete(&ada(), finished, Completion::default()).await.unwrap();
    bench.errands.run().await;
    bench.sessions.flush();
    let mut named: Vec<UploadId> = engine.manifests().await.unwrap().try_collect().await.unwrap();
    named.sort_unstable();
    assert_eq!(named, open);
    for id in named {
        assert_eq!(engine.rebuild(id).await.unwrap(), Rebuilt::PutBack { extents: 1 });
    }
    assert_eq!(engine.rebuild(finished).await.unwrap(), Rebuilt::Finished);
    assert_eq!(bench.uploads().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_length_that_was_declared_with_an_append_is_not_forgotten() {
    for placement in PLACEMENTS {
        let bench = Bench::new(placement);
        let engine = bench.engine(Policy::default());
        let whole = bytes(2 * CHUNK);
        let new = wish("a.bin", None, Some(CHUNK as u64));
        let Created::Upload(status) = engine.create(&owner("ada"), new).await.unwrap() else { panic!() };
        let id = status.upload.id;
        let then = bench.sessions.as_now();
        let incoming = body(whole[..CHUNK].to_vec(), 300);
        let length = Some(whole.len() as u64);
        let append = Append { offset: 0, length, incoming, late: None };
        engine.append_with(&owner("ada"), id, append).await.unwrap();
        bench.sessions.flush();
        assert_eq!(engine.status(&ada(), id).await.unwrap().upload.length, length);
        bench.sessions.go_back_to(then);
        let told = engine.status(&ada(), id).await.unwrap();
        assert_eq!((told.upload.length, told.missing), (length, vec![(2, 2)]));
        send(&engine, id, &whole, 2).await;
        let file = engine.complete(&ada(), id, Completion::default()).await.unwrap();
        assert_eq!(content(&engine, &file).await, whole);
    }
}

#[tokio::test]
async fn what_was_said_of_a_path_outlives_a_lost_record() {
    for placement in PLACEMENTS {
        let bench = Bench::new(placement);
        let engine = bench.engine(Policy::default());
        let naming = Naming { if_exists: Some(IfExists::Rename), precondition: Some(Precondition::Absent) };
        let new = NewUpload { naming: naming.clone(), ..wish("a.bin", Some(CHUNK as u64), None) };
        let upload = engine.begin_upload(&owner("ada"), new).await.unwrap();
        bench.sessions.flush();
        assert_eq!(engine.find_upload(&ada(), upload.id).await.unwrap().naming, naming);
    }
}
