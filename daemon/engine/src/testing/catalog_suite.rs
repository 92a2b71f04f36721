//! The rules of [`Catalog`], one function each; [`catalog_suite!`](crate::catalog_suite) makes each a test.
//!
//! A rule gets a catalog that is empty and its own. It fails by panicking. What is published and asked for is made
//! in `testing::catalog_words`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a rule that does not hold panics"
)]

pub use super::catalog_blob_rules::*;
pub use super::catalog_file_rules::*;

use futures_util::future::join_all;

use crate::contracts::*;
use crate::file::{Blob, Content, File};
use crate::testing::catalog_words::*;
use crate::time::Timestamp;

/// Makes every rule of [`Catalog`] a test of an adapter.
///
/// `$make` is an async function that gives a new, empty catalog and whatever must live as long as the catalog does.
#[macro_export]
macro_rules! catalog_suite {
    ($make:path) => {
        $crate::catalog_suite!(@tests $make:
            a_publication_is_there_whole,
            an_upload_is_published_once,
            of_many_publications_of_one_upload_one_is_made,
            the_precondition_is_looked_at_first,
            a_path_that_is_taken_is_replaced_kept_or_numbered,
            a_replaced_file_keeps_its_birthday_and_gives_its_bytes_back,
            a_number_that_does_not_fit_changes_nothing,
            the_quota_holds_after_the_publication,
            no_more_files_are_named_than_allowed,
            of_two_publications_at_the_quota_one_is_made,
            a_known_blob_keeps_its_extents_and_learns_digests,
            an_identity_has_one_length_and_is_blake3,
            a_blob_is_found_by_every_digest,
            contents_that_share_a_digest_stay_apart,
            origins_are_remembered_until_they_are_forgotten,
            a_file_is_found_by_its_owner_and_path_alone,
            files_are_listed_by_owner_and_path,
            a_prefix_is_bytes_and_not_a_pattern,
            a_delimiter_folds_each_prefix_once,
            pages_of_a_listing_tell_everything_once,
            a_cursor_that_no_page_gave_never_fails,
            a_listing_of_a_blob_has_its_files,
            a_rename_moves_the_name_alone,
            a_rename_to_its_own_name_changes_nothing,
            a_copy_counts_and_names_the_same_blob,
            a_copy_stays_within_the_quota,
            a_move_never_replaces,
            a_removed_name_is_gone_and_its_blob_stays,
            the_file_of_a_blob_is_the_one_changed_last,
            blobs_are_listed_by_identity,
            extents_are_swapped_if_they_are_the_ones_expected,
            each_storage_holds_what_extents_name_there,
            a_blob_is_unnamed_from_its_last_name_on,
            a_blob_that_is_named_is_not_removed,
            a_removed_blob_leaves_its_extents_as_orphans,
            what_an_extent_names_is_referenced,
            an_orphan_is_condemned_when_it_was_seen_before,
            an_object_that_is_named_loses_its_note,
            usage_and_totals_are_exact_after_everything,
            a_catalog_has_one_identity_and_its_generation_rises,
            a_catalog_that_works_answers,
        );
    };
    (@tests $make:path: $($rule:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $rule() {
                let (catalog, _kept_alive) = $make().await;
                $crate::testing::catalog_suite::$rule(&catalog).await;
            }
        )+
    };
}

/// File, blob, digests, content, usage and origin are all there.
pub async fn a_publication_is_there_whole(catalog: &dyn Catalog) {
    let inline = Publication { content: Content::Inline(vec![0, 1, 255].into()), ..publication("b", 2, 3) };
    let empty = Publication { content: Content::Inline(Default::default()), ..publication("c", 3, 0) };
    for (n, publication) in (1..).zip([rich_publication("a", 1, 500), inline, empty]) {
        let publication = Publication { upload: Some(upload(n)), ..publication };
        let published = catalog.publish(&publication).await.unwrap();
        let file = file_of(&publication);
        let expected = Published::File { file: Box::new(file.clone()), created: true, known: false };
        assert_eq!(published, expected);
        assert_eq!(find(catalog, publication.path.as_str()).await, Some(file.clone()));
        let blob = Blob {
            id: publication.blob.clone(),
            length: publication.length,
            digests: sorted(publication.digests.clone()),
            content: publication.content.clone(),
            created_at: publication.now,
            files: 1,
        };
        assert_eq!(find_blob(catalog, &publication.blob).await, Some(blob));
        let origin = Origin { owner: ann(), file, published_at: publication.now };
        assert_eq!(catalog.origin(upload(n)).await.unwrap(), Some(origin));
    }
    assert_eq!(catalog.usage(&ann()).await.unwrap(), Usage { files: 3, bytes: 503 });
}

