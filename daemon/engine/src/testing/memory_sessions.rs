//! Sessions in memory: a map behind a lock. What the contract says, and nothing clever.
//!
//! They can forget, as a store does that is flushed, restarted, or replaced by one that lags behind: everything
//! ([`MemorySessions::flush`]), what came after a moment ([`MemorySessions::go_back_to`]), or a single receipt
//! ([`MemorySessions::lose_receipt`]).

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::contracts::*;
use crate::coverage::Coverage;
use crate::extent::{Extent, Receipt};
use crate::id::UploadId;
use crate::owner::Owner;
use crate::time::Timestamp;
use crate::upload::{State, Upload};

/// Sessions that live as long as this value.
#[derive(Debug, Default)]
pub struct MemorySessions {
    uploads: Mutex<BTreeMap<UploadId, Kept>>,
}

/// What is kept of one upload.
#[derive(Clone, Debug)]
struct Kept {
    upload: Upload,
    /// By offset and by the order of recording.
    receipts: BTreeMap<(u64, u64), Receipt>,
    /// Receipts that were ever recorded.
    sequence: u64,
    /// Length of the longest extent that was ever recorded: how far back one that overlaps can begin.
    longest: u64,
    prefix: Option<SavedPrefix>,
    challenge: Option<Challenge>,
    doubted: bool,
}

/// Everything that was kept at some moment.
#[derive(Clone, Debug, Default)]
pub struct EarlierSessions(BTreeMap<UploadId, Kept>);

impl Kept {
    fn new(upload: Upload) -> Self {
        Self {
            upload,
            receipts: BTreeMap::new(),
            sequence: 0,
            longest: 0,
            prefix: None,
            challenge: None,
            doubted: false,
        }
    }

    fn insert(&mut self, receipt: Receipt) {
        self.sequence += 1;
        self.longest = self.longest.max(receipt.extent.length);
        self.receipts.insert((receipt.extent.offset, self.sequence), receipt);
    }

    /// Keys of the receipts whose extents overlap `range`, by offset.
    fn overlapping(&self, range: &Range<u64>) -> Vec<(u64, u64)> {
        if range.is_empty() {
            return Vec::new();
        }
        let first = range.start.saturating_sub(self.longest);
        self.receipts
            .range((first, 0)..(range.end, 0))
            .filter(|(_, receipt)| receipt.extent.end() > range.start)
            .map(|(key, _)| *key)
            .collect()
    }

    fn in_order(&self, keys: impl IntoIterator<Item = (u64, u64)>) -> Vec<Receipt> {
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_unstable_by_key(|(_, sequence)| *sequence);
        keys.iter().filter_map(|key| self.receipts.get(key)).cloned().collect()
    }

    fn session(&self, view: &View) -> Session {
        let keys = match view {
            View::Head => Vec::new(),
            View::Range(range) => self.overlapping(range),
            View::Chunk(number) => {
                chunk_range(&self.upload, *number).map(|range| self.overlapping(&range)).unwrap_or_default()
            }
            View::All => self.receipts.keys().copied().collect(),
        };
        let receipts = self.in_order(keys);
        Session { upload: self.upload.clone(), receipts, doubted: self.doubted }
    }

    fn record(&mut self, receipt: &Receipt, expires_at: Timestamp) -> Recording {
        let range = receipt.extent.range();
        let overlapping = self.overlapping(&range);
        let covered = self.covered_bytes(&range, &overlapping);
        let replaced = self.remove_covered(&range, &overlapping);
        self.insert(receipt.clone());
        self.upload.rewrites += u64::from(!overlapping.is_empty());
        self.upload.received_bytes += receipt.extent.length - covered;
        self.upload.expires_at = expires_at;
        Recording::Recorded { received_bytes: self.upload.received_bytes, replaced }
    }

    /// Bytes of `range` that the receipts of these keys (by offset) cover, each counted once.
    fn covered_bytes(&self, range: &Range<u64>, keys: &[(u64, u64)]) -> u64 {
        let mut covered = 0;
        let mut reached = range.start;
        for extent in keys.iter().filter_map(|key| self.receipts.get(key)).map(|receipt| &receipt.extent) {
            let begin = extent.offset.max(reached);
            let end = extent.end().min(range.end);
            covered += end.saturating_sub(begin);
            reached = reached.max(end);
        }
        covered
    }

