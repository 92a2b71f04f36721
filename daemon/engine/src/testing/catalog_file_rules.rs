//! Those rules of the catalog that are about names: listing, renaming, copying, removing, and the sums of it all.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a rule that does not hold panics"
)]

use std::collections::BTreeMap;

use super::catalog_words::*;
use crate::contracts::*;
use crate::file::File;
use crate::time::Timestamp;

const LATER: Timestamp = Timestamp(NOW.0 + 500);

/// Of ann: files of these paths, the first naming blob 1, the second blob 2, and so on.
async fn files(catalog: &dyn Catalog, paths: &[&str]) {
    for (n, path) in (1..).zip(paths) {
        published(catalog, &publication(path, n, 10)).await;
    }
}

fn of_ann(prefix: &str, delimiter: Option<&str>) -> FileFilter {
    FileFilter {
        owner: Some(ann()),
        prefix: prefix.to_owned(),
        delimiter: delimiter.map(str::to_owned),
        blob: None,
    }
}

/// What a listing tells over all its pages, in the order of the pages: paths, and folded prefixes with a star.
async fn told(catalog: &dyn Catalog, filter: &FileFilter, limit: usize) -> Vec<String> {
    let mut page = PageRequest::first(limit);
    let mut told = Vec::new();
    loop {
        let listing = catalog.list_files(filter, &page).await.unwrap();
        assert!(listing.items.len() + listing.prefixes.len() <= limit);
        let mut names: Vec<_> = listing.items.iter().map(|file| file.path.to_string()).collect();
        names.extend(listing.prefixes.iter().map(|prefix| format!("{prefix}*")));
        // Files and prefixes come in lists of their own, each in order.
        if !listing.prefixes.is_empty() {
            names.sort_by(|a, b| a.trim_end_matches('*').cmp(b.trim_end_matches('*')));
        }
        told.extend(names);
        page.cursor = listing.next_cursor;
        if page.cursor.is_none() {
            return told;
        }
        assert!(!listing.items.is_empty() || !listing.prefixes.is_empty(), "an empty page is the last");
    }
}

/// No other owner's, no other path's.
pub async fn a_file_is_found_by_its_owner_and_path_alone(catalog: &dyn Catalog) {
    files(catalog, &["a", "A", "a/b"]).await;
    published(catalog, &Publication { owner: bob(), ..publication("bobs", 9, 1) }).await;
    assert_eq!(find(catalog, "a").await, Some(file_of(&publication("a", 1, 10))));
    assert_eq!(find(catalog, "A").await.map(|file| file.blob), Some(blob_id(2)));
    for absent in ["bobs", "a/", "a/b/c", "b", "á"] {
        if let Ok(path) = absent.parse() {
            assert_eq!(catalog.find_file(&ann(), &path).await.unwrap(), None, "{absent}");
        }
    }
}

/// Bytewise, owner after owner, over all pages.
pub async fn files_are_listed_by_owner_and_path(catalog: &dyn Catalog) {
    let paths = ["ü", "a", "b/c", "B", "a b", "b", "\u{10FFFF}x", "日本"];
    files(catalog, &paths).await;
    for (n, owner) in (100..).zip(["an", "anna", "Bob"]) {
        let owner = owner.parse().unwrap();
        published(catalog, &Publication { owner, ..publication("x", n, 1) }).await;
    }
    let mut sorted = paths;
    sorted.sort_unstable();
    assert_eq!(told(catalog, &of_ann("", None), 100).await, sorted);
    let everybody: Vec<(String, String)> = all_files(catalog)
        .await
        .into_iter()
        .map(|file: File| (file.owner.to_string(), file.path.to_string()))
        .collect();
    assert_eq!(everybody.len(), 11);
    assert!(everybody.is_sorted());
    for limit in [1, 2, 3, 11] {
        let paths = told(catalog, &FileFilter::default(), limit).await.len();
        assert_eq!(paths, 11, "{limit} at a time");
    }
}

/// Wildcards of a database are letters like others.
pub async fn a_prefix_is_bytes_and_not_a_pattern(catalog: &dyn Catalog) {
    files(catalog, &["a%b", "a_b", "axb", "a", "A%b", "a\u{10FFFF}", "a\u{10FFFF}z", "b"]).await;
    let cases: [(&str, &[&str]); 7] = [
        ("a%", &["a%b"]),
        ("a_", &["a_b"]),
        ("a", &["a", "a%b", "a_b", "axb", "a\u{10FFFF}", "a\u{10FFFF}z"]),
        ("a\u{10FFFF}", &["a\u{10FFFF}", "a\u{10FFFF}z"]),
        ("'", &[]),
        ("\u{10FFFF}", &[]),
        ("c", &[]),
    ];
    for (prefix, expected) in cases {
        assert_eq!(told(catalog, &of_ann(prefix, None), 2).await, expected, "{prefix}");
        let everybodys = FileFilter { prefix: prefix.to_owned(), ..FileFilter::default() };
        assert_eq!(told(catalog, &everybodys, 2).await, expected, "{prefix}");
    }
}

