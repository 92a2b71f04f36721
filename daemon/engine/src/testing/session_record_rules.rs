//! Those rules of sessions that are about recording: what a view shows, what covers what, and how many bytes count.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a rule that does not hold panics"
)]

use futures_util::future::join_all;

use super::session_words::*;
use crate::contracts::*;
use crate::digest::Checksum;
use crate::extent::{Extent, Receipt};
use crate::id::{Chance, ObjectKey};
use crate::testing::world::CountingChance;
use crate::upload::{State, Upload};

/// A view has the receipts whose extents overlap it, were they long or short, and no others.
pub async fn a_view_has_the_receipts_that_overlap_it(store: &dyn SessionStore) {
    created(store, &upload(1)).await;
    for (n, (offset, length)) in
        [(100, 100), (300, 1), (0, 100), (150, 500), (900, 100)].into_iter().enumerate()
    {
        record(store, 1, &receipt(offset, length, n as u128)).await;
    }
    let cases = [
        (View::Head, vec![]),
        (View::Range(0..0), vec![]),
        (View::Range(0..1), vec![(0, 100)]),
        (View::Range(99..101), vec![(100, 100), (0, 100)]),
        (View::Range(200..301), vec![(150, 500)]),
        (View::Range(649..650), vec![(150, 500)]),
        (View::Range(650..900), vec![]),
        (View::Range(999..u64::MAX), vec![(900, 100)]),
        (View::Range(1_000..u64::MAX), vec![]),
        (View::Chunk(0), vec![]),
        (View::Chunk(1), vec![(0, 100)]),
        (View::Chunk(2), vec![(100, 100), (150, 500)]),
        (View::Chunk(10), vec![(900, 100)]),
        (View::Chunk(11), vec![]),
        (View::Chunk(u64::MAX), vec![]),
        (View::All, vec![(100, 100), (0, 100), (150, 500), (900, 100)]),
    ];
    for (view, expected) in cases {
        assert_eq!(extents(&load(store, 1, view.clone()).await), expected, "{view:?}");
    }
}

/// The order of recording is kept, and a later extent comes after the one it lies on.
pub async fn receipts_come_in_the_order_of_recording(store: &dyn SessionStore) {
    created(store, &upload(1)).await;
    for (n, (offset, length)) in [(500, 10), (0, 100), (0, 50), (200, 10), (40, 20)].into_iter().enumerate() {
        record(store, 1, &receipt(offset, length, n as u128)).await;
    }
    let expected = [(500, 10), (0, 100), (0, 50), (200, 10), (40, 20)];
    assert_eq!(extents(&load(store, 1, View::All).await), expected);
    let expected = [(0, 100), (0, 50), (40, 20)];
    assert_eq!(extents(&load(store, 1, View::Chunk(1)).await), expected);
}

/// A receipt comes back with its object, its checksum and its tree values.
pub async fn a_receipt_is_kept_as_it_is(store: &dyn SessionStore) {
    created(store, &Upload { length: None, ..upload(1) }).await;
    let mut hasher = crate::digest::tree::TreeHasher::new(5_000);
    hasher.update(&[7; 9_000]);
    let full = Receipt {
        extent: Extent {
            offset: 5_000,
            length: 9_000,
            object: ObjectKey::data(id(1)),
            object_offset: 1 << 50,
            checksum: Checksum(u64::MAX),
        },
        subtrees: hasher.finish(),
    };
    record(store, 1, &full).await;
    assert_eq!(load(store, 1, View::All).await.receipts, [full]);
}

/// What the new extent covers whole leaves the record and is named; what it covers in part stays beneath it.
pub async fn covered_extents_leave_and_are_named(store: &dyn SessionStore) {
    created(store, &upload(1)).await;
    let [left, inner, right] = [receipt(0, 100, 1), receipt(100, 50, 2), receipt(150, 100, 3)];
    for receipt in [&left, &inner, &right] {
        record(store, 1, receipt).await;
    }
    let new = receipt(90, 70, 4);
    let expected = Recording::Recorded { received_bytes: 250, replaced: vec![inner.extent] };
    assert_eq!(record(store, 1, &new).await, expected);
    let session = load(store, 1, View::All).await;
    assert_eq!(session.receipts, [left.clone(), right.clone(), new.clone()]);
    assert_eq!((session.upload.rewrites, session.upload.received_bytes), (1, 250));
    let all = receipt(0, 1_000, 5);
    let replaced = vec![left.extent, right.extent, new.extent];
    assert_eq!(record(store, 1, &all).await, Recording::Recorded { received_bytes: 1_000, replaced });
    assert_eq!(load(store, 1, View::All).await.receipts, std::slice::from_ref(&all));
    let same = receipt(0, 1_000, 6);
    let expected = Recording::Recorded { received_bytes: 1_000, replaced: vec![all.extent] };
    assert_eq!(record(store, 1, &same).await, expected);
    assert_eq!(head(store, 1).await.rewrites, 3);
}

