//! Uploads found by their content, or by their id alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so loudly")]

use cairn_engine::contracts::Placement;
use cairn_engine::engine::NewUpload;
use cairn_engine::testing::bench::{Bench, body, owner, wish};
use cairn_engine::{Caller, Policy};

fn declared(path: &str, length: u64) -> NewUpload {
    let digest = "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709".parse().unwrap();
    NewUpload { digest: Some(digest), ..wish(path, Some(length), Some(4)) }
}

#[tokio::test]
async fn the_open_upload_of_the_same_content_is_found_again() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy::default());
    let ann = owner("ann");
    let first = engine.resume_or_create(&ann, declared("a", 8)).await.unwrap();
    engine.put_chunk(&ann, first.upload.id, 2, body("5678", 4)).await.unwrap();
    let again = engine.resume_or_create(&ann, declared("b", 8)).await.unwrap();
    assert_eq!(again.upload.id, first.upload.id);
    assert_eq!(again.received, [(2, 2)]);
    let longer = engine.resume_or_create(&ann, declared("a", 9)).await.unwrap();
    assert_ne!(longer.upload.id, first.upload.id);
    let other = engine.resume_or_create(&owner("bob"), declared("a", 8)).await.unwrap();
    assert_ne!(other.upload.id, first.upload.id);
}

#[tokio::test]
async fn two_at_once_get_the_same_upload() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy::default());
    let ann = owner("ann");
    let (one, two) = tokio::join!(
        engine.resume_or_create(&ann, declared("a", 8)),
        engine.resume_or_create(&ann, declared("a", 8)),
    );
    assert_eq!(one.unwrap().upload.id, two.unwrap().upload.id);
}

#[tokio::test]
async fn an_upload_that_was_ended_is_begun_anew_at_once() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy::default());
    let ann = owner("ann");
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let begun = engine.resume_or_create(&ann, declared("a", 8)).await.unwrap();
        assert!(seen.insert(begun.upload.id));
        engine.abort(&Caller::User(ann.clone()), begun.upload.id).await.unwrap();
    }
}

#[tokio::test]
async fn an_id_tells_whose_the_upload_is() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy::default());
    let begun = engine.resume_or_create(&owner("ann"), declared("a", 8)).await.unwrap();
    assert_eq!(engine.owner_of(begun.upload.id).await.unwrap(), owner("ann"));
    engine.purge(begun.upload.id).await.unwrap();
    assert!(engine.owner_of(begun.upload.id).await.is_err());
}
