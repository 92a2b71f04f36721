//! Names and reading: whole files in one request, listing, renaming, copying, removing, accounts.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, StreamExt, stream};

use super::short::Said;
use super::{Account, Completion, Engine, Incoming, NewUpload, Stored, WholeFile, reading};
use crate::contracts::{
    ByteStream, FileFilter, Listing, Most, Move, Moved, PageRequest, Precondition, StorageTotals, Totals,
};
use crate::digest::Digest;
use crate::file::{Blob, Content, File};
use crate::id::{ObjectKey, StorageName, UploadId};
use crate::owner::{Caller, Owner};
use crate::path::FilePath;
use crate::refusal::Refusal;
use crate::upload::{Metadata, Naming};

impl Engine {
    /// Stores a whole file that comes in one body.
    ///
    /// A small one is kept in the catalog, so that one commit, shared with others, is all it costs; a longer one, and
    /// one that a rule sends to a storage, is an upload of one append.
    ///
    /// # Errors
    /// The body, a digest, a precondition or a limit refuses it, or a store failed; then nothing is kept.
    pub async fn put_file(
        &self,
        owner: &Owner,
        file: WholeFile,
        mut incoming: Incoming,
    ) -> Result<Stored, Refusal> {
        let policy = self.policy_of(owner).await?;
        if let Some(asked) = incoming.length.filter(|length| *length > policy.max_length) {
            return Err(Refusal::TooLong { asked, limit: policy.max_length });
        }
        self.must_hold(owner, &file.path, file.precondition.as_ref()).await?;
        let placed = policy.placed(owner, &file.path, incoming.length);
        self.must_have_room(placed.unwrap_or(&StorageName::default()), incoming.length.unwrap_or(0)).await?;
        if placed.is_none() && incoming.length.is_none_or(|length| length <= policy.inline_bytes) {
            let small = gather(&mut incoming, policy.inline_bytes).await?;
            if let Some(bytes) = small {
                return self.put_small(owner, file, bytes, incoming).await;
            }
        }
        self.put_long(owner, file, incoming).await
    }

    /// Looks at the precondition before the body is read; publishing looks again.
    pub(super) async fn must_hold(
        &self,
        owner: &Owner,
        path: &FilePath,
        precondition: Option<&Precondition>,
    ) -> Result<(), Refusal> {
        let Some(precondition) = precondition else { return Ok(()) };
        let existing = self.ground.catalog.find_file(owner, path).await?;
        let holds = match (precondition, existing) {
            (Precondition::Absent, existing) => existing.is_none(),
            (Precondition::Present, existing) => existing.is_some(),
            (Precondition::Blob(blobs), existing) => existing.is_some_and(|file| blobs.contains(&file.blob)),
        };
        if holds { Ok(()) } else { Err(Refusal::Precondition) }
    }

    async fn put_small(
        &self,
        owner: &Owner,
        file: WholeFile,
        bytes: Bytes,
        incoming: Incoming,
    ) -> Result<Stored, Refusal> {
        let said = Said {
            upload: None,
            path: file.path,
            naming: Naming { if_exists: None, precondition: file.precondition },
            digest: file.digest,
            content_type: file.content_type,
            metadata: Metadata::new(),
        };
        let (file, created) = self.publish_short(owner, said, bytes, incoming).await?;
        Ok(Stored { file, created })
    }

    async fn put_long(&self, owner: &Owner, file: WholeFile, incoming: Incoming) -> Result<Stored, Refusal> {
        let new = NewUpload {
            path: Some(file.path),
            length: incoming.length,
            digest: file.digest,
            chunk_size: None,
            content_type: file.content_type,
            metadata: Metadata::new(),
            naming: Naming { if_exists: None, precondition: file.precondition },
            idempotency_key: None,
        };
        let upload = self.planned(owner, new).await?;
        let id = upload.id;
        self.begin(&upload).await?;
        let stored = self.fill(owner, id, incoming).await;
        if stored.is_err()
            && let Err(error) = self.purge(id).await
        {
            tracing::warn!(upload.id = %id, error = &error as &dyn std::error::Error, "a failed upload stays until it expires");
        }
        stored
    }

