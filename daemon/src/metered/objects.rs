//! Bytes, every call timed: of a stream, the call that begins it, and the failures of its items.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cairn_engine::contracts::*;
use cairn_engine::upload::Manifest;
use cairn_engine::{Checksum, Extent, ObjectKey, Receipt, UploadId};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::timed;
use crate::metrics::Metrics;

pub(super) struct MeteredObjects {
    pub(super) metrics: Arc<Metrics>,
    pub(super) storage: Arc<String>,
    pub(super) inner: Arc<dyn ObjectStore>,
}

impl MeteredObjects {
    async fn call<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        timed(&self.metrics, Store::Objects, Some(&self.storage), operation, call).await
    }

    /// The stream with the failures of its items counted.
    fn stream<T: Send + 'static>(
        &self,
        operation: &'static str,
        inner: BoxStream<'static, Result<T, StoreError>>,
    ) -> BoxStream<'static, Result<T, StoreError>> {
        let (metrics, storage) = (Arc::clone(&self.metrics), Arc::clone(&self.storage));
        let counted = inner.inspect(move |item| {
            if let Err(error) = item {
                let failure = Some(error.failure);
                metrics.store_call(Store::Objects, Some(&storage), operation, Duration::ZERO, failure);
            }
        });
        counted.boxed()
    }
}

#[async_trait]
impl ObjectStore for MeteredObjects {
    fn placement(&self) -> Placement {
        self.inner.placement()
    }

    async fn announce(&self, manifest: &Manifest) -> Result<(), StoreError> {
        self.call("announce", self.inner.announce(manifest)).await
    }

    async fn manifest(&self, upload: UploadId) -> Result<Option<Manifest>, StoreError> {
        self.call("manifest", self.inner.manifest(upload)).await
    }

    async fn renounce(&self, upload: UploadId) -> Result<(), StoreError> {
        self.call("renounce", self.inner.renounce(upload)).await
    }

    async fn begin(&self, place: &Place) -> Result<Box<dyn Attempt>, StoreError> {
        let inner = self.call("begin", self.inner.begin(place)).await?;
        let (metrics, storage) = (Arc::clone(&self.metrics), Arc::clone(&self.storage));
        Ok(Box::new(MeteredAttempt { metrics, storage, inner }))
    }

    async fn survey(&self, upload: UploadId) -> Result<Vec<Surveyed>, StoreError> {
        self.call("survey", self.inner.survey(upload)).await
    }

    async fn finish(&self, upload: UploadId, extents: &[Extent]) -> Result<(), StoreError> {
        self.call("finish", self.inner.finish(upload, extents)).await
    }

    async fn release(&self, upload: UploadId) -> Result<(), StoreError> {
        self.call("release", self.inner.release(upload)).await
    }

    async fn read(&self, object: &ObjectKey, range: Range<u64>) -> Result<ByteStream, StoreError> {
        let inner = self.call("read", self.inner.read(object, range)).await?;
        Ok(self.stream("read", inner))
    }

    async fn scan(&self, object: &ObjectKey, range: Range<u64>, taker: Taker) -> Result<(), StoreError> {
        self.call("scan", self.inner.scan(object, range, taker)).await
    }

    async fn stat(&self, object: &ObjectKey) -> Result<Option<u64>, StoreError> {
        self.call("stat", self.inner.stat(object)).await
    }

    async fn list(&self) -> Result<BoxStream<'static, Result<ListedObject, StoreError>>, StoreError> {
        let inner = self.call("list", self.inner.list()).await?;
        Ok(self.stream("list", inner))
    }

    async fn remove(&self, objects: &[ObjectKey]) -> Result<(), StoreError> {
        self.call("remove", self.inner.remove(objects)).await
    }

    async fn merge(
        &self,
        extents: &[Extent],
        target: &ObjectKey,
        expected: Checksum,
    ) -> Result<Option<Merged>, StoreError> {
        self.call("merge", self.inner.merge(extents, target, expected)).await
    }

    async fn write_new(&self, target: &ObjectKey, bytes: ByteStream) -> Result<u64, StoreError> {
        self.call("write_new", self.inner.write_new(target, bytes)).await
    }

    fn max_object_bytes(&self) -> u64 {
        self.inner.max_object_bytes()
    }

    async fn read_small(&self, object: &ObjectKey) -> Result<Option<Bytes>, StoreError> {
        self.call("read_small", self.inner.read_small(object)).await
    }

    async fn write_small(&self, object: &ObjectKey, bytes: Bytes) -> Result<(), StoreError> {
        self.call("write_small", self.inner.write_small(object, bytes)).await
    }

    async fn unfinished(&self) -> Result<Vec<Unfinished>, StoreError> {
        self.call("unfinished", self.inner.unfinished()).await
    }

    async fn give_up(&self, unfinished: &[Unfinished]) -> Result<(), StoreError> {
        self.call("give_up", self.inner.give_up(unfinished)).await
    }

    async fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        self.call("free_bytes", self.inner.free_bytes()).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.call("check", self.inner.check()).await
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        self.call("standing", self.inner.standing()).await
    }
}

struct MeteredAttempt {
    metrics: Arc<Metrics>,
    storage: Arc<String>,
    inner: Box<dyn Attempt>,
}

#[async_trait]
impl Attempt for MeteredAttempt {
    fn object(&self) -> &ObjectKey {
        self.inner.object()
    }

    fn object_offset(&self) -> u64 {
        self.inner.object_offset()
    }

    async fn write(&mut self, batch: &mut Vec<Bytes>) -> Result<(), StoreError> {
        timed(&self.metrics, Store::Objects, Some(&self.storage), "write", self.inner.write(batch)).await
    }

    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), StoreError> {
        timed(&self.metrics, Store::Objects, Some(&self.storage), "commit", self.inner.commit(receipt)).await
    }

    async fn discard(self: Box<Self>) {
        self.inner.discard().await;
    }
}
