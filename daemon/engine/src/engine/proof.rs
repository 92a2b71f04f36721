//! Proof of possession: another owner's content, for who shows to have its bytes.
//!
//! A challenge is made after the claim, kept with the upload's session, and taken away by the first answer, whatever
//! comes of it. Two steps lead to the file: [`Engine::check_proof`] reads and changes nothing but that, so it may be
//! dropped with the request; [`Engine::take_possession`] publishes, and is to be run to its end. Whatever goes wrong,
//! the upload goes on as an ordinary one.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::Semaphore;

use super::{Engine, reading};
use crate::contracts::{Challenge, IfExists, Publication, View};
use crate::digest::Algorithm;
use crate::file::{Blob, Content, File};
use crate::id::UploadId;
use crate::owner::{Caller, Owner};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::upload::{State, Upload};

/// Bytes of a random range.
const BLOCK: u64 = 4_096;
/// Bytes that are read in one go: what is still read when the request is dropped.
const PIECE: u64 = 8 << 20;
/// Answers that are checked at once.
const AT_ONCE: usize = 2;
/// The time in which challenges of one owner are counted, in milliseconds.
const HOUR: u64 = 3_600_000;
/// Owners that are counted before those of the last hour are forgotten.
const OWNERS: usize = 10_000;

/// Answers being checked, and challenges given.
pub(super) struct Proofs {
    turns: Semaphore,
    /// Since when is counted, and how many were given.
    given: Mutex<HashMap<Owner, (Timestamp, u64)>>,
}

impl Default for Proofs {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE), given: Mutex::default() }
    }
}

impl Proofs {
    /// Whether the owner may have another challenge now; counted if so.
    fn admit(&self, owner: &Owner, now: Timestamp, most: u64) -> bool {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |since: Timestamp| now.0.saturating_sub(since.0) >= HOUR;
        if given.len() >= OWNERS {
            given.retain(|_, (since, _)| !is_over(*since));
        }
        let (since, count) = given.entry(owner.clone()).or_insert((now, 0));
        if is_over(*since) {
            (*since, *count) = (now, 0);
        }
        if *count >= most {
            return false;
        }
        *count += 1;
        true
    }
}

/// An upload whose owner has shown to have the bytes of a blob.
#[derive(Debug)]
pub struct Possession {
    upload: Upload,
    blob: Blob,
}

impl Engine {
    /// Makes and keeps a challenge, unless the owner was given too many.
    pub(super) async fn challenge(&self, upload: &Upload, blob: &Blob) -> Result<Option<Challenge>, Refusal> {
        let rule = self.policy().proof;
        if !self.proofs.admit(&upload.owner, self.now(), rule.rate) {
            return Ok(None);
        }
        let by_sha1 = upload.digest.as_ref().is_some_and(|digest| digest.algorithm() == Algorithm::Sha1);
        let ranges = match rule.ranges {
            Some(count) if !by_sha1 && blob.length > BLOCK => self.random_ranges(blob.length, count),
            Some(_) | None => vec![(0, blob.length)],
        };
        let mut nonce = [0; 32];
        for half in nonce.chunks_exact_mut(16) {
            half.copy_from_slice(&self.ground.chance.bits().to_be_bytes());
        }
        let expires_at = self.now().after(rule.ttl);
        let challenge = Challenge { nonce, blob: blob.id.clone(), length: blob.length, ranges, expires_at };
        self.ground.sessions.save_challenge(upload.id, &challenge).await?;
        Ok(Some(challenge))
    }

    fn random_ranges(&self, length: u64, count: u32) -> Vec<(u64, u64)> {
        let places = u128::from(length - BLOCK) + 1;
        let place = |_| u64::try_from(self.ground.chance.bits() % places).unwrap_or_default();
        let mut places: Vec<u64> = (0..count.max(1)).map(place).collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().map(|offset| (offset, BLOCK)).collect()
    }

