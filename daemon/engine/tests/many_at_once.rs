//! Crowds: the same chunk by sixteen at once, complete by sixty-four at once, on several threads.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so loudly")]

use cairn_engine::contracts::Placement;
use cairn_engine::engine::{Completion, Created};
use cairn_engine::testing::bench::{Bench, body, content, owner, wish};
use cairn_engine::testing::faults::{FaultPlan, Faults};
use cairn_engine::{Caller, Engine, Policy, UploadId};
use tokio::task::JoinSet;

const CHUNK: usize = 5000;

fn ada() -> Caller {
    Caller::User(owner("ada"))
}

async fn begin(engine: &Engine, chunks: u64) -> UploadId {
    let new = wish("a", Some(chunks * CHUNK as u64), Some(CHUNK as u64));
    let Created::Upload(status) = engine.create(&owner("ada"), new).await.unwrap() else {
        panic!("no upload")
    };
    status.upload.id
}

async fn send(engine: Engine, id: UploadId, number: u64, seed: u8) -> u64 {
    engine.put_chunk(&owner("ada"), id, number, body(vec![seed; CHUNK], 700)).await.unwrap().received_bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_chunk_by_sixteen_at_once_is_one_of_the_sixteen_whole() {
    for placement in [Placement::InPlace, Placement::Objects] {
        for round in 0..20 {
            let bench = Bench::new(placement);
            let engine = bench.engine(Policy::default());
            let id = begin(&engine, 2).await;
            send(engine.clone(), id, 2, 99).await;
            let mut crowd = JoinSet::new();
            for sender in 0..16 {
                // Half of them send the same bytes, the others each their own.
                let seed = if sender % 2 == 0 { 0 } else { sender };
                crowd.spawn(send(engine.clone(), id, 1, seed));
            }
            let received = crowd.join_all().await;
            assert!(received.iter().all(|bytes| *bytes == 2 * CHUNK as u64), "round {round}: {received:?}");
            bench.every_row_has_its_bytes().await.unwrap();
            bench.errands.run().await;
            let file = engine.complete(&ada(), id, Completion::default()).await.unwrap();
            bench.errands.run().await;
            let whole = content(&engine, &file).await;
            let (first, second) = whole.split_at(CHUNK);
            assert!(
                first.iter().all(|byte| byte == first.first().unwrap()),
                "round {round}: bytes are mixed"
            );
            assert!(second.iter().all(|byte| *byte == 99));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn complete_by_sixty_four_at_once_publishes_once() {
    for placement in [Placement::InPlace, Placement::Objects] {
        let bench = Bench::new(placement);
        let faults = Faults::new(FaultPlan::NONE);
        let engine = bench.engine_over(
            bench.sessions.clone(),
            faults.catalog(bench.catalog.clone()),
            bench.objects.clone(),
            Policy::default(),
        );
        let id = begin(&engine, 3).await;
        for number in 1..=3 {
            send(engine.clone(), id, number, 7).await;
        }
        let mut crowd = JoinSet::new();
        for _ in 0..64 {
            let engine = engine.clone();
            crowd.spawn(async move { engine.complete(&ada(), id, Completion::default()).await.unwrap() });
        }
        let files = crowd.join_all().await;
        assert!(files.iter().all(|file| Some(file) == files.first()), "not all got the same file");
        let published = (1..=faults.calls()).filter(|n| faults.name_of(*n) == "catalog publish").count();
        assert_eq!(published, 1);
        assert_eq!(engine.totals().await.unwrap().files, 1);
    }
}