/// Each once, in order, whatever the page's limit; only with an owner.
pub async fn a_delimiter_folds_each_prefix_once(catalog: &dyn Catalog) {
    let paths = ["a", "a/1", "a/2", "a/2/3", "a0", "b/1", "c/d/e", "c/d/f", "c/g", "d"];
    files(catalog, &paths).await;
    let cases: [(&str, &str, &[&str]); 8] = [
        ("", "/", &["a", "a/*", "a0", "b/*", "c/*", "d"]),
        ("a", "/", &["a", "a/*", "a0"]),
        ("a/", "/", &["a/1", "a/2", "a/2/*"]),
        ("c/", "/", &["c/d/*", "c/g"]),
        ("c/d/e", "/", &["c/d/e"]),
        ("x", "/", &[]),
        ("", "/d/", &["a", "a/1", "a/2", "a/2/3", "a0", "b/1", "c/d/*", "c/g", "d"]),
        ("", "a", &["a*", "b/1", "c/d/e", "c/d/f", "c/g", "d"]),
    ];
    for (prefix, delimiter, expected) in cases {
        for limit in [1, 2, 3, 100] {
            let found = told(catalog, &of_ann(prefix, Some(delimiter)), limit).await;
            assert_eq!(found, expected, "{prefix:?} {delimiter:?}, {limit} at a time");
        }
    }
    let everybodys = FileFilter { delimiter: Some("/".to_owned()), ..FileFilter::default() };
    assert_eq!(told(catalog, &everybodys, 3).await, paths);
}

/// With every limit the pages together are the same; a page that ends exactly at the end has no next one.
pub async fn pages_of_a_listing_tell_everything_once(catalog: &dyn Catalog) {
    let paths: Vec<String> = (0..25).map(|n| format!("f/{n:02}/{}", n % 3)).collect();
    for path in &paths {
        published(catalog, &publication(path, 1, 10)).await;
    }
    for limit in [1, 2, 7, 24, 25, 26] {
        assert_eq!(told(catalog, &of_ann("f/", None), limit).await, paths, "{limit} at a time");
    }
    let listing = catalog.list_files(&of_ann("", None), &PageRequest::first(25)).await.unwrap();
    assert_eq!((listing.items.len(), listing.next_cursor), (25, None));
    let folded = catalog.list_files(&of_ann("", Some("/")), &PageRequest::first(1)).await.unwrap();
    let expected = Listing { items: vec![], prefixes: vec!["f/".to_owned()], next_cursor: None };
    assert_eq!(folded, expected);
}

/// It lists from wherever it sorts.
pub async fn a_cursor_that_no_page_gave_never_fails(catalog: &dyn Catalog) {
    files(catalog, &["b", "c/d", "e"]).await;
    let cases = [
        ("", vec!["b", "c/*", "e"]),
        ("a", vec!["b", "c/*", "e"]),
        ("b", vec!["c/*", "e"]),
        ("bb", vec!["c/*", "e"]),
        ("c/zzz", vec!["e"]),
        ("\u{10FFFF}", vec![]),
        ("b\n%'", vec!["c/*", "e"]),
    ];
    for (cursor, expected) in cases {
        let page = PageRequest { cursor: Some(cursor.to_owned()), limit: 10 };
        let listing = catalog.list_files(&of_ann("", Some("/")), &page).await.unwrap();
        let mut names: Vec<_> = listing.items.iter().map(|file| file.path.to_string()).collect();
        names.extend(listing.prefixes.iter().map(|prefix| format!("{prefix}*")));
        names.sort();
        assert_eq!(names, expected, "{cursor:?}");
    }
    for (cursor, expected) in [("", 3), ("ann", 3), ("ann\nb", 2), ("ann\n", 3), ("b", 0), ("an\nzzz", 3)] {
        let page = PageRequest { cursor: Some(cursor.to_owned()), limit: 10 };
        let listing = catalog.list_files(&FileFilter::default(), &page).await.unwrap();
        assert_eq!(listing.items.len(), expected, "{cursor:?}");
    }
}

