//! The rules of [`SessionStore`], one function each; [`session_suite!`](crate::session_suite) makes each a test.
//!
//! A rule gets a store that is empty and its own. It fails by panicking. What is stored and asked for is made in
//! `testing::session_words`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a rule that does not hold panics")]

pub use super::session_record_rules::*;

use futures_util::future::join_all;

use super::session_words::*;
use crate::contracts::*;
use crate::digest::Digest;
use crate::time::Timestamp;
use crate::upload::{State, Upload};

/// Makes every rule of [`SessionStore`] a test of an adapter.
///
/// `$make` is an async function that gives a new, empty store and whatever must live as long as the store does.
#[macro_export]
macro_rules! session_suite {
    ($make:path) => {
        $crate::session_suite!(@tests $make:
            a_new_upload_is_stored_whole,
            an_id_is_stored_once,
            an_idempotency_key_finds_the_upload_of_the_same_owner_in_any_state,
            as_many_uploads_are_open_as_are_allowed,
            staged_bytes_stay_within_the_limit,
            of_two_creations_at_the_limit_one_is_stored,
            an_unknown_upload_is_nowhere,
            a_view_has_the_receipts_that_overlap_it,
            receipts_come_in_the_order_of_recording,
            a_receipt_is_kept_as_it_is,
            covered_extents_leave_and_are_named,
            received_bytes_count_each_byte_once,
            only_an_open_upload_records,
            a_claim_supersedes_what_was_claimed_before,
            a_change_is_made_from_an_expected_state_only,
            of_many_changes_at_once_one_is_made,
            many_records_at_once_all_count,
            the_last_prefix_counts,
            a_challenge_is_taken_once,
            a_restored_session_is_the_one_given,
            a_restored_session_goes_on,
            what_is_there_is_not_restored_over,
            a_listing_is_filtered,
            a_listing_is_paged_by_id,
            the_longest_expired_come_first,
            what_is_removed_is_forgotten_whole,
            staged_is_what_an_owner_has_in_progress,
            uploads_are_counted_by_state,
            ten_thousand_extents_are_recorded,
            a_store_that_works_answers,
        );
    };
    (@tests $make:path: $($rule:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $rule() {
                let (store, _kept_alive) = $make().await;
                $crate::testing::session_suite::$rule(&store).await;
            }
        )+
    };
}

/// The last challenge counts, goes with its upload, and of many that take it at once one gets it.
pub async fn a_challenge_is_taken_once(store: &dyn SessionStore) {
    let challenge = Challenge {
        nonce: [255; 32],
        blob: Digest::blake3([7; 32]),
        length: u64::MAX >> 1,
        ranges: vec![(0, 4_096), (1 << 60, 1)],
        expires_at: LATER,
    };
    store.save_challenge(id(1), &challenge).await.unwrap();
    assert_eq!(store.take_challenge(id(1)).await.unwrap(), None);
    created(store, &upload(1)).await;
    created(store, &upload(2)).await;
    assert_eq!(store.take_challenge(id(1)).await.unwrap(), None);
    store.save_challenge(id(1), &Challenge { nonce: [1; 32], ..challenge.clone() }).await.unwrap();
    store.save_challenge(id(1), &challenge).await.unwrap();
    assert_eq!(head(store, 1).await, upload(1));
    assert_eq!(store.take_challenge(id(2)).await.unwrap(), None);
    let taken = join_all((0..16).map(|_| store.take_challenge(id(1)))).await;
    let taken: Vec<_> = taken.into_iter().filter_map(|taken| taken.unwrap()).collect();
    assert_eq!(taken, std::slice::from_ref(&challenge));
    store.save_challenge(id(1), &challenge).await.unwrap();
    store.remove(id(1)).await.unwrap();
    created(store, &upload(1)).await;
    assert_eq!(store.take_challenge(id(1)).await.unwrap(), None);
}

/// What was stored is what is loaded, field by field.
pub async fn a_new_upload_is_stored_whole(store: &dyn SessionStore) {
    for upload in [upload(1), Upload { idempotency_key: None, ..rich_upload(2) }, rich_upload(3)] {
        created(store, &upload).await;
        let session = store.load(upload.id, View::All).await.unwrap();
        assert_eq!(session, Some(Session::whole(upload, Vec::new())));
    }
}

