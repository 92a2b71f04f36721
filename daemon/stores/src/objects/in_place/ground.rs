//! What every upload of a store shares: the root, the disk, the directories, the trash.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cairn_engine::ObjectKey;

use super::super::Durability;
use super::super::local::directories::{Directories, prepare};
use super::super::local::disk::Disk;
use super::receipts::Scope;
use super::temporary::Temporary;
use super::trash::Trash;

/// Where attempts wait that are not whole yet, below the root.
const TEMPORARY: &str = "tmp";
/// Where removed bytes wait to be unlinked, below the root.
const TRASH: &str = "trash";

/// The shared ground of a store.
pub(super) struct Ground {
    root: PathBuf,
    pub(super) disk: Disk,
    pub(super) directories: Directories,
    pub(super) trash: Arc<Trash>,
    pub(super) durability: Durability,
    /// The kernel's name of this boot.
    pub(super) boot: String,
}

impl Ground {
    /// Makes the top directories, so that they last, and clears what a process before left half done.
    pub(super) fn open(root: &Path, durability: Durability, disk: Disk) -> io::Result<Self> {
        prepare(root, &[TEMPORARY, TRASH], &disk)?;
        let trash = Arc::new(Trash::open(root.join(TRASH))?);
        for entry in std::fs::read_dir(root.join(TEMPORARY))? {
            trash.remove(&entry?.path())?;
        }
        let boot = read_boot(durability)?;
        let directories = Directories::new(disk.clone());
        Ok(Self { root: root.to_owned(), disk, directories, trash, durability, boot })
    }

    /// Where an object lies.
    pub(super) fn path(&self, object: &ObjectKey) -> PathBuf {
        self.root.join(object.as_str())
    }

    /// Where the objects of an upload lie.
    pub(super) fn folder(&self, upload: cairn_engine::UploadId) -> PathBuf {
        self.root.join(ObjectKey::folder(upload))
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn temporary_directory(&self) -> PathBuf {
        self.root.join(TEMPORARY)
    }

    /// A new file that nobody sees yet.
    pub(super) async fn temporary(&self) -> io::Result<Temporary> {
        Temporary::create(&self.temporary_directory(), &self.disk, &self.trash).await
    }

    /// How far receipts that are logged now may be trusted.
    pub(super) fn scope(&self) -> Scope {
        match self.durability {
            Durability::Chunk => Scope { boot: None },
            Durability::Complete => Scope { boot: Some(self.boot.clone()) },
        }
    }
}

/// The kernel's name of this boot. Where receipts are never logged unsynced it may stay unknown: then those of
/// another time are compared with their bytes.
fn read_boot(durability: Durability) -> io::Result<String> {
    match (std::fs::read_to_string("/proc/sys/kernel/random/boot_id"), durability) {
        (Ok(text), _) => Ok(text.trim().to_owned()),
        (Err(_), Durability::Chunk) => Ok(String::new()),
        (Err(error), Durability::Complete) => Err(error),
    }
}
