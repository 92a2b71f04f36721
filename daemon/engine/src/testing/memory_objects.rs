//! Objects in memory: the plainest adapter, and the measure of the others.
//!
//! Both placements. In place, bytes are seen in the upload's data object as soon as they are written, as on a disk;
//! as objects, they appear under their key at `commit` and vanish if the attempt is dropped. Clones are the same
//! store, so a clone that outlives an engine stands for storage that outlives a daemon.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::contracts::{
    Attempt, ByteStream, Failure, ListedObject, Merged, ObjectStore, Place, Placement, Standing, Store,
    StoreError, Surveyed,
};
use crate::digest::{Checksum, RunningChecksum};
use crate::extent::{Extent, Receipt};
use crate::id::{ObjectKey, UploadId};
use crate::time::{Clock, Timestamp};
use crate::upload::Manifest;

/// The most bytes that one object may have here: an offset beyond it is a full disk, not a full memory.
const MOST_BYTES: u64 = 1 << 30;

/// Bytes of an item of a [`ByteStream`] here.
const READ_BYTES: usize = 1 << 20;

/// Objects in memory.
#[derive(Clone)]
pub struct MemoryObjects {
    placement: Placement,
    max_object_bytes: u64,
    clock: Option<Arc<dyn Clock>>,
    shelves: Arc<Mutex<Shelves>>,
    reads: Arc<AtomicU64>,
    bytes_read: Arc<AtomicU64>,
}

#[derive(Default)]
struct Shelves {
    objects: BTreeMap<ObjectKey, Object>,
    receipts: BTreeMap<UploadId, Vec<Receipt>>,
}

#[derive(Clone, Default)]
struct Object {
    bytes: Vec<u8>,
    modified_at: Option<Timestamp>,
}

impl MemoryObjects {
    /// An empty store that writes in this way.
    pub fn new(placement: Placement) -> Self {
        Self {
            placement,
            max_object_bytes: u64::MAX,
            clock: None,
            shelves: Arc::default(),
            reads: Arc::default(),
            bytes_read: Arc::default(),
        }
    }

    /// The same store, telling in listings when an object was last written.
    #[must_use]
    pub fn timed_by(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The same store, whose objects should have at most so many bytes.
    #[must_use]
    pub fn of_objects_up_to(mut self, bytes: u64) -> Self {
        self.max_object_bytes = bytes;
        self
    }

    /// How often content was read: calls of [`read`](ObjectStore::read), and one for every extent that is merged.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    /// Bytes of content that were handed out or merged.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::SeqCst)
    }

    /// The key of every object, in order.
    pub fn keys(&self) -> Vec<ObjectKey> {
        self.shelves().objects.keys().cloned().collect()
    }

    /// The bytes of an object.
    pub fn contents(&self, object: &ObjectKey) -> Option<Vec<u8>> {
        self.shelves().objects.get(object).map(|object| object.bytes.clone())
    }

    /// Bytes of all objects together.
    pub fn stored_bytes(&self) -> u64 {
        self.shelves().objects.values().map(|object| object.bytes.len() as u64).sum()
    }