/// An id that is there already is a failure and changes nothing.
pub async fn an_id_is_stored_once(store: &dyn SessionStore) {
    created(store, &upload(1)).await;
    let other = Upload { owner: owner("bob"), length: Some(7), ..upload(1) };
    let error = store.create(&other, &FREE).await.unwrap_err();
    assert_eq!((error.store, error.failure), (Store::Sessions, Failure::Failed));
    assert_eq!(head(store, 1).await, upload(1));
}

/// A key counts among one owner's uploads, whatever their state.
pub async fn an_idempotency_key_finds_the_upload_of_the_same_owner_in_any_state(store: &dyn SessionStore) {
    let keyed = |n| Upload { idempotency_key: Some("k".to_owned()), ..upload(n) };
    created(store, &keyed(1)).await;
    created(store, &Upload { owner: owner("bob"), ..keyed(2) }).await;
    created(store, &Upload { idempotency_key: Some("other".to_owned()), ..upload(3) }).await;
    store.settle(id(1), &[State::Open], Settlement::to(State::Aborted)).await.unwrap();
    let known = Upload { state: State::Aborted, ..keyed(1) };
    let again = store.create(&keyed(4), &Admission { max_open: 0, max_staged_bytes: Some(0) }).await;
    assert_eq!(again.unwrap(), Creation::Exists(Box::new(known)));
    assert_eq!(store.load(id(4), View::Head).await.unwrap(), None);
    store.remove(id(1)).await.unwrap();
    created(store, &keyed(4)).await;
}

/// The limit counts uploads that are open or completing, of this owner.
pub async fn as_many_uploads_are_open_as_are_allowed(store: &dyn SessionStore) {
    let two = Admission { max_open: 2, max_staged_bytes: None };
    created(store, &Upload { owner: owner("bob"), ..upload(9) }).await;
    created(store, &Upload { state: State::Complete, ..upload(8) }).await;
    assert_eq!(store.create(&upload(1), &two).await.unwrap(), Creation::Created);
    assert_eq!(store.create(&upload(2), &two).await.unwrap(), Creation::Created);
    store.settle(id(1), &[State::Open], Settlement::to(State::Completing)).await.unwrap();
    assert_eq!(store.create(&upload(3), &two).await.unwrap(), Creation::TooMany { open: 2 });
    assert_eq!(store.load(id(3), View::Head).await.unwrap(), None);
    store.settle(id(1), &[State::Completing], Settlement::to(State::Complete)).await.unwrap();
    assert_eq!(store.create(&upload(3), &two).await.unwrap(), Creation::Created);
}

/// Staged bytes are the length, or what arrived where that is more; this upload's count too.
pub async fn staged_bytes_stay_within_the_limit(store: &dyn SessionStore) {
    let most = |bytes| Admission { max_open: 10, max_staged_bytes: Some(bytes) };
    created(store, &Upload { length: None, ..upload(1) }).await;
    record(store, 1, &receipt(0, 300, 1)).await;
    let over = Creation::OverQuota { staged_bytes: 300 };
    assert_eq!(store.create(&upload(2), &most(1_299)).await.unwrap(), over);
    assert_eq!(store.load(id(2), View::Head).await.unwrap(), None);
    assert_eq!(store.create(&upload(2), &most(1_300)).await.unwrap(), Creation::Created);
    let huge = Upload { length: Some(u64::MAX >> 1), ..upload(3) };
    let over = Creation::OverQuota { staged_bytes: 1_300 };
    assert_eq!(store.create(&huge, &most(1_300)).await.unwrap(), over);
    let empty = Upload { length: Some(0), ..upload(3) };
    assert_eq!(store.create(&empty, &most(1_300)).await.unwrap(), Creation::Created);
}

/// The limit is checked together with the creation.
pub async fn of_two_creations_at_the_limit_one_is_stored(store: &dyn SessionStore) {
    for round in 0..20 {
        let name = owner(&format!("owner {round}"));
        let uploads = [0, 1].map(|n| Upload { owner: name.clone(), ..upload(round * 2 + n + 1) });
        let one = Admission { max_open: 1, max_staged_bytes: None };
        let made = join_all(uploads.iter().map(|upload| store.create(upload, &one))).await;
        let stored = made.iter().filter(|made| matches!(made, Ok(Creation::Created))).count();
        let refused = made.iter().filter(|made| matches!(made, Ok(Creation::TooMany { open: 1 }))).count();
        assert_eq!((stored, refused), (1, 1));
        assert_eq!(store.staged(&name).await.unwrap(), Staged { uploads: 1, bytes: 1_000 });
    }
}

