//! Several storages, each an [`ObjectStore`] of its own that knows nothing of the others.
//!
//! An object's key tells in which storage it lies, an upload remembers the one that was chosen when it was created. So
//! every call goes to one storage, and one that is away fails the calls that are about it and no others. Only where
//! nothing but the id of an upload is known is every storage asked.
//!
//! A storage that is named in a key or an upload and not configured is [`Unavailable`](Failure::Unavailable): what lies
//! there is not lost, and is back when the operator puts the storage back.

mod named;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};

use crate::contracts::{ByteStream, Failure, ListedObject, ObjectStore, Store, StoreError, Taker};
use crate::extent::Extent;
use crate::id::{ObjectKey, StorageName, UploadId};
use crate::upload::{Manifest, Upload};

/// The storages of one engine. The default one is always there.
#[derive(Clone)]
pub struct Storages {
    all: Arc<BTreeMap<StorageName, Arc<dyn ObjectStore>>>,
}

/// A storage failed: which one.
#[derive(Debug, thiserror::Error)]
#[error("storage `{storage}`")]
pub struct InStorage {
    /// Its name.
    pub storage: StorageName,
    /// What failed.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl Storages {
    /// The default storage and no other.
    pub fn one(default: Arc<dyn ObjectStore>) -> Self {
        Self { all: Arc::new(BTreeMap::from([(StorageName::DEFAULT, default)])) }
    }

    /// The default storage and others by name. What is given under the default's name is left out.
    pub fn new(
        default: Arc<dyn ObjectStore>,
        others: impl IntoIterator<Item = (StorageName, Arc<dyn ObjectStore>)>,
    ) -> Self {
        let others: Vec<_> = others.into_iter().filter(|(name, _)| !name.is_default()).collect();
        if others.is_empty() {
            return Self::one(default);
        }
        let all = others.into_iter().chain([(StorageName::DEFAULT, default)]);
        Self { all: Arc::new(all.map(|(name, store)| (name.clone(), named::named(name, store))).collect()) }
    }

    /// Their names, the default one first.
    pub fn names(&self) -> Vec<StorageName> {
        let mut names: Vec<_> = self.all.keys().cloned().collect();
        names.sort_by_key(|name| !name.is_default());
        names
    }

    /// A storage by its name. It takes and gives keys that tell the storage.
    ///
    /// # Errors
    /// No storage of that name is configured.
    pub fn find(&self, name: &StorageName) -> Result<&Arc<dyn ObjectStore>, StoreError> {
        self.all.get(name).ok_or_else(|| {
            let why = format!("the storage `{name}` is not configured");
            StoreError::new(Store::Objects, "find", Failure::Unavailable, why)
        })
    }

    /// The storage in which an object lies.
    ///
    /// # Errors
    /// That storage is not configured.
    pub fn of(&self, object: &ObjectKey) -> Result<&Arc<dyn ObjectStore>, StoreError> {
        self.find(&object.storage())
    }

    /// [`ObjectStore::read`], wherever the object lies.
    ///
    /// # Errors
    /// As there.
    pub async fn read(&self, object: &ObjectKey, range: Range<u64>) -> Result<ByteStream, StoreError> {
        self.of(object)?.read(object, range).await
    }

    /// [`ObjectStore::scan`], wherever the object lies.
    ///
    /// # Errors
    /// As there.
    pub async fn scan(&self, object: &ObjectKey, range: Range<u64>, taker: Taker) -> Result<(), StoreError> {
        self.of(object)?.scan(object, range, taker).await
    }

    /// [`ObjectStore::remove`] in every storage that one of the objects lies in. All of them are asked, even if one
    /// fails.
    ///
    /// # Errors
    /// The first failure.
    pub async fn remove(&self, objects: &[ObjectKey]) -> Result<(), StoreError> {
        let mut failed = Ok(());
        for (name, objects) in by_storage(objects, ObjectKey::storage) {
            let removed = match self.find(&name) {
                Ok(store) => store.remove(&objects).await,
                Err(error) => Err(error),
            };
            failed = failed.and(removed);
        }
        failed
    }

    /// [`ObjectStore::finish`] in every storage that one of the extents lies in.
    ///
    /// # Errors
    /// As there.
    pub async fn finish(&self, upload: UploadId, extents: &[Extent]) -> Result<(), StoreError> {
        for (name, extents) in by_storage(extents, |extent| extent.object.storage()) {
            self.find(&name)?.finish(upload, &extents).await?;
        }
        Ok(())
    }

    /// Asks every storage at once whether it answers.
    pub async fn check(&self) -> Vec<(StorageName, Result<(), StoreError>)> {
        let names = self.names();
        let checks = names.into_iter().map(async |name| {
            let answer = match self.find(&name) {
                Ok(store) => store.check().await,
                Err(error) => Err(error),
            };
            (name, answer)
        });
        futures_util::future::join_all(checks).await
    }

    /// The manifest of an upload of which nothing but the id is known: every storage is asked. The upload tells the
    /// storage where it was found.
    ///
    /// # Errors
    /// No storage that answers has it, and one does not answer: whether it is there cannot be told.
    pub async fn manifest(&self, upload: UploadId) -> Result<Option<Manifest>, StoreError> {
        let mut failed = None;
        for name in self.names() {
            match self.manifest_in(&name, upload).await {
                Ok(Some(manifest)) => return Ok(Some(manifest)),
                Ok(None) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// The manifest of an upload in one storage; the upload tells that storage, whatever its name was before.
    ///
    /// # Errors
    /// As of [`ObjectStore::manifest`].
    pub async fn manifest_in(
        &self,
        storage: &StorageName,
        upload: UploadId,
    ) -> Result<Option<Manifest>, StoreError> {
        let found = self.find(storage)?.manifest(upload).await?;
        Ok(found.map(|Manifest { upload, joined }| Manifest {
            upload: Upload { storage: storage.clone(), ..upload },
            joined,
        }))
    }

    /// Every object of every storage; where one fails, that is an item.
    pub async fn list(&self) -> BoxStream<'static, Result<ListedObject, StoreError>> {
        let mut listings = Vec::new();
        for store in self.all.values() {
            listings.push(match store.list().await {
                Ok(listing) => listing,
                Err(error) => stream::iter([Err(error)]).boxed(),
            });
        }
        stream::iter(listings).flatten().boxed()
    }
}

/// Items by the storage that each is of.
fn by_storage<T: Clone>(items: &[T], storage: impl Fn(&T) -> StorageName) -> BTreeMap<StorageName, Vec<T>> {
    let mut by_storage: BTreeMap<StorageName, Vec<T>> = BTreeMap::new();
    for item in items {
        by_storage.entry(storage(item)).or_default().push(item.clone());
    }
    by_storage
}