    async fn fill(&self, owner: &Owner, id: UploadId, incoming: Incoming) -> Result<Stored, Refusal> {
        let announced = incoming.length;
        let received = self.append(owner, id, 0, incoming).await.map_err(nothing_kept)?;
        if announced.is_some_and(|announced| announced != received) {
            return Err(Refusal::Body { error: crate::refusal::BodyError::Broken, kept: 0 });
        }
        let caller = Caller::User(owner.clone());
        let (file, created) = self.complete_told(&caller, id, Completion::default()).await?;
        Ok(Stored { file, created })
    }

    /// The file that a path of the owner names.
    ///
    /// # Errors
    /// [`Refusal::NoFile`], or a store failed.
    pub async fn find_file(&self, owner: &Owner, path: &FilePath) -> Result<File, Refusal> {
        self.ground.catalog.find_file(owner, path).await?.ok_or(Refusal::NoFile)
    }

    /// The owner's newest file with this digest, whatever the algorithm.
    ///
    /// # Errors
    /// [`Refusal::NoFile`], or a store failed.
    pub async fn find_file_by_digest(&self, owner: &Owner, digest: &Digest) -> Result<File, Refusal> {
        let mut newest: Option<File> = None;
        for blob in self.ground.catalog.find_blobs(digest, None).await? {
            let file = self.ground.catalog.file_of_blob(owner, &blob.id).await?;
            newest = newest.into_iter().chain(file).max_by_key(|file| file.modified_at);
        }
        newest.ok_or(Refusal::NoFile)
    }

    /// Files of the filter.
    ///
    /// # Errors
    /// A store failed.
    pub async fn list_files(&self, filter: &FileFilter, page: &PageRequest) -> Result<Listing, Refusal> {
        Ok(self.ground.catalog.list_files(filter, page).await?)
    }

    /// Gives a file another name, or a second one. Only names move.
    ///
    /// # Errors
    /// [`Refusal::NoFile`], [`Refusal::FileExists`], the quota, or a store failed.
    pub async fn move_file(
        &self,
        owner: &Owner,
        from: &FilePath,
        to: &FilePath,
        how: Move,
    ) -> Result<File, Refusal> {
        let policy = self.policy_of(owner).await?;
        let quota = policy.quota.unwrap_or(u64::MAX);
        let _turn = self.owner_turn(owner).await?;
        let used_bytes = self.most_used(owner).await?;
        let most = Most { used_bytes, files: policy.max_files };
        match self.ground.catalog.move_file(owner, from, to, how, self.now(), most).await? {
            Moved::File(file) => Ok(*file),
            Moved::Unknown => Err(Refusal::NoFile),
            Moved::Exists => {
                Err(Refusal::FileExists { existing: Box::new(self.find_file(owner, to).await?) })
            }
            Moved::TooManyFiles { files } => {
                Err(Refusal::TooManyFiles { files, limit: policy.max_files.unwrap_or(u64::MAX) })
            }
            Moved::OverQuota { used_bytes: kept } => {
                let asked = self.find_file(owner, from).await?.length;
                let staged = quota.saturating_sub(used_bytes.unwrap_or(quota));
                Err(Refusal::Quota { asked, used: kept.saturating_add(staged), quota })
            }
        }
    }

    /// Removes a name.
    ///
    /// # Errors
    /// [`Refusal::NoFile`], or a store failed.
    pub async fn remove_file(&self, owner: &Owner, path: &FilePath) -> Result<File, Refusal> {
        self.ground.catalog.remove_file(owner, path, self.now()).await?.ok_or(Refusal::NoFile)
    }

