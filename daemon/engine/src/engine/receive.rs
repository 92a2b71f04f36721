//! Chunks: bytes go to storage, are verified, made durable, recorded, and only then
//! acknowledged.

use super::flow::{Inflow, Outcome, Stretch, Watchers};
use super::rebuild::{ATTEMPTS, loses, must_be_there};
use super::running::Slot;
use super::{ChunkReceived, Engine, Incoming};
use crate::chunks;
use crate::contracts::{Attempt, Place, Recording, View};
use crate::digest::body::BodyVerifier;
use crate::extent::{Extent, Receipt};
use crate::id::{ObjectKey, UploadId};
use crate::owner::{Caller, Owner};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::upload::{State, Upload};

impl Engine {
    /// Stores one chunk. The body must have exactly the chunk's bytes; else nothing of it is kept.
    ///
    /// # Errors
    /// The chunk, the body or the upload's state refuses it, or a store failed.
    pub async fn put_chunk(
        &self,
        owner: &Owner,
        id: UploadId,
        number: u64,
        incoming: Incoming,
    ) -> Result<ChunkReceived, Refusal> {
        let ticket = self.running.enter(id, Slot::Chunk(number));
        let session = self.session(&Caller::User(owner.clone()), id, View::Chunk(number)).await?;
        let upload = session.upload;
        must_be_open(&upload)?;
        let slot = self.admitted(owner, &upload, number, incoming.length).await?;
        let recorded = session.receipts.iter().map(|receipt| receipt.extent.length).sum::<u64>();
        let least = incoming.length.unwrap_or(1).saturating_sub(recorded);
        drop(self.reserve_growth(&upload, least).await?);

        let place = Place {
            upload: id,
            offset: slot.offset,
            max_length: slot.length,
            total: upload.length,
            free: ticket.alone && session.receipts.is_empty(),
            nonce: self.nonce(),
        };
        let mut watchers = Watchers {
            verifier: Some(BodyVerifier::new(incoming.digests)),
            live: self.live_digests(&upload, slot.offset).await?,
        };
        let mut attempt = self.ground.objects.find(&upload.storage)?.begin(&place).await?;
        let mut inflow = Inflow::new(incoming.body, ticket.stop.clone());
        let poured = slot.pour(&mut inflow, attempt.as_mut(), &mut watchers).await;
        let receipt = match poured.and_then(|stretch| verified(stretch, attempt.as_ref(), watchers.verifier))
        {
            Ok(receipt) => receipt,
            Err(refusal) => {
                attempt.discard().await;
                return Err(refusal);
            }
        };

        let received_bytes = match self.same_bytes(&session.receipts, &receipt).await? {
            true => {
                attempt.discard().await;
                upload.received_bytes
            }
            false => {
                let more = receipt.extent.length.saturating_sub(recorded);
                let _turn = match self.reserve_growth(&upload, more).await {
                    Ok(turn) => turn,
                    Err(refusal) => {
                        attempt.discard().await;
                        return Err(refusal);
                    }
                };
                attempt.commit(&receipt).await?;
                self.record(id, &receipt).await?
            }
        };
        self.advance_with(&upload, slot.offset, watchers.live).await;
        drop(ticket);
        Ok(ChunkReceived {
            number,
            length: receipt.extent.length,
            checksum: receipt.extent.checksum,
            received_bytes,
        })
    }

    /// What a chunk's body must be, if it may come now.
    async fn admitted(
        &self,
        owner: &Owner,
        upload: &Upload,
        number: u64,
        announced: Option<u64>,
    ) -> Result<ChunkSlot, Refusal> {
        let slot = chunk_slot(upload, number, &*self.policy_of(owner).await?)?;
        slot.admit(announced)?;
        self.must_have_room_for_body(upload, announced).await?;
        Ok(slot)
    }

    /// Records the receipt of a chunk whose bytes are committed; the bytes received then. Objects that it replaces
    /// are removed after the answer.
    async fn record(&self, id: UploadId, receipt: &Receipt) -> Result<u64, Refusal> {
        for _ in 0..ATTEMPTS {
            match self.try_record(id, receipt, None).await? {
                Recorded::Bytes(received) => return Ok(received),
                Recorded::Lost => must_be_there(self.mend(id).await?)?,
            }
        }
        Err(loses("record"))
    }

    pub(super) async fn try_record(
        &self,
        id: UploadId,
        receipt: &Receipt,
        epoch: Option<u64>,
    ) -> Result<Recorded, Refusal> {
        let expires_at = self.now().after(self.policy().ttl);
        match self.ground.sessions.record(id, receipt, epoch, expires_at).await? {
            Recording::Recorded { received_bytes, replaced } => {
                self.discard_replaced(id, replaced, &receipt.extent.object);
                Ok(Recorded::Bytes(received_bytes))
            }
            Recording::NotOpen(state) => Err(Refusal::NotOpen { state }),
            Recording::Superseded { .. } | Recording::Unknown => Ok(Recorded::Lost),
        }
    }

