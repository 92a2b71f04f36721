//! What a user leaves behind who is removed.
//!
//! The user is disabled first, so that nothing new comes; then uploads go with their bytes, open ones and those that
//! ended, then the names of files. A removal that was cut short leaves a disabled user with what is left: again goes
//! on.

use cairn_engine::contracts::{FileFilter, PageRequest, UploadFilter, UserChange};
use cairn_engine::engine::AccountError;
use cairn_engine::{Engine, Owner, Refusal, UploadId};

use crate::house::House;

/// Files or uploads looked at in one call.
const BATCH: usize = 1_000;

/// What a user has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    /// Files.
    pub(super) files: u64,
    /// Their bytes.
    pub(super) used_bytes: u64,
    /// Uploads that are not over.
    pub(super) uploads: u64,
}

impl Kept {
    /// Whether the user has nothing.
    pub(super) fn is_nothing(&self) -> bool {
        self.files == 0 && self.uploads == 0
    }
}

/// What a user has now.
///
/// # Errors
/// A store failed.
pub(super) async fn kept(engine: &Engine, user: &Owner) -> Result<Kept, Refusal> {
    let mut kept = Kept::default();
    let filter = FileFilter { owner: Some(user.clone()), ..FileFilter::default() };
    let mut page = PageRequest::first(BATCH);
    loop {
        let found = engine.list_files(&filter, &page).await?;
        kept.files += found.items.len() as u64;
        kept.used_bytes += found.items.iter().map(|file| file.length).sum::<u64>();
        match found.next_cursor {
            Some(cursor) => page.cursor = Some(cursor),
            None => break,
        }
    }
    kept.uploads = uploads(engine, user, true).await?.len() as u64;
    Ok(kept)
}

/// Uploads of a user, all or those that are not over.
async fn uploads(engine: &Engine, user: &Owner, in_progress: bool) -> Result<Vec<UploadId>, Refusal> {
    let filter = UploadFilter { owner: Some(user.clone()), ..UploadFilter::default() };
    let (mut ids, mut page) = (Vec::new(), PageRequest::first(BATCH));
    loop {
        let found = engine.list_uploads(&filter, &page).await?;
        let wanted = found.items.iter().filter(|status| !in_progress || !status.upload.state.is_final());
        ids.extend(wanted.map(|status| status.upload.id));
        match found.next_cursor {
            Some(cursor) => page.cursor = Some(cursor),
            None => return Ok(ids),
        }
    }
}

/// Takes away all that a user has.
///
/// # Errors
/// A store failed; what is left can be asked for again.
pub(super) async fn leave(house: &House, user: &Owner) -> Result<(), Refusal> {
    let engine = &house.engine;
    let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
    match engine.change_user(user, &disabled).await {
        Ok(_) | Err(AccountError::NoUser) => {}
        Err(AccountError::Store(error)) => return Err(error.into()),
        Err(_) => return Err(Refusal::Interrupted),
    }
    for id in uploads(engine, user, false).await? {
        match engine.purge(id).await {
            // Gone by itself meanwhile.
            Ok(_) | Err(Refusal::NoUpload) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    let filter = FileFilter { owner: Some(user.clone()), ..FileFilter::default() };
    loop {
        let found = engine.list_files(&filter, &PageRequest::first(BATCH)).await?;
        if found.items.is_empty() {
            return Ok(());
        }
        for file in found.items {
            match engine.remove_file(user, &file.path).await {
                Ok(file) => house.audit.removed(engine.now(), &file),
                Err(Refusal::NoFile) => {}
                Err(refusal) => return Err(refusal),
            }
        }
    }
}
