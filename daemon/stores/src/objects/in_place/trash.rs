//! Giving bytes back in the background.
//!
//! Unlinking a big file takes the file system seconds. So it is renamed out of the way, which is quick and makes it
//! absent for everybody, and a thread of its own unlinks it. What a process leaves there, the next one finds.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};

/// Files of at most this length are unlinked at once.
const SMALL_BYTES: u64 = 1 << 20;

/// The directory of what is to be unlinked, and the thread that does it.
pub(super) struct Trash {
    directory: PathBuf,
    next: AtomicU64,
    sender: Sender<PathBuf>,
}

impl Trash {
    /// Begins with what is left in the directory.
    pub(super) fn open(directory: PathBuf) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        for entry in std::fs::read_dir(&directory)? {
            let path = entry?.path();
            // Its own thread holds the other end.
            let _ = sender.send(path);
        }
        std::thread::Builder::new().name("cairn-unlink".to_owned()).spawn(move || unlink_all(&receiver))?;
        Ok(Self { directory, next: AtomicU64::new(0), sender })
    }

    /// Removes a file; absent is fine. Blocks no longer than a rename.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        let length = match std::fs::metadata(path) {
            Ok(metadata) => metadata.len(),
            Err(error) => return absent_is_fine(error),
        };
        if length <= SMALL_BYTES {
            return std::fs::remove_file(path).or_else(absent_is_fine);
        }
        let name = format!("{}-{}", std::process::id(), self.next.fetch_add(1, Ordering::Relaxed));
        let target = self.directory.join(name);
        match std::fs::rename(path, &target) {
            Ok(()) => {
                if let Err(mpsc::SendError(path)) = self.sender.send(target) {
                    tracing::warn!(path = %path.display(), "removed bytes stay until the next start");
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => std::fs::remove_file(path),
            Err(error) => absent_is_fine(error),
        }
    }
}

pub(super) fn absent_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Ends when the store is gone and nothing is left to unlink.
fn unlink_all(receiver: &Receiver<PathBuf>) {
    for path in receiver {
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        if let Err(error) = removed.or_else(absent_is_fine) {
            tracing::warn!(%error, path = %path.display(), "removed bytes stay until the next start");
        }
    }
}