/// A second publication of an upload gets the first one's answer, whatever it says and whatever became of the file.
pub async fn an_upload_is_published_once(catalog: &dyn Catalog) {
    let first = Publication { upload: Some(upload(1)), ..publication("a", 1, 10) };
    let answer = catalog.publish(&first).await.unwrap();
    let other = Publication {
        upload: Some(upload(1)),
        owner: bob(),
        precondition: Some(Precondition::Present),
        max_used_bytes: Some(0),
        ..publication("b", 2, 20)
    };
    assert_eq!(catalog.publish(&other).await.unwrap(), answer);
    catalog.remove_file(&ann(), &path("a"), NOW).await.unwrap();
    assert_eq!(catalog.publish(&first).await.unwrap(), answer);
    assert_eq!(all_files(catalog).await, []);
    assert_eq!(find_blob(catalog, &blob_id(2)).await, None);
    // An answer that was no file is no answer for ever.
    let refused = Publication { upload: Some(upload(2)), max_used_bytes: Some(0), ..publication("c", 3, 1) };
    assert_eq!(catalog.publish(&refused).await.unwrap(), Published::OverQuota { used_bytes: 0 });
    let accepted = Publication { max_used_bytes: None, ..refused };
    assert!(matches!(catalog.publish(&accepted).await.unwrap(), Published::File { created: true, .. }));
}

/// Sixty-four at once: one file, and the same answer for all.
pub async fn of_many_publications_of_one_upload_one_is_made(catalog: &dyn Catalog) {
    let publication =
        Publication { upload: Some(upload(1)), if_exists: IfExists::Rename, ..publication("a", 1, 10) };
    let answers = join_all((0..64).map(|_| catalog.publish(&publication))).await;
    let expected = Published::File { file: Box::new(file_of(&publication)), created: true, known: false };
    for answer in answers {
        assert_eq!(answer.unwrap(), expected);
    }
    assert_eq!(all_files(catalog).await, [file_of(&publication)]);
    assert_eq!(catalog.usage(&ann()).await.unwrap(), Usage { files: 1, bytes: 10 });
    let totals = Totals { owners: 1, files: 1, blobs: 1, blob_bytes: 10, scattered_blobs: 0 };
    assert_eq!(catalog.totals().await.unwrap(), totals);
}

/// Precondition before `if_exists` before quota; one that refuses changes nothing.
pub async fn the_precondition_is_looked_at_first(catalog: &dyn Catalog) {
    let base = Publication { max_used_bytes: Some(0), if_exists: IfExists::Fail, ..publication("a", 2, 10) };
    let with = |precondition| Publication { precondition: Some(precondition), ..base.clone() };
    let refused = Published::PreconditionFailed;
    assert_eq!(catalog.publish(&with(Precondition::Present)).await.unwrap(), refused);
    assert_eq!(catalog.publish(&with(Precondition::Blob(vec![blob_id(2)]))).await.unwrap(), refused);
    let over = Published::OverQuota { used_bytes: 0 };
    assert_eq!(catalog.publish(&with(Precondition::Absent)).await.unwrap(), over);
    let present = published(catalog, &publication("a", 1, 5)).await;
    assert_eq!(catalog.publish(&with(Precondition::Absent)).await.unwrap(), refused);
    assert_eq!(catalog.publish(&with(Precondition::Blob(vec![]))).await.unwrap(), refused);
    assert_eq!(catalog.publish(&with(Precondition::Blob(vec![blob_id(2)]))).await.unwrap(), refused);
    let exists = Published::Exists(Box::new(present.clone()));
    for precondition in [Precondition::Present, Precondition::Blob(vec![blob_id(2), blob_id(1)])] {
        assert_eq!(catalog.publish(&with(precondition)).await.unwrap(), exists);
    }
    assert_eq!(catalog.publish(&base).await.unwrap(), exists);
    assert_eq!(all_files(catalog).await, [present]);
    assert_eq!(find_blob(catalog, &blob_id(2)).await, None);
    let replace =
        Publication { precondition: Some(Precondition::Blob(vec![blob_id(1)])), ..publication("a", 2, 10) };
    assert_eq!(published(catalog, &replace).await.blob, blob_id(2));
}

