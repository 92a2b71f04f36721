//! Those rules of the catalog that are about blobs that are there, their extents, and the objects that none names.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a rule that does not hold panics")]

use super::catalog_words::*;
use crate::contracts::*;
use crate::extent::Extent;
use crate::file::{Blob, Content};
use crate::time::Timestamp;

/// Pages of blobs by identity, and those of many extents alone.
pub async fn blobs_are_listed_by_identity(catalog: &dyn Catalog) {
    for n in [5, 2, 4, 1, 3] {
        let extents = (0..u64::from(n)).map(|i| extent(n.into(), i * 10, 10)).collect();
        let content = Content::Extents(extents);
        let name = format!("{n}");
        published(catalog, &Publication { content, ..publication(&name, n, u64::from(n) * 10) }).await;
    }
    for (min_extents, expected) in [
        (0, vec![1, 2, 3, 4, 5]),
        (1, vec![1, 2, 3, 4, 5]),
        (2, vec![2, 3, 4, 5]),
        (4, vec![4, 5]),
        (6, vec![]),
    ] {
        for limit in [1, 2, 10] {
            let mut page = PageRequest::first(limit);
            let mut found = Vec::new();
            loop {
                let blobs = catalog.list_blobs(&BlobFilter { min_extents }, &page).await.unwrap();
                assert!(blobs.items.len() <= limit);
                found.extend(blobs.items.into_iter().map(|blob| (blob.id, blob.content.extents().len())));
                page.cursor = blobs.next_cursor;
                if page.cursor.is_none() {
                    break;
                }
            }
            let expected: Vec<_> = expected.iter().map(|n| (blob_id(*n), usize::from(*n))).collect();
            assert_eq!(found, expected, "at least {min_extents}, {limit} at a time");
        }
    }
    for cursor in ["", "zz", "\0", "0f'", "ü"] {
        let page = PageRequest { cursor: Some(cursor.to_owned()), limit: 10 };
        catalog.list_blobs(&BlobFilter::default(), &page).await.unwrap();
    }
}

/// The others stay as they are; objects that only the old ones named are named no more.
pub async fn extents_are_swapped_if_they_are_the_ones_expected(catalog: &dyn Catalog) {
    let old = vec![extent(1, 0, 60), extent(2, 60, 40)];
    let one = Publication { content: Content::Extents(old.clone()), ..publication("a", 1, 100) };
    published(catalog, &one).await;
    published(
        catalog,
        &Publication { content: Content::Inline(b"x".to_vec().into()), ..publication("b", 2, 1) },
    )
    .await;
    let merged = vec![extent(3, 0, 100)];
    let swap =
        async |n, expected: &[Extent]| catalog.swap_extents(&blob_id(n), expected, &merged).await.unwrap();
    assert!(!swap(1, &merged).await);
    assert!(!swap(1, &old[..1]).await);
    assert!(!swap(1, &[]).await);
    assert!(!swap(2, &[]).await);
    assert!(!swap(9, &[]).await);
    let blob = find_blob(catalog, &blob_id(1)).await.unwrap();
    assert_eq!(blob.content, Content::Extents(old.clone()));
    assert!(swap(1, &old).await);
    assert_eq!(
        find_blob(catalog, &blob_id(1)).await,
        Some(Blob { content: Content::Extents(merged), ..blob })
    );
    assert!(!catalog.swap_extents(&blob_id(1), &old, &old).await.unwrap());
    let objects = [object(1), object(2), object(3)];
    assert_eq!(catalog.unreferenced(&objects).await.unwrap(), [object(1), object(2)]);
    assert_eq!(catalog.totals().await.unwrap().scattered_blobs, 0);
}

