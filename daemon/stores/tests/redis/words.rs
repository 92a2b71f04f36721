//! What the tests store and ask for.

use std::time::Duration;

use cairn_engine::contracts::*;
use cairn_engine::{Checksum, Extent, ObjectKey, Receipt, State, Timestamp, Upload, UploadId};
use cairn_stores::{RedisConfig, RedisSessions};
use cairn_tests::RedisServer;

/// No limit on what an owner stages.
pub(crate) const FREE: Admission = Admission { max_open: u64::MAX, max_staged_bytes: None };
/// When every upload of these tests ends.
pub(crate) const LATER: Timestamp = Timestamp(4_000_000_000_000);

/// A configuration that is patient with a machine that has much to do.
pub(crate) fn config() -> RedisConfig {
    let patient = Duration::from_secs(20);
    RedisConfig { timeout: patient, connect_timeout: patient, ..RedisConfig::default() }
}

pub(crate) fn open(server: &RedisServer) -> RedisSessions {
    RedisSessions::open(&RedisConfig { url: server.url(), ..config() }).unwrap()
}

pub(crate) fn id(n: u128) -> UploadId {
    format!("{n:032x}").parse().unwrap()
}

/// 250 bytes in chunks of 100.
pub(crate) fn upload(n: u128) -> Upload {
    let json = serde_json::json!({
        "id": id(n), "owner": "ann", "path": "a.mp4", "length": 250,
        "digest": format!("sha1:{}", "ab".repeat(20)), "chunk_size": 100, "content_type": null, "metadata": {},
        "idempotency_key": format!("key {n}"), "created_at": 1_000, "expires_at": LATER, "state": "open", "epoch": 0,
        "received_bytes": 0, "rewrites": 0, "storage": "default",
    });
    serde_json::from_value(json).unwrap()
}

pub(crate) fn receipt(offset: u64, length: u64, nonce: u128) -> Receipt {
    let extent = Extent {
        offset,
        length,
        object: ObjectKey::stretch(id(1), offset, nonce),
        object_offset: 0,
        checksum: Checksum(7),
    };
    Receipt { extent, subtrees: Default::default() }
}

pub(crate) async fn created(sessions: &RedisSessions, upload: &Upload) {
    assert_eq!(sessions.create(upload, &FREE).await.unwrap(), Creation::Created);
}

pub(crate) async fn record(sessions: &RedisSessions, receipt: &Receipt) -> Result<Recording, StoreError> {
    sessions.record(id(1), receipt, None, LATER).await
}

/// What is recorded of the upload, and whether it is doubted.
pub(crate) async fn all(sessions: &RedisSessions) -> (Vec<Receipt>, u64, bool) {
    let session = sessions.load(id(1), View::All).await.unwrap().unwrap();
    (session.receipts, session.upload.received_bytes, session.doubted)
}

/// Calls until it goes well; how long that took.
pub(crate) async fn until_it_works(sessions: &RedisSessions) -> Duration {
    let begun = std::time::Instant::now();
    while let Err(error) = sessions.check().await {
        assert_eq!(error.failure, Failure::Unavailable, "{error:?}");
        assert!(begun.elapsed() < Duration::from_secs(30), "Redis stays away: {error:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

/// The whole chain of an error, in every form in which it may be told.
pub(crate) fn told(error: &StoreError) -> String {
    format!("{error} {error:?} {} {:?}", error.source, error.source)
}

pub(crate) fn aborted() -> Settlement {
    Settlement::to(State::Aborted)
}
