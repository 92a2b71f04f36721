//! The calls that make bytes and names last, in one place, so that tests can count them and let them fail.

use std::fs::File;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;

/// Buffers that one vectored write takes at the most (`IOV_MAX` of Linux).
const MOST_SLICES: usize = 1024;

/// A write into the page cache takes a fraction of a millisecond. One that takes this long waits for the device.
const SLOW: Duration = Duration::from_millis(5);

/// The disk.
#[derive(Clone, Default)]
pub(in super::super) struct Disk {
    /// Whether the last write had to wait for the device.
    pushes_back: Arc<AtomicBool>,
    #[cfg(test)]
    pub(in super::super) probe: std::sync::Arc<probe::Probe>,
}

impl Disk {
    /// Runs a write on this thread.
    ///
    /// The bytes of a batch are still in this core's cache. A hop to the blocking pool, or telling the runtime that
    /// this thread blocks, wakes another thread and moves the connection there, which costs more CPU than the write
    /// itself: measured, a third of all that an upload costs. So as long as the page cache takes writes at once, they
    /// are made like any other computation. When the device pushes back (dirty pages are throttled, the disk hangs),
    /// the runtime is told before each write, until they are quick again.
    pub(in super::super) fn here<T>(&self, write: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let written = if self.pushes_back.load(Ordering::Relaxed) { blocking(write) } else { write() };
        self.pushes_back.store(begun.elapsed() > SLOW, Ordering::Relaxed);
        written
    }

    /// Writes all of the batch at the offset; nothing is copied.
    pub(in super::super) fn write_all_at(
        &self,
        file: &File,
        batch: &[Bytes],
        mut offset: u64,
    ) -> io::Result<()> {
        #[cfg(test)]
        self.probe.write()?;
        for group in batch.chunks(MOST_SLICES) {
            let full = group.iter().filter(|bytes| !bytes.is_empty());
            let mut slices: Vec<_> = full.map(|bytes| IoSlice::new(bytes)).collect();
            let mut rest = slices.as_mut_slice();
            while !rest.is_empty() {
                match rustix::io::pwritev(file, rest, offset) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => {
                        offset = offset.saturating_add(written as u64);
                        IoSlice::advance_slices(&mut rest, written);
                    }
                    Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// Makes a file's bytes durable, and what is needed to find them.
    pub(in super::super) fn sync_data(&self, file: &File) -> io::Result<()> {
        #[cfg(test)]
        self.probe.sync()?;
        file.sync_data()
    }

    /// Makes the names in a directory durable.
    pub(in super::super) fn sync_directory(&self, path: &Path) -> io::Result<()> {
        #[cfg(test)]
        self.probe.directory_sync()?;
        File::open(path)?.sync_all()
    }

    /// Reserves room for a whole file, without changing its length. Where the file system cannot, nothing happens.
    pub(in super::super) fn reserve(&self, file: &File, length: u64) -> io::Result<()> {
        loop {
            match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, length) {
                Err(Errno::INTR) => {}
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Runs work that blocks on this thread; on a runtime of several threads another one takes over what this one would
/// have done meanwhile.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Runs blocking work that may take long on a thread of the blocking pool.
pub(in super::super) async fn elsewhere<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
pub(in super::super) mod probe {
    //! Counts and faults.

    use std::io;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    /// What tests see and order.
    #[derive(Default)]
    pub(in super::super::super) struct Probe {
        pub(in super::super::super) syncs: AtomicU64,
        pub(in super::super::super) directory_syncs: AtomicU64,
        pub(in super::super::super) fail_write: AtomicBool,
        pub(in super::super::super) fail_sync: AtomicBool,
    }

    impl Probe {
        pub(super) fn write(&self) -> io::Result<()> {
            fail_once(&self.fail_write)
        }

        pub(super) fn sync(&self) -> io::Result<()> {
            self.syncs.fetch_add(1, Ordering::SeqCst);
            fail_once(&self.fail_sync)
        }

        pub(super) fn directory_sync(&self) -> io::Result<()> {
            self.directory_syncs.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }

    /// As the kernel does: the error is told once, and forgotten.
    fn fail_once(fault: &AtomicBool) -> io::Result<()> {
        let fails = fault.swap(false, Ordering::SeqCst);
        if fails { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
    }
}