    /// Leaves an errand that removes the objects of replaced extents, but not the upload's own file, nor `recorded`:
    /// a receipt replaces itself where a rebuilt session had found its bytes already.
    fn discard_replaced(&self, id: UploadId, replaced: Vec<Extent>, recorded: &ObjectKey) {
        let data = ObjectKey::data(id).lying_in(&recorded.storage());
        let goes = |object: &ObjectKey| *object != data && object != recorded;
        let objects: Vec<ObjectKey> = replaced.into_iter().map(|extent| extent.object).filter(goes).collect();
        if objects.is_empty() {
            return;
        }
        let store = self.ground.objects.clone();
        self.errand("remove replaced chunks", async move {
            if let Err(error) = store.remove(&objects).await {
                tracing::warn!(upload.id = %id, error = &error as &dyn std::error::Error, "replaced chunks stay until the sweeper finds them");
            }
        });
    }

    /// Whether these very bytes are recorded already, and still there: then there is nothing to store.
    async fn same_bytes(&self, recorded: &[Receipt], receipt: &Receipt) -> Result<bool, Refusal> {
        let [only] = recorded else { return Ok(false) };
        let same = only.extent.range() == receipt.extent.range()
            && only.extent.checksum == receipt.extent.checksum
            && only.subtrees == receipt.subtrees;
        Ok(same && self.is_intact(&only.extent).await?)
    }
}

fn chunk_slot(upload: &Upload, number: u64, policy: &Policy) -> Result<ChunkSlot, Refusal> {
    let chunk_count = upload.length.map(|length| chunks::chunk_count(length, upload.chunk_size));
    let refusal = Refusal::ChunkNumber { number, chunk_count };
    let Some(range) = chunks::chunk_range(number, upload.chunk_size, upload.length) else {
        return Err(refusal);
    };
    if upload.length.is_none() && (number > policy.max_chunks || range.end > policy.max_length) {
        return Err(Refusal::TooLong { asked: range.end, limit: policy.max_length });
    }
    Ok(ChunkSlot {
        number,
        offset: range.start,
        length: range.end - range.start,
        exact: upload.length.is_some(),
    })
}

/// What became of a receipt.
pub(super) enum Recorded {
    /// Recorded; the bytes received now.
    Bytes(u64),
    /// The store does not know the upload, or not under this epoch.
    Lost,
}

/// What a chunk's body must be.
struct ChunkSlot {
    number: u64,
    offset: u64,
    length: u64,
    /// While the upload's length is unknown any chunk may turn out to be the last, and shorter.
    exact: bool,
}

impl ChunkSlot {
    fn admit(&self, announced: Option<u64>) -> Result<(), Refusal> {
        announced.map_or(Ok(()), |announced| self.check(announced))
    }

    fn check(&self, received: u64) -> Result<(), Refusal> {
        let fits = if self.exact { received == self.length } else { (1..=self.length).contains(&received) };
        if fits {
            return Ok(());
        }
        Err(Refusal::ChunkLength { number: self.number, expected: self.length, received })
    }

    async fn pour(
        &self,
        inflow: &mut Inflow,
        attempt: &mut dyn Attempt,
        watchers: &mut Watchers,
    ) -> Result<Stretch, Refusal> {
        let mut stretch = Stretch::new(self.offset);
        let outcome = match inflow.pour(self.length, attempt, &mut stretch, watchers).await? {
            Outcome::Full => match inflow.is_at_its_end().await {
                Ok(true) => Outcome::Ended,
                Ok(false) => {
                    let received = self.length.saturating_add(1);
                    return Err(Refusal::ChunkLength {
                        number: self.number,
                        expected: self.length,
                        received,
                    });
                }
                Err(outcome) => outcome,
            },
            other => other,
        };
        match outcome {
            Outcome::Ended | Outcome::Full => self.check(stretch.length()).map(|()| stretch),
            Outcome::Broken(error) => Err(Refusal::Body { error, kept: 0 }),
            Outcome::Stopped => Err(Refusal::NotOpen { state: State::Aborted }),
        }
    }
}

fn verified(
    stretch: Stretch,
    attempt: &dyn Attempt,
    verifier: Option<BodyVerifier>,
) -> Result<Receipt, Refusal> {
    verifier.map_or(Ok(()), BodyVerifier::finish)?;
    Ok(stretch.receipt(attempt))
}

/// Refuses what comes to an upload that takes no more bytes.
pub(super) fn must_be_open(upload: &Upload) -> Result<(), Refusal> {
    match upload.state {
        State::Open => Ok(()),
        state => Err(Refusal::NotOpen { state }),
    }
}