/// Blobs and bytes by storage; a blob that lies in two counts in both, one in the catalog in none.
pub async fn each_storage_holds_what_extents_name_there(catalog: &dyn Catalog) {
    assert_eq!(catalog.storage_totals().await.unwrap(), []);
    let total =
        |storage: &str, blobs, bytes| StorageTotals { storage: storage.parse().unwrap(), blobs, bytes };
    let inline = Content::Inline(b"x".to_vec().into());
    published(catalog, &Publication { content: inline, ..publication("i", 9, 1) }).await;
    assert_eq!(catalog.storage_totals().await.unwrap(), []);
    let plain = vec![extent(1, 0, 60), extent(2, 60, 40)];
    let one = Publication { content: Content::Extents(plain.clone()), ..publication("a", 1, 100) };
    published(catalog, &one).await;
    assert_eq!(catalog.storage_totals().await.unwrap(), [total("default", 1, 100)]);
    let there = |storage: &str, extent: Extent| {
        let storage = storage.parse().unwrap();
        Extent { object: extent.object.lying_in(&storage), ..extent }
    };
    let two =
        vec![there("zz", extent(3, 0, 10)), there("a-1", extent(4, 10, 20)), there("zz", extent(5, 30, 5))];
    published(catalog, &Publication { content: Content::Extents(two), ..publication("b", 2, 35) }).await;
    let expected = [total("a-1", 1, 20), total("default", 1, 100), total("zz", 1, 15)];
    assert_eq!(catalog.storage_totals().await.unwrap(), expected);
    let moved = [there("zz", extent(6, 0, 100))];
    assert!(catalog.swap_extents(&blob_id(1), &plain, &moved).await.unwrap());
    let expected = [total("a-1", 1, 20), total("zz", 2, 115)];
    assert_eq!(catalog.storage_totals().await.unwrap(), expected);
    assert_eq!(catalog.unreferenced(&[moved[0].object.clone()]).await.unwrap(), []);
    assert_eq!(catalog.unreferenced(&[moved[0].object.inside()]).await.unwrap(), [moved[0].object.inside()]);
}

/// From the moment its last file went or was replaced, until a file names it again.
pub async fn a_blob_is_unnamed_from_its_last_name_on(catalog: &dyn Catalog) {
    let at = |n| Timestamp(NOW.0 + n);
    published(catalog, &publication("a", 1, 10)).await;
    published(catalog, &publication("b", 1, 10)).await;
    published(catalog, &publication("c", 2, 10)).await;
    catalog.remove_file(&ann(), &path("a"), at(10)).await.unwrap();
    assert_eq!(unnamed(catalog, at(1_000)).await, []);
    catalog.remove_file(&ann(), &path("b"), at(20)).await.unwrap();
    published(catalog, &Publication { now: at(30), ..publication("c", 3, 10) }).await;
    assert_eq!(unnamed(catalog, at(20)).await, []);
    assert_eq!(unnamed(catalog, at(21)).await, [blob_id(1)]);
    assert_eq!(unnamed(catalog, at(1_000)).await, [blob_id(1), blob_id(2)]);
    let longest = catalog.unnamed_blobs(at(1_000), 1).await.unwrap();
    assert_eq!(longest.iter().map(|blob| (&blob.id, blob.files)).collect::<Vec<_>>(), [(&blob_id(1), 0)]);
    published(catalog, &publication("d", 1, 10)).await;
    assert_eq!(unnamed(catalog, at(1_000)).await, [blob_id(2)]);
}

/// Removing asks once more whether a file names it.
pub async fn a_blob_that_is_named_is_not_removed(catalog: &dyn Catalog) {
    published(catalog, &publication("a", 1, 10)).await;
    assert_eq!(catalog.remove_unnamed(&blob_id(1)).await.unwrap(), None);
    assert_eq!(catalog.remove_unnamed(&blob_id(9)).await.unwrap(), None);
    assert_eq!(find_blob(catalog, &blob_id(1)).await.map(|blob| blob.files), Some(1));
    assert_eq!(all_files(catalog).await.len(), 1);
}

