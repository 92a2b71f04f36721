//! One storage is away: what the others hold is as it was.

use std::sync::Arc;
use std::time::Duration;

use cairn_engine::contracts::{Failure, Store};
use cairn_engine::engine::{Checked, Completion, Sweeping};
use cairn_engine::testing::bench::{body, content, owner};
use cairn_engine::testing::faults::{FaultPlan, Faults};
use cairn_engine::testing::memory_catalog::MemoryCatalog;
use cairn_engine::{Engine, Policy, Refusal};

use crate::scene::*;

/// An engine without the second storage.
fn without_cold(scene: &Scene, policy: Policy) -> Engine {
    let away = Faults::new(FaultPlan::stop_at(1));
    scene.engine_over(scene.bench.objects.clone(), away.objects(scene.cold.clone()), policy)
}

fn failed(refusal: Refusal) -> (Store, Failure) {
    match refusal {
        Refusal::Unavailable { source } => (source.store, source.failure),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_what_lies_there_cannot_be_had() {
    let scene = Scene::new();
    let there =
        file(&scene.engine(Scene::ruled(vec![everything_to_cold()])), "there", &bytes(CHUNK, 1)).await;
    let engine = without_cold(&scene, Policy::default());
    let whole = bytes(2 * CHUNK, 2);
    let here = file(&engine, "here", &whole).await;
    assert_eq!(content(&engine, &here).await, whole);
    let blob = engine.blob_of(&there).await.unwrap();
    let refused = engine.read(&blob, 0..blob.length).await;
    let failure = match refused {
        Ok(mut stream) => futures_util::TryStreamExt::try_next(&mut stream).await.unwrap_err(),
        Err(Refusal::Unavailable { source }) => source,
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(failure.failure, Failure::Unavailable);
    assert_eq!(failure.source.to_string(), "storage `cold`");
    let checks = engine.check().await;
    let failing: Vec<String> = checks.iter().filter(|c| c.answer.is_err()).map(Checked::name).collect();
    assert_eq!(failing, ["objects:cold"]);
    assert!(checks.iter().all(|check| check.answer.is_ok() || !check.is_vital()));
}

#[tokio::test]
async fn an_upload_that_nobody_remembers_may_lie_there_and_is_no_404() {
    let scene = Scene::new();
    let (here, there) =
        (scene.engine(Policy::default()), scene.engine(Scene::ruled(vec![everything_to_cold()])));
    let whole = bytes(2 * CHUNK, 3);
    let (in_default, in_cold) = (begin(&here, "a", None).await, begin(&there, "b", None).await);
    send(&here, in_default, &whole, 1).await;
    send(&there, in_cold, &whole, 1).await;
    scene.bench.sessions.flush();
    let engine = without_cold(&scene, Policy::default());
    assert_eq!(engine.status(&ada(), in_default).await.unwrap().offset, CHUNK);
    let refusal = engine.status(&ada(), in_cold).await.unwrap_err();
    assert_eq!(failed(refusal), (Store::Objects, Failure::Unavailable));
    let sent = engine.put_chunk(&owner("ada"), in_cold, 2, body(bytes(CHUNK, 3), 1000)).await;
    assert_eq!(failed(sent.unwrap_err()), (Store::Objects, Failure::Unavailable));
    let engine = scene.engine(Policy::default());
    assert_eq!(engine.status(&ada(), in_cold).await.unwrap().offset, CHUNK);
}

#[tokio::test]
async fn a_sweep_goes_on_with_the_others_and_loses_nothing_of_it() {
    let scene = Scene::new();
    let policy = Scene::ruled(vec![everything_to_cold()]);
    let whole = bytes(2 * CHUNK, 4);
    let kept = file(&scene.engine(policy.clone()), "kept", &whole).await;
    let late = begin(&scene.engine(policy.clone()), "late", None).await;
    let here = begin(&scene.engine(Policy::default()), "here", None).await;
    for id in [late, here] {
        send(&scene.engine(policy.clone()), id, &whole, 1).await;
    }
    let engine = without_cold(&scene, policy.clone());
    scene.bench.clock.advance(policy.ttl * 2);
    scene.bench.errands.run().await;
    let before = scene.cold.keys();
    let report = engine.sweep(Sweeping::default()).await.unwrap();
    assert_eq!(report.away, [cold()]);
    let report = scene.sweep_all(&engine).await;
    assert_eq!((report.away, report.held), (vec![cold()], None));
    assert_eq!((scene.objects().0, scene.cold.keys()), (0, before));
    assert!(matches!(engine.status(&ada(), here).await, Err(Refusal::Unavailable { .. })));
    let engine = scene.engine(policy);
    scene.bench.clock.advance(Duration::from_secs(7200));
    scene.sweep_all(&engine).await;
    assert_eq!(scene.objects(), (0, 2), "the two chunks of the file that is kept");
    assert!(matches!(engine.status(&ada(), late).await, Err(Refusal::NoUpload)));
    assert_eq!(content(&engine, &kept).await, whole);
    assert!(engine.complete(&ada(), late, Completion::default()).await.is_err());
}

#[tokio::test]
async fn objects_of_another_catalog_are_left_alone_in_one_storage_and_swept_in_the_other() {
    let (scene, mut other) = (Scene::new(), Scene::new());
    other.bench.catalog = Arc::new(MemoryCatalog::new(2));
    let policy = Scene::ruled(vec![everything_to_cold()]);
    let stray = file(&other.engine(policy.clone()), "a", &bytes(CHUNK, 5)).await;
    other.sweep_all(&other.engine(policy.clone())).await;
    let engine = scene.engine_over(scene.bench.objects.clone(), other.cold.clone(), policy.clone());
    let here = begin(&scene.engine(Policy::default()), "here", None).await;
    engine.abort(&ada(), here).await.unwrap();
    let report = scene.sweep_all(&engine).await;
    let held = report.held.unwrap();
    assert!(held.starts_with("storage `cold`: the objects belong to catalog"), "{held}");
    assert_eq!(scene.objects().0, 0);
    assert_eq!(content(&other.engine(policy), &stray).await, bytes(CHUNK, 5));
}
