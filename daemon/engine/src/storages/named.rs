//! A store under a name: keys have the name outside and lack it inside, and errors tell it.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

use super::InStorage;
use crate::contracts::{
    Attempt, ByteStream, ListedObject, Merged, ObjectStore, Place, Placement, Standing, StoreError, Surveyed,
    Taker, Unfinished,
};
use crate::digest::Checksum;
use crate::extent::{Extent, Receipt};
use crate::id::{ObjectKey, StorageName, UploadId};
use crate::upload::Manifest;

/// Gives a store its name.
pub(super) fn named(name: StorageName, inner: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
    Arc::new(Named { name, inner })
}

struct Named {
    name: StorageName,
    inner: Arc<dyn ObjectStore>,
}

fn told(name: &StorageName, error: StoreError) -> StoreError {
    let StoreError { store, operation, failure, source } = error;
    StoreError::new(store, operation, failure, InStorage { storage: name.clone(), source })
}

fn inside_all(extents: &[Extent]) -> Vec<Extent> {
    extents.iter().map(|extent| Extent { object: extent.object.inside(), ..extent.clone() }).collect()
}

fn inside(receipt: &Receipt) -> Receipt {
    let mut receipt = receipt.clone();
    receipt.extent.object = receipt.extent.object.inside();
    receipt
}

impl Named {
    fn told<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        answer.map_err(|error| told(&self.name, error))
    }

    fn outside(&self, object: &ObjectKey) -> ObjectKey {
        object.lying_in(&self.name)
    }

    fn surveyed(&self, mut found: Surveyed) -> Surveyed {
        found.object = self.outside(&found.object);
        if let Some(receipt) = &mut found.receipt {
            receipt.extent.object = self.outside(&receipt.extent.object);
        }
        found
    }
}

#[async_trait]
impl ObjectStore for Named {
    fn placement(&self) -> Placement {
        self.inner.placement()
    }

    async fn announce(&self, manifest: &Manifest) -> Result<(), StoreError> {
        self.told(self.inner.announce(manifest).await)
    }

    async fn manifest(&self, upload: UploadId) -> Result<Option<Manifest>, StoreError> {
        self.told(self.inner.manifest(upload).await)
    }

    async fn renounce(&self, upload: UploadId) -> Result<(), StoreError> {
        self.told(self.inner.renounce(upload).await)
    }

    async fn begin(&self, place: &Place) -> Result<Box<dyn Attempt>, StoreError> {
        let inner = self.told(self.inner.begin(place).await)?;
        let object = self.outside(inner.object());
        Ok(Box::new(NamedAttempt { name: self.name.clone(), object, inner }))
    }

    async fn survey(&self, upload: UploadId) -> Result<Vec<Surveyed>, StoreError> {
        let found = self.told(self.inner.survey(upload).await)?;
        Ok(found.into_iter().map(|found| self.surveyed(found)).collect())
    }

    async fn finish(&self, upload: UploadId, extents: &[Extent]) -> Result<(), StoreError> {
        self.told(self.inner.finish(upload, &inside_all(extents)).await)
    }

    async fn release(&self, upload: UploadId) -> Result<(), StoreError> {
        self.told(self.inner.release(upload).await)
    }

    async fn read(&self, object: &ObjectKey, range: Range<u64>) -> Result<ByteStream, StoreError> {
        let bytes = self.told(self.inner.read(&object.inside(), range).await)?;
        let name = self.name.clone();
        Ok(bytes.map_err(move |error| told(&name, error)).boxed())
    }

    async fn scan(&self, object: &ObjectKey, range: Range<u64>, taker: Taker) -> Result<(), StoreError> {
        self.told(self.inner.scan(&object.inside(), range, taker).await)
    }

    async fn stat(&self, object: &ObjectKey) -> Result<Option<u64>, StoreError> {
        self.told(self.inner.stat(&object.inside()).await)
    }

    async fn list(&self) -> Result<BoxStream<'static, Result<ListedObject, StoreError>>, StoreError> {
        let listing = self.told(self.inner.list().await)?;
        let name = self.name.clone();
        let outside = move |listed: Result<ListedObject, StoreError>| match listed {
            Ok(listed) => Ok(ListedObject { object: listed.object.lying_in(&name), ..listed }),
            Err(error) => Err(told(&name, error)),
        };
        Ok(listing.map(outside).boxed())
    }

    async fn remove(&self, objects: &[ObjectKey]) -> Result<(), StoreError> {
        let objects: Vec<_> = objects.iter().map(ObjectKey::inside).collect();
        self.told(self.inner.remove(&objects).await)
    }

    async fn merge(
        &self,
        extents: &[Extent],
        target: &ObjectKey,
        expected: Checksum,
    ) -> Result<Option<Merged>, StoreError> {
        let merged = self.told(self.inner.merge(&inside_all(extents), &target.inside(), expected).await)?;
        Ok(merged.map(|mut merged| {
            merged.extent.object = self.outside(&merged.extent.object);
            merged
        }))
    }

    async fn write_new(&self, target: &ObjectKey, bytes: ByteStream) -> Result<u64, StoreError> {
        self.told(self.inner.write_new(&target.inside(), bytes).await)
    }

    fn max_object_bytes(&self) -> u64 {
        self.inner.max_object_bytes()
    }

    async fn read_small(&self, object: &ObjectKey) -> Result<Option<Bytes>, StoreError> {
        self.told(self.inner.read_small(&object.inside()).await)
    }

    async fn write_small(&self, object: &ObjectKey, bytes: Bytes) -> Result<(), StoreError> {
        self.told(self.inner.write_small(&object.inside(), bytes).await)
    }

    async fn unfinished(&self) -> Result<Vec<Unfinished>, StoreError> {
        let found = self.told(self.inner.unfinished().await)?;
        let outside = |found: Unfinished| Unfinished { object: self.outside(&found.object), ..found };
        Ok(found.into_iter().map(outside).collect())
    }

    async fn give_up(&self, unfinished: &[Unfinished]) -> Result<(), StoreError> {
        let inside = |found: &Unfinished| Unfinished { object: found.object.inside(), ..found.clone() };
        let unfinished: Vec<_> = unfinished.iter().map(inside).collect();
        self.told(self.inner.give_up(&unfinished).await)
    }

    async fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        self.told(self.inner.free_bytes().await)
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.told(self.inner.check().await)
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        self.told(self.inner.standing().await)
    }
}

struct NamedAttempt {
    name: StorageName,
    object: ObjectKey,
    inner: Box<dyn Attempt>,
}

#[async_trait]
impl Attempt for NamedAttempt {
    fn object(&self) -> &ObjectKey {
        &self.object
    }

    fn object_offset(&self) -> u64 {
        self.inner.object_offset()
    }

    async fn write(&mut self, batch: &mut Vec<Bytes>) -> Result<(), StoreError> {
        self.inner.write(batch).await.map_err(|error| told(&self.name, error))
    }

    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), StoreError> {
        self.inner.commit(&inside(receipt)).await.map_err(|error| told(&self.name, error))
    }

    async fn discard(self: Box<Self>) {
        self.inner.discard().await;
    }
}