    /// Flips one bit of a byte at rest; whether there was such a byte.
    pub fn damage(&self, object: &ObjectKey, offset: u64) -> bool {
        let mut shelves = self.shelves();
        let byte = usize::try_from(offset).ok().and_then(|offset| {
            shelves.objects.get_mut(object).and_then(|object| object.bytes.get_mut(offset))
        });
        byte.map(|byte| *byte ^= 1).is_some()
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Option<Timestamp> {
        self.clock.as_ref().map(|clock| clock.now())
    }

    fn put(&self, object: ObjectKey, bytes: Vec<u8>) {
        let modified_at = self.now();
        self.shelves().objects.insert(object, Object { bytes, modified_at });
    }

    /// Bytes of a range, counted as read.
    fn slice(
        &self,
        operation: &'static str,
        object: &ObjectKey,
        range: &Range<u64>,
    ) -> Result<Bytes, StoreError> {
        let shelves = self.shelves();
        let found = shelves.objects.get(object).ok_or_else(|| missing(operation, object))?;
        let bytes = usize::try_from(range.start)
            .ok()
            .zip(usize::try_from(range.end).ok())
            .and_then(|(start, end)| found.bytes.get(start..end))
            .ok_or_else(|| missing(operation, object))?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.bytes_read.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        Ok(Bytes::copy_from_slice(bytes))
    }

    /// What the receipts tell of the objects that are there.
    fn logged(&self, upload: UploadId) -> Vec<Surveyed> {
        let shelves = self.shelves();
        let receipts = shelves.receipts.get(&upload).map(Vec::as_slice).unwrap_or_default();
        receipts
            .iter()
            .filter(|receipt| shelves.objects.contains_key(&receipt.extent.object))
            .map(|receipt| Surveyed {
                object: receipt.extent.object.clone(),
                offset: receipt.extent.offset,
                length: receipt.extent.length,
                receipt: Some(receipt.clone()),
            })
            .collect()
    }

    /// What the names of the upload's objects tell.
    fn listed(&self, upload: UploadId) -> Vec<Surveyed> {
        let shelves = self.shelves();
        let stretches = shelves.objects.iter().filter(|(key, _)| key.upload() == Some(upload));
        stretches
            .filter_map(|(key, object)| {
                let (offset, length) = (key.stretch_offset()?, object.bytes.len() as u64);
                Some(Surveyed { object: key.clone(), offset, length, receipt: None })
            })
            .collect()
    }

    /// Whether a stretch of the data object that overlaps this one was committed: it stays as it is, even if its
    /// record never came about.
    fn is_committed(&self, place: &Place) -> bool {
        let end = place.offset.saturating_add(place.max_length);
        let data = ObjectKey::data(place.upload);
        let shelves = self.shelves();
        let receipts = shelves.receipts.get(&place.upload).map(Vec::as_slice).unwrap_or_default();
        receipts
            .iter()
            .filter(|receipt| receipt.extent.object == data)
            .any(|receipt| receipt.extent.offset < end && place.offset < receipt.extent.end())
    }

    fn attempt(&self, place: &Place) -> MemoryAttempt {
        let in_place = self.placement == Placement::InPlace && place.free && !self.is_committed(place);
        let (object, object_offset) = if in_place {
            (ObjectKey::data(place.upload), place.offset)
        } else {
            (ObjectKey::stretch(place.upload, place.offset, place.nonce), 0)
        };
        MemoryAttempt {
            store: self.clone(),
            upload: place.upload,
            object,
            object_offset,
            most: place.max_length,
            in_place,
            written: 0,
            hidden: Vec::new(),
        }
    }
}

fn missing(operation: &'static str, object: &ObjectKey) -> StoreError {
    let why = format!("object {object} is not there, or is shorter");
    StoreError::new(Store::Objects, operation, Failure::Corrupt, why)
}

/// One attempt; in place its bytes are in the data object already, else they wait here.
struct MemoryAttempt {
    store: MemoryObjects,
    upload: UploadId,
    object: ObjectKey,
    object_offset: u64,
    most: u64,
    in_place: bool,
    written: u64,
    hidden: Vec<u8>,
}

impl MemoryAttempt {
    fn write_one(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let begin = self.object_offset.saturating_add(self.written);
        let end = begin.saturating_add(bytes.len() as u64);
        if end > MOST_BYTES {
            let why = "more than the memory store keeps in one object";
            return Err(StoreError::new(Store::Objects, "write", Failure::Full, why));
        }
        self.written += bytes.len() as u64;
        if self.written > self.most {
            let why = format!("{} bytes written where at most {} were announced", self.written, self.most);
            return Err(StoreError::new(Store::Objects, "write", Failure::Failed, why));
        }
        if !self.in_place {
            self.hidden.extend_from_slice(bytes);
            return Ok(());
        }
        let modified_at = self.store.now();
        let mut shelves = self.store.shelves();
        let object = shelves.objects.entry(self.object.clone()).or_default();
        object.modified_at = modified_at;
        write_at(&mut object.bytes, begin, bytes);
        Ok(())
    }
}

/// Writes over what is there, with zeros before it if there is less.
fn write_at(target: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let Ok(offset) = usize::try_from(offset) else { return };
    let end = offset + bytes.len();
    if target.len() < end {
        target.resize(end, 0);
    }
    if let Some(region) = target.get_mut(offset..end) {
        region.copy_from_slice(bytes);
    }
}

#[async_trait]
impl Attempt for MemoryAttempt {
    fn object(&self) -> &ObjectKey {
        &self.object
    }

    fn object_offset(&self) -> u64 {
        self.object_offset
    }

    async fn write(&mut self, batch: &mut Vec<Bytes>) -> Result<(), StoreError> {
        batch.drain(..).try_for_each(|bytes| self.write_one(&bytes))
    }

    async fn commit(self: Box<Self>, receipt: &Receipt) -> Result<(), StoreError> {
        if receipt.extent.length != self.written {
            let why = format!("{} bytes written, {} in the receipt", self.written, receipt.extent.length);
            return Err(StoreError::new(Store::Objects, "commit", Failure::Failed, why));
        }
        if !self.in_place {
            self.store.put(self.object.clone(), self.hidden);
        }
        self.store.shelves().receipts.entry(self.upload).or_default().push(receipt.clone());
        Ok(())
    }

    async fn discard(self: Box<Self>) {}
}

#[async_trait]
impl ObjectStore for MemoryObjects {
    fn placement(&self) -> Placement {
        self.placement
    }

    async fn announce(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(manifest)
            .map_err(|error| StoreError::new(Store::Objects, "announce", Failure::Failed, error))?;
        self.put(ObjectKey::manifest(manifest.upload.id), bytes);
        Ok(())
    }

