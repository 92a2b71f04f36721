use super::*;

pub(super) struct FaultyObjects {
    pub(super) faults: Arc<Faults>,
    pub(super) inner: Arc<dyn ObjectStore>,
}

impl FaultyObjects {
    async fn call<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.faults.call(Store::Objects, operation, call).await
    }

    /// The stream with every item a call of its own.
    fn stream<T: Send + 'static>(
        &self,
        operation: &'static str,
        inner: BoxStream<'static, Result<T, StoreError>>,
    ) -> BoxStream<'static, Result<T, StoreError>> {
        let faults = Arc::clone(&self.faults);
        let item = move |item| {
            let faults = Arc::clone(&faults);
            async move { faults.call(Store::Objects, operation, std::future::ready(item)).await }
        };
        inner.then(item).boxed()
    }
}

#[async_trait]
impl ObjectStore for FaultyObjects {
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
        Ok(Box::new(FaultyAttempt { faults: Arc::clone(&self.faults), inner }))
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

struct FaultyAttempt {
    faults: Arc<Faults>,
    inner: Box<dyn Attempt>,
}

#[async_trait]
impl Attempt for FaultyAttempt {
    fn object(&self) -> &ObjectKey {
        self.inner.object()
    }

    fn object_offset(&self) -> u64 {
        self.inner.object_offset()
    }

    async fn write(&mut self, batch: &mut Vec<Bytes>) -> Result<(), StoreError> {
        self.faults.call(Store::Objects, "write", self.inner.write(batch)).await
    }

    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), StoreError> {
        self.faults.call(Store::Objects, "commit", self.inner.commit(receipt)).await
    }

    async fn discard(self: Box<Self>) {
        let inner = self.inner;
        let discarded = async {
            inner.discard().await;
            Ok(())
        };
        // A discard has no answer, so a failure is nothing more than that it did not happen.
        drop(self.faults.call(Store::Objects, "discard", discarded).await);
    }
}
