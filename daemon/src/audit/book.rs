//! The file of the audit log: appended to by a thread of its own, so that nobody waits for the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::metrics::Metrics;

/// Lines that wait to be written at most; more are lost and counted.
const WAITING: usize = 16_384;
/// Lines that are written in one go at most.
const TOGETHER: usize = 256;
/// How long a flush waits.
const PATIENCE: Duration = Duration::from_secs(5);
/// Only its owner reads it.
const MODE: u32 = 0o600;

/// What the thread is told.
enum Message {
    Line(String),
    Reopen,
    Flush(SyncSender<()>),
}

/// The file, from outside. Its thread ends when this is dropped.
pub(super) struct Book {
    messages: SyncSender<Message>,
    metrics: Arc<Metrics>,
}

impl Book {
    /// Opens the file and starts its thread.
    pub(super) fn open(path: PathBuf, metrics: &Arc<Metrics>) -> io::Result<Self> {
        let file = open(&path)?;
        let (messages, told) = sync_channel(WAITING);
        let writer = Writer { path, file, failing: false, metrics: Arc::clone(metrics) };
        std::thread::Builder::new().name("cairn-audit".to_owned()).spawn(move || writer.run(&told))?;
        Ok(Self { messages, metrics: Arc::clone(metrics) })
    }

    pub(super) fn write(&self, line: String) {
        if self.messages.try_send(Message::Line(line)).is_err() {
            self.metrics.audit_lost(1);
        }
    }

    pub(super) fn reopen(&self) {
        if self.messages.try_send(Message::Reopen).is_err() {
            tracing::warn!("the audit log is not opened anew: too many lines wait for its disk");
        }
    }

    pub(super) fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if self.messages.send(Message::Flush(done)).is_ok()
            && wait.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout)
        {
            tracing::warn!("the audit log was not written to its end");
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(MODE).open(path)
}

/// The file, in its thread.
struct Writer {
    path: PathBuf,
    file: File,
    failing: bool,
    metrics: Arc<Metrics>,
}

impl Writer {
    fn run(mut self, told: &Receiver<Message>) {
        while let Ok(first) = told.recv() {
            let more = std::iter::from_fn(|| told.try_recv().ok()).take(TOGETHER);
            let (mut text, mut lines) = (String::new(), 0);
            for message in std::iter::once(first).chain(more) {
                match message {
                    Message::Line(line) => {
                        text.push_str(&line);
                        text.push('\n');
                        lines += 1;
                    }
                    Message::Reopen => {
                        self.write(&std::mem::take(&mut text), std::mem::take(&mut lines));
                        self.reopen();
                    }
                    Message::Flush(done) => {
                        self.write(&std::mem::take(&mut text), std::mem::take(&mut lines));
                        let _ = done.send(());
                    }
                }
            }
            self.write(&text, lines);
        }
    }

    fn write(&mut self, text: &str, lines: u64) {
        match self.file.write_all(text.as_bytes()) {
            Ok(()) => self.failing &= lines == 0,
            Err(error) => {
                self.metrics.audit_lost(lines);
                if !std::mem::replace(&mut self.failing, true) {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, path = %self.path.display(), "lines of the audit log are lost");
                }
            }
        }
    }

    fn reopen(&mut self) {
        match open(&self.path) {
            Ok(file) => self.file = file,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, path = %self.path.display(), "the audit log stays the file that it was");
            }
        }
    }
}
