//! Complete: from a set of extents to a blob and a file. No byte moves, and no byte is read that was hashed before.

use super::rebuild::{ATTEMPTS, loses, must_be_there};
use super::{Completion, Engine};
use crate::chunks;
use crate::contracts::{Publication, Session, Settlement, View};
use crate::coverage::{Coverage, Piece};
use crate::digest::joining::Joiner;
use crate::digest::{Algorithm, Digest, tree};
use crate::extent::{Extent, Receipt};
use crate::file::{Content, File};
use crate::id::{StorageName, UploadId};
use crate::owner::Caller;
use crate::refusal::Refusal;
use crate::upload::{State, Upload};

/// A verified content, ready to be published.
struct Proven {
    length: u64,
    digests: Vec<Digest>,
    extents: Vec<Extent>,
}

impl Engine {
    /// Makes a file of an upload whose bytes are all there. Repeats give the same file.
    ///
    /// # Errors
    /// [`Refusal::Incomplete`], [`Refusal::Digest`], a conflict with what was declared, or a store failed.
    pub async fn complete(
        &self,
        caller: &Caller,
        id: UploadId,
        completion: Completion,
    ) -> Result<File, Refusal> {
        self.complete_told(caller, id, completion).await.map(|(file, _)| file)
    }

    /// [`complete`](Self::complete), telling the file and whether its path is new.
    pub(super) async fn complete_told(
        &self,
        caller: &Caller,
        id: UploadId,
        completion: Completion,
    ) -> Result<(File, bool), Refusal> {
        self.session(caller, id, View::Head).await?;
        let _turn = self.completing.turn(id).await;
        if let Some(origin) = self.ground.catalog.origin(id).await? {
            self.settle_complete(id).await?;
            self.joins.let_go(id);
            return Ok((origin.file, false));
        }
        let session = self.session(caller, id, View::All).await?;
        agreed(&session.upload, &Coverage::of(session.receipts), &completion)?;
        let frozen = self.freeze(id).await?;
        let storage = frozen.upload.storage.clone();
        let joined = super::join::is_joined(id, &frozen.receipts);
        let published = self.publish_frozen(frozen, completion).await;
        // What was joined never takes bytes, so it is not opened again.
        if !joined && published.as_ref().is_err_and(|refusal| refusal.failed_store().is_none()) {
            let from = [State::Completing];
            self.ground.sessions.settle(id, &from, Settlement::to(State::Open)).await?;
        }
        let published = published?;
        self.settle_complete(id).await?;
        self.joins.let_go(id);
        self.tidy_published(id, storage);
        Ok(published)
    }

    /// Nothing is recorded from now on, so that what is checked is what is published. A record that the store loses,
    /// or may have lost a part of, is made whole before.
    pub(super) async fn freeze(&self, id: UploadId) -> Result<Session, Refusal> {
        let from = [State::Open, State::Completing];
        for _ in 0..ATTEMPTS {
            let head = self.settle(id, &from, &Settlement::to(State::Completing)).await?;
            let head = head.ok_or(Refusal::NoUpload)?;
            if !head.changed {
                return Err(Refusal::NotOpen { state: head.upload.state });
            }
            let session = self.ground.sessions.load(id, View::All).await?;
            match session.filter(|session| session.upload.state == State::Completing) {
                Some(session) if !session.doubted => return Ok(session),
                Some(_) => {
                    let open = Settlement::to(State::Open);
                    self.ground.sessions.settle(id, &[State::Completing], open).await?;
                }
                None => {}
            }
            must_be_there(self.mend(id).await?)?;
        }
        Err(loses("settle"))
    }

    async fn publish_frozen(&self, frozen: Session, completion: Completion) -> Result<(File, bool), Refusal> {
        let upload = frozen.upload;
        let coverage = Coverage::of(frozen.receipts);
        let length = agreed(&upload, &coverage, &completion)?;
        let proven = self.prove(&upload, &coverage, length, completion.digest.as_ref()).await?;
        let declared = upload.digest.clone().or(completion.digest);
        for expected in declared.iter() {
            self.must_agree(&upload, &coverage, expected, &proven).await?;
        }
        self.ground.objects.finish(upload.id, &proven.extents).await?;
        let blob = identity(&proven.digests)?;
        let publication = Publication {
            upload: Some(upload.id),
            owner: upload.owner,
            path: upload.path,
            if_exists: completion.if_exists.or(upload.naming.if_exists).unwrap_or_default(),
            precondition: upload.naming.precondition,
            length: proven.length,
            digest: declared.unwrap_or_else(|| blob.clone()),
            blob,
            digests: proven.digests,
            content: content_of(proven.extents),
            content_type: upload.content_type,
            metadata: upload.metadata,
            now: self.now(),
            max_used_bytes: None,
            max_files: None,
        };
        self.publish_staged(publication).await
    }

    /// The digests and the extents of the whole. A stretch that a later one hides in part is read for its receipt.
    async fn prove(
        &self,
        upload: &Upload,
        coverage: &Coverage,
        length: u64,
        declared: Option<&Digest>,
    ) -> Result<Proven, Refusal> {
        let mut receipts: Vec<Receipt> = Vec::new();
        for piece in coverage.pieces() {
            receipts.push(self.receipt_of_piece(&piece).await?);
        }
        let parts = receipts.iter().map(|r| (r.extent.offset, r.extent.length, &r.subtrees));
        let root = tree::root(parts, length).ok_or(Refusal::Damaged)?;
        let mut wanted = self.wanted_digests(upload);
        wanted.extend(declared.map(Digest::algorithm).filter(|algorithm| *algorithm != Algorithm::Blake3));
        wanted.sort_unstable();
        wanted.dedup();
        let mut digests = vec![Digest::blake3(root)];
        digests.extend(self.whole_digests(upload, &wanted, coverage, length).await?);
        let extents = coalesced(receipts.into_iter().map(|receipt| receipt.extent));
        Ok(Proven { length, digests, extents })
    }

