//! An upload's record: found, or made whole from what lies beside its bytes; its status; and its end.

use futures_core::Stream;
use futures_util::TryStreamExt;

use super::rebuild::{ATTEMPTS, Mended, is_sound, loses};
use super::{Engine, Happening, Rebuilt, UploadStatus, Why};
use crate::chunks;
use crate::contracts::{
    Failure, Origin, Page, PageRequest, Session, Settlement, StateCount, Store, StoreError, UploadFilter,
    View,
};
use crate::coverage::Coverage;
use crate::digest::RunningChecksum;
use crate::digest::tree::TreeHasher;
use crate::extent::Receipt;
use crate::file::File;
use crate::id::{ObjectKey, StorageName, UploadId};
use crate::owner::Caller;
use crate::refusal::Refusal;
use crate::upload::{Naming, State, Upload};

impl Engine {
    /// The record of an upload that the caller may see: from the session store, made whole if that has forgotten
    /// something, else what the catalog remembers of a finished one.
    pub(super) async fn session(
        &self,
        caller: &Caller,
        id: UploadId,
        view: View,
    ) -> Result<Session, Refusal> {
        for _ in 0..ATTEMPTS {
            match self.ground.sessions.load(id, view.clone()).await? {
                Some(session) if !caller.may_see(&session.upload.owner) => return Err(Refusal::NoUpload),
                Some(session) if is_sound(&session) => return Ok(session),
                Some(_) | None => {}
            }
            match self.mend(id).await? {
                Mended::Record(_) => {}
                Mended::Finished(origin) if caller.may_see(&origin.owner) => {
                    return Ok(Session::whole(self.finished_upload(id, &origin), Vec::new()));
                }
                Mended::Finished(_) | Mended::Nothing => return Err(Refusal::NoUpload),
            }
        }
        Err(loses("load"))
    }

    /// Makes sure of an upload's record, as a request that names it does: puts it back if the session store has lost
    /// it, and compares it with the objects if the store may have forgotten something of it.
    ///
    /// # Errors
    /// [`Refusal::NoUpload`] if it never was or is over, or a store failed.
    pub async fn rebuild(&self, id: UploadId) -> Result<Rebuilt, Refusal> {
        match self.mend(id).await? {
            Mended::Record(rebuilt) => Ok(rebuilt),
            Mended::Finished(_) => Ok(Rebuilt::Finished),
            Mended::Nothing => Err(Refusal::NoUpload),
        }
    }

    /// The uploads that have a manifest, in no particular order: all that are in progress, whether the session store
    /// knows them or not, and what has just ended.
    ///
    /// # Errors
    /// A store failed; so may each item.
    pub async fn manifests(
        &self,
    ) -> Result<impl Stream<Item = Result<UploadId, Refusal>> + Send + use<>, Refusal> {
        let listed = self.ground.objects.list().await;
        Ok(listed.map_err(Refusal::from).try_filter_map(|listed| async move {
            let upload = listed.object.upload();
            Ok(upload.filter(|upload| ObjectKey::manifest(*upload) == listed.object.inside()))
        }))
    }

    /// What is told of a finished upload that only the catalog remembers.
    pub(super) fn finished_upload(&self, id: UploadId, origin: &Origin) -> Upload {
        let file = origin.file.clone();
        Upload {
            id,
            owner: origin.owner.clone(),
            path: file.path,
            length: Some(file.length),
            digest: Some(file.digest),
            chunk_size: self.policy().chunk_size,
            storage: StorageName::DEFAULT,
            content_type: file.content_type,
            metadata: file.metadata,
            naming: Naming::default(),
            idempotency_key: None,
            created_at: file.created_at,
            expires_at: origin.published_at.after(self.policy().remember),
            state: State::Complete,
            epoch: 0,
            received_bytes: file.length,
            rewrites: 0,
        }
    }

    /// The state of an upload. A finished one is told as long as it is remembered.
    ///
    /// # Errors
    /// [`Refusal::NoUpload`], or a store failed.
    pub async fn status(&self, caller: &Caller, id: UploadId) -> Result<UploadStatus, Refusal> {
        let session = self.session(caller, id, View::All).await?;
        self.status_of(session).await
    }

