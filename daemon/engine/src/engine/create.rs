//! How an upload begins, and how it is not needed at all.

use super::{Created, Engine, NewUpload, UploadStatus};
use crate::chunks;
use crate::contracts::{Admission, Creation, Failure, Publication, Published, StoreError};
use crate::digest::Digest;
use crate::file::{Blob, File};
use crate::id::UploadId;
use crate::owner::{Caller, Owner};
use crate::path::FilePath;
use crate::policy::{Instant, Policy};
use crate::refusal::Refusal;
use crate::upload::{Manifest, Metadata, Naming, State, Upload};

impl Engine {
    /// Begins an upload, or answers with the finished file where the `instant` rule allows it.
    ///
    /// # Errors
    /// What the client asked for is outside a limit, or a store failed.
    pub async fn create(&self, owner: &Owner, new: NewUpload) -> Result<Created, Refusal> {
        let upload = self.planned(owner, new).await?;
        let mut others = None;
        if let Some(digest) = &upload.digest {
            match self.look_for(owner, digest, upload.length).await? {
                Found::Allowed(blob) => {
                    let file = self.name_blob(&upload, digest, blob).await?;
                    return Ok(Created::Instant(Box::new(file)));
                }
                Found::IfProven(blob) => others = Some(blob),
                Found::Nothing => {}
            }
        }
        match self.begin(&upload).await? {
            Some(known) => {
                let status = self.status(&Caller::User(owner.clone()), known).await?;
                Ok(Created::Known(Box::new(status)))
            }
            None => {
                let challenge = match others {
                    Some(blob) => self.challenge(&upload, &blob).await?,
                    None => None,
                };
                let session = crate::contracts::Session::whole(upload, Vec::new());
                let status = self.status_of(session).await?;
                Ok(Created::Upload(Box::new(UploadStatus { challenge, ..status })))
            }
        }
    }

    /// Begins an upload, whatever content is there already.
    ///
    /// # Errors
    /// What the client asked for is outside a limit, its precondition does not hold now, or a store failed.
    pub async fn begin_upload(&self, owner: &Owner, new: NewUpload) -> Result<Upload, Refusal> {
        let upload = self.planned(owner, new).await?;
        self.must_hold(owner, &upload.path, upload.naming.precondition.as_ref()).await?;
        match self.begin(&upload).await? {
            Some(known) => self.find_upload(&Caller::User(owner.clone()), known).await,
            None => Ok(upload),
        }
    }

    /// Writes the manifest and stores the session; the upload that has the idempotency key already, if one has.
    pub(super) async fn begin(&self, upload: &Upload) -> Result<Option<UploadId>, Refusal> {
        self.must_have_a_place(upload).await?;
        let policy = self.policy_of(&upload.owner).await?;
        let _turn = self.owner_turn(&upload.owner).await?;
        let usage = self.ground.catalog.usage(&upload.owner).await?;
        let admission = Admission {
            max_open: policy.max_open_uploads,
            max_staged_bytes: policy.quota.map(|quota| quota.saturating_sub(usage.bytes)),
        };
        self.must_have_room(&upload.storage, upload.length.unwrap_or(0)).await?;
        let storage = self.ground.objects.find(&upload.storage)?;
        storage.announce(&Manifest { upload: upload.clone(), joined: Vec::new() }).await?;
        // After a failure the session may be there all the same, and then needs its manifest; if it is not, the upload
        // that nobody knows of ends in its own time.
        let creation = self.ground.sessions.create(upload, &admission).await?;
        if creation != Creation::Created {
            storage.renounce(upload.id).await?;
        }
        match creation {
            Creation::Created => Ok(None),
            Creation::Exists(known) => Ok(Some(known.id)),
            Creation::TooMany { open } => {
                Err(Refusal::TooManyUploads { open, limit: policy.max_open_uploads })
            }
            Creation::OverQuota { staged_bytes } => Err(Refusal::Quota {
                asked: upload.staged_bytes(),
                used: usage.bytes.saturating_add(staged_bytes),
                quota: policy.quota.unwrap_or(u64::MAX),
            }),
        }
    }

