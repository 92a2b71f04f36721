//! Directories, and names in them that last.
//!
//! A new name lasts when its directory is synced after it was made. A folder of an upload needs the directory above
//! it synced too, and the first folder of a shard the one above that. The top directories are made durable when the
//! store is opened; shards are never removed, so each is synced once in the life of a process.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::Disk;
use super::shared_sync::{SharedSync, Synced};

/// The directories of a store.
pub(in super::super) struct Directories {
    disk: Disk,
    /// Shards whose own name is known to last.
    lasting: Mutex<HashSet<PathBuf>>,
    /// Directories that somebody is syncing now, and those whose sync failed.
    syncs: Mutex<HashMap<PathBuf, Arc<SharedSync>>>,
}

impl Directories {
    pub(in super::super) fn new(disk: Disk) -> Self {
        Self { disk, lasting: Mutex::default(), syncs: Mutex::default() }
    }

    /// Makes every name in `folder`, and the folder's own, durable. The folder lies in a shard, the shard in one of
    /// the top directories.
    pub(in super::super) async fn make_names_last(&self, folder: &Path) -> io::Result<()> {
        self.sync(folder).await?;
        let Some(shard) = folder.parent() else { return Ok(()) };
        self.sync(shard).await?;
        self.make_shard_last(shard).await
    }

    /// Makes the names in a shard itself durable, and the shard's own.
    pub(in super::super) async fn make_shard_names_last(&self, shard: &Path) -> io::Result<()> {
        self.sync(shard).await?;
        self.make_shard_last(shard).await
    }

    async fn make_shard_last(&self, shard: &Path) -> io::Result<()> {
        if locked(&self.lasting).contains(shard) {
            return Ok(());
        }
        if let Some(top) = shard.parent() {
            self.sync(top).await?;
        }
        locked(&self.lasting).insert(shard.to_owned());
        Ok(())
    }

    /// Makes the names in one directory durable, together with whoever else wants that now.
    pub(in super::super) async fn sync(&self, directory: &Path) -> io::Result<()> {
        let sync = Arc::clone(locked(&self.syncs).entry(directory.to_owned()).or_insert_with(|| {
            Arc::new(SharedSync::new(Synced::Directory(directory.to_owned()), self.disk.clone()))
        }));
        let outcome = sync.sync().await;
        let mut syncs = locked(&self.syncs);
        // This one and the map's: nobody else waits. One that failed stays, so that it goes on to fail.
        if Arc::strong_count(&sync) <= 2 && !sync.has_failed() {
            syncs.remove(directory);
        }
        outcome
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a store's root, the top directories of its objects, and those named, so that all of them last. Blocks.
pub(in super::super) fn prepare(root: &Path, also: &[&str], disk: &Disk) -> io::Result<()> {
    make_lasting(root, disk)?;
    for name in ["uploads", "merged"].iter().chain(also) {
        std::fs::create_dir_all(root.join(name))?;
    }
    disk.sync_directory(root)
}

/// Makes a directory and those above it, syncing each one in which a name was made.
fn make_lasting(directory: &Path, disk: &Disk) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    make_lasting(parent, disk)?;
    std::fs::create_dir_all(directory)?;
    disk.sync_directory(parent)
}