    /// The uploads of the filter, with their receipts' summary.
    ///
    /// # Errors
    /// A store failed.
    pub async fn list_uploads(
        &self,
        filter: &UploadFilter,
        page: &PageRequest,
    ) -> Result<Page<UploadStatus>, Refusal> {
        let found = self.ground.sessions.list(filter, page).await?;
        let mut items = Vec::with_capacity(found.items.len());
        for upload in found.items {
            if let Some(session) = self.ground.sessions.load(upload.id, View::All).await? {
                items.push(self.status_of(session).await?);
            }
        }
        Ok(Page { items, next_cursor: found.next_cursor })
    }

    /// The head of an upload and everything recorded of it, as the operator may see it.
    ///
    /// # Errors
    /// [`Refusal::NoUpload`], or a store failed.
    pub async fn inspect(&self, id: UploadId) -> Result<Session, Refusal> {
        self.session(&Caller::Operator, id, View::All).await
    }

    pub(super) async fn status_of(&self, session: Session) -> Result<UploadStatus, Refusal> {
        let Session { upload, receipts, .. } = session;
        let file = match upload.state {
            State::Complete => self.ground.catalog.origin(upload.id).await?.map(|origin| origin.file),
            State::Open | State::Completing | State::Aborted | State::Expired => None,
        };
        let chunk_count = upload.length.map(|length| chunks::chunk_count(length, upload.chunk_size));
        if upload.state == State::Complete {
            let received = chunk_count.filter(|count| *count > 0).map(|count| (1, count));
            let offset = upload.length.unwrap_or(upload.received_bytes);
            return Ok(UploadStatus {
                chunk_count,
                received: received.into_iter().collect(),
                missing: Vec::new(),
                offset,
                file,
                challenge: None,
                upload,
            });
        }
        let coverage = Coverage::of(receipts);
        Ok(UploadStatus {
            chunk_count,
            received: chunks::ranges_received(&coverage, upload.chunk_size, upload.length),
            missing: chunks::ranges_missing(&coverage, upload.chunk_size, upload.length),
            offset: coverage.prefix(),
            file,
            challenge: None,
            upload,
        })
    }

    /// Uploads by state.
    ///
    /// # Errors
    /// A store failed.
    pub async fn count_uploads(&self) -> Result<Vec<StateCount>, Refusal> {
        Ok(self.ground.sessions.count().await?)
    }

    /// Ends an upload: stops its running bodies and gives its bytes back. Again is fine while it is remembered.
    ///
    /// # Errors
    /// [`Refusal::NoUpload`]; [`Refusal::NotOpen`] if it is complete; or a store failed.
    pub async fn abort(&self, caller: &Caller, id: UploadId) -> Result<(), Refusal> {
        let session = self.session(caller, id, View::Head).await?;
        let _turn = self.completing.turn(id).await;
        if session.upload.state == State::Complete {
            return Err(Refusal::NotOpen { state: State::Complete });
        }
        match self.settle_ended(id, State::Aborted).await? {
            Some(State::Aborted | State::Expired) => {}
            Some(state) => return Err(Refusal::NotOpen { state }),
            None => return Err(Refusal::NoUpload),
        }
        self.running.stop(id).await;
        let storage = session.upload.storage;
        self.renounce(id, &storage).await?;
        self.prefixes.forget(id);
        let engine = self.clone();
        self.errand("give an aborted upload's bytes back", async move {
            if let Err(error) = engine.give_back(id, &storage).await {
                tracing::warn!(upload.id = %id, error = &error as &dyn std::error::Error, "bytes of an aborted upload stay until the sweeper finds them");
            }
        });
        Ok(())
    }

    /// Ends an upload for good as its owner sees it: one in progress is aborted; a finished one is forgotten, and the
    /// file that it became stays.
    ///
    /// # Errors
    /// [`Refusal::NoUpload`], or a store failed.
    pub async fn dismiss(&self, caller: &Caller, id: UploadId) -> Result<(), Refusal> {
        match self.abort(caller, id).await {
            Err(Refusal::NotOpen { state: State::Complete }) => {}
            other => return other,
        }
        let upload = self.session(caller, id, View::Head).await?.upload;
        let _turn = self.completing.turn(id).await;
        // The origin goes last: if this breaks off before, the upload is found by it and can be dismissed again.
        self.forget_upload(id, &upload.storage).await?;
        Ok(self.ground.catalog.forget_origin(id).await?)
    }

