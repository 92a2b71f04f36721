//! A catalog in memory: maps behind a lock. What the contract says, and nothing clever.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::contracts::*;
use crate::digest::{Algorithm, Digest};
use crate::extent::Extent;
use crate::file::{Blob, Content, File};
use crate::id::{ObjectKey, StorageName, UploadId};
use crate::owner::Owner;
use crate::path::FilePath;
use crate::time::Timestamp;

/// A catalog that lives as long as this value.
#[derive(Debug)]
pub struct MemoryCatalog {
    tables: Mutex<Tables>,
}

impl MemoryCatalog {
    /// An empty catalog whose identity is made of these bits.
    pub fn new(id: u128) -> Self {
        let identity = CatalogIdentity { id: format!("{id:032x}"), generation: 0 };
        Self { tables: Mutex::new(Tables::new(identity)) }
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Tables {
    identity: CatalogIdentity,
    blobs: BTreeMap<Digest, Row>,
    files: BTreeMap<(Owner, FilePath), File>,
    origins: BTreeMap<UploadId, (Origin, Published)>,
    /// When an object was first seen as an orphan.
    orphans: BTreeMap<ObjectKey, Timestamp>,
}

/// A blob, without what is counted when it is asked for.
#[derive(Debug)]
struct Row {
    length: u64,
    digests: BTreeSet<Digest>,
    content: Content,
    created_at: Timestamp,
    unnamed_since: Option<Timestamp>,
}

impl Tables {
    fn new(identity: CatalogIdentity) -> Self {
        Self {
            identity,
            blobs: BTreeMap::new(),
            files: BTreeMap::new(),
            origins: BTreeMap::new(),
            orphans: BTreeMap::new(),
        }
    }

    fn publish(&mut self, publication: &Publication) -> Result<Published, StoreError> {
        if let Some((_, published)) = publication.upload.and_then(|upload| self.origins.get(&upload)) {
            return Ok(published.clone());
        }
        let present = self.file(&publication.owner, &publication.path);
        if !holds(publication.precondition.as_ref(), present) {
            return Ok(Published::PreconditionFailed);
        }
        let path = match (present, publication.if_exists) {
            (None, _) | (Some(_), IfExists::Replace) => publication.path.clone(),
            (Some(file), IfExists::Fail) => return Ok(Published::Exists(Box::new(file.clone()))),
            (Some(file), IfExists::Rename) => match self.free_path(&publication.owner, &publication.path) {
                Some(path) => path,
                None => return Ok(Published::Exists(Box::new(file.clone()))),
            },
        };
        let replaced = self.file(&publication.owner, &path).cloned();
        let Usage { files, bytes: used_bytes } = self.usage(&publication.owner);
        if replaced.is_none() && publication.max_files.is_some_and(|most| files >= most) {
            return Ok(Published::TooManyFiles { files });
        }
        let kept = used_bytes - replaced.as_ref().map_or(0, |file| file.length);
        if publication.max_used_bytes.is_some_and(|most| kept.saturating_add(publication.length) > most) {
            return Ok(Published::OverQuota { used_bytes });
        }
        let known = self.add_blob(publication)?;
        let file = file_of(publication, path, replaced.as_ref());
        self.put_file(file.clone(), publication.now);
        let created = replaced.is_none();
        let published = Published::File { file: Box::new(file.clone()), created, known };
        if let Some(upload) = publication.upload {
            let origin = Origin { owner: publication.owner.clone(), file, published_at: publication.now };
            self.origins.insert(upload, (origin, published.clone()));
        }
        Ok(published)
    }

    /// Adds the blob, or to the one that is there what it lacks; whether it was there.
    fn add_blob(&mut self, publication: &Publication) -> Result<bool, StoreError> {
        if publication.blob.algorithm() != Algorithm::Blake3 {
            return Err(failed("publish", "the identity is not a BLAKE3 digest"));
        }
        if let Some(row) = self.blobs.get_mut(&publication.blob) {
            if row.length != publication.length {
                return Err(failed("publish", "the blob has another length"));
            }
            row.digests.extend(publication.digests.iter().cloned());
            return Ok(true);
        }
        let mut digests: BTreeSet<_> = publication.digests.iter().cloned().collect();
        digests.insert(publication.blob.clone());
        let row = Row {
            length: publication.length,
            digests,
            content: publication.content.clone(),
            created_at: publication.now,
            unnamed_since: None,
        };
        self.blobs.insert(publication.blob.clone(), row);
        self.forget_notes(publication.content.extents());
        Ok(false)
    }

    /// Puts a file in its place, and marks the blobs that gain and lose a name.
    fn put_file(&mut self, file: File, now: Timestamp) {
        let blob = file.blob.clone();
        let replaced = self.files.insert((file.owner.clone(), file.path.clone()), file);
        if let Some(row) = self.blobs.get_mut(&blob) {
            row.unnamed_since = None;
        }
        if let Some(replaced) = replaced {
            self.note_unnamed(&replaced.blob, now);
        }
    }

    fn take_file(&mut self, owner: &Owner, path: &FilePath, now: Timestamp) -> Option<File> {
        let file = self.files.remove(&(owner.clone(), path.clone()))?;
        self.note_unnamed(&file.blob, now);
        Some(file)
    }

    fn note_unnamed(&mut self, blob: &Digest, now: Timestamp) {
        if self.files_of(blob) == 0
            && let Some(row) = self.blobs.get_mut(blob)
        {
            row.unnamed_since = Some(now);
        }
    }

    fn forget_notes(&mut self, extents: &[Extent]) {
        for extent in extents {
            self.orphans.remove(&extent.object);
        }
    }

    fn move_file(&mut self, from: &FilePath, file: File, now: Timestamp, how: Move) -> File {
        let created_at = if how == Move::Rename { file.created_at } else { now };
        let moved = File { created_at, modified_at: now, ..file };
        self.put_file(moved.clone(), now);
        if how == Move::Rename {
            self.take_file(&moved.owner, from, now);
        }
        moved
    }

    fn file(&self, owner: &Owner, path: &FilePath) -> Option<&File> {
        self.files.get(&(owner.clone(), path.clone()))
    }

    fn free_path(&self, owner: &Owner, path: &FilePath) -> Option<FilePath> {
        (2..).map_while(|n| path.numbered(n).ok()).find(|path| self.file(owner, path).is_none())
    }

    fn usage(&self, owner: &Owner) -> Usage {
        let files = self.files.values().filter(|file| file.owner == *owner);
        files.fold(Usage::default(), |usage, file| Usage {
            files: usage.files + 1,
            bytes: usage.bytes + file.length,
        })
    }

    fn files_of(&self, blob: &Digest) -> u64 {
        self.files.values().map(|file| u64::from(file.blob == *blob)).sum()
    }

    fn blob(&self, id: &Digest, row: &Row) -> Blob {
        Blob {
            id: id.clone(),
            length: row.length,
            digests: row.digests.iter().cloned().collect(),
            content: row.content.clone(),
            created_at: row.created_at,
            files: self.files_of(id),
        }
    }

    fn named_objects(&self) -> HashSet<&ObjectKey> {
        self.blobs.values().flat_map(|row| row.content.extents()).map(|extent| &extent.object).collect()
    }

    fn unreferenced(&self, objects: &[ObjectKey]) -> Vec<ObjectKey> {
        let named = self.named_objects();
        objects.iter().filter(|object| !named.contains(object)).cloned().collect()
    }

    fn condemn(&mut self, objects: &[ObjectKey], now: Timestamp, seen_before: Timestamp) -> Vec<ObjectKey> {
        let orphans = self.unreferenced(objects);
        let first_seen =
            |tables: &mut Self, object: &ObjectKey| *tables.orphans.entry(object.clone()).or_insert(now);
        orphans.into_iter().filter(|object| first_seen(self, object) <= seen_before).collect()
    }
}

/// What an entry of a listing is: a file, or all that share a prefix.
enum Entry {
    File(Box<File>),
    Folded(String),
}

impl Entry {
    fn of(file: &File, filter: &FileFilter) -> Self {
        let rest = file.path.as_str().strip_prefix(&filter.prefix).unwrap_or_default();
        let delimiter = filter.delimiter.as_deref().filter(|d| filter.owner.is_some() && !d.is_empty());
        match delimiter.and_then(|delimiter| rest.split_once(delimiter).map(|(head, _)| (head, delimiter))) {
            Some((head, delimiter)) => Self::Folded(format!("{}{head}{delimiter}", filter.prefix)),
            None => Self::File(Box::new(file.clone())),
        }
    }

    /// Where this entry stands in the order of the listing.
    fn cursor(&self, filter: &FileFilter) -> String {
        match self {
            Self::Folded(prefix) => prefix.clone(),
            Self::File(file) if filter.owner.is_some() => file.path.to_string(),
            Self::File(file) => format!("{}\n{}", file.owner, file.path),
        }
    }
}

fn list(tables: &Tables, filter: &FileFilter, page: &PageRequest) -> Listing {
    let wanted = |file: &&File| {
        filter.owner.as_ref().is_none_or(|owner| *owner == file.owner)
            && file.path.as_str().starts_with(&filter.prefix)
            && filter.blob.as_ref().is_none_or(|blob| *blob == file.blob)
    };
    let mut entries: Vec<(String, Entry)> = Vec::new();
    for file in tables.files.values().filter(wanted) {
        let entry = Entry::of(file, filter);
        let cursor = entry.cursor(filter);
        let told = page.cursor.as_ref().is_some_and(|after| cursor <= *after);
        if !told && entries.last().is_none_or(|(last, _)| *last != cursor) {
            entries.push((cursor, entry));
        }
    }
    let limit = page.limit.max(1);
    let mut listing = Listing::default();
    if entries.len() > limit {
        entries.truncate(limit);
        listing.next_cursor = entries.last().map(|(cursor, _)| cursor.clone());
    }
    for (_, entry) in entries {
        match entry {
            Entry::File(file) => listing.items.push(*file),
            Entry::Folded(prefix) => listing.prefixes.push(prefix),
        }
    }
    listing
}

fn holds(precondition: Option<&Precondition>, present: Option<&File>) -> bool {
    match precondition {
        None => true,
        Some(Precondition::Absent) => present.is_none(),
        Some(Precondition::Present) => present.is_some(),
        Some(Precondition::Blob(blobs)) => present.is_some_and(|file| blobs.contains(&file.blob)),
    }
}

fn file_of(publication: &Publication, path: FilePath, replaced: Option<&File>) -> File {
    File {
        owner: publication.owner.clone(),
        path,
        length: publication.length,
        digest: publication.digest.clone(),
        blob: publication.blob.clone(),
        content_type: publication.content_type.clone(),
        metadata: publication.metadata.clone(),
        created_at: replaced.map_or(publication.now, |file| file.created_at),
        modified_at: publication.now,
    }
}

fn failed(operation: &'static str, why: &'static str) -> StoreError {
    StoreError::new(Store::Catalog, operation, Failure::Failed, why)
}

#[async_trait]
impl Catalog for MemoryCatalog {
    async fn publish(&self, publication: &Publication) -> Result<Published, StoreError> {
        self.lock().publish(publication)
    }

    async fn origin(&self, upload: UploadId) -> Result<Option<Origin>, StoreError> {
        Ok(self.lock().origins.get(&upload).map(|(origin, _)| origin.clone()))
    }

    async fn forget_origin(&self, upload: UploadId) -> Result<(), StoreError> {
        self.lock().origins.remove(&upload);
        Ok(())
    }

    async fn forget_origins(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut tables = self.lock();
        let count = tables.origins.len();
        tables.origins.retain(|_, (origin, _)| origin.published_at >= before);
        Ok((count - tables.origins.len()) as u64)
    }

    async fn find_file(&self, owner: &Owner, path: &FilePath) -> Result<Option<File>, StoreError> {
        Ok(self.lock().file(owner, path).cloned())
    }

    async fn list_files(&self, filter: &FileFilter, page: &PageRequest) -> Result<Listing, StoreError> {
        Ok(list(&self.lock(), filter, page))
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
        let mut tables = self.lock();
        let Some(file) = tables.file(owner, from).cloned() else { return Ok(Moved::Unknown) };
        if how == Move::Rename && from == to {
            return Ok(Moved::File(Box::new(file)));
        }
        if tables.file(owner, to).is_some() {
            return Ok(Moved::Exists);
        }
        let Usage { files, bytes: used_bytes } = tables.usage(owner);
        if how == Move::Copy && most.files.is_some_and(|most| files >= most) {
            return Ok(Moved::TooManyFiles { files });
        }
        let after = used_bytes.saturating_add(file.length);
        if how == Move::Copy && most.used_bytes.is_some_and(|most| after > most) {
            return Ok(Moved::OverQuota { used_bytes });
        }
        let file = File { path: to.clone(), ..file };
        Ok(Moved::File(Box::new(tables.move_file(from, file, now, how))))
    }

    async fn remove_file(
        &self,
        owner: &Owner,
        path: &FilePath,
        now: Timestamp,
    ) -> Result<Option<File>, StoreError> {
        Ok(self.lock().take_file(owner, path, now))
    }

    async fn find_blobs(&self, digest: &Digest, length: Option<u64>) -> Result<Vec<Blob>, StoreError> {
        let tables = self.lock();
        let found = tables.blobs.iter().filter(|(_, row)| {
            row.digests.contains(digest) && length.is_none_or(|length| length == row.length)
        });
        Ok(found.take(10).map(|(id, row)| tables.blob(id, row)).collect())
    }

    async fn file_of_blob(&self, owner: &Owner, blob: &Digest) -> Result<Option<File>, StoreError> {
        let tables = self.lock();
        let files = tables.files.values().filter(|file| file.owner == *owner && file.blob == *blob);
        Ok(files.max_by_key(|file| file.modified_at).cloned())
    }

    async fn list_blobs(&self, filter: &BlobFilter, page: &PageRequest) -> Result<Page<Blob>, StoreError> {
        let tables = self.lock();
        let mut rest = tables.blobs.iter().filter(|(id, row)| {
            row.content.extents().len() >= filter.min_extents
                && page.cursor.as_ref().is_none_or(|cursor| id.hex() > *cursor)
        });
        let items: Vec<_> =
            rest.by_ref().take(page.limit.max(1)).map(|(id, row)| tables.blob(id, row)).collect();
        let more = rest.next().is_some();
        let next_cursor = items.last().filter(|_| more).map(|blob| blob.id.hex());
        Ok(Page { items, next_cursor })
    }

    async fn swap_extents(
        &self,
        blob: &Digest,
        expected: &[Extent],
        extents: &[Extent],
    ) -> Result<bool, StoreError> {
        let mut tables = self.lock();
        let Some(Row { content: Content::Extents(present), .. }) = tables.blobs.get_mut(blob) else {
            return Ok(false);
        };
        if present != expected {
            return Ok(false);
        }
        *present = extents.to_vec();
        tables.forget_notes(extents);
        Ok(true)
    }

    async fn unnamed_blobs(&self, since_before: Timestamp, limit: usize) -> Result<Vec<Blob>, StoreError> {
        let tables = self.lock();
        let unnamed = tables.blobs.iter().filter_map(|(id, row)| Some((row.unnamed_since?, id, row)));
        let mut unnamed: Vec<_> = unnamed.filter(|(since, ..)| *since < since_before).collect();
        unnamed.sort_by_key(|(since, id, _)| (*since, *id));
        Ok(unnamed.into_iter().take(limit).map(|(_, id, row)| tables.blob(id, row)).collect())
    }

    async fn remove_unnamed(&self, blob: &Digest) -> Result<Option<Vec<Extent>>, StoreError> {
        let mut tables = self.lock();
        if tables.files_of(blob) > 0 {
            return Ok(None);
        }
        Ok(tables.blobs.remove(blob).map(|row| row.content.extents().to_vec()))
    }

    async fn unreferenced(&self, objects: &[ObjectKey]) -> Result<Vec<ObjectKey>, StoreError> {
        Ok(self.lock().unreferenced(objects))
    }

    async fn condemn(
        &self,
        orphans: &[ObjectKey],
        now: Timestamp,
        seen_before: Timestamp,
    ) -> Result<Vec<ObjectKey>, StoreError> {
        Ok(self.lock().condemn(orphans, now, seen_before))
    }

    async fn pardon(&self, objects: &[ObjectKey]) -> Result<(), StoreError> {
        let mut tables = self.lock();
        for object in objects {
            tables.orphans.remove(object);
        }
        Ok(())
    }

    async fn usage(&self, owner: &Owner) -> Result<Usage, StoreError> {
        Ok(self.lock().usage(owner))
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        let tables = self.lock();
        let owners: BTreeSet<_> = tables.files.keys().map(|(owner, _)| owner).collect();
        let scattered = tables.blobs.values().filter(|row| row.content.extents().len() > 1);
        Ok(Totals {
            owners: owners.len() as u64,
            files: tables.files.len() as u64,
            blobs: tables.blobs.len() as u64,
            blob_bytes: tables.blobs.values().map(|row| row.length).sum(),
            scattered_blobs: scattered.count() as u64,
        })
    }

    async fn storage_totals(&self) -> Result<Vec<StorageTotals>, StoreError> {
        let tables = self.lock();
        let mut totals: BTreeMap<StorageName, StorageTotals> = BTreeMap::new();
        for row in tables.blobs.values() {
            let mut seen = BTreeSet::new();
            for extent in row.content.extents() {
                let storage = extent.object.storage();
                let total = totals.entry(storage.clone()).or_insert_with(|| StorageTotals {
                    storage: storage.clone(),
                    blobs: 0,
                    bytes: 0,
                });
                total.blobs += u64::from(seen.insert(storage));
                total.bytes += extent.length;
            }
        }
        Ok(totals.into_values().collect())
    }

    async fn identity(&self) -> Result<CatalogIdentity, StoreError> {
        Ok(self.lock().identity.clone())
    }

    async fn advance(&self) -> Result<CatalogIdentity, StoreError> {
        let mut tables = self.lock();
        tables.identity.generation += 1;
        Ok(tables.identity.clone())
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
