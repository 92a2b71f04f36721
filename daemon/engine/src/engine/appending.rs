//! One append on its way: stretch after stretch, each committed and recorded before the next begins, so that a crash
//! loses at most one. With a digest announced, there is one, and another where bytes are recorded already; they wait for
//! its verdict.

use super::allowance::Allowance;
use super::flow::{Inflow, Outcome, Stretch, Watchers};
use super::rebuild::{ATTEMPTS, loses, must_be_there};
use super::receive::Recorded;
use super::running::Ticket;
use super::{Engine, LateDigests};
use crate::contracts::{Attempt, Place};
use crate::coverage::Coverage;
use crate::extent::Receipt;
use crate::refusal::Refusal;
use crate::upload::Upload;

/// One append.
pub(super) struct Appending<'a> {
    pub(super) engine: &'a Engine,
    pub(super) upload: Upload,
    pub(super) inflow: Inflow,
    pub(super) watchers: Watchers,
    pub(super) ticket: &'a Ticket,
    pub(super) coverage: Coverage,
    pub(super) epoch: u64,
    /// Bytes that the upload may have.
    pub(super) limit: u64,
    /// What the owner may still stage, if that is why there is no more room.
    pub(super) allowance: Option<Allowance>,
    /// Where the append began.
    pub(super) begun: u64,
    /// Where the next byte goes.
    pub(super) at: u64,
    /// Up to where bytes are recorded.
    pub(super) counted: u64,
    pub(super) verifying: bool,
    /// Digests that follow the body.
    pub(super) late: Option<LateDigests>,
    pub(super) held: Vec<(Box<dyn Attempt>, Receipt)>,
}

impl Appending<'_> {
    /// Takes the body to its end; up to where bytes are recorded then.
    ///
    /// # Errors
    /// The body broke off or was stopped, a digest does not agree, or a store failed. What counts counts.
    pub(super) async fn run(&mut self) -> Result<u64, Refusal> {
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
            Outcome::Full => Err(self.too_long()),
            Outcome::Stopped => Err(Refusal::Superseded { offset: self.counted }),
            Outcome::Broken(error) => Err(Refusal::Body { error, kept: self.counted - self.begun }),
        }
    }

    fn too_long(&self) -> Refusal {
        match &self.allowance {
            Some(allowance) => allowance.refusal(allowance.left().saturating_add(1)),
            None => Refusal::TooLong { asked: self.limit.saturating_add(1), limit: self.limit },
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
        let dropped = outcome == Outcome::Stopped && self.ticket.drops_its_rest();
        if dropped {
            self.watchers.live = None;
        }
        if dropped || stretch.length() == 0 {
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
        let most = if self.verifying { rest } else { self.engine.policy().roll_bytes.max(1).min(rest) };
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
                self.verify().await?;
                self.count_held().await
            }
            Outcome::Full | Outcome::Broken(_) | Outcome::Stopped => {
                self.watchers.live = None;
                self.drop_held().await;
                Ok(())
            }
        }
    }

    async fn verify(&mut self) -> Result<(), Refusal> {
        let Some(mut verifier) = self.watchers.verifier.take() else { return Ok(()) };
        if let Some(late) = self.late.take() {
            verifier.expect(late.await.map_err(|error| Refusal::Body { error, kept: 0 })?);
        }
        verifier.finish()
    }

    async fn count_held(&mut self) -> Result<(), Refusal> {
        let held = std::mem::take(&mut self.held);
        let bytes = held.iter().map(|(_, receipt)| receipt.extent.length).sum();
        let _turn = match self.engine.reserve_growth(&self.upload, bytes).await {
            Ok(turn) => turn,
            Err(refusal) => {
                self.held = held;
                return Err(refusal);
            }
        };
        for (attempt, receipt) in held {
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
