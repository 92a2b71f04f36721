//! One sync for everybody who waits for one.
//!
//! Whoever asks while a sync is running waits for it to end, and then for the next one, which begins after all of
//! them had written: one call to the disk answers all who asked before it began.
//!
//! A sync that failed once has failed for good: the kernel reports such an error one time and would answer the next
//! call with success, although the bytes are gone. Its outcome is kept even if nobody waits for it any more.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::disk::{Disk, elsewhere};

/// Bytes that may wait for a sync before one is started in the background, so that the last one is short.
const WRITE_BEHIND_BYTES: u64 = 16 << 20;

/// What is synced.
pub(in super::super) enum Synced {
    /// The bytes of a file.
    File(Arc<File>),
    /// The names in a directory.
    Directory(PathBuf),
}

/// Called once, when a sync failed.
type OnFailure = Box<dyn Fn(&io::Error) + Send + Sync>;

/// A file or directory with its syncs.
pub(in super::super) struct SharedSync {
    what: Synced,
    disk: Disk,
    /// How often a sync was asked for.
    asked: AtomicU64,
    /// The last ask that a sync has answered. Locked while one runs.
    answered: Arc<Mutex<u64>>,
    /// Bytes written since the last sync began.
    waiting: AtomicU64,
    failed: OnceLock<(io::ErrorKind, String)>,
    on_failure: Option<OnFailure>,
}

impl SharedSync {
    pub(in super::super) fn new(what: Synced, disk: Disk) -> Self {
        Self {
            what,
            disk,
            asked: AtomicU64::new(0),
            answered: Arc::default(),
            waiting: AtomicU64::new(0),
            failed: OnceLock::new(),
            on_failure: None,
        }
    }

    /// The same, telling of its failure.
    pub(in super::super) fn telling(
        mut self,
        on_failure: impl Fn(&io::Error) + Send + Sync + 'static,
    ) -> Self {
        self.on_failure = Some(Box::new(on_failure));
        self
    }

    /// Counts what was written; many bytes start a sync in the background, one at a time.
    pub(in super::super) fn wrote(self: &Arc<Self>, bytes: u64) {
        let waiting = self.waiting.fetch_add(bytes, Ordering::SeqCst).saturating_add(bytes);
        if waiting > WRITE_BEHIND_BYTES {
            self.start();
        }
    }

    /// Starts a sync in the background, unless one is running.
    pub(in super::super) fn start(self: &Arc<Self>) {
        let Ok(answered) = Arc::clone(&self.answered).try_lock_owned() else { return };
        let this = Arc::clone(self);
        // Not waited for: `run` keeps what became of it.
        drop(tokio::task::spawn_blocking(move || this.run(answered)));
    }

    /// Whether bytes were written that no sync has begun to cover.
    pub(in super::super) fn is_dirty(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Whether a sync failed.
    pub(in super::super) fn has_failed(&self) -> bool {
        self.failed.get().is_some()
    }

    /// Waits until everything written before this call is durable.
    pub(in super::super) async fn sync(self: &Arc<Self>) -> io::Result<()> {
        let ask = self.asked.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        let answered = Arc::clone(&self.answered).lock_owned().await;
        self.refuse_if_failed()?;
        if *answered >= ask {
            return Ok(());
        }
        let this = Arc::clone(self);
        elsewhere(move || this.run(answered)).await
    }

    /// As [`sync`](Self::sync), for a caller after whom nobody writes: if nothing was written since the last sync
    /// began, that one is enough.
    pub(in super::super) async fn sync_rest(self: &Arc<Self>) -> io::Result<()> {
        if self.is_dirty() {
            return self.sync().await;
        }
        let _ended = self.answered.lock().await;
        self.refuse_if_failed()
    }

    fn refuse_if_failed(&self) -> io::Result<()> {
        let again = |(kind, why): &(io::ErrorKind, String)| Err(io::Error::new(*kind, why.clone()));
        self.failed.get().map_or(Ok(()), again)
    }

    fn run(&self, mut answered: OwnedMutexGuard<u64>) -> io::Result<()> {
        self.refuse_if_failed()?;
        let asked = self.asked.load(Ordering::SeqCst);
        self.waiting.store(0, Ordering::SeqCst);
        let outcome = match &self.what {
            Synced::File(file) => self.disk.sync_data(file),
            Synced::Directory(path) => self.disk.sync_directory(path),
        };
        match &outcome {
            Ok(()) => *answered = asked,
            Err(error) => self.fail(error),
        }
        outcome
    }

    fn fail(&self, error: &io::Error) {
        if error.kind() == io::ErrorKind::NotFound {
            // A directory that was removed before it was opened: no write was lost.
            return;
        }
        // Not the kind of a full disk: room that comes later does not bring the bytes back.
        let why = format!("a sync failed before: {error}");
        if self.failed.set((io::ErrorKind::Other, why)).is_ok()
            && let Some(tell) = &self.on_failure
        {
            tell(error);
        }
    }
}
