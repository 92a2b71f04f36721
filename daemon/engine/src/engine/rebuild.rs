//! Records that the session store lost, whole or in part, made whole again from the manifest and what lies beside it.
//!
//! A store that keeps sessions in memory may forget them: all at once, one by one, or back to an earlier state. The
//! truth about an upload's bytes is in the object store: its manifest, and the stretches that were verified there.
//! So a record that is *gone* is put back from these, and one that is *doubted* gets what it lacks:
//!
//! - Only one at a time does it for an upload; who finds the same meanwhile waits, and finds it done.
//! - Of a doubted record nothing is taken away. What a later stretch hides is not brought to light again: the order
//!   of the stretches is that of the receipts that the object store kept, else that of the nonces in their names.
//! - No byte is read that has a receipt, in the record or in the object store, nor any that would not be seen.
//! - What has no manifest is over, and stays over; what was published is a finished file.
//! - A record that is put back begins at an epoch that was never given out, so that nothing of an append from before
//!   can be recorded any more. An append that is still the last of its upload claims it again and goes on.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::running::Ticket;
use super::{Engine, Rebuilt};
use crate::contracts::{
    Failure, Origin, Recording, Session, Settled, Settlement, Store, StoreError, Surveyed, View,
};
use crate::coverage::Coverage;
use crate::extent::{Extent, Receipt};
use crate::id::{ObjectKey, StorageName, UploadId};
use crate::refusal::Refusal;
use crate::upload::{Manifest, State, Upload};

/// How often a record is made whole for one request before the store is said to lose it faster than that.
pub(super) const ATTEMPTS: usize = 4;
/// Stretches that are read at a time for their receipts.
const READERS: usize = 4;

/// What there was to make whole.
pub(super) enum Mended {
    /// There is a record, and what is to be known of it is in it.
    Record(Rebuilt),
    /// The upload is a file: the catalog remembers it, the session store does not.
    Finished(Box<Origin>),
    /// Neither manifest nor record: the upload never was, or is over.
    Nothing,
}

/// An upload's head after an attempt to change it.
pub(super) struct Head {
    /// Whether it was in one of the states expected, and is changed.
    pub(super) changed: bool,
    /// The head as it is now.
    pub(super) upload: Upload,
}

impl Engine {
    /// Makes sure of an upload's record: there, and whole.
    pub(super) async fn mend(&self, id: UploadId) -> Result<Mended, Refusal> {
        let _turn = self.mending.turn(id).await;
        self.mend_in_turn(id).await
    }

    /// The same, where the upload's objects were seen in this storage: no other is asked.
    pub(super) async fn mend_in(&self, storage: &StorageName, id: UploadId) -> Result<Mended, Refusal> {
        let _turn = self.mending.turn(id).await;
        match self.ground.sessions.load(id, View::Head).await? {
            Some(_) => self.mend_in_turn(id).await,
            None => self.put_back(id, Some(storage)).await,
        }
    }

    /// The same, where the caller has the turn.
    pub(super) async fn mend_in_turn(&self, id: UploadId) -> Result<Mended, Refusal> {
        match self.ground.sessions.load(id, View::Head).await? {
            Some(session) if is_sound(&session) => Ok(Mended::Record(Rebuilt::There)),
            Some(session) => self.complement(id, &session.upload.storage).await,
            None => self.put_back(id, None).await,
        }
    }

    /// Claims an upload for a running append: nothing of those that claimed it before is recorded from now on. Where
    /// the store has forgotten that they did, it must not give out their epoch again.
    pub(super) async fn claim(&self, id: UploadId, ticket: &Ticket) -> Result<u64, Refusal> {
        let _turn = self.mending.turn(id).await;
        self.claim_in_turn(id, ticket).await
    }

