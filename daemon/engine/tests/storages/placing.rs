//! Where new content goes.

use cairn_engine::engine::{Completion, WholeFile};
use cairn_engine::policy::StorageRule;
use cairn_engine::testing::bench::{body, content, owner, wish};
use cairn_engine::{Digest, Engine, Policy};

use crate::scene::*;

async fn put(engine: &Engine, path: &str, bytes: Vec<u8>) -> Vec<String> {
    let whole =
        WholeFile { path: path.parse().unwrap(), digest: None, content_type: None, precondition: None };
    let stored = engine.put_file(&owner("ada"), whole, body(bytes.clone(), 1000)).await.unwrap();
    assert_eq!(content(engine, &stored.file).await, bytes);
    storages_of(&engine.blob_of(&stored.file).await.unwrap())
}

#[tokio::test]
async fn the_first_rule_that_holds_says_where_new_content_goes() {
    let scene = Scene::new();
    let rules = vec![
        StorageRule {
            path_prefix: Some("video/raw/".into()),
            storage: "default".parse().unwrap(),
            ..everything_to_cold()
        },
        StorageRule {
            path_prefix: Some("video/".into()),
            min_length: Some(2 * CHUNK),
            ..everything_to_cold()
        },
        StorageRule { owner: Some(owner("bob")), max_length: Some(10), ..everything_to_cold() },
    ];
    let engine = scene.engine(Scene::ruled(rules));
    let placed = async |who: &str, path: &str, length| {
        let created = engine.create(&owner(who), wish(path, length, None)).await.unwrap();
        let cairn_engine::engine::Created::Upload(status) = created else { panic!("not an upload") };
        status.upload.storage.to_string()
    };
    assert_eq!(placed("ada", "video/raw/a", Some(1 << 20)).await, "default");
    assert_eq!(placed("ada", "video/a", Some(1 << 20)).await, "cold");
    assert_eq!(placed("ada", "video/a", Some(2 * CHUNK - 1)).await, "default");
    assert_eq!(placed("ada", "video/a", None).await, "default", "no rule on length holds of an unknown one");
    assert_eq!(placed("ada", "videos/a", Some(1 << 20)).await, "default");
    assert_eq!(placed("bob", "x", Some(10)).await, "cold");
    assert_eq!(placed("ada", "x", Some(10)).await, "default");
}

#[tokio::test]
async fn whole_files_obey_the_rules_and_the_small_ones_among_them_too() {
    let scene = Scene::new();
    let rule = StorageRule { path_prefix: Some("kept/".into()), ..everything_to_cold() };
    let engine = scene.engine(Scene::ruled(vec![rule]));
    assert_eq!(put(&engine, "kept/long", bytes(100_000, 1)).await, ["cold"]);
    assert_eq!(put(&engine, "kept/short", bytes(10, 2)).await, ["cold"]);
    assert_eq!(put(&engine, "other/long", bytes(100_000, 3)).await, ["default"]);
    assert_eq!(put(&engine, "other/short", bytes(10, 4)).await, [""; 0], "in the catalog");
}

#[tokio::test]
async fn an_upload_lies_whole_in_its_storage_and_is_rebuilt_from_there() {
    let scene = Scene::new();
    let whole = bytes(3 * CHUNK, 5);
    let engine = scene.engine(Scene::ruled(vec![everything_to_cold()]));
    let id = begin(&engine, "a", Some(3 * CHUNK)).await;
    send(&engine, id, &whole, 1).await;
    send(&engine, id, &whole, 3).await;
    assert_eq!(scene.objects(), (0, 3), "a manifest and two chunks");
    scene.bench.sessions.flush();
    // Other rules by now: the upload stays where it was begun.
    let engine = scene.engine(Policy::default());
    let status = engine.status(&ada(), id).await.unwrap();
    assert_eq!((status.missing, status.upload.storage), (vec![(2, 2)], cold()));
    send(&engine, id, &whole, 2).await;
    let file = engine.complete(&ada(), id, Completion::default()).await.unwrap();
    assert_eq!(file.digest, Digest::blake3(*blake3::hash(&whole).as_bytes()));
    assert_eq!(content(&engine, &file).await, whole);
    scene.sweep_all(&engine).await;
    assert_eq!(scene.objects(), (0, 3), "three chunks");
    assert_eq!(content(&engine, &file).await, whole);
}

#[tokio::test]
async fn an_ended_upload_leaves_nothing_in_its_storage() {
    let scene = Scene::new();
    let engine = scene.engine(Scene::ruled(vec![everything_to_cold()]));
    let whole = bytes(2 * CHUNK, 6);
    let (aborted, purged, expired) =
        (begin(&engine, "a", None).await, begin(&engine, "b", None).await, begin(&engine, "c", None).await);
    for id in [aborted, purged, expired] {
        send(&engine, id, &whole, 1).await;
    }
    engine.abort(&ada(), aborted).await.unwrap();
    assert_eq!(engine.purge(purged).await.unwrap(), CHUNK);
    scene.bench.clock.advance(engine.policy().ttl * 2);
    scene.sweep_all(&engine).await;
    assert_eq!(scene.objects(), (0, 0));
    assert_eq!(engine.status(&ada(), expired).await.unwrap_err().to_string(), "there is no such upload");
}
