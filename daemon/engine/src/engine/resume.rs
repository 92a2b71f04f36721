//! For clients that know an upload by its content, or by its id alone.

use super::{Engine, NewUpload, UploadStatus};
use crate::contracts::{PageRequest, UploadFilter, View};
use crate::digest::Digest;
use crate::id::UploadId;
use crate::owner::{Caller, Owner};
use crate::refusal::Refusal;
use crate::upload::State;

/// Heads that are looked through at a time.
const PAGE: usize = 1_000;

impl Engine {
    /// The open upload of the owner that has this digest and length, else a new one: never the finished file.
    ///
    /// Two such requests at once get the same upload. So that they do, the new one has an idempotency key that a
    /// request of the same minute finds.
    ///
    /// # Errors
    /// What the client asked for is outside a limit, or a store failed.
    pub async fn resume_or_create(&self, owner: &Owner, mut new: NewUpload) -> Result<UploadStatus, Refusal> {
        let caller = Caller::User(owner.clone());
        if let Some(digest) = &new.digest {
            if let Some(open) = self.find_open(owner, digest, new.length).await? {
                return self.status(&caller, open).await;
            }
            let minute = self.now().0 / 60_000;
            let length = new.length.map_or_else(|| "-".to_owned(), |length| length.to_string());
            new.idempotency_key = Some(format!("resume:{digest}:{length}:{minute}"));
        }
        let mut upload = self.planned(owner, new).await?;
        if let Some(known) = self.begin(&upload).await? {
            let status = self.status(&caller, known).await?;
            if status.upload.state == State::Open {
                return Ok(status);
            }
            // Begun and ended within the minute.
            upload.idempotency_key = None;
            self.begin(&upload).await?;
        }
        self.status(&caller, upload.id).await
    }

    async fn find_open(
        &self,
        owner: &Owner,
        digest: &Digest,
        length: Option<u64>,
    ) -> Result<Option<UploadId>, Refusal> {
        let filter =
            UploadFilter { owner: Some(owner.clone()), state: Some(State::Open), created_before: None };
        let mut page = PageRequest::first(PAGE);
        loop {
            let found = self.ground.sessions.list(&filter, &page).await?;
            let same =
                |upload: &&crate::Upload| upload.digest.as_ref() == Some(digest) && upload.length == length;
            if let Some(upload) = found.items.iter().find(same) {
                return Ok(Some(upload.id));
            }
            match found.next_cursor {
                Some(cursor) => page.cursor = Some(cursor),
                None => return Ok(None),
            }
        }
    }

    /// Whose an upload is. Only for callers that nobody can tell apart: to know an id is all that they can show.
    ///
    /// # Errors
    /// [`Refusal::NoUpload`], or a store failed.
    pub async fn owner_of(&self, id: UploadId) -> Result<Owner, Refusal> {
        let session = self.session(&Caller::Operator, id, View::Head).await?;
        Ok(session.upload.owner)
    }
}
