//! A file that is not seen under its key before it is whole and durable.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::super::local::disk::{Disk, elsewhere};
use super::super::local::shared_sync::{SharedSync, Synced};
use super::trash::Trash;

/// A file in the temporary directory; dropped, it goes away.
pub(super) struct Temporary {
    path: Option<PathBuf>,
    file: Arc<File>,
    disk: Disk,
    sync: Arc<SharedSync>,
    trash: Arc<Trash>,
    written: u64,
}

impl Temporary {
    /// Makes one. Its name is of this process alone: the directory is emptied when the store is opened.
    pub(super) async fn create(directory: &Path, disk: &Disk, trash: &Arc<Trash>) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = directory.join(name);
        let made = path.clone();
        let file = elsewhere(move || File::create_new(made)).await?;
        let file = Arc::new(file);
        let sync = Arc::new(SharedSync::new(Synced::File(Arc::clone(&file)), disk.clone()));
        Ok(Self { path: Some(path), file, disk: disk.clone(), sync, trash: Arc::clone(trash), written: 0 })
    }

    /// Writes more.
    pub(super) fn write(&mut self, batch: &[Bytes]) -> io::Result<()> {
        let length: u64 = batch.iter().map(|bytes| bytes.len() as u64).sum();
        self.disk.here(|| self.disk.write_all_at(&self.file, batch, self.written))?;
        self.written = self.written.saturating_add(length);
        self.sync.wrote(length);
        Ok(())
    }

    /// Makes the bytes durable and gives them their name; the name is not durable yet. Makes the folder if needed.
    pub(super) async fn place(mut self, target: &Path) -> io::Result<()> {
        self.sync.sync().await?;
        let target = target.to_owned();
        elsewhere(move || {
            let Some(path) = &self.path else { return Ok(()) };
            in_folder(&target, || std::fs::rename(path, &target))?;
            // It has its name now: dropping this removes nothing.
            drop(self.path.take());
            Ok(())
        })
        .await
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let Some(path) = self.path.take() else { return };
        if let Err(error) = self.trash.remove(&path) {
            tracing::warn!(%error, path = %path.display(), "a temporary file stays until the next start");
        }
    }
}

/// Does something that needs the folder of `target`; makes the folder if it is not there.
pub(super) fn in_folder<T>(target: &Path, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
    const TRIES: u32 = 8;
    for _ in 1..TRIES {
        match work() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                target.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            }
            outcome => return outcome,
        }
    }
    work()
}