/// Of everybody or of one owner.
pub async fn a_listing_of_a_blob_has_its_files(catalog: &dyn Catalog) {
    for (owner, path, n) in [(ann(), "a", 1), (ann(), "b", 2), (ann(), "c/d", 1), (bob(), "a", 1)] {
        published(catalog, &Publication { owner, ..publication(path, n, 10) }).await;
    }
    let of = |n| FileFilter { blob: Some(blob_id(n)), ..FileFilter::default() };
    for limit in [1, 10] {
        assert_eq!(told(catalog, &of(1), limit).await, ["a", "c/d", "a"]);
        assert_eq!(told(catalog, &of(2), limit).await, ["b"]);
        assert_eq!(told(catalog, &of(3), limit).await, [""; 0]);
        let anns = FileFilter { blob: Some(blob_id(1)), ..of_ann("", Some("/")) };
        assert_eq!(told(catalog, &anns, limit).await, ["a", "c/*"]);
    }
    let no_identity = FileFilter { blob: Some(sha1(1)), ..FileFilter::default() };
    assert_eq!(told(catalog, &no_identity, 1).await, [""; 0]);
}

async fn moved(catalog: &dyn Catalog, from: &str, to: &str, how: Move) -> Moved {
    catalog.move_file(&ann(), &path(from), &path(to), how, LATER, Most::default()).await.unwrap()
}

/// Content, birthday, usage stay; the old name is free.
pub async fn a_rename_moves_the_name_alone(catalog: &dyn Catalog) {
    let old = published(catalog, &rich_publication("a", 1, 500)).await;
    let new = File { path: path("b/c"), modified_at: LATER, ..old };
    assert_eq!(moved(catalog, "a", "b/c", Move::Rename).await, Moved::File(Box::new(new.clone())));
    assert_eq!(all_files(catalog).await, [new]);
    assert_eq!(catalog.usage(&ann()).await.unwrap(), Usage { files: 1, bytes: 500 });
    assert_eq!(find_blob(catalog, &blob_id(1)).await.map(|blob| blob.files), Some(1));
    assert_eq!(unnamed(catalog, Timestamp(u64::MAX >> 1)).await, []);
}

/// It answers the file as it is.
pub async fn a_rename_to_its_own_name_changes_nothing(catalog: &dyn Catalog) {
    let file = published(catalog, &publication("a", 1, 5)).await;
    assert_eq!(moved(catalog, "a", "a", Move::Rename).await, Moved::File(Box::new(file.clone())));
    assert_eq!(moved(catalog, "a", "a", Move::Copy).await, Moved::Exists);
    assert_eq!(all_files(catalog).await, [file]);
}

/// Both names are there, the bytes count twice for the owner and once in the store.
pub async fn a_copy_counts_and_names_the_same_blob(catalog: &dyn Catalog) {
    let old = published(catalog, &rich_publication("a", 1, 500)).await;
    let new = File { path: path("b"), created_at: LATER, modified_at: LATER, ..old.clone() };
    assert_eq!(moved(catalog, "a", "b", Move::Copy).await, Moved::File(Box::new(new.clone())));
    assert_eq!(all_files(catalog).await, [old, new]);
    assert_eq!(catalog.usage(&ann()).await.unwrap(), Usage { files: 2, bytes: 1_000 });
    assert_eq!(find_blob(catalog, &blob_id(1)).await.map(|blob| blob.files), Some(2));
    assert_eq!(catalog.totals().await.unwrap().blob_bytes, 500);
}

/// A rename needs no room; a copy does.
pub async fn a_copy_stays_within_the_quota(catalog: &dyn Catalog) {
    published(catalog, &publication("a", 1, 50)).await;
    let moved = async |to, how, most| {
        catalog
            .move_file(
                &ann(),
                &path("a"),
                &path(to),
                how,
                LATER,
                Most { used_bytes: Some(most), files: None },
            )
            .await
            .unwrap()
    };
    assert_eq!(moved("b", Move::Copy, 99).await, Moved::OverQuota { used_bytes: 50 });
    assert_eq!(all_files(catalog).await.len(), 1);
    assert!(matches!(moved("b", Move::Copy, 100).await, Moved::File(_)));
    assert!(matches!(moved("c", Move::Rename, 0).await, Moved::File(_)));
    assert_eq!(catalog.usage(&ann()).await.unwrap(), Usage { files: 2, bytes: 100 });
}

/// A name that is taken stays; a file that is not there, or another's, is unknown.
pub async fn a_move_never_replaces(catalog: &dyn Catalog) {
    files(catalog, &["a", "b"]).await;
    published(catalog, &Publication { owner: bob(), ..publication("bobs", 9, 1) }).await;
    let before = all_files(catalog).await;
    for how in [Move::Rename, Move::Copy] {
        assert_eq!(moved(catalog, "a", "b", how).await, Moved::Exists);
        assert_eq!(moved(catalog, "x", "y", how).await, Moved::Unknown);
        assert_eq!(moved(catalog, "x", "a", how).await, Moved::Unknown);
        assert_eq!(moved(catalog, "bobs", "y", how).await, Moved::Unknown);
    }
    assert_eq!(all_files(catalog).await, before);
    assert_eq!(catalog.usage(&ann()).await.unwrap(), Usage { files: 2, bytes: 20 });
}