/// `replace` names the new content, `fail` tells the old file, `rename` takes the first free number from 2.
pub async fn a_path_that_is_taken_is_replaced_kept_or_numbered(catalog: &dyn Catalog) {
    let taken = |n, if_exists| Publication { if_exists, ..publication("v/a.txt", n, 10) };
    let first = published(catalog, &taken(1, IfExists::Fail)).await;
    let refused = catalog.publish(&taken(2, IfExists::Fail)).await.unwrap();
    assert_eq!(refused, Published::Exists(Box::new(first)));
    published(catalog, &publication("v/a (3).txt", 9, 10)).await;
    for (n, name) in [(3, "v/a (2).txt"), (4, "v/a (4).txt")] {
        let file = published(catalog, &taken(n, IfExists::Rename)).await;
        assert_eq!((file.path.as_str(), file.blob), (name, blob_id(n)));
    }
    let answer = catalog.publish(&taken(5, IfExists::Replace)).await.unwrap();
    assert!(matches!(answer, Published::File { created: false, known: false, .. }), "{answer:?}");
    let files: Vec<_> =
        all_files(catalog).await.into_iter().map(|file| (file.path.to_string(), file.blob)).collect();
    let expected = [("v/a (2).txt", 3), ("v/a (3).txt", 9), ("v/a (4).txt", 4), ("v/a.txt", 5)];
    assert_eq!(files, expected.map(|(path, n)| (path.to_owned(), blob_id(n))));
    assert_eq!(find_blob(catalog, &blob_id(1)).await.map(|blob| blob.files), Some(0));
}

/// `created_at` stays, everything else is new; usage counts the new content alone.
pub async fn a_replaced_file_keeps_its_birthday_and_gives_its_bytes_back(catalog: &dyn Catalog) {
    published(catalog, &rich_publication("a", 1, 100)).await;
    let later = Publication { now: Timestamp(NOW.0 + 50), ..publication("a", 2, 30) };
    let file = published(catalog, &later).await;
    assert_eq!(file, File { created_at: NOW, ..file_of(&later) });
    assert_eq!(find(catalog, "a").await, Some(file));
    assert_eq!(catalog.usage(&ann()).await.unwrap(), Usage { files: 1, bytes: 30 });
    let again = Publication { now: Timestamp(NOW.0 + 60), ..later };
    let answer = catalog.publish(&again).await.unwrap();
    assert!(matches!(answer, Published::File { created: false, known: true, .. }), "{answer:?}");
    assert_eq!(find_blob(catalog, &blob_id(2)).await.map(|blob| blob.files), Some(1));
    assert_eq!(catalog.usage(&ann()).await.unwrap(), Usage { files: 1, bytes: 30 });
    assert_eq!(unnamed(catalog, Timestamp(u64::MAX >> 1)).await, [blob_id(1)]);
}

/// If no numbered path is short enough, the file that has the path is told.
pub async fn a_number_that_does_not_fit_changes_nothing(catalog: &dyn Catalog) {
    let long = "x".repeat(1022);
    let first = published(catalog, &publication(&long, 1, 1)).await;
    let second = Publication { if_exists: IfExists::Rename, ..publication(&long, 2, 1) };
    assert_eq!(catalog.publish(&second).await.unwrap(), Published::Exists(Box::new(first.clone())));
    assert_eq!(all_files(catalog).await, [first]);
    assert_eq!(find_blob(catalog, &blob_id(2)).await, None);
}

/// The owner's files together, less what is replaced, plus the new one; shared content counts for each.
pub async fn the_quota_holds_after_the_publication(catalog: &dyn Catalog) {
    let within =
        |path, n, length, most| Publication { max_used_bytes: Some(most), ..publication(path, n, length) };
    published(catalog, &within("a", 1, 60, 60)).await;
    let over = Published::OverQuota { used_bytes: 60 };
    assert_eq!(catalog.publish(&within("b", 2, 41, 100)).await.unwrap(), over);
    assert_eq!(find_blob(catalog, &blob_id(2)).await, None);
    published(catalog, &within("b", 2, 40, 100)).await;
    let over = Published::OverQuota { used_bytes: 100 };
    assert_eq!(catalog.publish(&within("c", 2, 40, 100)).await.unwrap(), over);
    published(catalog, &within("a", 3, 55, 100)).await;
    published(catalog, &Publication { owner: bob(), ..within("a", 4, 100, 100) }).await;
    assert_eq!(catalog.usage(&ann()).await.unwrap(), Usage { files: 2, bytes: 95 });
    let huge = within("c", 5, u64::MAX >> 1, 100);
    assert_eq!(catalog.publish(&huge).await.unwrap(), Published::OverQuota { used_bytes: 95 });
}