/// Every call about an upload that is not there says so, and leaves nothing behind.
pub async fn an_unknown_upload_is_nowhere(store: &dyn SessionStore) {
    let prefix = SavedPrefix { length: 1, rewrites: 0, state: vec![1] };
    for view in [View::Head, View::Range(0..1), View::Chunk(1), View::All] {
        assert_eq!(store.load(id(1), view).await.unwrap(), None);
    }
    assert_eq!(record(store, 1, &receipt(0, 1, 1)).await, Recording::Unknown);
    assert_eq!(store.claim(id(1)).await.unwrap(), None);
    let settled = store.settle(id(1), &State::ALL, Settlement::to(State::Open)).await.unwrap();
    assert_eq!(settled, Settled::Unknown);
    store.save_prefix(id(1), &prefix).await.unwrap();
    assert_eq!(store.load_prefix(id(1)).await.unwrap(), None);
    store.remove(id(1)).await.unwrap();
    assert_eq!(store.count().await.unwrap(), []);
    assert_eq!(store.staged(&owner("ann")).await.unwrap(), Staged::default());
}

/// Every claim raises the epoch, in any state; under an older one nothing is recorded.
pub async fn a_claim_supersedes_what_was_claimed_before(store: &dyn SessionStore) {
    created(store, &upload(1)).await;
    created(store, &Upload { state: State::Complete, ..upload(2) }).await;
    assert_eq!(store.claim(id(1)).await.unwrap(), Some(1));
    assert_eq!(store.claim(id(1)).await.unwrap(), Some(2));
    assert_eq!(store.claim(id(2)).await.unwrap(), Some(1));
    let old = store.record(id(1), &receipt(0, 10, 1), Some(1), LATER).await.unwrap();
    assert_eq!(old, Recording::Superseded { epoch: 2 });
    assert_eq!(load(store, 1, View::All).await, Session::whole(Upload { epoch: 2, ..upload(1) }, vec![]));
    let new = store.record(id(1), &receipt(0, 10, 1), Some(2), LATER).await.unwrap();
    assert_eq!(new, Recording::Recorded { received_bytes: 10, replaced: vec![] });
    assert_eq!(head(store, 1).await.epoch, 2);
    let mut epochs = join_all((0..10).map(|_| store.claim(id(1)))).await;
    epochs.sort_by_key(|epoch| *epoch.as_ref().unwrap());
    let epochs: Vec<_> = epochs.into_iter().map(|epoch| epoch.unwrap().unwrap()).collect();
    assert_eq!(epochs, (3..13).collect::<Vec<_>>());
}

/// A change sets what it names and nothing else; from another state nothing is changed.
pub async fn a_change_is_made_from_an_expected_state_only(store: &dyn SessionStore) {
    created(store, &Upload { length: None, ..upload(1) }).await;
    let digest = Digest::blake3([9; 32]);
    let change = Settlement {
        state: State::Completing,
        length: Some(10),
        digest: Some(digest.clone()),
        expires_at: Some(Timestamp(7_000)),
    };
    let settled = store.settle(id(1), &[State::Complete, State::Open], change.clone()).await.unwrap();
    let after = Upload {
        state: State::Completing,
        length: Some(10),
        digest: Some(digest),
        expires_at: Timestamp(7_000),
        ..upload(1)
    };
    assert_eq!(settled, Settled::Changed(Box::new(after.clone())));
    assert_eq!(head(store, 1).await, after);
    let other = store.settle(id(1), &[State::Open], change).await.unwrap();
    assert_eq!(other, Settled::Other(Box::new(after.clone())));
    let back = store.settle(id(1), &[State::Completing], Settlement::to(State::Open)).await.unwrap();
    let open = Upload { state: State::Open, ..after };
    assert_eq!(back, Settled::Changed(Box::new(open.clone())));
    assert_eq!(head(store, 1).await, open);
}

/// Of many changes that expect the same state, one finds it.
pub async fn of_many_changes_at_once_one_is_made(store: &dyn SessionStore) {
    created(store, &upload(1)).await;
    let settle = |_| store.settle(id(1), &[State::Open], Settlement::to(State::Completing));
    let settled = join_all((0..16).map(settle)).await;
    let made = settled.iter().filter(|settled| matches!(settled, Ok(Settled::Changed(_)))).count();
    let other = settled.iter().filter(|settled| matches!(settled, Ok(Settled::Other(_)))).count();
    assert_eq!((made, other), (1, 15));
}

