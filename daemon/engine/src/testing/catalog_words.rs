//! What the rules of the catalog publish and ask for.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a rule that does not hold panics")]

use serde_json::json;

use crate::contracts::*;
use crate::digest::{Algorithm, Checksum, Digest};
use crate::extent::Extent;
use crate::file::{Blob, Content, File};
use crate::id::{ObjectKey, UploadId};
use crate::owner::Owner;
use crate::path::FilePath;
use crate::time::Timestamp;

pub(super) const NOW: Timestamp = Timestamp(1_000_000);

pub(super) fn ann() -> Owner {
    "ann".parse().unwrap()
}

pub(super) fn bob() -> Owner {
    "bob".parse().unwrap()
}

pub(super) fn path(text: &str) -> FilePath {
    text.parse().unwrap()
}

pub(super) fn upload(n: u128) -> UploadId {
    format!("{n:032x}").parse().unwrap()
}

/// An identity; those of greater numbers sort after those of smaller ones.
pub(super) fn blob_id(n: u8) -> Digest {
    Digest::blake3([n; 32])
}

pub(super) fn sha1(n: u8) -> Digest {
    Digest::new(Algorithm::Sha1, &[n; 20]).unwrap()
}

fn sha256(n: u8) -> Digest {
    Digest::new(Algorithm::Sha256, &[n; 32]).unwrap()
}

pub(super) fn object(n: u128) -> ObjectKey {
    ObjectKey::merged(n)
}

pub(super) fn extent(object: u128, offset: u64, length: u64) -> Extent {
    let checksum = Checksum(u64::MAX - offset);
    Extent { offset, length, object: self::object(object), object_offset: offset * 2, checksum }
}

/// A publication of ann's, without anything that may be left out, of one extent in an object of its own.
pub(super) fn publication(path: &str, n: u8, length: u64) -> Publication {
    Publication {
        upload: None,
        owner: ann(),
        path: self::path(path),
        if_exists: IfExists::Replace,
        precondition: None,
        length,
        blob: blob_id(n),
        digests: vec![blob_id(n)],
        content: Content::Extents(vec![extent(u128::from(n) << 64, 0, length)]),
        digest: blob_id(n),
        content_type: None,
        metadata: Default::default(),
        now: NOW,
        max_used_bytes: None,
        max_files: None,
    }
}

/// A publication with something in every field.
pub(super) fn rich_publication(path: &str, n: u8, length: u64) -> Publication {
    let half = length / 2;
    Publication {
        digests: vec![sha256(n), blob_id(n), sha1(n)],
        content: Content::Extents(vec![extent(1, 0, half), extent(1, half, length - half)]),
        digest: sha1(n),
        content_type: Some("text/plain; charset=\"utf-8\"".to_owned()),
        metadata: json!({"name": "ü", "deep": {"n": [1, 2.5, null, true]}}).as_object().unwrap().clone(),
        precondition: Some(Precondition::Absent),
        max_used_bytes: Some(u64::MAX),
        max_files: Some(u64::MAX),
        ..publication(path, n, length)
    }
}

/// The file that a publication makes where nothing was.
pub(super) fn file_of(publication: &Publication) -> File {
    File {
        owner: publication.owner.clone(),
        path: publication.path.clone(),
        length: publication.length,
        digest: publication.digest.clone(),
        blob: publication.blob.clone(),
        content_type: publication.content_type.clone(),
        metadata: publication.metadata.clone(),
        created_at: publication.now,
        modified_at: publication.now,
    }
}

pub(super) fn sorted(mut digests: Vec<Digest>) -> Vec<Digest> {
    digests.sort();
    digests
}

/// Publishes what must become a file.
pub(super) async fn published(catalog: &dyn Catalog, publication: &Publication) -> File {
    match catalog.publish(publication).await.unwrap() {
        Published::File { file, .. } => *file,
        other => panic!("{other:?}"),
    }
}

/// Ann's file of that path.
pub(super) async fn find(catalog: &dyn Catalog, path: &str) -> Option<File> {
    catalog.find_file(&ann(), &self::path(path)).await.unwrap()
}

/// The blob of an identity.
pub(super) async fn find_blob(catalog: &dyn Catalog, id: &Digest) -> Option<Blob> {
    let mut found = catalog.find_blobs(id, None).await.unwrap();
    assert!(found.len() <= 1, "{found:?}");
    found.pop().map(|blob| Blob { digests: sorted(blob.digests), ..blob })
}

/// Identities of the blobs that no file has named since before a moment.
pub(super) async fn unnamed(catalog: &dyn Catalog, before: Timestamp) -> Vec<Digest> {
    catalog.unnamed_blobs(before, 100).await.unwrap().into_iter().map(|blob| blob.id).collect()
}

/// Every file there is.
pub(super) async fn all_files(catalog: &dyn Catalog) -> Vec<File> {
    let listing = catalog.list_files(&FileFilter::default(), &PageRequest::first(10_000)).await.unwrap();
    assert_eq!(listing.next_cursor, None);
    listing.items
}
