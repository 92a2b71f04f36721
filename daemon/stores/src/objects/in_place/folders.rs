//! The folders that are open, and how many.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cairn_engine::UploadId;
use tokio::sync::OnceCell;

use super::super::local::disk::elsewhere;
use super::folder::Folder;
use super::ground::Ground;

/// Folders kept open although nobody works in them; each holds two files open.
const IDLE_FOLDERS: usize = 256;

/// A place for a folder that somebody is opening, or has opened.
type Slot = Arc<OnceCell<Arc<Folder>>>;

/// The open folders. One in which an attempt runs is never closed; idle ones are, the longest unused first, once
/// there are many.
#[derive(Default)]
pub(super) struct Folders {
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    slots: HashMap<UploadId, (Slot, u64)>,
    uses: u64,
}

impl Folders {
    /// The folder of an upload, opened or made if it is not open.
    pub(super) async fn open(
        &self,
        ground: &Arc<Ground>,
        upload: UploadId,
        total: Option<u64>,
    ) -> io::Result<Arc<Folder>> {
        let slot = self.slot(upload);
        let make = || {
            let ground = Arc::clone(ground);
            elsewhere(move || Folder::open(ground, upload, total).map(Arc::new))
        };
        slot.get_or_try_init(make).await.cloned()
    }

    /// The folder of an upload, if it is open.
    pub(super) fn find(&self, upload: UploadId) -> Option<Arc<Folder>> {
        self.locked().slots.get(&upload).and_then(|(slot, _)| slot.get().cloned())
    }

    /// Closes a folder whose files go away: attempts that run in it fail.
    pub(super) fn close(&self, upload: UploadId) {
        let slot = self.locked().slots.remove(&upload);
        if let Some(folder) = slot.as_ref().and_then(|(slot, _)| slot.get()) {
            folder.close();
        }
    }

    fn slot(&self, upload: UploadId) -> Slot {
        let mut open = self.locked();
        open.uses += 1;
        let uses = open.uses;
        if let Some((slot, used)) = open.slots.get_mut(&upload) {
            *used = uses;
            return Arc::clone(slot);
        }
        open.close_one_if_many();
        let slot = Slot::default();
        open.slots.insert(upload, (Arc::clone(&slot), uses));
        slot
    }

    fn locked(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn close_one_if_many(&mut self) {
        if self.slots.len() < IDLE_FOLDERS {
            return;
        }
        let idle = self.slots.iter().filter(|(_, (slot, _))| is_idle(slot));
        let Some((upload, folder)) =
            idle.min_by_key(|(_, (_, used))| *used).map(|(upload, (slot, _))| (*upload, slot.get().cloned()))
        else {
            return;
        };
        match folder {
            // Whoever closes the last descriptor would never hear that a write failed: it goes at a later turn.
            Some(folder) if folder.is_dirty() => folder.start_sync(),
            _ => {
                self.slots.remove(&upload);
            }
        }
    }
}

/// Whether only this map knows the folder.
fn is_idle(slot: &Slot) -> bool {
    Arc::strong_count(slot) == 1 && slot.get().is_none_or(|folder| Arc::strong_count(folder) == 1)
}