/// A file in the place of another is no more than there was; a copy is one more, a rename is not.
pub async fn no_more_files_are_named_than_allowed(catalog: &dyn Catalog) {
    let within = |path, n| Publication { max_files: Some(2), ..publication(path, n, 1) };
    published(catalog, &within("a", 1)).await;
    published(catalog, &within("b", 2)).await;
    let over = Published::TooManyFiles { files: 2 };
    assert_eq!(catalog.publish(&within("c", 3)).await.unwrap(), over);
    let renamed = Publication { if_exists: IfExists::Rename, ..within("a", 3) };
    assert_eq!(catalog.publish(&renamed).await.unwrap(), over);
    assert_eq!(find_blob(catalog, &blob_id(3)).await, None);
    published(catalog, &within("a", 4)).await;
    published(catalog, &Publication { owner: bob(), ..within("a", 5) }).await;
    let most = Most { files: Some(2), used_bytes: None };
    let moved = async |how| catalog.move_file(&ann(), &path("b"), &path("d"), how, NOW, most).await.unwrap();
    assert_eq!(moved(Move::Copy).await, Moved::TooManyFiles { files: 2 });
    assert!(matches!(moved(Move::Rename).await, Moved::File(_)));
    assert_eq!(catalog.usage(&ann()).await.unwrap(), Usage { files: 2, bytes: 2 });
}

/// The quota is checked together with the publication.
pub async fn of_two_publications_at_the_quota_one_is_made(catalog: &dyn Catalog) {
    for round in 0..10 {
        let owner: crate::Owner = format!("owner {round}").parse().unwrap();
        let one = |path, n| Publication {
            owner: owner.clone(),
            max_used_bytes: Some(10),
            ..publication(path, n, 6)
        };
        let publications = [one("a", 1), one("b", 2)];
        let answers = join_all(publications.iter().map(|publication| catalog.publish(publication))).await;
        let made = answers.iter().filter(|answer| matches!(answer, Ok(Published::File { .. }))).count();
        let over =
            answers.iter().filter(|answer| matches!(answer, Ok(Published::OverQuota { used_bytes: 6 })));
        assert_eq!((made, over.count()), (1, 1));
        assert_eq!(catalog.usage(&owner).await.unwrap(), Usage { files: 1, bytes: 6 });
    }
}

/// The extents brought along are not taken; digests that were not known are.
pub async fn a_known_blob_keeps_its_extents_and_learns_digests(catalog: &dyn Catalog) {
    let first = publication("a", 1, 100);
    published(catalog, &first).await;
    let second = Publication {
        owner: bob(),
        content: Content::Extents(vec![extent(77, 0, 100)]),
        digests: vec![blob_id(1), sha1(8)],
        digest: sha1(8),
        now: Timestamp(NOW.0 + 5),
        ..publication("b", 1, 100)
    };
    let answer = catalog.publish(&second).await.unwrap();
    let expected = Published::File { file: Box::new(file_of(&second)), created: true, known: true };
    assert_eq!(answer, expected);
    let blob = find_blob(catalog, &blob_id(1)).await.unwrap();
    assert_eq!(blob.content, first.content);
    assert_eq!((blob.digests, blob.files, blob.created_at), (vec![blob_id(1), sha1(8)], 2, NOW));
    assert_eq!(catalog.unreferenced(&[object(77)]).await.unwrap(), [object(77)]);
}

/// A publication whose identity is known with another length, or is none, is a failure and changes nothing.
pub async fn an_identity_has_one_length_and_is_blake3(catalog: &dyn Catalog) {
    published(catalog, &publication("a", 1, 100)).await;
    let longer = publication("b", 1, 101);
    let other = Publication { blob: sha1(1), ..publication("b", 2, 10) };
    for bad in [longer, other] {
        let error = catalog.publish(&bad).await.unwrap_err();
        assert_eq!(
            (error.store, error.operation, error.failure),
            (Store::Catalog, "publish", Failure::Failed)
        );
    }
    assert_eq!(all_files(catalog).await.len(), 1);
    assert_eq!(catalog.usage(&ann()).await.unwrap(), Usage { files: 1, bytes: 100 });
}