/// The file that was is told, once.
pub async fn a_removed_name_is_gone_and_its_blob_stays(catalog: &dyn Catalog) {
    let file = published(catalog, &rich_publication("a", 1, 500)).await;
    assert_eq!(catalog.remove_file(&bob(), &path("a"), LATER).await.unwrap(), None);
    assert_eq!(catalog.remove_file(&ann(), &path("a"), LATER).await.unwrap(), Some(file));
    assert_eq!(catalog.remove_file(&ann(), &path("a"), LATER).await.unwrap(), None);
    assert_eq!(find(catalog, "a").await, None);
    assert_eq!(catalog.usage(&ann()).await.unwrap(), Usage::default());
    assert_eq!(find_blob(catalog, &blob_id(1)).await.map(|blob| blob.files), Some(0));
    let totals = Totals { owners: 0, files: 0, blobs: 1, blob_bytes: 500, scattered_blobs: 1 };
    assert_eq!(catalog.totals().await.unwrap(), totals);
}

/// Of this owner, and of this blob.
pub async fn the_file_of_a_blob_is_the_one_changed_last(catalog: &dyn Catalog) {
    for (owner, path, n, moment) in [
        (ann(), "a", 1, 30),
        (ann(), "b", 1, 50),
        (ann(), "c", 1, 40),
        (ann(), "d", 2, 60),
        (bob(), "e", 1, 70),
    ] {
        let now = Timestamp(moment);
        published(catalog, &Publication { owner, now, ..publication(path, n, 10) }).await;
    }
    let file = async |owner, n| {
        let file = catalog.file_of_blob(&owner, &blob_id(n)).await.unwrap();
        file.map(|file| file.path.to_string())
    };
    assert_eq!(file(ann(), 1).await.as_deref(), Some("b"));
    assert_eq!(file(bob(), 1).await.as_deref(), Some("e"));
    assert_eq!(file(bob(), 2).await, None);
    assert_eq!(file(ann(), 9).await, None);
    assert_eq!(catalog.file_of_blob(&ann(), &sha1(1)).await.unwrap(), None);
}

/// Against a plain map of names, after many changes by chance.
pub async fn usage_and_totals_are_exact_after_everything(catalog: &dyn Catalog) {
    let mut names: BTreeMap<(String, String), u8> = BTreeMap::new();
    let length = |n: u8| u64::from(n) * 10;
    let mut chance = 42_u64;
    let mut draw = |below: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % below
    };
    let mut seen = std::collections::BTreeSet::new();
    for step in 0..300 {
        let owner = if draw(3) == 0 { bob() } else { ann() };
        let name = |n| format!("f{n}");
        let (from, to) = (name(draw(6)), name(draw(6)));
        let [from_key, to_key] = [&from, &to].map(|name| (owner.to_string(), name.clone()));
        match draw(4) {
            0 | 1 => {
                let n = u8::try_from(1 + draw(5)).unwrap();
                published(catalog, &Publication { owner, ..publication(&from, n, length(n)) }).await;
                names.insert(from_key, n);
                seen.insert(n);
            }
            2 => {
                catalog.remove_file(&owner, &path(&from), NOW).await.unwrap();
                names.remove(&from_key);
            }
            _ => {
                let how = if draw(2) == 0 { Move::Rename } else { Move::Copy };
                catalog.move_file(&owner, &path(&from), &path(&to), how, NOW, Most::default()).await.unwrap();
                if let Some(n) = names.get(&from_key).copied()
                    && !names.contains_key(&to_key)
                {
                    names.insert(to_key, n);
                    if how == Move::Rename {
                        names.remove(&from_key);
                    }
                }
            }
        }
        let mut owners = 0;
        for owner in [ann(), bob()] {
            let kept = names.iter().filter(|((name, _), _)| name == owner.as_str()).map(|(_, n)| *n);
            let usage = Usage { files: kept.clone().count() as u64, bytes: kept.map(length).sum() };
            assert_eq!(catalog.usage(&owner).await.unwrap(), usage, "after step {step}");
            owners += u64::from(usage.files > 0);
        }
        let totals = Totals {
            owners,
            files: names.len() as u64,
            blobs: seen.len() as u64,
            blob_bytes: seen.iter().copied().map(length).sum(),
            scattered_blobs: 0,
        };
        assert_eq!(catalog.totals().await.unwrap(), totals, "after step {step}");
    }
    for n in seen {
        let files = names.values().filter(|name| **name == n).count() as u64;
        assert_eq!(find_blob(catalog, &blob_id(n)).await.map(|blob| blob.files), Some(files));
    }
}
