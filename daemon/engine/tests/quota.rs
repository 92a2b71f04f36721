//! The quota: what is kept and staged never passes it, however it comes and however many come at once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so loudly")]

use cairn_engine::account::{Limits, Quota};
use cairn_engine::contracts::{Move, Placement, UserChange};
use cairn_engine::engine::{Append, Created, Incoming, WholeFile};
use cairn_engine::testing::bench::{Bench, body, owner, wish};
use cairn_engine::{Engine, Policy, Refusal, UploadId};
use tokio::task::JoinSet;

fn engine(bench: &Bench, quota: u64) -> Engine {
    bench.engine(Policy { quota: Some(quota), inline_bytes: 4, ..Policy::default() })
}

async fn begin(engine: &Engine, length: Option<u64>) -> Result<UploadId, Refusal> {
    match engine.create(&owner("ada"), wish("a", length, Some(4))).await? {
        Created::Upload(status) => Ok(status.upload.id),
        Created::Known(_) | Created::Instant(_) => panic!("no upload"),
    }
}

async fn put(engine: &Engine, path: &str, incoming: Incoming) -> Result<(), Refusal> {
    let file =
        WholeFile { path: path.parse().unwrap(), content_type: None, digest: None, precondition: None };
    engine.put_file(&owner("ada"), file, incoming).await.map(|_| ())
}

/// A body whose length nobody said.
fn endless(bytes: &[u8]) -> Incoming {
    Incoming { length: None, ..body(bytes.to_vec(), 3) }
}

/// Bytes kept and staged.
async fn taken(engine: &Engine) -> (u64, u64) {
    let account = engine.account(&owner("ada")).await.unwrap();
    (account.used_bytes, account.staged_bytes)
}