    /// The file that a finished upload became, as long as its owner keeps that content under any name.
    ///
    /// # Errors
    /// [`Refusal::NoUpload`]; [`Refusal::NoFile`] while there is none, or no longer; or a store failed.
    pub async fn file_of(&self, caller: &Caller, id: UploadId) -> Result<File, Refusal> {
        let session = self.session(caller, id, View::Head).await?;
        if session.upload.state != State::Complete {
            return Err(Refusal::NoFile);
        }
        let origin = self.ground.catalog.origin(id).await?.ok_or(Refusal::NoFile)?;
        let named = self.ground.catalog.file_of_blob(&origin.owner, &origin.file.blob).await?;
        named.map(|_| origin.file).ok_or(Refusal::NoFile)
    }

    /// Settles an upload that took bytes as ended; the state that it has then. An upload that was published, but not
    /// settled when the daemon died, turns out to be complete.
    pub(super) async fn settle_ended(&self, id: UploadId, end: State) -> Result<Option<State>, Refusal> {
        let published = self.ground.catalog.origin(id).await?.is_some();
        let end = if published { State::Complete } else { end };
        let from = [State::Open, State::Completing];
        let settled = self.settle(id, &from, &Settlement::to(end)).await?;
        Ok(settled.map(|settled| settled.upload.state))
    }

    /// Removes the manifest of an upload that was aborted. If its record was lost and put back in between, it is
    /// settled again; after this nothing puts it back.
    async fn renounce(&self, id: UploadId, storage: &StorageName) -> Result<(), Refusal> {
        let _turn = self.mending.turn(id).await;
        self.ground.objects.find(storage)?.renounce(id).await?;
        let from = [State::Open, State::Completing];
        self.ground.sessions.settle(id, &from, Settlement::to(State::Aborted)).await?;
        Ok(())
    }

    /// Removes an upload in any state, record and bytes that no blob needs; the bytes given back.
    ///
    /// # Errors
    /// [`Refusal::NoUpload`], or a store failed.
    pub async fn purge(&self, id: UploadId) -> Result<u64, Refusal> {
        let session = self.session(&Caller::Operator, id, View::Head).await?;
        let _turn = self.completing.turn(id).await;
        let state = self.settle_ended(id, State::Aborted).await?;
        self.running.stop(id).await;
        self.forget_upload(id, &session.upload.storage).await?;
        self.tell(Happening::Ended(&session.upload, Why::Purged));
        let kept = matches!(state, Some(State::Complete)) || session.upload.state == State::Complete;
        Ok(if kept { 0 } else { session.upload.received_bytes })
    }

    /// Manifest, then bytes beside it, then the record, in the order that lets nothing come back: what has no
    /// manifest is not rebuilt, and the record goes only when the bytes that it names are given back.
    pub(super) async fn forget_upload(&self, id: UploadId, storage: &StorageName) -> Result<(), StoreError> {
        let _turn = self.mending.turn(id).await;
        self.forget_in_turn(id, storage).await
    }

    pub(super) async fn forget_in_turn(&self, id: UploadId, storage: &StorageName) -> Result<(), StoreError> {
        self.ground.objects.find(storage)?.renounce(id).await?;
        self.give_back(id, storage).await?;
        self.ground.sessions.remove(id).await?;
        self.prefixes.forget(id);
        self.joins.let_go(id);
        Ok(())
    }

    /// Removes the objects of an upload that no blob refers to, and nothing that was joined of it.
    pub(super) async fn give_back(&self, id: UploadId, storage: &StorageName) -> Result<(), StoreError> {
        let mut objects = vec![ObjectKey::data(id).lying_in(storage)];
        if let Some(session) = self.ground.sessions.load(id, View::All).await? {
            objects.extend(session.receipts.into_iter().map(|receipt| receipt.extent.object));
        }
        objects.sort_unstable();
        objects.dedup();
        self.learn_joins().await?;
        objects.retain(|object| object.upload() == Some(id) && !self.joins.holds(object));
        let unreferenced = self.ground.catalog.unreferenced(&objects).await?;
        self.ground.objects.find(storage)?.release(id).await?;
        self.ground.objects.remove(&unreferenced).await
    }

