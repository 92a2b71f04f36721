//! What OpenDAL does for every way of writing: read, list, stat.

use std::ops::Range;

use bytes::Bytes;
use cairn_engine::contracts::{ByteStream, Failure, ListedObject, Store, StoreError};
use cairn_engine::upload::Manifest;
use cairn_engine::{ObjectKey, Timestamp, UploadId};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use opendal::{EntryMode, ErrorKind, Operator};

use super::failures::{from_opendal, told};

/// Bytes asked for at once when content is read.
const READ_BYTES: usize = 2 << 20;

/// The folders in which objects lie; the marker lies beside them.
pub(super) const FOLDERS: [&str; 2] = ["uploads/", "merged/"];

/// An OpenDAL operator, spoken to in the words of the contract.
#[derive(Clone)]
pub(super) struct Service {
    operator: Operator,
}

impl Service {
    pub(super) fn new(operator: Operator) -> Self {
        Self { operator }
    }

    /// The bytes of a range; a stream that ends early ends with an error.
    pub(super) async fn read(&self, object: &ObjectKey, range: Range<u64>) -> Result<ByteStream, StoreError> {
        let reader = self
            .operator
            .reader_with(object.as_str())
            .chunk(READ_BYTES)
            .await
            .map_err(|error| from_opendal("read", error))?;
        let (wanted, end) = (range.end.saturating_sub(range.start), range.end);
        let buffers = reader.into_stream(range).await.map_err(|error| from_opendal("read", error))?;
        let (service, key) = (self.clone(), object.clone());
        let told = move |error| {
            let (service, key) = (service.clone(), key.clone());
            async move { service.read_failure(&key, end, error).await }
        };
        let items = buffers
            .or_else(move |error| told(error).map(Err))
            .map_ok(|buffer| stream::iter(Iterator::map(buffer, Ok)))
            .try_flatten()
            .boxed();
        Ok(exactly(items, wanted, object.clone()))
    }

    /// What a failed read means. A service that has fewer bytes than were asked for sends those, and OpenDAL tells
    /// that there were too few, as it does of an answer that was cut off: the object's length tells which it was.
    async fn read_failure(&self, object: &ObjectKey, end: u64, error: opendal::Error) -> StoreError {
        if error.kind() != ErrorKind::Unexpected {
            return from_opendal("read", error);
        }
        match self.stat(object).await {
            Ok(Some(length)) if length < end => too_short(object, end - length),
            Ok(Some(_)) => StoreError::new(Store::Objects, "read", Failure::Unavailable, error),
            _ => from_opendal("read", error),
        }
    }

    /// The length of an object.
    pub(super) async fn stat(&self, object: &ObjectKey) -> Result<Option<u64>, StoreError> {
        match self.operator.stat(object.as_str()).await {
            Ok(metadata) => Ok(Some(metadata.content_length())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(from_opendal("stat", error)),
        }
    }

    /// Every object of ours.
    pub(super) async fn list(
        &self,
    ) -> Result<BoxStream<'static, Result<ListedObject, StoreError>>, StoreError> {
        let marker = self.list_marker().await?;
        let mut listings = vec![stream::iter(marker.map(Ok)).boxed()];
        for folder in FOLDERS {
            listings.push(self.list_folder(folder).await?);
        }
        Ok(stream::iter(listings).flatten().boxed())
    }

    async fn list_marker(&self) -> Result<Option<ListedObject>, StoreError> {
        let marker = ObjectKey::marker();
        match self.operator.stat(marker.as_str()).await {
            Ok(metadata) => Ok(Some(listed(marker, &metadata))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(from_opendal("list", error)),
        }
    }

    /// The objects below a folder.
    pub(super) async fn list_folder(
        &self,
        folder: &str,
    ) -> Result<BoxStream<'static, Result<ListedObject, StoreError>>, StoreError> {
        let entries = self.operator.lister_with(folder).recursive(true).await;
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(stream::empty().boxed()),
            Err(error) => return Err(from_opendal("list", error)),
        };
        let ours = entries.filter_map(async |entry| match entry {
            Ok(entry) if entry.metadata().mode() != EntryMode::FILE => None,
            Ok(entry) => entry.path().parse().ok().map(|key| Ok(listed(key, entry.metadata()))),
            Err(error) => Some(Err(from_opendal("list", error))),
        });
        Ok(ours.boxed())
    }
}

fn listed(object: ObjectKey, metadata: &opendal::Metadata) -> ListedObject {
    let modified_at = metadata.last_modified().map(|time| {
        let millis = time.into_inner().as_millisecond();
        Timestamp(u64::try_from(millis).unwrap_or(0))
    });
    ListedObject { object, length: Some(metadata.content_length()), modified_at }
}

/// Ends with an error if fewer bytes come than were asked for.
fn exactly(items: ByteStream, wanted: u64, object: ObjectKey) -> ByteStream {
    let state = Some((items, wanted, object));
    stream::unfold(state, async |state| {
        let (mut items, missing, object) = state?;
        match items.next().await {
            Some(Ok(bytes)) => {
                let missing = missing.saturating_sub(bytes.len() as u64);
                Some((Ok(bytes), Some((items, missing, object))))
            }
            Some(Err(error)) => Some((Err(error), None)),
            None if missing == 0 => None,
            None => Some((Err(too_short(&object, missing)), None)),
        }
    })
    .boxed()
}

fn too_short(object: &ObjectKey, missing: u64) -> StoreError {
    told("read", Failure::Corrupt, format!("object {object} ended {missing} bytes early"))
}

/// One buffer of a small object.
pub(super) async fn read_small(service: &Service, object: &ObjectKey) -> Result<Option<Bytes>, StoreError> {
    match service.operator.read(object.as_str()).await {
        Ok(buffer) => Ok(Some(buffer.to_bytes())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(from_opendal("read_small", error)),
    }
}

/// The manifest of an upload.
pub(super) async fn read_manifest(
    service: &Service,
    upload: UploadId,
) -> Result<Option<Manifest>, StoreError> {
    let bytes = read_small(service, &ObjectKey::manifest(upload)).await?;
    let manifest = bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose();
    manifest.map_err(|error| StoreError::new(Store::Objects, "manifest", Failure::Corrupt, error))
}