    /// Claims an upload again for an append that was claimed as the last of its upload, though the store says
    /// otherwise: it has forgotten. `None` if another one has claimed it since.
    pub(super) async fn reclaim(&self, id: UploadId, ticket: &Ticket) -> Result<Option<u64>, Refusal> {
        let _turn = self.mending.turn(id).await;
        if !ticket.claimed_last() {
            return Ok(None);
        }
        self.claim_in_turn(id, ticket).await.map(Some)
    }

    async fn claim_in_turn(&self, id: UploadId, ticket: &Ticket) -> Result<u64, Refusal> {
        let mut lost = 0;
        while lost < ATTEMPTS {
            match self.ground.sessions.claim(id).await? {
                Some(epoch) if ticket.claim(epoch) => return Ok(epoch),
                Some(_) => {}
                None => {
                    lost += 1;
                    must_be_there(self.mend_in_turn(id).await?)?;
                }
            }
        }
        Err(loses("claim"))
    }

    /// Changes an upload's head; if the record is gone, it is put back first. `None` if there is no such upload.
    pub(super) async fn settle(
        &self,
        id: UploadId,
        from: &[State],
        change: &Settlement,
    ) -> Result<Option<Head>, Refusal> {
        for _ in 0..ATTEMPTS {
            match self.ground.sessions.settle(id, from, change.clone()).await? {
                Settled::Changed(upload) => return Ok(Some(Head { changed: true, upload: *upload })),
                Settled::Other(upload) => return Ok(Some(Head { changed: false, upload: *upload })),
                Settled::Unknown => match self.mend(id).await? {
                    Mended::Record(_) => {}
                    Mended::Finished(origin) => {
                        let upload = self.finished_upload(id, &origin);
                        return Ok(Some(Head { changed: false, upload }));
                    }
                    Mended::Nothing => return Ok(None),
                },
            }
        }
        Err(loses("settle"))
    }

    /// Writes the manifest again with a length that becomes known only now, so that it is not lost with the record.
    pub(super) async fn announce_length(&self, upload: &Upload, length: u64) -> Result<(), Refusal> {
        // Nobody removes the manifest in between: what has ended does not come back.
        let _turn = self.mending.turn(upload.id).await;
        let manifest = self.ground.objects.manifest_in(&upload.storage, upload.id).await?;
        let Manifest { upload: announced, joined } = manifest.ok_or(Refusal::NoUpload)?;
        let manifest = Manifest { upload: Upload { length: Some(length), ..announced }, joined };
        Ok(self.ground.objects.find(&upload.storage)?.announce(&manifest).await?)
    }

    /// Puts a lost record back, from the storage in which it is known to lie, else from whichever has its manifest.
    async fn put_back(&self, id: UploadId, storage: Option<&StorageName>) -> Result<Mended, Refusal> {
        if let Some(origin) = self.ground.catalog.origin(id).await? {
            return Ok(Mended::Finished(Box::new(origin)));
        }
        let manifest = match storage {
            Some(storage) => self.ground.objects.manifest_in(storage, id).await?,
            None => self.ground.objects.manifest(id).await?,
        };
        let Some(Manifest { mut upload, joined }) = manifest else { return Ok(Mended::Nothing) };
        let receipts = if joined.is_empty() {
            let shown = lacking(Vec::new(), self.survey_in_order(id, &upload.storage).await?);
            upload.state = State::Open;
            self.receipts_of(shown).await?
        } else {
            // It never takes bytes of its own.
            self.joins.hold(&upload, &joined);
            joined
        };
        upload.epoch = self.unused_epoch();
        upload.rewrites = self.unused_rewrites();
        upload.received_bytes = Coverage::of(receipts.clone()).covered_bytes();
        upload.expires_at = self.now().after(self.policy().ttl);
        let extents = receipts.len();
        tracing::info!(upload.id = %id, upload.received_bytes, extents, "a lost session was rebuilt");
        self.ground.sessions.restore(&Session::whole(upload, receipts)).await?;
        Ok(Mended::Record(Rebuilt::PutBack { extents }))
    }