    /// After a reboot, where acknowledged chunks were not synced one by one: looks at the bytes of every open upload
    /// before what its session says is believed again. Chunks that are gone are missing again; an upload that was
    /// appended to and whose offset can no longer be kept is ended. Returns how many uploads were ended.
    ///
    /// # Errors
    /// A store failed.
    pub async fn recheck(&self) -> Result<u64, Refusal> {
        let filter = UploadFilter { state: Some(State::Open), ..UploadFilter::default() };
        let mut page = PageRequest::first(100);
        let mut ended = 0;
        loop {
            let found = self.ground.sessions.list(&filter, &page).await?;
            for upload in found.items {
                ended += u64::from(self.recheck_upload_if_it_can(&upload).await?);
            }
            match found.next_cursor {
                Some(cursor) => page.cursor = Some(cursor),
                None => return Ok(ended),
            }
        }
    }

    /// An upload whose storage is away is believed: it must not keep the others from being looked at.
    async fn recheck_upload_if_it_can(&self, upload: &Upload) -> Result<bool, Refusal> {
        match self.recheck_upload(upload.id).await {
            Err(Refusal::Unavailable { source }) if source.store == Store::Objects => {
                tracing::warn!(upload.id = %upload.id, storage = %upload.storage, error = &source as &dyn std::error::Error, "an upload cannot be looked at");
                Ok(false)
            }
            answer => answer,
        }
    }

    async fn recheck_upload(&self, id: UploadId) -> Result<bool, Refusal> {
        self.mend(id).await?;
        let Some(session) = self.ground.sessions.load(id, View::All).await? else { return Ok(false) };
        let mut good = Vec::new();
        for receipt in &session.receipts {
            if self.is_intact(&receipt.extent).await? {
                good.push(receipt.clone());
            }
        }
        if good.len() == session.receipts.len() {
            return Ok(false);
        }
        let lost = session.receipts.len() - good.len();
        let told = Coverage::of(session.receipts).prefix();
        let kept = Coverage::of(good.clone());
        let mut upload = session.upload;
        if upload.epoch > 0 && kept.prefix() < told {
            tracing::error!(upload.id = %id, extents.lost = lost, "an upload lost bytes at the reboot that it had told of; it is ended");
            self.settle_ended(id, State::Aborted).await?;
            self.forget_upload(id, &upload.storage).await?;
            self.tell(Happening::Ended(&upload, Why::LostBytes));
            return Ok(true);
        }
        tracing::warn!(upload.id = %id, extents.lost = lost, "chunks were lost at the reboot; they are missing again");
        upload.received_bytes = kept.covered_bytes();
        self.ground.sessions.remove(id).await?;
        self.ground.sessions.restore(&Session::whole(upload, good)).await?;
        Ok(false)
    }

    /// Whether an extent's bytes are there and have its checksum.
    pub(super) async fn is_intact(&self, extent: &crate::Extent) -> Result<bool, Refusal> {
        let read =
            self.read_receipt(extent.offset, &extent.object, extent.object_offset, extent.length).await;
        match read {
            Ok(receipt) => Ok(receipt.extent.checksum == extent.checksum),
            Err(Refusal::Failed(error)) if error.store == Store::Objects => {
                tracing::warn!(object = %extent.object, error = &error as &dyn std::error::Error, "an extent cannot be read");
                Ok(false)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Reads a stretch of an object and computes what its receipt says.
    pub(super) async fn read_receipt(
        &self,
        offset: u64,
        object: &ObjectKey,
        object_offset: u64,
        length: u64,
    ) -> Result<Receipt, Refusal> {
        let range = object_offset..object_offset.saturating_add(length);
        let state = (TreeHasher::new(offset), RunningChecksum::default(), 0_u64);
        let take = |(tree, checksum, read): &mut (TreeHasher, RunningChecksum, u64), bytes: &[u8]| {
            tree.update(bytes);
            checksum.update(bytes);
            *read += bytes.len() as u64;
        };
        let (tree, checksum, read) = self.scan(object, range, state, take).await?;
        if read != length {
            let cause = format!("{object} gave {read} of {length} bytes");
            return Err(StoreError::new(Store::Objects, "read", Failure::Corrupt, cause).into());
        }
        let extent = crate::Extent {
            offset,
            length,
            object: object.clone(),
            object_offset,
            checksum: checksum.value(),
        };
        Ok(Receipt { extent, subtrees: tree.finish() })
    }
}