    /// Makes sure, before any byte comes, that the file would not be one more than the owner may have. Publishing looks
    /// again, and counts.
    pub(super) async fn must_have_a_place(&self, upload: &Upload) -> Result<(), Refusal> {
        let Some(limit) = self.policy_of(&upload.owner).await?.max_files else { return Ok(()) };
        let files = self.ground.catalog.usage(&upload.owner).await?.files;
        if files < limit || self.ground.catalog.find_file(&upload.owner, &upload.path).await?.is_some() {
            return Ok(());
        }
        Err(Refusal::TooManyFiles { files, limit })
    }

    /// The upload that a wish becomes, if it is within every limit.
    pub(super) async fn planned(&self, owner: &Owner, new: NewUpload) -> Result<Upload, Refusal> {
        let policy = self.policy_of(owner).await?;
        let chunk_size = chunks::choose_chunk_size(new.length, new.chunk_size, &policy)?;
        check_metadata(&new.metadata, policy.max_metadata)?;
        if let Some(length) = new.length.filter(|length| policy.quota.is_some_and(|quota| *length > quota)) {
            let quota = policy.quota.unwrap_or(u64::MAX);
            return Err(Refusal::Quota { asked: length, used: 0, quota });
        }
        let now = self.now();
        let id = UploadId::make(self.ground.chance.as_ref());
        let path = new.path.unwrap_or_else(|| FilePath::from(id));
        let storage = policy.placed(owner, &path, new.length).cloned().unwrap_or_default();
        Ok(Upload {
            id,
            owner: owner.clone(),
            path,
            length: new.length,
            digest: new.digest,
            chunk_size,
            storage,
            content_type: new.content_type,
            metadata: new.metadata,
            naming: new.naming,
            idempotency_key: new.idempotency_key,
            created_at: now,
            expires_at: now.after(policy.ttl),
            state: State::Open,
            epoch: 0,
            received_bytes: 0,
            rewrites: 0,
        })
    }

    /// Makes a file of content that is there already, under the `instant` rule; `None` if it must be uploaded.
    ///
    /// # Errors
    /// The quota does not hold it, or a store failed.
    pub async fn adopt(
        &self,
        owner: &Owner,
        path: &FilePath,
        digest: &Digest,
        length: Option<u64>,
    ) -> Result<Option<File>, Refusal> {
        let Some(blob) = self.instant_blob(owner, digest, length).await? else { return Ok(None) };
        let new = NewUpload {
            path: Some(path.clone()),
            length: Some(blob.length),
            digest: Some(digest.clone()),
            chunk_size: None,
            content_type: None,
            metadata: Metadata::new(),
            naming: Naming::default(),
            idempotency_key: None,
        };
        let upload = self.planned(owner, new).await?;
        self.name_blob(&upload, digest, blob).await.map(Some)
    }

    /// The blob that the caller may have for naming its digest.
    async fn instant_blob(
        &self,
        owner: &Owner,
        digest: &Digest,
        length: Option<u64>,
    ) -> Result<Option<Blob>, Refusal> {
        match self.look_for(owner, digest, length).await? {
            Found::Allowed(blob) => Ok(Some(blob)),
            Found::IfProven(_) | Found::Nothing => Ok(None),
        }
    }

    /// What the rule says of a digest. Where several contents share it, nothing: which one was meant cannot be told.
    ///
    /// A stranger's content costs the same calls as one that nobody has, and none of its bytes is read.
    async fn look_for(&self, owner: &Owner, digest: &Digest, length: Option<u64>) -> Result<Found, Refusal> {
        let policy = self.policy();
        if policy.instant == Instant::Off {
            return Ok(Found::Nothing);
        }
        let mut found = self.ground.catalog.find_blobs(digest, length).await?;
        let blob = if found.len() == 1 { found.pop() } else { None };
        if policy.instant == Instant::Trusting {
            return Ok(blob.map_or(Found::Nothing, Found::Allowed));
        }
        let asked = blob.as_ref().map_or_else(|| Digest::blake3([0; 32]), |blob| blob.id.clone());
        let own = self.ground.catalog.file_of_blob(owner, &asked).await?.is_some();
        Ok(match blob {
            Some(blob) if own => Found::Allowed(blob),
            Some(blob)
                if policy.instant == Instant::Proof
                    && length.is_some()
                    && blob.length >= policy.proof.min_length =>
            {
                Found::IfProven(blob)
            }
            Some(_) | None => Found::Nothing,
        })
    }

