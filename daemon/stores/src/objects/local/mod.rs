//! What lasts on a local file system: calls to the disk, shared syncs, names in directories.

pub(super) mod directories;
pub(super) mod disk;
pub(super) mod shared_sync;
