use super::*;

pub(super) struct FaultyCatalog {
    pub(super) faults: Arc<Faults>,
    pub(super) inner: Arc<dyn Catalog>,
}

impl FaultyCatalog {
    async fn call<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.faults.call(Store::Catalog, operation, call).await
    }
}

#[async_trait]
impl Catalog for FaultyCatalog {
    async fn publish(&self, publication: &Publication) -> Result<Published, StoreError> {
        self.call("publish", self.inner.publish(publication)).await
    }

    async fn origin(&self, upload: UploadId) -> Result<Option<Origin>, StoreError> {
        self.call("origin", self.inner.origin(upload)).await
    }

    async fn forget_origin(&self, upload: UploadId) -> Result<(), StoreError> {
        self.call("forget_origin", self.inner.forget_origin(upload)).await
    }

    async fn forget_origins(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.call("forget_origins", self.inner.forget_origins(before)).await
    }

    async fn find_file(&self, owner: &Owner, path: &FilePath) -> Result<Option<File>, StoreError> {
        self.call("find_file", self.inner.find_file(owner, path)).await
    }

    async fn list_files(&self, filter: &FileFilter, page: &PageRequest) -> Result<Listing, StoreError> {
        self.call("list_files", self.inner.list_files(filter, page)).await
    }

    async fn move_file(
        &self,
        owner: &Owner,
        from: &FilePath,
        to: &FilePath,
        how: Move,
        now: Timestamp,
        most: Most,
    ) -> Result<Moved, StoreError> {
        self.call("move_file", self.inner.move_file(owner, from, to, how, now, most)).await
    }

    async fn remove_file(
        &self,
        owner: &Owner,
        path: &FilePath,
        now: Timestamp,
    ) -> Result<Option<File>, StoreError> {
        self.call("remove_file", self.inner.remove_file(owner, path, now)).await
    }

    async fn find_blobs(&self, digest: &Digest, length: Option<u64>) -> Result<Vec<Blob>, StoreError> {
        self.call("find_blobs", self.inner.find_blobs(digest, length)).await
    }

    async fn file_of_blob(&self, owner: &Owner, blob: &Digest) -> Result<Option<File>, StoreError> {
        self.call("file_of_blob", self.inner.file_of_blob(owner, blob)).await
    }

    async fn list_blobs(&self, filter: &BlobFilter, page: &PageRequest) -> Result<Page<Blob>, StoreError> {
        self.call("list_blobs", self.inner.list_blobs(filter, page)).await
    }

    async fn swap_extents(
        &self,
        blob: &Digest,
        expected: &[Extent],
        extents: &[Extent],
    ) -> Result<bool, StoreError> {
        self.call("swap_extents", self.inner.swap_extents(blob, expected, extents)).await
    }

    async fn unnamed_blobs(&self, since_before: Timestamp, limit: usize) -> Result<Vec<Blob>, StoreError> {
        self.call("unnamed_blobs", self.inner.unnamed_blobs(since_before, limit)).await
    }

    async fn remove_unnamed(&self, blob: &Digest) -> Result<Option<Vec<Extent>>, StoreError> {
        self.call("remove_unnamed", self.inner.remove_unnamed(blob)).await
    }

    async fn unreferenced(&self, objects: &[ObjectKey]) -> Result<Vec<ObjectKey>, StoreError> {
        self.call("unreferenced", self.inner.unreferenced(objects)).await
    }

    async fn condemn(
        &self,
        orphans: &[ObjectKey],
        now: Timestamp,
        seen_before: Timestamp,
    ) -> Result<Vec<ObjectKey>, StoreError> {
        self.call("condemn", self.inner.condemn(orphans, now, seen_before)).await
    }

    async fn pardon(&self, objects: &[ObjectKey]) -> Result<(), StoreError> {
        self.call("pardon", self.inner.pardon(objects)).await
    }

    async fn usage(&self, owner: &Owner) -> Result<Usage, StoreError> {
        self.call("usage", self.inner.usage(owner)).await
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        self.call("totals", self.inner.totals()).await
    }

    async fn storage_totals(&self) -> Result<Vec<StorageTotals>, StoreError> {
        self.call("storage_totals", self.inner.storage_totals()).await
    }

    async fn identity(&self) -> Result<CatalogIdentity, StoreError> {
        self.call("identity", self.inner.identity()).await
    }

    async fn advance(&self) -> Result<CatalogIdentity, StoreError> {
        self.call("advance", self.inner.advance()).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.call("check", self.inner.check()).await
    }
}