    async fn name_blob(&self, upload: &Upload, digest: &Digest, blob: Blob) -> Result<File, Refusal> {
        let publication = Publication {
            upload: None,
            owner: upload.owner.clone(),
            path: upload.path.clone(),
            if_exists: upload.naming.if_exists.unwrap_or_default(),
            precondition: upload.naming.precondition.clone(),
            length: blob.length,
            blob: blob.id,
            digests: blob.digests,
            content: blob.content,
            digest: digest.clone(),
            content_type: upload.content_type.clone(),
            metadata: upload.metadata.clone(),
            now: self.now(),
            max_used_bytes: None,
            max_files: None,
        };
        self.publish(publication).await.map(|(file, _)| file)
    }

    /// Publishes what is staged already, within the owner's quota, whatever bound the publication brings, and turns what
    /// a catalog refuses into a refusal; the file, and whether its path is new.
    pub(super) async fn publish_staged(&self, publication: Publication) -> Result<(File, bool), Refusal> {
        let policy = self.policy_of(&publication.owner).await?;
        let _turn = self.owner_turn(&publication.owner).await?;
        self.publish_in_turn(Publication { max_used_bytes: policy.quota, ..publication }, &policy).await
    }

    /// The same of what is not staged: it must fit beside everything that is.
    pub(super) async fn publish(&self, publication: Publication) -> Result<(File, bool), Refusal> {
        let policy = self.policy_of(&publication.owner).await?;
        let turn = self.owner_turn(&publication.owner).await?;
        let max_used_bytes = match turn.is_none() {
            true => policy.quota,
            false => self.most_used(&publication.owner).await?,
        };
        self.publish_in_turn(Publication { max_used_bytes, ..publication }, &policy).await
    }

    async fn publish_in_turn(
        &self,
        publication: Publication,
        policy: &Policy,
    ) -> Result<(File, bool), Refusal> {
        let publication = Publication { max_files: policy.max_files, ..publication };
        match self.ground.catalog.publish(&publication).await? {
            Published::File { file, created, .. } => Ok((*file, created)),
            Published::Exists(existing) => Err(Refusal::FileExists { existing }),
            Published::PreconditionFailed => Err(Refusal::Precondition),
            Published::TooManyFiles { files } => {
                Err(Refusal::TooManyFiles { files, limit: policy.max_files.unwrap_or(u64::MAX) })
            }
            Published::OverQuota { used_bytes } => {
                let quota = policy.quota.unwrap_or(u64::MAX);
                let staged = quota.saturating_sub(publication.max_used_bytes.unwrap_or(quota));
                let used = used_bytes.saturating_add(staged);
                Err(Refusal::Quota { asked: publication.length, used, quota })
            }
        }
    }
}

/// What the `instant` rule says of a digest.
enum Found {
    /// The caller may have this blob.
    Allowed(Blob),
    /// The caller may have this blob of somebody else's, if they show that they have its bytes.
    IfProven(Blob),
    /// It must be uploaded.
    Nothing,
}

fn check_metadata(metadata: &Metadata, limit: usize) -> Result<(), Refusal> {
    let text = serde_json::to_vec(metadata).map_err(|error| {
        StoreError::new(crate::contracts::Store::Sessions, "create", Failure::Failed, error)
    })?;
    if text.len() > limit {
        return Err(Refusal::Metadata { length: text.len(), limit });
    }
    Ok(())
}
