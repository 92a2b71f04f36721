//! Appends: a body that goes on where the upload ends, in stretches; newer requests before older ones.
//!
//! An append at the offset that is recorded takes the upload over: a running one is stopped, and what it had not
//! recorded is dropped, because it is sent again. One that begins further on relies on what the running one has
//! received: that is recorded first. One that begins before the recorded end is refused, and stops nobody. So of any
//! number of appends at one offset at once, exactly one is granted.

use std::cmp::Ordering;

use super::allowance::Allowance;
use super::appending::Appending;
use super::flow::{Inflow, Watchers};
use super::rebuild::{ATTEMPTS, loses, must_be_there};
use super::receive::must_be_open;
use super::running::{Rest, Slot, Ticket};
use super::{Append, Engine, Incoming, Progress};
use crate::contracts::{Settlement, View};
use crate::coverage::Coverage;
use crate::digest::body::BodyVerifier;
use crate::id::UploadId;
use crate::owner::{Caller, Owner};
use crate::refusal::Refusal;
use crate::upload::{State, Upload};

impl Engine {
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
        let append = Append { offset, length: None, incoming, late: None };
        self.append_with(owner, id, append).await.map(|progress| progress.offset)
    }

    /// [`append`](Self::append) with everything that may be said with one. A length that is declared stays declared,
    /// whatever becomes of the body after it.
    ///
    /// # Errors
    /// As of [`append`](Self::append); [`Refusal::LengthConflict`] for another length than the known one, or one that
    /// is passed already.
    pub async fn append_with(
        &self,
        owner: &Owner,
        id: UploadId,
        append: Append,
    ) -> Result<Progress, Refusal> {
        let session = self.session(&Caller::User(owner.clone()), id, View::Head).await?;
        must_be_open(&session.upload)?;
        self.must_have_room_for_body(&session.upload, append.incoming.length).await?;
        let offset = append.offset;
        self.make_way(id, offset).await?;
        let ticket = self.running.enter(id, Slot::Append);
        let Claimed { epoch, expected, upload, coverage } = self.claim_offset(id, offset, &ticket).await?;
        must_be_open(&upload)?;
        if offset != expected {
            return Err(Refusal::Offset { expected, provided: offset });
        }
        let most = self.policy_of(owner).await?.max_length;
        let limit = self.limit_of(&upload, &coverage, &append, most)?;
        let upload = self.declare(upload, append.length).await?;
        let (limit, allowance) = self.limit_of_quota(&upload, offset, append.incoming.length, limit).await?;
        let verifying = append.is_verified();
        let incoming = append.incoming;
        let mut appending = Appending {
            verifying,
            watchers: Watchers {
                verifier: Some(match append.late {
                    Some(_) => BodyVerifier::undecided(incoming.digests),
                    None => BodyVerifier::new(incoming.digests),
                }),
                live: self.live_digests(&upload, offset).await?,
            },
            late: append.late,
            engine: self,
            inflow: Inflow::new(incoming.body, ticket.stop.clone()),
            ticket: &ticket,
            coverage,
            epoch,
            limit,
            allowance,
            begun: offset,
            at: offset,
            counted: offset,
            held: Vec::new(),
            upload,
        };
        let offset = appending.run().await?;
        let mut upload = appending.upload;
        if offset > append.offset {
            upload.expires_at = self.now().after(self.policy().ttl);
        }
        Ok(Progress { upload, offset })
    }

    /// Where an upload stands: a running append is stopped, what it received counts, and the offset told is the one
    /// that the next append will be granted.
    ///
    /// # Errors
    /// [`Refusal::NoUpload`], also of an upload whose time ran out; or a store failed.
    pub async fn progress(&self, caller: &Caller, id: UploadId) -> Result<Progress, Refusal> {
        let known = self.session(caller, id, View::Head).await?.upload;
        if known.state == State::Complete {
            let offset = known.length.unwrap_or(known.received_bytes);
            return Ok(Progress { upload: known, offset });
        }
        self.running.stop_appends(id, Rest::Kept).await;
        let (offset, upload, _) = self.sound_offset(id).await?;
        self.must_be_timely(&upload)?;
        Ok(Progress { upload, offset })
    }

    /// The head of an upload, whatever is going on.
    ///
    /// # Errors
    /// As of [`progress`](Self::progress).
    pub async fn find_upload(&self, caller: &Caller, id: UploadId) -> Result<Upload, Refusal> {
        let upload = self.session(caller, id, View::Head).await?.upload;
        self.must_be_timely(&upload)?;
        Ok(upload)
    }

    /// An upload whose time ran out is gone, even if no sweep has come by yet; not while a body of it is running.
    fn must_be_timely(&self, upload: &Upload) -> Result<(), Refusal> {
        let over = upload.state == State::Open && upload.expires_at <= self.now();
        if over && !self.running.has(upload.id) {
            return Err(Refusal::NoUpload);
        }
        Ok(())
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

    /// [`offset_of`](Self::offset_of) an upload whose record is made whole first, if need be.
    async fn sound_offset(&self, id: UploadId) -> Result<(u64, Upload, Coverage), Refusal> {
        for _ in 0..ATTEMPTS {
            if let Some(found) = self.offset_of(id).await? {
                return Ok(found);
            }
            must_be_there(self.mend(id).await?)?;
        }
        Err(loses("load"))
    }

    /// Stops an append that is running, if the new one will be granted where it begins.
    async fn make_way(&self, id: UploadId, offset: u64) -> Result<(), Refusal> {
        if !self.running.has(id) {
            return Ok(());
        }
        let (recorded, _, _) = self.sound_offset(id).await?;
        match offset.cmp(&recorded) {
            Ordering::Less => return Err(Refusal::Offset { expected: recorded, provided: offset }),
            Ordering::Equal => self.running.stop_appends(id, Rest::Dropped).await,
            Ordering::Greater => self.running.stop_appends(id, Rest::Kept).await,
        }
        Ok(())
    }

    /// Bytes that the upload may have, if the append fits into them as far as can be told before it.
    fn limit_of(
        &self,
        upload: &Upload,
        coverage: &Coverage,
        append: &Append,
        most: u64,
    ) -> Result<u64, Refusal> {
        let one_object = self.limit_of_verified(upload, append)?;
        if let Some(declared) = append.length {
            let there = upload.length.unwrap_or_else(|| coverage.end().max(append.offset));
            let agrees = if upload.length.is_some() { declared == there } else { declared >= there };
            if !agrees {
                return Err(Refusal::LengthConflict { known: there, declared });
            }
            if declared > most && upload.length.is_none() {
                return Err(Refusal::TooLong { asked: declared, limit: most });
            }
        }
        let limit = upload.length.or(append.length).unwrap_or(most).min(one_object);
        let end = append.offset.saturating_add(append.incoming.length.unwrap_or(0));
        if end > limit {
            return Err(Refusal::TooLong { asked: end, limit });
        }
        Ok(limit)
    }

    /// A body that counts only when its digest is known is one stretch, because nothing of it may be closed before: where
    /// objects have a greatest length, so has it. (Stretches in waiting would each keep a writer and its buffers.)
    fn limit_of_verified(&self, upload: &Upload, append: &Append) -> Result<u64, Refusal> {
        if !append.is_verified() {
            return Ok(u64::MAX);
        }
        Ok(append.offset.saturating_add(self.ground.objects.find(&upload.storage)?.max_object_bytes()))
    }

    /// The limit of an upload of unknown length, as far as the quota allows it to grow; and that allowance, if it is the
    /// narrower one.
    async fn limit_of_quota(
        &self,
        upload: &Upload,
        offset: u64,
        announced: Option<u64>,
        limit: u64,
    ) -> Result<(u64, Option<Allowance>), Refusal> {
        let Some(allowance) = self.growth(upload).await? else { return Ok((limit, None)) };
        let most = offset.saturating_add(allowance.left());
        if most >= limit {
            return Ok((limit, None));
        }
        match announced.filter(|announced| *announced > allowance.left()) {
            Some(announced) => Err(allowance.refusal(announced)),
            None => Ok((most, Some(allowance))),
        }
    }

    /// Settles the length, if it becomes known now: then all of it is reserved.
    async fn declare(&self, upload: Upload, length: Option<u64>) -> Result<Upload, Refusal> {
        let Some(length) = length.filter(|_| upload.length.is_none()) else { return Ok(upload) };
        let more = length.saturating_sub(upload.received_bytes);
        let _turn = self.reserve_growth(&upload, more).await?;
        self.announce_length(&upload, length).await?;
        let change = Settlement { length: Some(length), ..Settlement::to(State::Open) };
        match self.settle(upload.id, &[State::Open], &change).await? {
            Some(head) if head.changed => Ok(head.upload),
            Some(head) => Err(Refusal::NotOpen { state: head.upload.state }),
            None => Err(Refusal::NoUpload),
        }
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
