//! How many lines wait for the disk, and how many it cost us.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::metrics::Metrics;

/// Bytes of lines that wait to be written at most; more are lost and counted.
const WAITING_BYTES: usize = 8 << 20;

/// The figures of one file.
pub(super) struct Tally {
    path: PathBuf,
    metrics: Arc<Metrics>,
    waiting_lines: AtomicUsize,
    waiting_bytes: AtomicUsize,
    /// Since a line was last written.
    lost: AtomicU64,
}

impl Tally {
    pub(super) fn new(path: PathBuf, metrics: Arc<Metrics>) -> Self {
        let (waiting_lines, waiting_bytes, lost) = Default::default();
        Self { path, metrics, waiting_lines, waiting_bytes, lost }
    }

    /// A line of so many bytes is to wait; `false` if there is no room for it. Either way it counts until
    /// [`take_back`](Self::take_back).
    pub(super) fn hand_over(&self, bytes: usize) -> bool {
        self.waiting_lines.fetch_add(1, Ordering::Relaxed);
        self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= WAITING_BYTES
    }

    /// A line of so many bytes does not wait any more.
    pub(super) fn take_back(&self, bytes: usize) {
        self.waiting_lines.fetch_sub(1, Ordering::Relaxed);
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// How many lines wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting_lines.load(Ordering::Relaxed)
    }

    /// Lines were lost. Of a row of losses the ordinary log tells the first.
    pub(super) fn lose(&self, lines: usize, error: &io::Error) {
        let lines = lines as u64;
        self.metrics.audit_lost(lines);
        if lines > 0 && self.lost.fetch_add(lines, Ordering::Relaxed) == 0 {
            let error = error as &dyn std::error::Error;
            tracing::error!(error, path = %self.path.display(), "lines of the audit log are lost");
        }
    }

    /// Lines were written. The ordinary log tells the end of a row of losses.
    pub(super) fn written(&self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, path = %self.path.display(), "the audit log is written again");
        }
    }
}
