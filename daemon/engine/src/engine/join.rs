//! Joining: the bytes of several uploads in a row, as one new upload, and no byte of them moved.
//!
//! The new upload has the extents of the others at other offsets. That takes a moment at any size; but the BLAKE3
//! values of a stretch are those of its own offset, so what lies elsewhere now has to be read once before the whole
//! has an identity and can be published. Until then the upload is *completing*:
//!
//! - it takes no more bytes, and neither do the uploads that it is made of;
//! - their objects are held: they stay, even if those uploads end. Which ones are held is known in memory, and learned
//!   from the sessions when it is first asked for;
//! - what was joined is in its manifest, so that it outlives a lost session;
//! - a short one is published before the answer, a long one by an errand after it, and whatever was left undone when
//!   the process stopped or a store failed, by [`publish_joined`](Engine::publish_joined).

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::complete::coalesced;
use super::{Completion, Engine, Happening, NewUpload};
use crate::contracts::{IfExists, PageRequest, Session, StoreError, UploadFilter, View};
use crate::coverage::Coverage;
use crate::digest::tree::Subtrees;
use crate::extent::{Extent, Receipt};
use crate::id::{ObjectKey, UploadId};
use crate::owner::{Caller, Owner};
use crate::refusal::Refusal;
use crate::upload::{Manifest, State, Upload};

/// Up to so many bytes are published before the answer.
const AT_ONCE: u64 = 64 << 20;
/// Heads that are looked through at a time.
const PAGE: usize = 256;

/// The joined uploads that are not published yet.
#[derive(Default)]
pub(super) struct Joins {
    learned: tokio::sync::OnceCell<()>,
    pending: Mutex<HashMap<UploadId, Pending>>,
}

struct Pending {
    owner: Owner,
    /// Objects of other uploads.
    objects: HashSet<ObjectKey>,
}

impl Joins {
    /// Holds the objects of an upload's receipts that are those of others.
    pub(super) fn hold(&self, upload: &Upload, receipts: &[Receipt]) {
        let objects: HashSet<ObjectKey> = receipts
            .iter()
            .map(|receipt| &receipt.extent.object)
            .filter(|object| object.upload().is_some_and(|other| other != upload.id))
            .cloned()
            .collect();
        if !objects.is_empty() {
            self.lock().insert(upload.id, Pending { owner: upload.owner.clone(), objects });
        }
    }

    /// Whether an object is held.
    pub(super) fn holds(&self, object: &ObjectKey) -> bool {
        self.lock().values().any(|pending| pending.objects.contains(object))
    }

    /// An upload is published, or over.
    pub(super) fn let_go(&self, id: UploadId) {
        self.lock().remove(&id);
    }

