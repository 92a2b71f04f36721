//! The data directory: made, found writable, and held by one daemon at a time.
//!
//! What it holds beside the stores:
//!
//! | file | says |
//! |---|---|
//! | `lock` | locked while a daemon runs; its process id. The lock goes with the process, the file stays |
//! | `listen` | the address that the daemon listens on; removed when it stops |
//! | `boot` | the boot of the machine under which a daemon last ran, and whether it acknowledged bytes before they were synced |

use std::fs::{DirBuilder, File};
use std::io::{self, Read, Seek, Write};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, FlockOperation, access, flock};
use rustix::io::Errno;

/// Where the kernel tells one boot from another.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// What the file says of a daemon that acknowledges bytes before they are synced.
const UNSYNCED: &str = "unsynced";

/// A data directory that is ours as long as this lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Closing it gives the directory back.
    _lock: File,
}

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It cannot be made.
    #[error("the data directory {} cannot be made", path.display())]
    Make {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nothing can be written in it.
    #[error("the data directory {} cannot be written", path.display())]
    Unwritable {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another daemon holds it.
    #[error("the data directory {} is in use by another daemon{}", path.display(), holder_text(.holder.as_deref()))]
    Held {
        /// The directory.
        path: PathBuf,
        /// Its process id, if it says so.
        holder: Option<String>,
    },
}

fn holder_text(holder: Option<&str>) -> String {
    holder.map(|id| format!(" (process {id})")).unwrap_or_default()
}

impl DataDir {
    /// Makes the directory if it is not there (mode 0700), and takes its lock. Blocks, but not for another daemon.
    ///
    /// # Errors
    /// See [`DataDirError`].
    pub fn take(path: &Path) -> Result<Self, DataDirError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|source| DataDirError::Make { path: path.to_owned(), source })?;
        let unwritable = |source| DataDirError::Unwritable { path: path.to_owned(), source };
        let options = File::options().read(true).write(true).create(true).truncate(false).clone();
        let mut lock = options.open(path.join("lock")).map_err(unwritable)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(DataDirError::Held { path: path.to_owned(), holder: holder(&mut lock) });
            }
            Err(error) => return Err(unwritable(error.into())),
        }
        // This is the probe, too: a full or read-only file system shows here.
        sign(&mut lock).map_err(unwritable)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Tells the address for whoever looks, such as after `listen = "127.0.0.1:0"`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn tell_address(&self, address: SocketAddr) -> io::Result<()> {
        let new = self.path.join("listen.new");
        std::fs::write(&new, format!("{address}\n"))?;
        std::fs::rename(new, self.path.join("listen"))
    }

    /// Takes the address back.
    pub fn forget_address(&self) {
        if let Err(error) = std::fs::remove_file(self.path.join("listen"))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the file that tells the address stays");
        }
    }

    /// Whether the machine has gone down since bytes were acknowledged here before they were synced.
    pub fn may_have_lost_bytes(&self) -> bool {
        self.last_run().is_some_and(|last| last.unsynced && last.boot != this_boot())
    }

    /// Remembers the boot under which the daemon runs, and whether it acknowledges bytes before they are synced.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn remember_boot(&self, unsynced: bool) -> io::Result<()> {
        let boot = this_boot();
        // What was acknowledged earlier under this boot is no safer for a change of the setting.
        let earlier = self.last_run().is_some_and(|last| last.unsynced && last.boot == boot);
        let word = if unsynced || earlier { UNSYNCED } else { "synced" };
        let mut file = File::create(self.path.join("boot"))?;
        write!(file, "{boot}\n{word}\n")?;
        file.sync_all()
    }

    fn last_run(&self) -> Option<LastRun> {
        let text = std::fs::read_to_string(self.path.join("boot")).ok()?;
        let (boot, word) = text.split_once('\n')?;
        Some(LastRun { boot: boot.to_owned(), unsynced: word.trim() == UNSYNCED })
    }
}

/// Under which boot a daemon ran here last, and whether it acknowledged bytes before they were synced.
struct LastRun {
    boot: String,
    unsynced: bool,
}

/// The kernel's word for this boot. Where there is none, every start is taken for the same boot.
fn this_boot() -> String {
    std::fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned()
}

/// Whether the directory could be used, as far as that can be told without changing anything: it, or what is there
/// of the way to it, can be written.
///
/// # Errors
/// See [`DataDirError`].
pub fn check_writable(path: &Path) -> Result<(), DataDirError> {
    let there = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("."));
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    access(there, Access::WRITE_OK | Access::EXEC_OK)
        .and_then(|()| if there.is_dir() { Ok(()) } else { Err(Errno::NOTDIR) })
        .map_err(|error| DataDirError::Unwritable { path: path.to_owned(), source: error.into() })
}

fn holder(lock: &mut File) -> Option<String> {
    let mut text = String::new();
    lock.take(32).read_to_string(&mut text).ok()?;
    let id = text.trim();
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then(|| id.to_owned())
}

fn sign(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_who_takes_it_learns_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let first = DataDir::take(&path).unwrap();
        let error = DataDir::take(&path).unwrap_err();
        let expected = format!(
            "the data directory {} is in use by another daemon (process {})",
            path.display(),
            std::process::id()
        );
        assert_eq!(error.to_string(), expected);
        drop(first);
        DataDir::take(&path).unwrap();
    }

    #[test]
    fn it_is_made_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let _held = DataDir::take(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_file_in_its_place_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        std::fs::write(&path, "x").unwrap();
        assert!(matches!(DataDir::take(&path), Err(DataDirError::Make { .. })));
        assert!(matches!(check_writable(&path), Err(DataDirError::Unwritable { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"x");
    }

    #[test]
    fn a_check_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        check_writable(&folder.path().join("a/b/c")).unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn bytes_may_be_lost_only_by_another_boot_after_unsynced_acknowledgements() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::take(folder.path()).unwrap();
        assert!(!data.may_have_lost_bytes());
        data.remember_boot(true).unwrap();
        assert!(!data.may_have_lost_bytes());
        data.remember_boot(false).unwrap();
        let told = std::fs::read_to_string(folder.path().join("boot")).unwrap();
        assert!(told.ends_with("\nunsynced\n"), "{told}");
        for (word, lost) in [("unsynced", true), ("synced", false)] {
            std::fs::write(folder.path().join("boot"), format!("another\n{word}\n")).unwrap();
            assert_eq!(data.may_have_lost_bytes(), lost);
        }
        data.remember_boot(false).unwrap();
        assert!(!data.may_have_lost_bytes());
    }

    #[test]
    fn the_address_is_told_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::take(folder.path()).unwrap();
        data.tell_address("127.0.0.1:81".parse().unwrap()).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("listen")).unwrap(), "127.0.0.1:81\n");
        data.forget_address();
        data.forget_address();
        assert!(!folder.path().join("listen").exists());
    }
}