    /// The blob that a file names, with its digests and extents.
    ///
    /// # Errors
    /// [`Refusal::NoFile`] if it is gone meanwhile, or a store failed.
    pub async fn blob_of(&self, file: &File) -> Result<Blob, Refusal> {
        self.find_blob(&file.blob).await
    }

    /// The bytes of a range of a blob, extent after extent.
    ///
    /// # Errors
    /// [`Refusal::Range`] if the blob has no such bytes.
    pub async fn read(&self, blob: &Blob, range: Range<u64>) -> Result<ByteStream, Refusal> {
        if range.start > range.end || range.end > blob.length {
            return Err(Refusal::Range { length: blob.length });
        }
        let extents = match &blob.content {
            Content::Inline(bytes) => {
                let start = usize::try_from(range.start).unwrap_or(usize::MAX);
                let end = usize::try_from(range.end).unwrap_or(usize::MAX);
                let part = bytes.get(start..end).ok_or(Refusal::Damaged)?;
                let part = bytes.slice_ref(part);
                return Ok(stream::iter((!part.is_empty()).then_some(Ok(part))).boxed());
            }
            Content::Extents(extents) => extents,
        };
        let objects = self.ground.objects.clone();
        let open = move |object: ObjectKey, range: Range<u64>| {
            let objects = objects.clone();
            async move { objects.read(&object, range).await }.boxed()
        };
        Ok(reading::in_a_row(reading::parts(extents, &range), open).await?)
    }

    /// What an owner has, keeps and may.
    ///
    /// # Errors
    /// A store failed.
    pub async fn account(&self, owner: &Owner) -> Result<Account, Refusal> {
        let usage = self.ground.catalog.usage(owner).await?;
        let staged = self.ground.sessions.staged(owner).await?;
        Ok(Account {
            files: usage.files,
            used_bytes: usage.bytes,
            staged_bytes: staged.bytes,
            open_uploads: staged.uploads,
            quota_bytes: self.policy_of(owner).await?.quota,
        })
    }

    /// What the catalog holds altogether.
    ///
    /// # Errors
    /// A store failed.
    pub async fn totals(&self) -> Result<Totals, Refusal> {
        Ok(self.ground.catalog.totals().await?)
    }

    /// What each storage holds that a blob names.
    ///
    /// # Errors
    /// A store failed.
    pub async fn storage_totals(&self) -> Result<Vec<StorageTotals>, Refusal> {
        Ok(self.ground.catalog.storage_totals().await?)
    }

    /// Bytes that the default storage can still take, where it can tell.
    ///
    /// # Errors
    /// A store failed.
    pub async fn free_bytes(&self) -> Result<Option<u64>, Refusal> {
        Ok(self.ground.objects.find(&StorageName::DEFAULT)?.free_bytes().await?)
    }
}

/// The whole body, if it has at most `limit` bytes; else what was read is put back in front of the rest.
pub(super) async fn gather(incoming: &mut Incoming, limit: u64) -> Result<Option<Bytes>, Refusal> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut gathered = BytesMut::new();
    while let Some(bytes) = incoming.body.next().await {
        let bytes = bytes.map_err(|error| Refusal::Body { error, kept: 0 })?;
        if bytes.len() > limit - gathered.len() {
            let rest = std::mem::replace(&mut incoming.body, stream::empty().boxed());
            let front = stream::iter([Ok(gathered.freeze()), Ok(bytes)]);
            incoming.body = front.chain(rest).boxed();
            return Ok(None);
        }
        gathered.extend_from_slice(&bytes);
    }
    if incoming.length.is_some_and(|announced| announced != gathered.len() as u64) {
        return Err(Refusal::Body { error: crate::refusal::BodyError::Broken, kept: 0 });
    }
    Ok(Some(gathered.freeze()))
}

/// A whole file is there whole or not at all: nothing of a body that failed is kept.
fn nothing_kept(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Body { error, .. } => Refusal::Body { error, kept: 0 },
        other => other,
    }
}
