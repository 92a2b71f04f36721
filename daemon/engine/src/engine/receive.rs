//! Chunks, appends and whole files: bytes go to storage, are verified, made durable, recorded, and only then
//! acknowledged.

use super::flow::{Inflow, Outcome, Stretch, Watchers};
use super::rebuild::{ATTEMPTS, loses, must_be_there};
use super::running::{Slot, Ticket};
use super::{ChunkReceived, Engine, Incoming};
use crate::chunks;
use crate::contracts::{Attempt, Place, Recording, View};
use crate::coverage::Coverage;
use crate::digest::body::BodyVerifier;
use crate::extent::{Extent, Receipt};
use crate::id::{ObjectKey, UploadId};
use crate::owner::{Caller, Owner};
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
        let slot = self.chunk_slot(&upload, number)?;
        slot.admit(incoming.length)?;

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

    /// Appends a body at an offset that must be the upload's; answers the new one. What arrives counts, even if the
    /// body breaks off, unless a digest was announced with it.
    ///
    /// # Errors
    /// The offset, the body or the upload's state refuses it, or a store failed.
    pub async fn append(
        &self,
        owner: &Owner,
        id: UploadId,
        offset: u64,
        incoming: Incoming,
    ) -> Result<u64, Refusal> {
        let session = self.session(&Caller::User(owner.clone()), id, View::Head).await?;
        must_be_open(&session.upload)?;
        self.running.stop_appends(id).await;
        let ticket = self.running.enter(id, Slot::Append);
        let Claimed { epoch, expected, upload, coverage } = self.claim_offset(id, offset, &ticket).await?;
        must_be_open(&upload)?;
        if offset != expected {
            return Err(Refusal::Offset { expected, provided: offset });
        }
        let limit = upload.length.unwrap_or_else(|| self.policy().max_length);
        let end = offset.saturating_add(incoming.length.unwrap_or(0));
        if end > limit {
            return Err(Refusal::TooLong { asked: end, limit });
        }
        let mut appending = Appending {
            verifying: !incoming.digests.is_empty(),
            watchers: Watchers {
                verifier: Some(BodyVerifier::new(incoming.digests)),
                live: self.live_digests(&upload, offset).await?,
            },
            engine: self,
            inflow: Inflow::new(incoming.body, ticket.stop.clone()),
            ticket: &ticket,
            coverage,
            epoch,
            limit,
            begun: offset,
            at: offset,
            counted: offset,
            held: Vec::new(),
            upload,
        };
        appending.run().await
    }

    /// Claims an upload for an append, and looks where that must begin.
    async fn claim_offset(&self, id: UploadId, offset: u64, ticket: &Ticket) -> Result<Claimed, Refusal> {
        let mut epoch = self.claim(id, ticket).await?;
        for _ in 0..ATTEMPTS {
            if let Some((expected, upload, coverage)) = self.offset_of(id).await? {
                return Ok(Claimed { epoch, expected, upload, coverage });
            }
            must_be_there(self.mend(id).await?)?;
            epoch = self.reclaim(id, ticket).await?.ok_or(Refusal::Superseded { offset })?;
        }
        Err(loses("claim"))
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

    async fn try_record(
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

    fn chunk_slot(&self, upload: &Upload, number: u64) -> Result<ChunkSlot, Refusal> {
        let chunk_count = upload.length.map(|length| chunks::chunk_count(length, upload.chunk_size));
        let refusal = Refusal::ChunkNumber { number, chunk_count };
        let Some(range) = chunks::chunk_range(number, upload.chunk_size, upload.length) else {
            return Err(refusal);
        };
        let policy = self.policy();
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
}

/// An upload that was claimed for an append.
struct Claimed {
    epoch: u64,
    /// Where the append must begin.
    expected: u64,
    upload: Upload,
    /// What is recorded from there on.
    coverage: Coverage,
}

/// What became of a receipt.
enum Recorded {
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

/// One append on its way: stretch after stretch, each committed and recorded before the next begins, so that a crash
/// loses at most one. With a digest announced, all of them wait for its verdict.
struct Appending<'a> {
    engine: &'a Engine,
    upload: Upload,
    inflow: Inflow,
    watchers: Watchers,
    ticket: &'a Ticket,
    coverage: Coverage,
    epoch: u64,
    /// Bytes that the upload may have.
    limit: u64,
    /// Where the append began.
    begun: u64,
    /// Where the next byte goes.
    at: u64,
    /// Up to where bytes are recorded.
    counted: u64,
    verifying: bool,
    held: Vec<(Box<dyn Attempt>, Receipt)>,
}

impl Appending<'_> {
    async fn run(&mut self) -> Result<u64, Refusal> {
        let outcome = loop {
            match self.pour_stretch().await {
                Ok(Outcome::Full) if self.at < self.limit => {}
                Ok(Outcome::Full) => break self.end_of_a_full_upload().await,
                Ok(outcome) => break outcome,
                Err(refusal) => {
                    self.drop_held().await;
                    return Err(refusal);
                }
            }
        };
        if let Err(refusal) = self.decide(&outcome).await {
            self.drop_held().await;
            return Err(refusal);
        }
        let live = self.watchers.live.take();
        self.engine.advance_with(&self.upload, self.begun, live).await;
        match outcome {
            Outcome::Ended => Ok(self.counted),
            Outcome::Full => Err(Refusal::TooLong { asked: self.limit.saturating_add(1), limit: self.limit }),
            Outcome::Stopped => Err(Refusal::Superseded { offset: self.counted }),
            Outcome::Broken(error) => Err(Refusal::Body { error, kept: self.counted - self.begun }),
        }
    }

    /// The upload is full: fine, if the body is at its end too.
    async fn end_of_a_full_upload(&mut self) -> Outcome {
        match self.inflow.is_at_its_end().await {
            Ok(true) => Outcome::Ended,
            Ok(false) => Outcome::Full,
            Err(outcome) => outcome,
        }
    }

    async fn pour_stretch(&mut self) -> Result<Outcome, Refusal> {
        let (free, room) = self.next_room();
        let place = Place {
            upload: self.upload.id,
            offset: self.at,
            max_length: room,
            total: self.upload.length,
            free: free && self.ticket.alone,
            nonce: self.engine.nonce(),
        };
        if room == 0 {
            return Ok(Outcome::Full);
        }
        let mut attempt = self.engine.ground.objects.find(&self.upload.storage)?.begin(&place).await?;
        let mut stretch = Stretch::new(self.at);
        let outcome = match self.inflow.pour(room, attempt.as_mut(), &mut stretch, &mut self.watchers).await {
            Ok(outcome) => outcome,
            Err(error) => {
                attempt.discard().await;
                return Err(error.into());
            }
        };
        if stretch.length() == 0 {
            attempt.discard().await;
            return Ok(outcome);
        }
        self.at += stretch.length();
        let receipt = stretch.receipt(attempt.as_ref());
        self.held.push((attempt, receipt));
        if !self.verifying {
            self.count_held().await?;
        }
        Ok(outcome)
    }

    /// Whether the bytes from here on are recorded by nobody, and for how many that is the same.
    fn next_room(&self) -> (bool, u64) {
        let rest = self.limit - self.at;
        let most = self.engine.policy().roll_bytes.max(1).min(rest);
        match self.coverage.next_covered(self.at) {
            None => (true, most),
            Some(covered) if covered > self.at => (true, most.min(covered - self.at)),
            Some(_) => (false, most),
        }
    }

    /// What a digest's verdict waited for counts, or it does not: a body that was cut cannot be verified.
    async fn decide(&mut self, outcome: &Outcome) -> Result<(), Refusal> {
        if !self.verifying {
            return Ok(());
        }
        match outcome {
            Outcome::Ended => {
                self.watchers.verifier.take().map_or(Ok(()), BodyVerifier::finish)?;
                self.count_held().await
            }
            Outcome::Full | Outcome::Broken(_) | Outcome::Stopped => {
                self.watchers.live = None;
                self.drop_held().await;
                Ok(())
            }
        }
    }

    async fn count_held(&mut self) -> Result<(), Refusal> {
        for (attempt, receipt) in std::mem::take(&mut self.held) {
            attempt.commit(&receipt).await?;
            self.record(&receipt).await?;
            self.counted = receipt.extent.end();
        }
        Ok(())
    }

    /// Records a stretch under the epoch of this append. If the store does not know that any more, and nobody has
    /// claimed the upload since, it is claimed again.
    async fn record(&mut self, receipt: &Receipt) -> Result<(), Refusal> {
        let id = self.upload.id;
        for _ in 0..ATTEMPTS {
            match self.engine.try_record(id, receipt, Some(self.epoch)).await? {
                Recorded::Bytes(_) => return Ok(()),
                Recorded::Lost => {}
            }
            must_be_there(self.engine.mend(id).await?)?;
            let superseded = Refusal::Superseded { offset: receipt.extent.offset };
            self.epoch = self.engine.reclaim(id, self.ticket).await?.ok_or(superseded)?;
        }
        Err(loses("record"))
    }

    async fn drop_held(&mut self) {
        for (attempt, _) in std::mem::take(&mut self.held) {
            attempt.discard().await;
        }
    }
}

/// Refuses what comes to an upload that takes no more bytes.
pub(super) fn must_be_open(upload: &Upload) -> Result<(), Refusal> {
    match upload.state {
        State::Open => Ok(()),
        state => Err(Refusal::NotOpen { state }),
    }
}