fn is_quota<T>(answer: Result<T, Refusal>) -> bool {
    matches!(answer, Err(Refusal::Quota { .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixty_four_creations_at_once_exactly_those_that_fit_are_granted() {
    let bench = Bench::new(Placement::InPlace);
    let engine = engine(&bench, 10 * 7 + 6);
    let mut crowd = JoinSet::new();
    for _ in 0..64 {
        let engine = engine.clone();
        crowd.spawn(async move { begin(&engine, Some(7)).await.is_ok() });
    }
    let granted = crowd.join_all().await.into_iter().filter(|granted| *granted).count();
    assert_eq!((granted, taken(&engine).await), (10, (0, 70)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_small_files_and_creations_at_once_no_more_is_granted_than_fits() {
    let bench = Bench::new(Placement::InPlace);
    let engine = engine(&bench, 30);
    let mut crowd = JoinSet::new();
    for n in 0..32 {
        let engine = engine.clone();
        crowd.spawn(async move {
            match n % 2 {
                0 => begin(&engine, Some(3)).await.is_ok(),
                _ => put(&engine, &format!("small/{n}"), body("abc", 3)).await.is_ok(),
            }
        });
    }
    let granted = crowd.join_all().await.into_iter().filter(|granted| *granted).count();
    let (used, staged) = taken(&engine).await;
    assert_eq!((granted, used + staged), (10, 30));
}

#[tokio::test]
async fn a_whole_file_fits_beside_what_is_staged_or_it_does_not() {
    let bench = Bench::new(Placement::InPlace);
    let engine = engine(&bench, 20);
    begin(&engine, Some(10)).await.unwrap();
    assert!(is_quota(put(&engine, "over", body("12345678901", 4)).await));
    assert!(is_quota(put(&engine, "over", endless(b"12345678901")).await));
    assert_eq!(taken(&engine).await, (0, 10));
    put(&engine, "at", endless(b"123456")).await.unwrap();
    assert!(is_quota(put(&engine, "small", endless(b"12345")).await));
    assert!(is_quota(put(&engine, "small", body("12345", 4)).await));
    put(&engine, "under", body("123", 4)).await.unwrap();
    assert!(is_quota(put(&engine, "small", body("12", 4)).await));
    put(&engine, "last", body("1", 4)).await.unwrap();
    assert_eq!(taken(&engine).await, (10, 10));
}

#[tokio::test]
async fn a_copy_counts_beside_what_is_staged() {
    let bench = Bench::new(Placement::InPlace);
    let engine = engine(&bench, 9);
    put(&engine, "a", body("123", 3)).await.unwrap();
    let id = begin(&engine, Some(4)).await.unwrap();
    let (from, to) = ("a".parse().unwrap(), "b".parse().unwrap());
    let copy = || engine.move_file(&OWNER, &from, &to, Move::Copy);
    assert!(matches!(copy().await, Err(Refusal::Quota { asked: 3, used: 7, quota: 9 })));
    engine.abort(&cairn_engine::Caller::User(owner("ada")), id).await.unwrap();
    copy().await.unwrap();
    assert_eq!(taken(&engine).await, (6, 0));
}

#[tokio::test]
async fn an_upload_of_unknown_length_grows_to_the_quota_and_no_further() {
    let bench = Bench::new(Placement::InPlace);
    let engine = engine(&bench, 10);
    let ada = owner("ada");
    let id = begin(&engine, None).await.unwrap();
    assert_eq!(engine.append(&ada, id, 0, endless(b"123456")).await.unwrap(), 6);
    // Announced: refused before the body. Not announced: what fits is kept.
    assert!(is_quota(engine.append(&ada, id, 6, body("78901", 2)).await));
    assert_eq!(taken(&engine).await, (0, 6));
    let cut = engine.append(&ada, id, 6, endless(b"78901")).await;
    assert!(matches!(cut, Err(Refusal::Quota { quota: 10, .. })), "{cut:?}");
    assert_eq!(taken(&engine).await, (0, 10));
    assert!(is_quota(engine.append(&ada, id, 10, body("1", 1)).await));
    assert_eq!(engine.append(&ada, id, 10, body("", 1)).await.unwrap(), 10);
}

#[tokio::test]
async fn chunks_of_an_upload_of_unknown_length_count_as_they_come() {
    let bench = Bench::new(Placement::Objects);
    let engine = engine(&bench, 8);
    let ada = owner("ada");
    let id = begin(&engine, None).await.unwrap();
    for number in [1, 2] {
        engine.put_chunk(&ada, id, number, body("1234", 4)).await.unwrap();
    }
    assert!(is_quota(engine.put_chunk(&ada, id, 3, endless(b"1")).await));
    // Other bytes in the place of those that are there are no growth.
    engine.put_chunk(&ada, id, 2, body("4321", 4)).await.unwrap();
    assert_eq!(taken(&engine).await, (0, 8));
}

#[tokio::test]
async fn a_length_that_becomes_known_is_reserved_then() {
    let bench = Bench::new(Placement::InPlace);
    let engine = engine(&bench, 10);
    let id = begin(&engine, None).await.unwrap();
    let late = |length| {
        let append = Append { offset: 0, length: Some(length), incoming: body("12", 2), late: None };
        engine.append_with(&OWNER, id, append)
    };
    assert!(is_quota(late(11).await));
    assert_eq!(taken(&engine).await, (0, 0));
    assert_eq!(late(10).await.unwrap().offset, 2);
    assert_eq!(taken(&engine).await, (0, 10));
    assert!(is_quota(begin(&engine, Some(1)).await));
}

static OWNER: std::sync::LazyLock<cairn_engine::Owner> = std::sync::LazyLock::new(|| owner("ada"));

#[tokio::test]
async fn a_quota_of_ones_own_stands_in_the_place_of_everybodys_at_once() {
    let bench = Bench::new(Placement::InPlace);
    let engine = engine(&bench, 20);
    let ada = owner("ada");
    engine.add_user(ada.clone(), Quota::Bytes(50), Limits::new()).await.unwrap();
    begin(&engine, Some(50)).await.unwrap();
    assert!(is_quota(begin(&engine, Some(1)).await));
    assert!(is_quota(put(&engine, "b", body(&b"ab"[..], 2)).await));
    assert_eq!(engine.account(&ada).await.unwrap().quota_bytes, Some(50));
    // Somebody else has what everybody has.
    let bob = engine.create(&owner("bob"), wish("a", Some(21), None)).await;
    assert!(matches!(bob, Err(Refusal::Quota { asked: 21, used: 0, quota: 20 })));
    let set = async |quota| {
        let change = UserChange { quota: Some(quota), ..UserChange::default() };
        engine.change_user(&ada, &change).await.unwrap();
    };
    set(Quota::Bytes(51)).await;
    put(&engine, "b", body(&b"a"[..], 2)).await.unwrap();
    assert!(is_quota(put(&engine, "c", body(&b"a"[..], 2)).await));
    set(Quota::Unbounded).await;
    put(&engine, "c", body(vec![7; 100], 7)).await.unwrap();
    assert_eq!(engine.account(&ada).await.unwrap().quota_bytes, None);
    set(Quota::AsConfigured).await;
    assert!(is_quota(put(&engine, "d", body(&b"a"[..], 2)).await));
    assert_eq!(taken(&engine).await, (101, 50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixty_four_files_at_once_exactly_as_many_are_made_as_are_allowed() {
    let bench = Bench::new(Placement::InPlace);
    let policy = Policy { max_files: Some(10), inline_bytes: 2, ..Policy::default() };
    let engine = bench.engine(policy);
    let mut crowd = JoinSet::new();
    for n in 0..64 {
        let engine = engine.clone();
        // Every second one is in the catalog, the others are uploads of one body.
        let bytes = if n % 2 == 0 { "a" } else { "abc" };
        crowd.spawn(async move {
            match put(&engine, &format!("{n}"), body(bytes, 3)).await {
                Ok(()) => true,
                Err(Refusal::TooManyFiles { files: 10, limit: 10 }) => false,
                Err(refusal) => panic!("{refusal}"),
            }
        });
    }
    let made = crowd.join_all().await.into_iter().filter(|made| *made).count();
    let account = engine.account(&OWNER).await.unwrap();
    assert_eq!((made, account.files, account.staged_bytes), (10, 10, 0));
}

#[tokio::test]
async fn one_file_more_than_allowed_is_refused_before_it_is_sent_and_another_in_its_place_is_not() {
    let bench = Bench::new(Placement::InPlace);
    let engine = bench.engine(Policy { max_files: Some(1), ..Policy::default() });
    put(&engine, "a", body("123", 3)).await.unwrap();
    let more = engine.create(&OWNER, wish("b", Some(3), None)).await;
    assert!(matches!(more, Err(Refusal::TooManyFiles { files: 1, limit: 1 })), "{more:?}");
    let (from, to) = ("a".parse().unwrap(), "b".parse().unwrap());
    let copied = engine.move_file(&OWNER, &from, &to, Move::Copy).await;
    assert!(matches!(copied, Err(Refusal::TooManyFiles { .. })), "{copied:?}");
    put(&engine, "a", body("1234", 3)).await.unwrap();
    engine.move_file(&OWNER, &from, &to, Move::Rename).await.unwrap();
    assert_eq!(engine.account(&OWNER).await.unwrap().files, 1);
}