/// The last digest state that was kept is the one that is loaded.
pub async fn the_last_prefix_counts(store: &dyn SessionStore) {
    created(store, &upload(1)).await;
    created(store, &upload(2)).await;
    assert_eq!(store.load_prefix(id(1)).await.unwrap(), None);
    for length in [500, 100, 200] {
        let prefix = SavedPrefix { length, rewrites: 7, state: vec![0, 255, 3] };
        store.save_prefix(id(1), &prefix).await.unwrap();
        assert_eq!(store.load_prefix(id(1)).await.unwrap(), Some(prefix));
    }
    assert_eq!(store.load_prefix(id(2)).await.unwrap(), None);
    assert_eq!(head(store, 1).await, upload(1));
}

/// What is restored is what is loaded.
pub async fn a_restored_session_is_the_one_given(store: &dyn SessionStore) {
    let receipts = vec![receipt(300, 10, 1), receipt(0, 10, 2), receipt(5, 10, 3)];
    for session in [Session::whole(rich_upload(1), receipts), Session::whole(upload(2), vec![])] {
        store.restore(&session).await.unwrap();
        let id = session.upload.id;
        assert_eq!(store.load(id, View::All).await.unwrap(), Some(session));
    }
}

/// A restored session records as if it had never been away.
pub async fn a_restored_session_goes_on(store: &dyn SessionStore) {
    let receipts = vec![receipt(0, 500, 1), receipt(600, 10, 2)];
    let upload = Upload { received_bytes: 510, ..upload(1) };
    store.restore(&Session::whole(upload, receipts.clone())).await.unwrap();
    let replaced = vec![receipts[1].extent.clone()];
    let new = receipt(490, 200, 3);
    assert_eq!(record(store, 1, &new).await, Recording::Recorded { received_bytes: 690, replaced });
    assert_eq!(load(store, 1, View::All).await.receipts, [receipts[0].clone(), new]);
}

/// Restoring over an upload that is there changes nothing.
pub async fn what_is_there_is_not_restored_over(store: &dyn SessionStore) {
    created(store, &upload(1)).await;
    record(store, 1, &receipt(0, 10, 1)).await;
    let before = load(store, 1, View::All).await;
    let other = Session::whole(rich_upload(1), vec![receipt(50, 10, 2)]);
    store.restore(&other).await.unwrap();
    assert_eq!(load(store, 1, View::All).await, before);
}

/// Every field of the filter narrows the listing.
pub async fn a_listing_is_filtered(store: &dyn SessionStore) {
    let bob = Upload { owner: owner("bob"), ..upload(1) };
    let done = Upload { state: State::Complete, ..upload(2) };
    let late = Upload { created_at: Timestamp(2_000), ..upload(3) };
    for upload in [&late, &bob, &done] {
        created(store, upload).await;
    }
    let none = UploadFilter::default();
    let cases = [
        (none.clone(), vec![&bob, &done, &late]),
        (UploadFilter { owner: Some(owner("ann")), ..none.clone() }, vec![&done, &late]),
        (UploadFilter { state: Some(State::Open), ..none.clone() }, vec![&bob, &late]),
        (UploadFilter { created_before: Some(Timestamp(2_000)), ..none.clone() }, vec![&bob, &done]),
        (
            UploadFilter { owner: Some(owner("ann")), state: Some(State::Open), created_before: None },
            vec![&late],
        ),
        (UploadFilter { owner: Some(owner("nobody")), ..none }, vec![]),
    ];
    for (filter, expected) in cases {
        let page = store.list(&filter, &PageRequest::first(10)).await.unwrap();
        assert_eq!(page.items.iter().collect::<Vec<_>>(), expected, "{filter:?}");
        assert_eq!(page.next_cursor, None);
    }
}