    /// Gives a doubted record what it lacks, and vouches for it when nothing is lacking any more.
    async fn complement(&self, id: UploadId, storage: &StorageName) -> Result<Mended, Refusal> {
        if self.ground.catalog.origin(id).await?.is_some() {
            let from = [State::Open, State::Completing];
            self.ground.sessions.settle(id, &from, Settlement::to(State::Complete)).await?;
            self.ground.sessions.vouch(id).await?;
            return Ok(Mended::Record(Rebuilt::There));
        }
        let Some(manifest) = self.ground.objects.manifest_in(storage, id).await? else {
            tracing::info!(upload.id = %id, "the session store went back to before the end of an upload; it is ended again");
            self.forget_in_turn(id, storage).await?;
            return Ok(Mended::Nothing);
        };
        if !manifest.joined.is_empty() {
            // All that there is to know of it is in its manifest.
            self.ground.sessions.remove(id).await?;
            return self.put_back(id, Some(storage)).await;
        }
        if let Some(length) = manifest.upload.length {
            let declared = Settlement { length: Some(length), ..Settlement::to(State::Open) };
            self.ground.sessions.settle(id, &[State::Open], declared).await?;
        }
        // What was computed along the record as it was says nothing of the record as it will be.
        self.forget_digests(id).await?;
        let mut extents = 0;
        for _ in 0..ATTEMPTS {
            let Some(session) = self.ground.sessions.load(id, View::All).await? else {
                return self.put_back(id, Some(storage)).await;
            };
            let found = self.survey_in_order(id, storage).await?;
            let lacking = self.receipts_of(lacking(session.receipts, found)).await?;
            if lacking.is_empty() {
                self.forget_digests(id).await?;
                self.ground.sessions.vouch(id).await?;
                tracing::info!(upload.id = %id, extents, "a doubted session was compared with its objects");
                return Ok(Mended::Record(Rebuilt::Vouched { extents }));
            }
            extents += lacking.len();
            if let Some(mended) = self.add(id, &lacking).await? {
                return Ok(mended);
            }
        }
        Err(loses("complement"))
    }

    /// Records what a doubted record lacks; something else, if it is not there to be completed any more.
    async fn add(&self, id: UploadId, lacking: &[Receipt]) -> Result<Option<Mended>, Refusal> {
        let expires_at = self.now().after(self.policy().ttl);
        for receipt in lacking {
            match self.ground.sessions.record(id, receipt, None, expires_at).await? {
                // What is replaced here stays until the sweeper finds it: nothing is removed on the strength of doubt.
                Recording::Recorded { .. } => {}
                // It ends meanwhile, and takes no more bytes. The doubt stays.
                Recording::NotOpen(_) | Recording::Superseded { .. } => {
                    return Ok(Some(Mended::Record(Rebuilt::There)));
                }
                Recording::Unknown => return self.put_back(id, None).await.map(Some),
            }
        }
        Ok(None)
    }

    /// The stretches that are there, the later ones behind. What the object store keeps receipts of is in their
    /// order; of the rest, names tell what came later.
    async fn survey_in_order(
        &self,
        id: UploadId,
        storage: &StorageName,
    ) -> Result<Vec<Surveyed>, StoreError> {
        let mut found = self.ground.objects.find(storage)?.survey(id).await?;
        found.retain(|found| found.length > 0);
        found.sort_by_key(|found| found.receipt.is_none().then(|| found.object.stretch_nonce()));
        Ok(found)
    }

    /// The receipts of these stretches, in their order; computed from their bytes where nobody kept one.
    async fn receipts_of(&self, found: Vec<Surveyed>) -> Result<Vec<Receipt>, Refusal> {
        let receipts = found.into_iter().map(|found| async move {
            match found.receipt {
                Some(receipt) => Ok(receipt),
                None => self.read_receipt(found.offset, &found.object, 0, found.length).await,
            }
        });
        stream::iter(receipts).buffered(READERS).try_collect().await
    }