/// Against a plain map of bytes: whatever overlaps, each byte counts once, and each says who wrote it last.
pub async fn received_bytes_count_each_byte_once(store: &dyn SessionStore) {
    created(store, &upload(1)).await;
    let mut written = [None; 256];
    let (mut chance, mut rewrites) = (1_u64, 0);
    for n in 0..200_u64 {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let offset = (chance >> 33) % 250;
        let length = 1 + (chance >> 50) % (if n % 10 == 0 { 80 } else { 12 });
        let length = length.min(256 - offset);
        let bytes = &mut written[offset as usize..(offset + length) as usize];
        rewrites += u64::from(bytes.iter().any(Option::is_some));
        bytes.fill(Some(n));
        let Recording::Recorded { received_bytes, .. } =
            record(store, 1, &receipt(offset, length, n.into())).await
        else {
            panic!("record {n} was refused");
        };
        assert_eq!(received_bytes, written.iter().flatten().count() as u64, "after record {n}");
    }
    let session = load(store, 1, View::All).await;
    let mut told = [None; 256];
    for receipt in &session.receipts {
        let nonce = receipt.extent.object.name().rsplit('-').next().unwrap();
        let n = u64::from_str_radix(nonce, 16).unwrap();
        told[receipt.extent.offset as usize..receipt.extent.end() as usize].fill(Some(n));
    }
    assert_eq!(told, written);
    assert_eq!(session.upload.rewrites, rewrites);
}

/// In every other state nothing is recorded, and `expires_at` moves only with a record.
pub async fn only_an_open_upload_records(store: &dyn SessionStore) {
    for (n, state) in (1..).zip(State::ALL) {
        created(store, &Upload { state, ..upload(n) }).await;
        let recording = record(store, n, &receipt(0, 10, 1)).await;
        if state == State::Open {
            assert_eq!(recording, Recording::Recorded { received_bytes: 10, replaced: vec![] });
            assert_eq!(head(store, n).await.expires_at, LATER);
        } else {
            assert_eq!(recording, Recording::NotOpen(state));
            let unchanged = Session::whole(Upload { state, ..upload(n) }, vec![]);
            assert_eq!(load(store, n, View::All).await, unchanged);
        }
    }
}

/// Records of one upload that run at once are all there afterwards.
pub async fn many_records_at_once_all_count(store: &dyn SessionStore) {
    created(store, &upload(1)).await;
    let receipts: Vec<_> = (0..64).map(|n| receipt(n * 10, 10, n.into())).collect();
    let recorded = join_all(receipts.iter().map(|receipt| record(store, 1, receipt))).await;
    let most = recorded.iter().map(|recording| match recording {
        Recording::Recorded { received_bytes, .. } => *received_bytes,
        other => panic!("{other:?}"),
    });
    assert_eq!(most.max(), Some(640));
    let mut session = load(store, 1, View::All).await;
    session.receipts.sort_by_key(|receipt| receipt.extent.offset);
    assert_eq!(session.receipts, receipts);
    assert_eq!(session.upload, Upload { received_bytes: 640, expires_at: LATER, ..upload(1) });
}

/// An upload of ten thousand chunks, recorded by many at once.
pub async fn ten_thousand_extents_are_recorded(store: &dyn SessionStore) {
    let chance = CountingChance::default();
    created(store, &Upload { length: Some(50_000), chunk_size: 5, ..upload(1) }).await;
    for batch in 0..20 {
        let receipts: Vec<_> = (0..500).map(|n| receipt((batch * 500 + n) * 5, 5, chance.bits())).collect();
        join_all(receipts.iter().map(|receipt| record(store, 1, receipt))).await;
    }
    let session = load(store, 1, View::All).await;
    assert_eq!((session.receipts.len(), session.upload.received_bytes), (10_000, 50_000));
    assert_eq!(extents(&load(store, 1, View::Chunk(10_000)).await), [(49_995, 5)]);
}