    fn remove_covered(&mut self, range: &Range<u64>, keys: &[(u64, u64)]) -> Vec<Extent> {
        let whole = keys.iter().copied().filter(|key| {
            self.receipts
                .get(key)
                .is_some_and(|r| r.extent.offset >= range.start && r.extent.end() <= range.end)
        });
        let whole: Vec<_> = whole.collect();
        let replaced = self.in_order(whole.iter().copied());
        for key in &whole {
            self.receipts.remove(key);
        }
        replaced.into_iter().map(|receipt| receipt.extent).collect()
    }
}

/// The bytes of chunk `number`, if they fit 64 bits.
fn chunk_range(upload: &Upload, number: u64) -> Option<Range<u64>> {
    let start = number.checked_sub(1)?.checked_mul(upload.chunk_size)?;
    Some(start..start.checked_add(upload.chunk_size)?)
}

fn in_progress(upload: &Upload) -> bool {
    matches!(upload.state, State::Open | State::Completing)
}

impl MemorySessions {
    /// Forgets everything.
    pub fn flush(&self) {
        self.lock().clear();
    }

    /// What is kept now, to go back to.
    pub fn as_now(&self) -> EarlierSessions {
        EarlierSessions(self.lock().clone())
    }

    /// Keeps what was kept then, and nothing else; all of it is doubted.
    pub fn go_back_to(&self, then: EarlierSessions) {
        *self.lock() = then.0;
        self.doubt();
    }

    /// Doubts everything that is kept.
    pub fn doubt(&self) {
        self.lock().values_mut().for_each(|kept| kept.doubted = true);
    }

