//! Short uploads: whole with the wish for them, a file at once, and an upload like any other that is finished.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so loudly")]

use cairn_engine::contracts::{IfExists, Placement, Precondition, SessionStore as _, View};
use cairn_engine::digest::body::{BodyAlgorithm, BodyDigest};
use cairn_engine::engine::{Completion, Incoming, NewUpload};
use cairn_engine::testing::bench::{Bench, body, broken_body, content, owner, wish, with_digest};
use cairn_engine::upload::Naming;
use cairn_engine::{Caller, Policy, Refusal, State};

const LENGTH: u64 = 1000;

fn whole() -> Incoming {
    let mut incoming = body(vec![7; 1000], 300);
    incoming.length = Some(LENGTH);
    incoming
}

fn named(if_exists: IfExists, precondition: Option<Precondition>) -> NewUpload {
    let naming = Naming { if_exists: Some(if_exists), precondition };
    NewUpload { naming, ..wish("a.bin", Some(LENGTH), None) }
}

fn ada() -> Caller {
    Caller::User(owner("ada"))
}

#[tokio::test]
async fn a_short_upload_is_a_file_and_a_finished_upload_and_neither_object_nor_session() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy::default());
    for path in ["a.bin", "a (2).bin"] {
        let new = named(IfExists::Rename, None);
        assert!(engine.is_short(&owner("ada"), &new, &whole()));
        let (upload, file) = engine.upload_short(&owner("ada"), new, whole()).await.unwrap();
        assert_eq!((upload.state, upload.received_bytes), (State::Complete, LENGTH));
        assert_eq!((file.path.as_str(), file.length), (path, LENGTH));
        assert_eq!(content(&engine, &file).await, vec![7; 1000]);
        assert_eq!(bench.sessions.load(upload.id, View::Head).await.unwrap(), None);
        let progress = engine.progress(&ada(), upload.id).await.unwrap();
        assert_eq!((progress.offset, progress.upload.state), (LENGTH, State::Complete));
        assert_eq!(engine.file_of(&ada(), upload.id).await.unwrap(), file);
        assert_eq!(engine.complete(&ada(), upload.id, Completion::default()).await.unwrap(), file);
        let eve = Caller::User(owner("eve"));
        assert!(matches!(engine.progress(&eve, upload.id).await, Err(Refusal::NoUpload)));
        engine.dismiss(&ada(), upload.id).await.unwrap();
        assert!(matches!(engine.progress(&ada(), upload.id).await, Err(Refusal::NoUpload)));
        assert_eq!(engine.find_file(&owner("ada"), &file.path).await.unwrap(), file);
    }
    assert_eq!(engine.account(&owner("ada")).await.unwrap().open_uploads, 0);
}

#[tokio::test]
async fn a_short_upload_that_is_refused_leaves_nothing() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy::default());
    let wrong = BodyDigest::new(BodyAlgorithm::Crc32c, [0; 4]).unwrap();
    let broken = broken_body(vec![7; 500], LENGTH);
    for incoming in [with_digest(whole(), wrong), broken] {
        let refused = engine.upload_short(&owner("ada"), named(IfExists::Rename, None), incoming).await;
        assert!(
            matches!(refused, Err(Refusal::BodyDigest { .. } | Refusal::Body { kept: 0, .. })),
            "{refused:?}"
        );
    }
    let present = named(IfExists::Replace, Some(Precondition::Present));
    let refused = engine.upload_short(&owner("ada"), present, whole()).await;
    assert!(matches!(refused, Err(Refusal::Precondition)), "{refused:?}");
    let account = engine.account(&owner("ada")).await.unwrap();
    assert_eq!((account.used_bytes, account.open_uploads), (0, 0));
}

#[tokio::test]
async fn a_short_upload_fits_beside_all_that_is_kept_and_staged() {
    for (staged, fits) in [(1000, true), (1001, false)] {
        let bench = Bench::new(Placement::InPlace);
        let engine = bench.engine(Policy { quota: Some(2 * LENGTH), ..Policy::default() });
        engine.begin_upload(&owner("ada"), wish("staged", Some(staged), None)).await.unwrap();
        let short = engine.upload_short(&owner("ada"), named(IfExists::Rename, None), whole()).await;
        match short {
            Ok(_) => assert!(fits),
            Err(refusal) => assert!(!fits && matches!(refusal, Refusal::Quota { .. }), "{refusal:?}"),
        }
        let used = engine.account(&owner("ada")).await.unwrap().used_bytes;
        assert_eq!(used, if fits { LENGTH } else { 0 });
    }
}

#[tokio::test]
async fn what_is_longer_than_the_catalog_keeps_or_comes_in_pieces_is_not_short() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy { inline_bytes: LENGTH, ..Policy::default() });
    let is_short =
        |length, incoming: &Incoming| engine.is_short(&owner("ada"), &wish("a.bin", length, None), incoming);
    assert!(is_short(Some(LENGTH), &whole()));
    assert!(!is_short(None, &whole()));
    let mut longer = whole();
    longer.length = Some(LENGTH + 1);
    assert!(!is_short(Some(LENGTH + 1), &longer));
    assert!(!is_short(Some(LENGTH), &longer));
    let mut unknown = whole();
    unknown.length = None;
    assert!(!is_short(Some(LENGTH), &unknown));
    let keyed = NewUpload { idempotency_key: Some("k".to_owned()), ..wish("a.bin", Some(LENGTH), None) };
    assert!(!engine.is_short(&owner("ada"), &keyed, &whole()));
}
