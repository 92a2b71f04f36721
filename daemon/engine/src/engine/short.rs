//! Short content: so few bytes that the catalog keeps them by itself, so that one commit, shared with others, is all they
//! cost.
//!
//! A short upload comes whole with the wish for it: there is nothing to be gone on with, so it is finished from the start,
//! and no session is ever stored. The catalog remembers it, as it does any finished upload whose session is gone. A
//! failure leaves neither file nor upload; only lists of uploads, which are lists of sessions, do not have it.

use bytes::Bytes;

use super::files::gather;
use super::{Engine, Incoming, NewUpload};
use crate::contracts::Publication;
use crate::digest::body::BodyVerifier;
use crate::digest::running::PrefixDigests;
use crate::digest::{Algorithm, Digest};
use crate::file::{Content, File};
use crate::id::UploadId;
use crate::owner::Owner;
use crate::path::FilePath;
use crate::refusal::{BodyError, Refusal};
use crate::upload::{Metadata, Naming, State, Upload};

/// What is said of short content.
pub(super) struct Said {
    /// The upload that it is, if it is one.
    pub(super) upload: Option<UploadId>,
    pub(super) path: FilePath,
    pub(super) naming: Naming,
    pub(super) digest: Option<Digest>,
    pub(super) content_type: Option<String>,
    pub(super) metadata: Metadata,
}

impl Engine {
    /// Whether an upload is short: its length is known, its first body has all of it, and the catalog keeps so many
    /// bytes by itself.
    pub fn is_short(&self, owner: &Owner, new: &NewUpload, first: &Incoming) -> bool {
        let policy = self.policy();
        let fits = new.length.is_some_and(|length| length <= policy.inline_bytes);
        // Without a name the id will be the path, and it is not known yet what the rules say of that.
        let placed = |path: &FilePath| policy.placed(owner, path, new.length).is_some();
        let nowhere = policy.storage_rules.is_empty() || new.path.as_ref().is_some_and(|path| !placed(path));
        fits && nowhere && new.idempotency_key.is_none() && first.length == new.length
    }

    /// A finished upload, and its file, of a wish and a body, which [`is_short`](Self::is_short).
    ///
    /// # Errors
    /// The body, a digest, a precondition or a limit refuses it, or a store failed; then there is neither.
    pub async fn upload_short(
        &self,
        owner: &Owner,
        new: NewUpload,
        mut incoming: Incoming,
    ) -> Result<(Upload, File), Refusal> {
        let mut upload = self.planned(owner, new).await?;
        self.must_hold(owner, &upload.path, upload.naming.precondition.as_ref()).await?;
        self.must_have_a_place(&upload).await?;
        self.must_have_room(&upload.storage, upload.length.unwrap_or(0)).await?;
        let limit = upload.length.unwrap_or_default();
        let bytes = gather(&mut incoming, limit).await?;
        let bytes = bytes.ok_or(Refusal::Body { error: BodyError::TooLong { limit }, kept: 0 })?;
        upload.received_bytes = bytes.len() as u64;
        upload.state = State::Complete;
        let said = Said {
            upload: Some(upload.id),
            path: upload.path.clone(),
            naming: upload.naming.clone(),
            digest: upload.digest.clone(),
            content_type: upload.content_type.clone(),
            metadata: upload.metadata.clone(),
        };
        let (file, _) = self.publish_short(owner, said, bytes, incoming).await?;
        Ok((upload, file))
    }

    /// Publishes the bytes of a body, of which nothing is left; the file, and whether its path is new.
    pub(super) async fn publish_short(
        &self,
        owner: &Owner,
        said: Said,
        bytes: Bytes,
        body: Incoming,
    ) -> Result<(File, bool), Refusal> {
        let mut verifier = BodyVerifier::new(body.digests);
        verifier.update(&bytes);
        verifier.finish()?;
        let digests = self.digests_of(&bytes, said.digest.as_ref())?;
        let blob = super::complete::identity(&digests)?;
        let publication = Publication {
            upload: said.upload,
            owner: owner.clone(),
            path: said.path,
            if_exists: said.naming.if_exists.unwrap_or_default(),
            precondition: said.naming.precondition,
            length: bytes.len() as u64,
            digest: said.digest.unwrap_or_else(|| blob.clone()),
            blob,
            digests,
            content: Content::Inline(bytes),
            content_type: said.content_type,
            metadata: said.metadata,
            now: self.now(),
            max_used_bytes: None,
            max_files: None,
        };
        self.publish(publication).await
    }

    /// The identity of bytes and every digest that is wanted of a content, the declared one among them, which must agree.
    fn digests_of(&self, bytes: &Bytes, declared: Option<&Digest>) -> Result<Vec<Digest>, Refusal> {
        let mut digests = vec![Digest::blake3(*blake3::hash(bytes).as_bytes())];
        let mut wanted = self.policy().digests.clone();
        wanted.extend(declared.map(Digest::algorithm));
        wanted.retain(|algorithm| *algorithm != Algorithm::Blake3);
        if !wanted.is_empty() {
            let mut prefix = PrefixDigests::new(&wanted);
            prefix.update(bytes);
            digests.extend(prefix.finish());
        }
        let Some(expected) = declared else { return Ok(digests) };
        let computed = digests.iter().find(|digest| digest.algorithm() == expected.algorithm());
        let computed = computed.ok_or(Refusal::Damaged)?.clone();
        if computed != *expected {
            let expected = expected.clone();
            return Err(Refusal::Digest { expected, computed, suspect_chunks: Vec::new() });
        }
        Ok(digests)
    }
}