/// Whatever the algorithm, with and without the length.
pub async fn a_blob_is_found_by_every_digest(catalog: &dyn Catalog) {
    published(catalog, &rich_publication("a", 1, 500)).await;
    published(catalog, &publication("b", 2, 500)).await;
    for digest in rich_publication("a", 1, 500).digests {
        for (length, found) in [(None, 1), (Some(500), 1), (Some(499), 0), (Some(u64::MAX), 0)] {
            let blobs = catalog.find_blobs(&digest, length).await.unwrap();
            assert_eq!(
                blobs.iter().filter(|blob| blob.id == blob_id(1)).count(),
                found,
                "{digest} {length:?}"
            );
            assert_eq!(blobs.len(), found);
        }
    }
    assert_eq!(catalog.find_blobs(&sha1(99), None).await.unwrap(), []);
    assert_eq!(catalog.find_blobs(&blob_id(99), None).await.unwrap(), []);
}

/// Two contents with one SHA-1 stay two blobs; of very many, ten are told.
pub async fn contents_that_share_a_digest_stay_apart(catalog: &dyn Catalog) {
    for n in 1..=12 {
        let digests = vec![blob_id(n), sha1(1)];
        published(catalog, &Publication { digests, ..publication(&format!("{n}"), n, u64::from(n)) }).await;
    }
    let found = catalog.find_blobs(&sha1(1), None).await.unwrap();
    let ids: Vec<_> = found.into_iter().map(|blob| blob.id).collect();
    assert_eq!(ids, (1..=10).map(blob_id).collect::<Vec<_>>());
    let found = catalog.find_blobs(&sha1(1), Some(12)).await.unwrap();
    assert_eq!(found.into_iter().map(|blob| blob.id).collect::<Vec<_>>(), [blob_id(12)]);
}

/// Those from before the moment are forgotten and counted; a publication without an upload leaves none.
pub async fn origins_are_remembered_until_they_are_forgotten(catalog: &dyn Catalog) {
    for n in 1..=3 {
        let moment = Timestamp(NOW.0 + u64::from(n));
        let name = format!("{n}");
        let one = Publication { upload: Some(upload(n.into())), now: moment, ..publication(&name, n, 1) };
        published(catalog, &one).await;
    }
    published(catalog, &publication("x", 4, 1)).await;
    assert_eq!(catalog.forget_origins(Timestamp(NOW.0 + 3)).await.unwrap(), 2);
    assert_eq!(catalog.forget_origins(Timestamp(NOW.0 + 3)).await.unwrap(), 0);
    let mut left = Vec::new();
    for n in 1..=4 {
        left.push(catalog.origin(upload(n)).await.unwrap().is_some());
    }
    assert_eq!(left, [false, false, true, false]);
    catalog.forget_origin(upload(3)).await.unwrap();
    catalog.forget_origin(upload(3)).await.unwrap();
    assert_eq!(catalog.origin(upload(3)).await.unwrap(), None);
    assert_eq!(all_files(catalog).await.len(), 4);
}

/// The id stays, the generation rises by one at a time.
pub async fn a_catalog_has_one_identity_and_its_generation_rises(catalog: &dyn Catalog) {
    let identity = catalog.identity().await.unwrap();
    assert_eq!(identity.id.len(), 32);
    assert!(identity.id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
    let after = CatalogIdentity { generation: identity.generation + 1, ..identity.clone() };
    assert_eq!(catalog.advance().await.unwrap(), after);
    assert_eq!(catalog.identity().await.unwrap(), after);
    let mut raised: Vec<_> = join_all((0..5).map(|_| catalog.advance())).await;
    raised.sort_by_key(|identity| identity.as_ref().unwrap().generation);
    let raised: Vec<_> = raised.into_iter().map(|raised| raised.unwrap().generation).collect();
    assert_eq!(raised, (1..=5).map(|n| after.generation + n).collect::<Vec<_>>());
}

/// A catalog that works says so.
pub async fn a_catalog_that_works_answers(catalog: &dyn Catalog) {
    catalog.check().await.unwrap();
}