    /// A count of rewrites that no digest state was ever kept under: how often bytes were replaced is lost with the
    /// session, and a state of other bytes must not be taken for a good one.
    pub(super) fn unused_rewrites(&self) -> u64 {
        let bits = self.ground.chance.bits() & u128::from(u32::MAX);
        self.now().0.wrapping_add(u64::try_from(bits).unwrap_or_default())
    }

    /// An epoch beyond all that were given out, as long as claims are fewer than a thousand a millisecond and the
    /// clock does not go back. Below 2^53: some stores count in floating point.
    fn unused_epoch(&self) -> u64 {
        let bits = self.ground.chance.bits() & 0x3ff;
        (self.now().0 << 10 | u64::try_from(bits).unwrap_or_default()) & ((1 << 53) - 1)
    }
}

/// Whether a record says what there is to say: it is not doubted, or takes no more bytes anyway.
pub(super) fn is_sound(session: &Session) -> bool {
    !session.doubted || session.upload.state != State::Open
}

/// Refuses what is asked of an upload that is not in progress.
pub(super) fn must_be_there(mended: Mended) -> Result<(), Refusal> {
    match mended {
        Mended::Record(_) => Ok(()),
        Mended::Finished(_) => Err(Refusal::NotOpen { state: State::Complete }),
        Mended::Nothing => Err(Refusal::NoUpload),
    }
}

/// The store forgets what it is given while a request works on it.
pub(super) fn loses(operation: &'static str) -> Refusal {
    let cause = "the record of the upload vanished again and again";
    StoreError::new(Store::Sessions, operation, Failure::Unavailable, cause).into()
}

/// What must be recorded, in this order, so that a record shows of each byte the stretch that came last: stretches
/// that it lacks and that would be seen, and after them again those of its own that came later and overlap them.
fn lacking(recorded: Vec<Receipt>, found: Vec<Surveyed>) -> Vec<Surveyed> {
    let place = |extent: &Extent| (extent.object.clone(), extent.object_offset, extent.length);
    let recorded: HashMap<Place, Receipt> =
        recorded.into_iter().map(|receipt| (place(&receipt.extent), receipt)).collect();
    let found: Vec<(bool, Surveyed)> = found
        .into_iter()
        .map(|mut found| {
            let known = recorded.get(&place(&extent_of(&found)));
            found.receipt = known.cloned().or(found.receipt);
            (known.is_some(), found)
        })
        .collect();
    let shown = shown(&found);
    let mut pushed = Coverage::default();
    let mut lacking = Vec::new();
    for (index, (known, found)) in found.into_iter().enumerate() {
        let extent = extent_of(&found);
        let wanted = if known { pushed.overlaps(extent.range()) } else { shown.contains(&index) };
        if wanted {
            pushed.insert(without_tree(extent));
            lacking.push(found);
        }
    }
    lacking
}

/// Object, offset in it, length.
type Place = (ObjectKey, u64, u64);

/// Which of these, of which later ones hide earlier ones, can be seen at all.
fn shown(found: &[(bool, Surveyed)]) -> HashSet<usize> {
    let mut coverage = Coverage::default();
    let mut index_of = HashMap::new();
    for (index, (_, found)) in found.iter().enumerate() {
        let extent = extent_of(found);
        index_of.insert((extent.object.clone(), extent.object_offset), index);
        coverage.insert(without_tree(extent));
    }
    let pieces = coverage.pieces().map(|piece| &piece.receipt.extent);
    pieces
        .filter_map(|extent| index_of.get(&(extent.object.clone(), extent.object_offset)).copied())
        .collect()
}

fn extent_of(found: &Surveyed) -> Extent {
    match &found.receipt {
        Some(receipt) => receipt.extent.clone(),
        None => Extent {
            offset: found.offset,
            length: found.length,
            object: found.object.clone(),
            object_offset: 0,
            checksum: crate::digest::Checksum(0),
        },
    }
}

fn without_tree(extent: Extent) -> Receipt {
    Receipt { extent, subtrees: crate::digest::tree::Subtrees::default() }
}

#[cfg(test)]
mod tests;