    async fn manifest(&self, upload: UploadId) -> Result<Option<Manifest>, StoreError> {
        let bytes = self.contents(&ObjectKey::manifest(upload));
        bytes
            .map(|bytes| serde_json::from_slice(&bytes))
            .transpose()
            .map_err(|error| StoreError::new(Store::Objects, "manifest", Failure::Corrupt, error))
    }

    async fn renounce(&self, upload: UploadId) -> Result<(), StoreError> {
        self.shelves().objects.remove(&ObjectKey::manifest(upload));
        Ok(())
    }

    async fn begin(&self, place: &Place) -> Result<Box<dyn Attempt>, StoreError> {
        Ok(Box::new(self.attempt(place)))
    }

    async fn survey(&self, upload: UploadId) -> Result<Vec<Surveyed>, StoreError> {
        Ok(match self.placement {
            Placement::InPlace => self.logged(upload),
            Placement::Objects => self.listed(upload),
        })
    }

    async fn finish(&self, _upload: UploadId, extents: &[Extent]) -> Result<(), StoreError> {
        let shelves = self.shelves();
        for extent in extents {
            let end = extent.object_offset.saturating_add(extent.length);
            let length = shelves.objects.get(&extent.object).map(|object| object.bytes.len() as u64);
            if length.is_none_or(|length| length < end) {
                return Err(missing("finish", &extent.object));
            }
        }
        Ok(())
    }

    async fn release(&self, upload: UploadId) -> Result<(), StoreError> {
        self.shelves().receipts.remove(&upload);
        Ok(())
    }

    async fn read(&self, object: &ObjectKey, range: Range<u64>) -> Result<ByteStream, StoreError> {
        let mut bytes = self.slice("read", object, &range)?;
        let mut items = Vec::new();
        while !bytes.is_empty() {
            items.push(Ok(bytes.split_to(READ_BYTES.min(bytes.len()))));
        }
        Ok(stream::iter(items).boxed())
    }

    async fn stat(&self, object: &ObjectKey) -> Result<Option<u64>, StoreError> {
        Ok(self.shelves().objects.get(object).map(|object| object.bytes.len() as u64))
    }

    async fn list(&self) -> Result<BoxStream<'static, Result<ListedObject, StoreError>>, StoreError> {
        let listed: Vec<_> = self
            .shelves()
            .objects
            .iter()
            .map(|(key, object)| ListedObject {
                object: key.clone(),
                length: Some(object.bytes.len() as u64),
                modified_at: object.modified_at,
            })
            .map(Ok)
            .collect();
        Ok(stream::iter(listed).boxed())
    }

    async fn remove(&self, objects: &[ObjectKey]) -> Result<(), StoreError> {
        let mut shelves = self.shelves();
        for object in objects {
            shelves.objects.remove(object);
        }
        Ok(())
    }

    async fn merge(
        &self,
        extents: &[Extent],
        target: &ObjectKey,
        expected: Checksum,
    ) -> Result<Option<Merged>, StoreError> {
        if extents.iter().map(|extent| extent.length).sum::<u64>() > self.max_object_bytes {
            return Ok(None);
        }
        let mut whole = Vec::new();
        for extent in extents {
            let range = extent.object_offset..extent.object_offset.saturating_add(extent.length);
            let bytes = self.slice("merge", &extent.object, &range)?;
            if Checksum::of(&bytes) != extent.checksum {
                let why = format!("bytes of {} do not match their checksum", extent.object);
                return Err(StoreError::new(Store::Objects, "merge", Failure::Corrupt, why));
            }
            whole.extend_from_slice(&bytes);
        }
        let mut running = RunningChecksum::default();
        running.update(&whole);
        let checksum = running.value();
        if checksum != expected {
            let why = format!("merged bytes have {checksum}, expected {expected}");
            return Err(StoreError::new(Store::Objects, "merge", Failure::Corrupt, why));
        }
        let length = whole.len() as u64;
        self.put(target.clone(), whole);
        let extent = Extent { offset: 0, length, object: target.clone(), object_offset: 0, checksum };
        Ok(Some(Merged { extent, moved_bytes: length }))
    }

    async fn write_new(&self, target: &ObjectKey, mut bytes: ByteStream) -> Result<u64, StoreError> {
        let mut whole = Vec::new();
        while let Some(bytes) = bytes.try_next().await? {
            whole.extend_from_slice(&bytes);
        }
        let length = whole.len() as u64;
        self.put(target.clone(), whole);
        Ok(length)
    }

    fn max_object_bytes(&self) -> u64 {
        self.max_object_bytes
    }

    async fn read_small(&self, object: &ObjectKey) -> Result<Option<Bytes>, StoreError> {
        Ok(self.contents(object).map(Bytes::from))
    }

    async fn write_small(&self, object: &ObjectKey, bytes: Bytes) -> Result<(), StoreError> {
        self.put(object.clone(), bytes.to_vec());
        Ok(())
    }

    async fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        Ok(Standing::of("memory"))
    }
}