    /// The receipt of what is visible of an extent: its own, or read from its bytes if a part of it is hidden, or its
    /// tree values are not known because it was joined.
    pub(super) async fn receipt_of_piece(&self, piece: &Piece<'_>) -> Result<Receipt, Refusal> {
        if piece.is_whole() && !piece.receipt.subtrees.is_empty() {
            return Ok(piece.receipt.clone());
        }
        let extent = piece.extent();
        let read =
            self.read_receipt(extent.offset, &extent.object, extent.object_offset, extent.length).await?;
        if piece.is_whole() && read.extent.checksum != extent.checksum {
            return Err(Refusal::Damaged);
        }
        Ok(read)
    }

    async fn must_agree(
        &self,
        upload: &Upload,
        coverage: &Coverage,
        expected: &Digest,
        proven: &Proven,
    ) -> Result<(), Refusal> {
        let computed = proven.digests.iter().find(|digest| digest.algorithm() == expected.algorithm());
        let computed = computed.ok_or(Refusal::Damaged)?;
        if computed == expected {
            return Ok(());
        }
        let suspect_chunks = self.suspects(coverage, upload.chunk_size).await?;
        Err(Refusal::Digest { expected: expected.clone(), computed: computed.clone(), suspect_chunks })
    }

    /// The chunks whose stored bytes no longer match their checksum.
    async fn suspects(&self, coverage: &Coverage, chunk_size: u64) -> Result<Vec<u64>, Refusal> {
        let mut suspects = Vec::new();
        for piece in coverage.pieces() {
            if !self.is_intact(&piece.receipt.extent).await? {
                suspects.extend(chunks::chunks_touched(piece.extent().range(), chunk_size));
            }
        }
        suspects.dedup();
        Ok(suspects)
    }

    pub(super) async fn settle_complete(&self, id: UploadId) -> Result<(), Refusal> {
        let from = [State::Open, State::Completing];
        let change = Settlement {
            expires_at: Some(self.now().after(self.policy().ttl)),
            ..Settlement::to(State::Complete)
        };
        self.ground.sessions.settle(id, &from, change).await?;
        Ok(())
    }

    pub(super) fn tidy_published(&self, id: UploadId, storage: StorageName) {
        let engine = self.clone();
        self.prefixes.forget(id);
        self.errand("tidy up after a completed upload", async move {
            let tidied = async {
                engine.ground.objects.find(&storage)?.renounce(id).await?;
                engine.give_back(id, &storage).await
            };
            if let Err(error) = tidied.await {
                tracing::warn!(upload.id = %id, error = &error as &dyn std::error::Error, "what lies beside a completed upload stays until the sweeper finds it");
            }
        });
    }
}

/// The length that the upload has, if everything said of it agrees and every byte of it is there.
pub(super) fn agreed(upload: &Upload, coverage: &Coverage, completion: &Completion) -> Result<u64, Refusal> {
    match upload.state {
        State::Open | State::Completing => {}
        state => return Err(Refusal::NotOpen { state }),
    }
    if let (Some(known), Some(declared)) = (&upload.digest, &completion.digest)
        && known != declared
    {
        return Err(Refusal::DigestConflict { known: known.clone(), declared: declared.clone() });
    }
    let length = match (upload.length, completion.length) {
        (Some(known), Some(declared)) if known != declared => {
            return Err(Refusal::LengthConflict { known, declared });
        }
        (Some(length), _) | (None, Some(length)) => length,
        (None, None) => coverage.end(),
    };
    if coverage.end() > length {
        return Err(Refusal::LengthConflict { known: coverage.end(), declared: length });
    }
    let missing = coverage.missing(length);
    if missing.is_empty() {
        return Ok(length);
    }
    Err(Refusal::Incomplete {
        missing_bytes: missing.iter().map(|range| range.end - range.start).sum(),
        missing: chunks::ranges_missing(coverage, upload.chunk_size, Some(length))
            .into_iter()
            .map(|(first, last)| first..=last)
            .collect(),
    })
}

pub(super) fn identity(digests: &[Digest]) -> Result<Digest, Refusal> {
    let blake3 = digests.iter().find(|digest| digest.algorithm() == Algorithm::Blake3);
    blake3.cloned().ok_or(Refusal::Damaged)
}

fn content_of(extents: Vec<Extent>) -> Content {
    if extents.is_empty() {
        return Content::Inline(bytes::Bytes::new());
    }
    Content::Extents(extents)
}

/// Extents that go on where the one before ends, in the same object, are one.
pub(super) fn coalesced(extents: impl Iterator<Item = Extent>) -> Vec<Extent> {
    let mut joined: Vec<Extent> = Vec::new();
    let mut joiner = Joiner::default();
    for extent in extents {
        match joined.last_mut() {
            Some(last) if last.touches(&extent) => {
                last.checksum = joiner.join(last.checksum, extent.checksum, extent.length);
                last.length += extent.length;
            }
            _ => joined.push(extent),
        }
    }
    joined
}