    /// Takes the challenge of an upload and compares the answer with what its blob has. Only this call reads.
    ///
    /// # Errors
    /// [`Refusal::NoUpload`]; [`Refusal::NotOpen`]; [`Refusal::NoChallenge`]; [`Refusal::ChallengeExpired`];
    /// [`Refusal::ProofFailed`]; or a store failed.
    pub async fn check_proof(
        &self,
        owner: &Owner,
        id: UploadId,
        answer: &[u8; 32],
    ) -> Result<Possession, Refusal> {
        let upload = self.session(&Caller::User(owner.clone()), id, View::Head).await?.upload;
        if upload.state != State::Open {
            return Err(Refusal::NotOpen { state: upload.state });
        }
        let _turn = self.proofs.turns.acquire().await.map_err(|_| Refusal::Interrupted)?;
        let taken = self.ground.sessions.take_challenge(id).await?;
        let challenge = taken.ok_or(Refusal::NoChallenge)?;
        if challenge.expires_at <= self.now() {
            return Err(Refusal::ChallengeExpired);
        }
        let blob = self.challenged(&challenge).await?;
        let mac = Hmac::<Sha256>::new_from_slice(&challenge.nonce).map_err(|_| Refusal::ProofFailed)?;
        let mac = self.mac_of(&blob, &challenge.ranges, mac).await?;
        // Compared in constant time.
        mac.verify_slice(answer).map_err(|_| Refusal::ProofFailed)?;
        Ok(Possession { upload, blob })
    }

    async fn challenged(&self, challenge: &Challenge) -> Result<Blob, Refusal> {
        let found = self.ground.catalog.find_blobs(&challenge.blob, Some(challenge.length)).await?;
        found.into_iter().next().ok_or(Refusal::ChallengeExpired)
    }

    async fn mac_of(
        &self,
        blob: &Blob,
        ranges: &[(u64, u64)],
        mut mac: Hmac<Sha256>,
    ) -> Result<Hmac<Sha256>, Refusal> {
        for (offset, length) in ranges {
            let end = offset.checked_add(*length).filter(|end| *end <= blob.length);
            let range = *offset..end.ok_or(Refusal::ChallengeExpired)?;
            match &blob.content {
                Content::Inline(bytes) => {
                    let start = usize::try_from(range.start).unwrap_or(usize::MAX);
                    let end = usize::try_from(range.end).unwrap_or(usize::MAX);
                    mac.update(bytes.get(start..end).ok_or(Refusal::Damaged)?);
                }
                Content::Extents(extents) => {
                    for (object, range) in reading::parts(extents, &range) {
                        mac = self.mac_of_object(&object, range, mac).await?;
                    }
                }
            }
        }
        Ok(mac)
    }

    async fn mac_of_object(
        &self,
        object: &crate::id::ObjectKey,
        range: Range<u64>,
        mut mac: Hmac<Sha256>,
    ) -> Result<Hmac<Sha256>, Refusal> {
        let mut from = range.start;
        while from < range.end {
            let to = range.end.min(from.saturating_add(PIECE));
            mac = self.scan(object, from..to, mac, |mac, bytes| mac.update(bytes)).await?;
            from = to;
        }
        Ok(mac)
    }

    /// Publishes the blob as the file that the upload was to become; the upload is complete then.
    ///
    /// # Errors
    /// [`Refusal::NotOpen`] if it ended meanwhile; [`Refusal::ChallengeExpired`] if the blob is gone; the quota; or a
    /// store failed.
    pub async fn take_possession(&self, possession: Possession) -> Result<File, Refusal> {
        let Possession { upload, blob } = possession;
        let id = upload.id;
        let _turn = self.completing.turn(id).await;
        let session = self.session(&Caller::User(upload.owner.clone()), id, View::Head).await?;
        if session.upload.state != State::Open {
            return Err(Refusal::NotOpen { state: session.upload.state });
        }
        let found = self.ground.catalog.find_blobs(&blob.id, Some(blob.length)).await?;
        let blob = found.into_iter().next().ok_or(Refusal::ChallengeExpired)?;
        let publication = Publication {
            upload: Some(id),
            owner: upload.owner,
            path: upload.path,
            if_exists: IfExists::Replace,
            precondition: None,
            length: blob.length,
            digest: upload.digest.unwrap_or_else(|| blob.id.clone()),
            blob: blob.id,
            digests: blob.digests,
            content: blob.content,
            content_type: upload.content_type,
            metadata: upload.metadata,
            now: self.now(),
            max_used_bytes: None,
            max_files: None,
        };
        let (file, _) = self.publish(publication).await?;
        self.settle_complete(id).await?;
        self.tidy_published(id, upload.storage);
        Ok(file)
    }
}
