//! Blobs on their way from one storage to another.

use std::sync::Arc;

use cairn_engine::contracts::{Failure, Placement};
use cairn_engine::engine::{MergeOutcome, MoveOutcome, Sweeping};
use cairn_engine::testing::bench::{body, content, owner};
use cairn_engine::testing::faults::{FaultPlan, Faults};
use cairn_engine::testing::memory_objects::MemoryObjects;
use cairn_engine::{Policy, Refusal, StorageName};
use futures_util::TryStreamExt;

use crate::scene::*;

#[tokio::test]
async fn a_blob_moves_there_and_back_and_leaves_nothing_behind() {
    let scene = Scene::new();
    let engine = scene.engine(Policy::default());
    let whole = bytes(5 * CHUNK + 17, 1);
    let file = file(&engine, "a", &whole).await;
    assert_eq!(engine.move_blob(&file.blob, &StorageName::DEFAULT).await.unwrap(), MoveOutcome::AlreadyThere);
    for (to, expected) in [(cold(), (0, 1)), (StorageName::DEFAULT, (1, 0)), (cold(), (0, 1))] {
        let outcome = engine.move_blob(&file.blob, &to).await.unwrap();
        assert_eq!(outcome, MoveOutcome::Moved { objects: 1 });
        assert_eq!(engine.move_blob(&file.blob, &to).await.unwrap(), MoveOutcome::AlreadyThere);
        assert_eq!(storages_of(&engine.blob_of(&file).await.unwrap()), [to.as_str()]);
        assert_eq!(content(&engine, &file).await, whole);
        scene.sweep_all(&engine).await;
        assert_eq!(scene.objects(), expected);
        assert_eq!(content(&engine, &file).await, whole);
        assert!(engine.verify(&file.blob).await.unwrap().identical);
    }
    let totals = engine.storage_totals().await.unwrap();
    assert_eq!((totals.len(), totals[0].storage.clone(), totals[0].bytes), (1, cold(), whole.len() as u64));
    engine.remove_file(&owner("ada"), &file.path).await.unwrap();
    scene.sweep_all(&engine).await;
    assert_eq!(scene.objects(), (0, 0));
}

#[tokio::test]
async fn a_download_that_goes_on_across_a_move_gets_every_byte() {
    let scene = Scene::new();
    let engine = scene.engine(Scene::ruled(vec![everything_to_cold()]));
    let whole = bytes(40 * CHUNK, 2);
    let file = file(&engine, "a", &whole).await;
    let blob = engine.blob_of(&file).await.unwrap();
    let mut download = engine.read(&blob, 0..blob.length).await.unwrap();
    let mut read = download.try_next().await.unwrap().unwrap().to_vec();
    let outcome = engine.move_blob(&file.blob, &StorageName::DEFAULT).await.unwrap();
    assert_eq!(outcome, MoveOutcome::Moved { objects: 1 });
    // Not old enough to go: somebody may be reading it.
    engine.sweep(Sweeping::default()).await.unwrap();
    while let Some(bytes) = download.try_next().await.unwrap() {
        read.extend_from_slice(&bytes);
    }
    assert!(read == whole);
    scene.sweep_all(&engine).await;
    assert_eq!(scene.objects(), (1, 0));
}

#[tokio::test]
async fn a_move_that_fails_at_any_call_is_run_again_and_leaves_nothing() {
    for after in [false, true] {
        let mut call = 1;
        loop {
            let scene = Scene::new();
            let whole = bytes(3 * CHUNK, 3);
            let file = file(&scene.engine(Policy::default()), "a", &whole).await;
            scene.bench.errands.run().await;
            let plan = FaultPlan::stop_at(call);
            let faults = Faults::new(if after { plan.after_effect() } else { plan });
            let storages = cairn_engine::Storages::new(
                faults.objects(scene.bench.objects.clone()),
                [(cold(), faults.objects(scene.cold.clone()))],
            );
            let catalog = faults.catalog(scene.bench.catalog.clone());
            let engine =
                scene.bench.engine_on(scene.bench.sessions.clone(), catalog, storages, Policy::default());
            let first = engine.move_blob(&file.blob, &cold()).await;
            if !faults.struck() {
                assert_eq!(first.unwrap(), MoveOutcome::Moved { objects: 1 });
                assert!(call > 4, "too few calls: {call}");
                break;
            }
            assert!(first.is_err(), "{}", faults.name_of(call));
            let engine = scene.engine(Policy::default());
            assert_eq!(content(&engine, &file).await, whole, "{}", faults.name_of(call));
            engine.move_blob(&file.blob, &cold()).await.unwrap();
            scene.sweep_all(&engine).await;
            assert_eq!(scene.objects(), (0, 1), "after {}", faults.name_of(call));
            assert_eq!(content(&engine, &file).await, whole);
            call += 1;
        }
    }
}

