//! What the rules of sessions store and ask for.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a rule that does not hold panics")]

use serde_json::json;

use crate::contracts::*;
use crate::digest::{Checksum, Digest};
use crate::extent::{Extent, Receipt};
use crate::id::{ObjectKey, StorageName, UploadId};
use crate::owner::Owner;
use crate::time::Timestamp;
use crate::upload::{Naming, State, Upload};

/// No limit on what an owner stages.
pub(super) const FREE: Admission = Admission { max_open: u64::MAX, max_staged_bytes: None };
pub(super) const LATER: Timestamp = Timestamp(9_000_000);

pub(super) fn owner(name: &str) -> Owner {
    name.parse().unwrap()
}

pub(super) fn id(n: u128) -> UploadId {
    format!("{n:032x}").parse().unwrap()
}

pub(super) fn upload(n: u128) -> Upload {
    Upload {
        id: id(n),
        owner: owner("ann"),
        path: "videos/a.mp4".parse().unwrap(),
        length: Some(1_000),
        digest: None,
        chunk_size: 100,
        storage: StorageName::DEFAULT,
        content_type: None,
        metadata: Default::default(),
        naming: Default::default(),
        idempotency_key: None,
        created_at: Timestamp(1_000),
        expires_at: Timestamp(5_000),
        state: State::Open,
        epoch: 0,
        received_bytes: 0,
        rewrites: 0,
    }
}

/// An upload with something in every field.
pub(super) fn rich_upload(n: u128) -> Upload {
    Upload {
        path: "日本/語.mp4".parse().unwrap(),
        length: None,
        digest: Digest::new(crate::Algorithm::Sha1, &[7; 20]),
        chunk_size: 1 << 40,
        storage: "cold-2".parse().unwrap(),
        content_type: Some("video/mp4; codecs=\"x\"".to_owned()),
        metadata: json!({"name": "ü", "deep": {"n": [1, 2.5, null, true]}}).as_object().unwrap().clone(),
        naming: Naming {
            if_exists: Some(IfExists::Rename),
            precondition: Some(Precondition::Blob(vec![Digest::blake3([9; 32])])),
        },
        idempotency_key: Some("key 'with' \"quotes\"".to_owned()),
        created_at: Timestamp(0),
        expires_at: Timestamp(u64::MAX >> 1),
        state: State::Completing,
        epoch: 3,
        received_bytes: 4,
        rewrites: 5,
        ..upload(n)
    }
}

pub(super) fn receipt(offset: u64, length: u64, nonce: u128) -> Receipt {
    let extent = Extent {
        offset,
        length,
        object: ObjectKey::stretch(id(1), offset, nonce),
        object_offset: 0,
        checksum: Checksum(u64::MAX - offset),
    };
    Receipt { extent, subtrees: Default::default() }
}

pub(super) async fn created(store: &dyn SessionStore, upload: &Upload) {
    assert_eq!(store.create(upload, &FREE).await.unwrap(), Creation::Created);
}

pub(super) async fn record(store: &dyn SessionStore, n: u128, receipt: &Receipt) -> Recording {
    store.record(id(n), receipt, None, LATER).await.unwrap()
}

pub(super) async fn load(store: &dyn SessionStore, n: u128, view: View) -> Session {
    store.load(id(n), view).await.unwrap().expect("the upload is there")
}

pub(super) async fn head(store: &dyn SessionStore, n: u128) -> Upload {
    load(store, n, View::Head).await.upload
}

pub(super) fn extents(session: &Session) -> Vec<(u64, u64)> {
    session.receipts.iter().map(|r| (r.extent.offset, r.extent.length)).collect()
}