/// The blob is gone under all its digests, its extents are told, and nothing names their objects.
pub async fn a_removed_blob_leaves_its_extents_as_orphans(catalog: &dyn Catalog) {
    let extents = vec![extent(1, 0, 300), extent(2, 300, 200)];
    let one = Publication { content: Content::Extents(extents.clone()), ..rich_publication("a", 1, 500) };
    published(catalog, &one).await;
    let inline = Publication { content: Content::Inline(b"x".to_vec().into()), ..publication("b", 2, 1) };
    published(catalog, &inline).await;
    for name in ["a", "b"] {
        catalog.remove_file(&ann(), &path(name), NOW).await.unwrap();
    }
    assert_eq!(catalog.remove_unnamed(&blob_id(1)).await.unwrap(), Some(extents));
    assert_eq!(catalog.remove_unnamed(&blob_id(2)).await.unwrap(), Some(vec![]));
    assert_eq!(catalog.remove_unnamed(&blob_id(1)).await.unwrap(), None);
    for digest in one.digests.iter().chain(&inline.digests) {
        assert_eq!(catalog.find_blobs(digest, None).await.unwrap(), []);
    }
    assert_eq!(catalog.unreferenced(&[object(1), object(2)]).await.unwrap(), [object(1), object(2)]);
    assert_eq!(catalog.totals().await.unwrap(), Totals::default());
    let answer = catalog.publish(&one).await.unwrap();
    assert!(matches!(answer, Published::File { created: true, known: false, .. }), "{answer:?}");
}

/// Of the objects asked about, in their order.
pub async fn what_an_extent_names_is_referenced(catalog: &dyn Catalog) {
    let extents = vec![extent(5, 0, 10), extent(7, 10, 10), extent(5, 20, 10)];
    published(catalog, &Publication { content: Content::Extents(extents), ..publication("a", 1, 30) }).await;
    let objects: Vec<_> = [9, 7, 8, 5, 6].map(object).to_vec();
    assert_eq!(catalog.unreferenced(&objects).await.unwrap(), [object(9), object(8), object(6)]);
    assert_eq!(catalog.unreferenced(&[]).await.unwrap(), []);
    let many: Vec<_> = (100..2_600).map(object).collect();
    assert_eq!(catalog.unreferenced(&many).await.unwrap(), many);
    assert_eq!(catalog.condemn(&many, NOW, NOW).await.unwrap(), many);
    catalog.pardon(&many).await.unwrap();
    assert_eq!(catalog.condemn(&many, Timestamp(NOW.0 + 1), NOW).await.unwrap(), []);
}

/// Two sweeps must see it: the second one at least as long after the first as `seen_before` says.
pub async fn an_orphan_is_condemned_when_it_was_seen_before(catalog: &dyn Catalog) {
    let at = |n| Timestamp(NOW.0 + n);
    let both = [object(1), object(2)];
    assert_eq!(catalog.condemn(&both, at(10), at(0)).await.unwrap(), []);
    assert_eq!(catalog.condemn(&[object(3)], at(15), at(5)).await.unwrap(), []);
    assert_eq!(catalog.condemn(&both, at(19), at(9)).await.unwrap(), []);
    assert_eq!(catalog.condemn(&[object(2), object(3)], at(20), at(10)).await.unwrap(), [object(2)]);
    assert_eq!(catalog.condemn(&both, at(20), at(10)).await.unwrap(), both);
    catalog.pardon(&both).await.unwrap();
    catalog.pardon(&both).await.unwrap();
    assert_eq!(catalog.condemn(&both, at(30), at(20)).await.unwrap(), []);
    assert_eq!(catalog.condemn(&both, at(40), at(30)).await.unwrap(), both);
}

/// A note is forgotten as soon as an extent names the object, by publication, swap, or at the next look.
pub async fn an_object_that_is_named_loses_its_note(catalog: &dyn Catalog) {
    let at = |n| Timestamp(NOW.0 + n);
    let all = [object(1), object(2), object(3)];
    catalog.condemn(&all, at(0), at(0)).await.unwrap();
    let one = Publication { content: Content::Extents(vec![extent(1, 0, 10)]), ..publication("a", 1, 10) };
    published(catalog, &one).await;
    assert!(catalog.swap_extents(&blob_id(1), &[extent(1, 0, 10)], &[extent(2, 0, 10)]).await.unwrap());
    assert_eq!(catalog.condemn(&all, at(100), at(50)).await.unwrap(), [object(3)]);
    catalog.remove_file(&ann(), &path("a"), at(100)).await.unwrap();
    catalog.remove_unnamed(&blob_id(1)).await.unwrap();
    assert_eq!(catalog.condemn(&all, at(110), at(99)).await.unwrap(), [object(3)]);
    assert_eq!(catalog.condemn(&all, at(200), at(110)).await.unwrap(), all);
}