    fn pending(&self) -> Vec<(UploadId, Owner)> {
        self.lock().iter().map(|(id, pending)| (*id, pending.owner.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UploadId, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of several uploads in a row.
struct Row {
    receipts: Vec<Receipt>,
    length: u64,
    /// Bytes that the uploads stage already, each counted once.
    staged_bytes: u64,
}

impl Engine {
    /// Makes a new upload of the bytes of others, in this order; the same one may be there more than once. They must
    /// be the owner's own, and whole; they take no more bytes from then on, and end in their own time. The length of
    /// `new` is theirs together.
    ///
    /// The upload that is answered is complete, or will be by itself.
    ///
    /// # Errors
    /// [`Refusal::NoUpload`], [`Refusal::Incomplete`] or [`Refusal::NotOpen`] of one of them; a limit; or a store
    /// failed.
    pub async fn join(&self, owner: &Owner, new: NewUpload, parts: &[UploadId]) -> Result<Upload, Refusal> {
        let mut upload = self.join_in_turn(owner, new, parts).await?;
        let id = upload.id;
        let caller = Caller::User(owner.clone());
        if upload.received_bytes > AT_ONCE {
            let engine = self.clone();
            self.errand("publish a joined upload", async move { engine.publish_one(&caller, id).await });
            return Ok(upload);
        }
        match self.complete(&caller, id, numbered()).await {
            Ok(file) => {
                upload.state = State::Complete;
                self.tell(Happening::Published(id, &file));
            }
            Err(refusal) if refusal.failed_store().is_none() => {
                self.dismiss(&caller, id).await?;
                return Err(refusal);
            }
            Err(refusal) => warn(id, &refusal),
        }
        Ok(upload)
    }

    async fn join_in_turn(
        &self,
        owner: &Owner,
        new: NewUpload,
        parts: &[UploadId],
    ) -> Result<Upload, Refusal> {
        let mut ids = parts.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut turns = Vec::with_capacity(ids.len());
        for id in ids {
            turns.push(self.completing.turn(id).await);
        }
        let row = self.in_a_row(owner, parts).await?;
        let mut upload = self.planned(owner, NewUpload { length: Some(row.length), ..new }).await?;
        upload.state = State::Completing;
        upload.received_bytes = row.length;
        let turn = self.owner_turn(owner).await?;
        self.admit_joined(&upload, row.staged_bytes).await?;
        self.joins.hold(&upload, &row.receipts);
        let storage = self.ground.objects.find(&upload.storage)?;
        storage.announce(&Manifest { upload: upload.clone(), joined: row.receipts.clone() }).await?;
        self.ground.sessions.restore(&Session::whole(upload.clone(), row.receipts)).await?;
        drop(turn);
        Ok(upload)
    }

    async fn in_a_row(&self, owner: &Owner, parts: &[UploadId]) -> Result<Row, Refusal> {
        let caller = Caller::User(owner.clone());
        let mut known: HashMap<UploadId, Vec<Receipt>> = HashMap::new();
        let mut row = Row { receipts: Vec::new(), length: 0, staged_bytes: 0 };
        for id in parts {
            if !known.contains_key(id) {
                let receipts = self.frozen_part(&caller, *id).await?;
                row.staged_bytes += receipts.iter().map(|receipt| receipt.extent.length).sum::<u64>();
                known.insert(*id, receipts);
            }
            let receipts = known.get(id).map(Vec::as_slice).unwrap_or_default();
            let begin = row.length;
            row.length = receipts.last().map_or(begin, |last| begin.saturating_add(last.extent.end()));
            row.receipts.extend(moved(receipts, begin));
        }
        Ok(row)
    }

    /// The receipts of a whole upload in order, without overlaps; nothing of it changes from then on.
    async fn frozen_part(&self, caller: &Caller, id: UploadId) -> Result<Vec<Receipt>, Refusal> {
        let session = self.session(caller, id, View::All).await?;
        super::complete::agreed(&session.upload, &Coverage::of(session.receipts), &Completion::default())?;
        if session.upload.length.is_none() {
            return Err(Refusal::Incomplete { missing: Vec::new(), missing_bytes: 0 });
        }
        let session = self.freeze(id).await?;
        super::complete::agreed(
            &session.upload,
            &Coverage::of(session.receipts.clone()),
            &Completion::default(),
        )?;
        let coverage = Coverage::of(session.receipts);
        let mut receipts = Vec::new();
        for piece in coverage.pieces() {
            receipts.push(self.receipt_of_piece(&piece).await?);
        }
        Ok(receipts)
    }

    /// The limits of an upload whose bytes are staged already.
    async fn admit_joined(&self, upload: &Upload, already: u64) -> Result<(), Refusal> {
        let policy = self.policy_of(&upload.owner).await?;
        let staged = self.ground.sessions.staged(&upload.owner).await?;
        if staged.uploads >= policy.max_open_uploads {
            return Err(Refusal::TooManyUploads { open: staged.uploads, limit: policy.max_open_uploads });
        }
        let Some(quota) = policy.quota else { return Ok(()) };
        let usage = self.ground.catalog.usage(&upload.owner).await?;
        let used = usage.bytes.saturating_add(staged.bytes.saturating_sub(already));
        let asked = upload.staged_bytes();
        if used.saturating_add(asked) > quota {
            return Err(Refusal::Quota { asked, used, quota });
        }
        Ok(())
    }

    /// Learns which joined uploads are not published yet, if that is not known.
    pub(super) async fn learn_joins(&self) -> Result<(), StoreError> {
        self.joins.learned.get_or_try_init(|| self.find_joins()).await?;
        Ok(())
    }

    async fn find_joins(&self) -> Result<(), StoreError> {
        let filter = UploadFilter { state: Some(State::Completing), ..UploadFilter::default() };
        let mut page = PageRequest::first(PAGE);
        loop {
            let found = self.ground.sessions.list(&filter, &page).await?;
            for upload in found.items {
                if let Some(session) = self.ground.sessions.load(upload.id, View::All).await? {
                    self.joins.hold(&upload, &session.receipts);
                }
            }
            match found.next_cursor {
                Some(cursor) => page.cursor = Some(cursor),
                None => return Ok(()),
            }
        }
    }

    /// Publishes the joined uploads that are not published yet: what the process before left, and what failed.
    ///
    /// # Errors
    /// The session store failed. What cannot be published now is logged, and tried again next time.
    pub async fn publish_joined(&self) -> Result<(), Refusal> {
        self.learn_joins().await?;
        for (id, owner) in self.joins.pending() {
            self.publish_one(&Caller::User(owner), id).await;
        }
        Ok(())
    }

    async fn publish_one(&self, caller: &Caller, id: UploadId) {
        match self.complete(caller, id, numbered()).await {
            Ok(file) => self.tell(Happening::Published(id, &file)),
            // It was ended meanwhile.
            Err(Refusal::NoUpload | Refusal::NotOpen { .. }) => self.joins.let_go(id),
            Err(refusal) => warn(id, &refusal),
        }
    }
}

/// Whether an upload has bytes of others.
pub(super) fn is_joined(id: UploadId, receipts: &[Receipt]) -> bool {
    receipts.iter().any(|receipt| receipt.extent.object.upload().is_some_and(|other| other != id))
}

/// A file of the same name stays.
fn numbered() -> Completion {
    Completion { if_exists: Some(IfExists::Rename), ..Completion::default() }
}

fn warn(id: UploadId, refusal: &Refusal) {
    tracing::warn!(upload.id = %id, error = refusal as &dyn std::error::Error, "a joined upload is not published yet; it will be tried again");
}

/// The same bytes further behind. Tree values are those of an offset, so at another one there are none yet.
fn moved(receipts: &[Receipt], by: u64) -> Vec<Receipt> {
    if by == 0 {
        return receipts.to_vec();
    }
    let extents = receipts.iter().map(|receipt| {
        let offset = receipt.extent.offset.saturating_add(by);
        Extent { offset, ..receipt.extent.clone() }
    });
    let pending = |extent| Receipt { extent, subtrees: Subtrees::default() };
    coalesced(extents).into_iter().map(pending).collect()
}