/// Pages follow each other by id, each upload once; a cursor that no page gave lists from where it sorts.
pub async fn a_listing_is_paged_by_id(store: &dyn SessionStore) {
    for n in [5, 1, 4, 2, 3] {
        created(store, &upload(n)).await;
    }
    let filter = UploadFilter::default();
    let mut page = PageRequest::first(2);
    let mut pages = Vec::new();
    loop {
        let found = store.list(&filter, &page).await.unwrap();
        pages.push(found.items.iter().map(|upload| upload.id).collect::<Vec<_>>());
        page.cursor = found.next_cursor;
        if page.cursor.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec![id(1), id(2)], vec![id(3), id(4)], vec![id(5)]]);
    for (cursor, first) in [("", Some(id(1))), ("\0'%", Some(id(1))), ("zzz", None)] {
        let page = PageRequest { cursor: Some(cursor.to_owned()), limit: 1 };
        let found = store.list(&filter, &page).await.unwrap();
        assert_eq!(found.items.first().map(|upload| upload.id), first, "{cursor:?}");
    }
    let whole = store.list(&filter, &PageRequest::first(5)).await.unwrap();
    assert_eq!((whole.items.len(), whole.next_cursor), (5, None));
}

/// At or before the moment, in any state, the longest expired first, no more than asked for.
pub async fn the_longest_expired_come_first(store: &dyn SessionStore) {
    for (n, (expires_at, state)) in
        (1..).zip([(300, State::Open), (100, State::Complete), (200, State::Expired), (301, State::Open)])
    {
        created(store, &Upload { expires_at: Timestamp(expires_at), state, ..upload(n) }).await;
    }
    let expired = async |now, limit| {
        let uploads = store.expired(Timestamp(now), limit).await.unwrap();
        uploads.iter().map(|upload| upload.id).collect::<Vec<_>>()
    };
    assert_eq!(expired(300, 10).await, [id(2), id(3), id(1)]);
    assert_eq!(expired(300, 2).await, [id(2), id(3)]);
    assert_eq!(expired(99, 10).await, []);
    record(store, 1, &receipt(0, 1, 1)).await;
    assert_eq!(expired(300, 10).await, [id(2), id(3)]);
}

/// Head, receipts, prefix and key are gone; the same id can be stored anew and is empty.
pub async fn what_is_removed_is_forgotten_whole(store: &dyn SessionStore) {
    created(store, &upload(1)).await;
    record(store, 1, &receipt(0, 10, 1)).await;
    store.save_prefix(id(1), &SavedPrefix { length: 1, rewrites: 0, state: vec![] }).await.unwrap();
    store.remove(id(1)).await.unwrap();
    store.remove(id(1)).await.unwrap();
    assert_eq!(store.load(id(1), View::All).await.unwrap(), None);
    assert_eq!(store.load_prefix(id(1)).await.unwrap(), None);
    assert_eq!(store.count().await.unwrap(), []);
    created(store, &upload(1)).await;
    assert_eq!(load(store, 1, View::All).await, Session::whole(upload(1), vec![]));
    assert_eq!(store.load_prefix(id(1)).await.unwrap(), None);
}

/// Open and completing uploads of the owner, and their staged bytes.
pub async fn staged_is_what_an_owner_has_in_progress(store: &dyn SessionStore) {
    created(store, &upload(1)).await;
    created(store, &Upload { length: None, ..upload(2) }).await;
    created(store, &Upload { state: State::Completing, length: Some(5), ..upload(3) }).await;
    created(store, &Upload { state: State::Aborted, ..upload(4) }).await;
    created(store, &Upload { owner: owner("bob"), ..upload(5) }).await;
    record(store, 2, &receipt(0, 70, 1)).await;
    record(store, 1, &receipt(0, 70, 1)).await;
    assert_eq!(store.staged(&owner("ann")).await.unwrap(), Staged { uploads: 3, bytes: 1_075 });
}

/// Counts and staged bytes by state, in the order of a life.
pub async fn uploads_are_counted_by_state(store: &dyn SessionStore) {
    created(store, &upload(1)).await;
    created(store, &Upload { owner: owner("bob"), ..upload(2) }).await;
    created(store, &Upload { state: State::Complete, length: Some(3), ..upload(3) }).await;
    let mut counts = store.count().await.unwrap();
    counts.retain(|count| count.uploads > 0);
    counts.sort_by_key(|count| count.state);
    let open = StateCount { state: State::Open, uploads: 2, staged_bytes: 2_000 };
    let complete = StateCount { state: State::Complete, uploads: 1, staged_bytes: 3 };
    assert_eq!(counts, [open, complete]);
}

/// A store that works says so.
pub async fn a_store_that_works_answers(store: &dyn SessionStore) {
    store.check().await.unwrap();
}