#[tokio::test]
async fn damaged_bytes_are_not_moved() {
    let scene = Scene::new();
    let engine = scene.engine(Policy::default());
    let file = file(&engine, "a", &bytes(3 * CHUNK, 4)).await;
    let before = engine.blob_of(&file).await.unwrap();
    let extent = &before.content.extents()[0];
    assert!(scene.bench.objects.damage(&extent.object, extent.object_offset + CHUNK + 5));
    assert!(matches!(engine.move_blob(&file.blob, &cold()).await, Err(Refusal::Damaged)));
    assert_eq!(engine.blob_of(&file).await.unwrap(), before);
    assert_eq!(scene.objects().1, 0);
}

#[tokio::test]
async fn where_objects_may_only_be_short_a_blob_becomes_several() {
    let mut scene = Scene::new();
    let short = MemoryObjects::new(Placement::Objects).timed_by(scene.bench.clock.clone());
    scene.cold = Arc::new(short.of_objects_up_to(10_000));
    let engine = scene.engine(Policy::default());
    let whole = bytes(9 * CHUNK, 5);
    let file = file(&engine, "a", &whole).await;
    let outcome = engine.move_blob(&file.blob, &cold()).await.unwrap();
    assert_eq!(outcome, MoveOutcome::Moved { objects: 4 });
    assert_eq!(content(&engine, &file).await, whole);
    assert!(engine.verify(&file.blob).await.unwrap().identical);
    assert_eq!(engine.merge(&file.blob).await.unwrap(), MergeOutcome::NotHere);
    scene.sweep_all(&engine).await;
    assert_eq!(scene.objects(), (0, 4));
    engine.move_blob(&file.blob, &StorageName::DEFAULT).await.unwrap();
    assert_eq!(content(&engine, &file).await, whole);
}

#[tokio::test]
async fn what_lies_in_the_catalog_stays_there() {
    let scene = Scene::new();
    let engine = scene.engine(Policy::default());
    let whole = cairn_engine::engine::WholeFile {
        path: "a".parse().unwrap(),
        digest: None,
        content_type: None,
        precondition: None,
    };
    let stored = engine.put_file(&owner("ada"), whole, body(vec![1, 2, 3], 2)).await.unwrap();
    assert_eq!(engine.move_blob(&stored.file.blob, &cold()).await.unwrap(), MoveOutcome::Inline);
}

#[tokio::test]
async fn a_merge_stays_in_the_storage_of_its_blob() {
    let scene = Scene::new();
    let engine = scene.engine(Scene::ruled(vec![everything_to_cold()]));
    let whole = bytes(4 * CHUNK, 6);
    let file = file(&engine, "a", &whole).await;
    assert!(matches!(engine.merge(&file.blob).await.unwrap(), MergeOutcome::Merged { extents: 4, .. }));
    scene.sweep_all(&engine).await;
    assert_eq!(scene.objects(), (0, 1));
    assert_eq!(storages_of(&engine.blob_of(&file).await.unwrap()), ["cold"]);
    assert_eq!(content(&engine, &file).await, whole);
}

#[tokio::test]
async fn nothing_moves_to_a_storage_that_there_is_not() {
    let scene = Scene::new();
    let engine = scene.engine(Policy::default());
    let file = file(&engine, "a", &bytes(CHUNK, 7)).await;
    let refusal = engine.move_blob(&file.blob, &"warm".parse().unwrap()).await.unwrap_err();
    let Refusal::Unavailable { source: error } = refusal else { panic!("{refusal:?}") };
    assert_eq!(error.failure, Failure::Unavailable);
    assert_eq!(error.source.to_string(), "the storage `warm` is not configured");
}