    /// Forgets the receipt of one upload that was recorded first, and doubts that upload; whether there was one.
    pub fn lose_receipt(&self, id: UploadId) -> bool {
        let mut uploads = self.lock();
        let Some(kept) = uploads.get_mut(&id) else { return false };
        let Some(first) = kept.receipts.keys().copied().min_by_key(|(_, sequence)| *sequence) else {
            return false;
        };
        kept.receipts.remove(&first);
        let left = kept.in_order(kept.receipts.keys().copied());
        kept.upload.received_bytes = Coverage::of(left).covered_bytes();
        kept.doubted = true;
        true
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<UploadId, Kept>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn staged_of(uploads: &BTreeMap<UploadId, Kept>, owner: &Owner) -> Staged {
    let mut staged = Staged::default();
    for upload in uploads.values().map(|kept| &kept.upload) {
        if upload.owner == *owner && in_progress(upload) {
            staged.uploads += 1;
            staged.bytes += upload.staged_bytes();
        }
    }
    staged
}

#[async_trait]
impl SessionStore for MemorySessions {
    async fn create(&self, upload: &Upload, admission: &Admission) -> Result<Creation, StoreError> {
        let mut uploads = self.lock();
        let same_key = |kept: &&Kept| {
            kept.upload.owner == upload.owner
                && upload.idempotency_key.is_some()
                && kept.upload.idempotency_key == upload.idempotency_key
        };
        if let Some(kept) = uploads.values().find(same_key) {
            return Ok(Creation::Exists(Box::new(kept.upload.clone())));
        }
        if uploads.contains_key(&upload.id) {
            return Err(StoreError::new(Store::Sessions, "create", Failure::Failed, "the id is taken"));
        }
        let staged = staged_of(&uploads, &upload.owner);
        if staged.uploads >= admission.max_open {
            return Ok(Creation::TooMany { open: staged.uploads });
        }
        let after = staged.bytes.saturating_add(upload.staged_bytes());
        if admission.max_staged_bytes.is_some_and(|most| after > most) {
            return Ok(Creation::OverQuota { staged_bytes: staged.bytes });
        }
        uploads.insert(upload.id, Kept::new(upload.clone()));
        Ok(Creation::Created)
    }

    async fn load(&self, id: UploadId, view: View) -> Result<Option<Session>, StoreError> {
        Ok(self.lock().get(&id).map(|kept| kept.session(&view)))
    }

    async fn record(
        &self,
        id: UploadId,
        receipt: &Receipt,
        epoch: Option<u64>,
        expires_at: Timestamp,
    ) -> Result<Recording, StoreError> {
        let mut uploads = self.lock();
        let Some(kept) = uploads.get_mut(&id) else { return Ok(Recording::Unknown) };
        if kept.upload.state != State::Open {
            return Ok(Recording::NotOpen(kept.upload.state));
        }
        if epoch.is_some_and(|epoch| epoch != kept.upload.epoch) {
            return Ok(Recording::Superseded { epoch: kept.upload.epoch });
        }
        Ok(kept.record(receipt, expires_at))
    }

    async fn claim(&self, id: UploadId) -> Result<Option<u64>, StoreError> {
        let mut uploads = self.lock();
        let Some(kept) = uploads.get_mut(&id) else { return Ok(None) };
        kept.upload.epoch += 1;
        Ok(Some(kept.upload.epoch))
    }

    async fn settle(&self, id: UploadId, from: &[State], change: Settlement) -> Result<Settled, StoreError> {
        let mut uploads = self.lock();
        let Some(kept) = uploads.get_mut(&id) else { return Ok(Settled::Unknown) };
        let upload = &mut kept.upload;
        if !from.contains(&upload.state) {
            return Ok(Settled::Other(Box::new(upload.clone())));
        }
        upload.state = change.state;
        upload.length = change.length.or(upload.length);
        upload.digest = change.digest.or(upload.digest.take());
        upload.expires_at = change.expires_at.unwrap_or(upload.expires_at);
        Ok(Settled::Changed(Box::new(upload.clone())))
    }

    async fn save_prefix(&self, id: UploadId, prefix: &SavedPrefix) -> Result<(), StoreError> {
        if let Some(kept) = self.lock().get_mut(&id) {
            kept.prefix = Some(prefix.clone());
        }
        Ok(())
    }

    async fn load_prefix(&self, id: UploadId) -> Result<Option<SavedPrefix>, StoreError> {
        Ok(self.lock().get(&id).and_then(|kept| kept.prefix.clone()))
    }

    async fn save_challenge(&self, id: UploadId, challenge: &Challenge) -> Result<(), StoreError> {
        if let Some(kept) = self.lock().get_mut(&id) {
            kept.challenge = Some(challenge.clone());
        }
        Ok(())
    }

    async fn take_challenge(&self, id: UploadId) -> Result<Option<Challenge>, StoreError> {
        Ok(self.lock().get_mut(&id).and_then(|kept| kept.challenge.take()))
    }

    async fn restore(&self, session: &Session) -> Result<(), StoreError> {
        self.lock().entry(session.upload.id).or_insert_with(|| {
            let mut kept = Kept::new(session.upload.clone());
            session.receipts.iter().for_each(|receipt| kept.insert(receipt.clone()));
            kept
        });
        Ok(())
    }

    async fn vouch(&self, id: UploadId) -> Result<(), StoreError> {
        if let Some(kept) = self.lock().get_mut(&id) {
            kept.doubted = false;
        }
        Ok(())
    }

    async fn list(&self, filter: &UploadFilter, page: &PageRequest) -> Result<Page<Upload>, StoreError> {
        let uploads = self.lock();
        let wanted = |upload: &&Upload| {
            filter.owner.as_ref().is_none_or(|owner| *owner == upload.owner)
                && filter.state.is_none_or(|state| state == upload.state)
                && filter.created_before.is_none_or(|moment| upload.created_at < moment)
                && page.cursor.as_ref().is_none_or(|cursor| upload.id.to_string() > *cursor)
        };
        let mut rest = uploads.values().map(|kept| &kept.upload).filter(wanted);
        let items: Vec<_> = rest.by_ref().take(page.limit.max(1)).cloned().collect();
        let more = rest.next().is_some();
        let next_cursor = items.last().filter(|_| more).map(|upload| upload.id.to_string());
        Ok(Page { items, next_cursor })
    }

    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<Upload>, StoreError> {
        let uploads = self.lock();
        let over = uploads.values().map(|kept| &kept.upload).filter(|upload| upload.expires_at <= now);
        let mut over: Vec<_> = over.cloned().collect();
        over.sort_by_key(|upload| (upload.expires_at, upload.id));
        over.truncate(limit);
        Ok(over)
    }

    async fn remove(&self, id: UploadId) -> Result<(), StoreError> {
        self.lock().remove(&id);
        Ok(())
    }

    async fn staged(&self, owner: &Owner) -> Result<Staged, StoreError> {
        Ok(staged_of(&self.lock(), owner))
    }

    async fn count(&self) -> Result<Vec<StateCount>, StoreError> {
        let uploads = self.lock();
        let mut counts: BTreeMap<State, StateCount> = BTreeMap::new();
        for upload in uploads.values().map(|kept| &kept.upload) {
            let empty = StateCount { state: upload.state, uploads: 0, staged_bytes: 0 };
            let count = counts.entry(upload.state).or_insert(empty);
            count.uploads += 1;
            count.staged_bytes += upload.staged_bytes();
        }
        Ok(counts.into_values().collect())
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        Ok(Standing::of("memory"))
    }
}
