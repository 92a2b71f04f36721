//! The file of the audit log: appended to by a thread of its own, so that nobody waits for the disk.
//!
//! Every line in it is whole. What a full disk lets through of a line is cut off again, or, where that cannot be, ended by
//! a line end before the next; so is what a killed process left behind. A disk that hangs blocks the thread and nobody
//! else: lines wait for it, bounded in number and bytes, then they are lost and counted.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::OFlags;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

use super::tally::Tally;
use crate::metrics::Metrics;

/// Lines that wait to be written at most; more are lost and counted.
const WAITING: usize = 16_384;
/// Lines that are written in one go at most.
const TOGETHER: usize = 256;
/// How long a flush waits.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of a new file: only its owner reads it.
const MODE: u32 = 0o600;
/// What others than the owner and the readers of its group may do with a file that was there, and should not.
const TOO_OPEN: u32 = 0o027;

/// What the thread is told.
enum Message {
    Line(String),
    Reopen,
    Flush(oneshot::Sender<()>),
}

/// The file, from outside. Its thread ends when this is dropped.
pub(super) struct Book {
    messages: Sender<Message>,
    tally: Arc<Tally>,
}

impl Book {
    /// Opens the file and starts its thread. A pipe must have a reader.
    pub(super) fn open(path: PathBuf, metrics: &Arc<Metrics>) -> io::Result<Self> {
        let page = Page::open(&path)?;
        let (messages, told) = channel(WAITING);
        let tally = Arc::new(Tally::new(path.clone(), Arc::clone(metrics)));
        let writer = Writer { path, page, tally: Arc::clone(&tally) };
        std::thread::Builder::new().name("cairn-audit".to_owned()).spawn(move || writer.run(told))?;
        Ok(Self { messages, tally })
    }

    /// Hands a line over, or loses it if too much waits.
    pub(super) fn write(&self, line: String) {
        let bytes = line.len();
        let kept = self.tally.hand_over(bytes) && self.messages.try_send(Message::Line(line)).is_ok();
        if !kept {
            self.tally.take_back(bytes);
            self.tally.lose(1, &io::Error::new(ErrorKind::TimedOut, "too many lines wait for the disk"));
        }
    }

    pub(super) fn reopen(&self) {
        if self.messages.try_send(Message::Reopen).is_err() {
            tracing::warn!("the audit log is not opened anew: too many lines wait for its disk");
        }
    }

    /// Waits until every line so far is in the file, for [`PATIENCE`] at most.
    pub(super) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        let flushed = async {
            if self.messages.send(Message::Flush(done)).await.is_ok() {
                let _ = wait.await;
            }
        };
        if tokio::time::timeout(PATIENCE, flushed).await.is_err() {
            let lines = self.tally.waiting();
            tracing::warn!(lines, "the disk of the audit log does not answer: its last lines are lost");
        }
    }
}

/// The file, in its thread.
struct Writer {
    path: PathBuf,
    page: Page,
    tally: Arc<Tally>,
}

impl Writer {
    fn run(mut self, mut told: Receiver<Message>) {
        while let Some(first) = told.blocking_recv() {
            let mut text = String::new();
            let more = std::iter::from_fn(|| told.try_recv().ok()).take(TOGETHER);
            for message in std::iter::once(first).chain(more) {
                match message {
                    Message::Line(line) => {
                        text.push_str(&line);
                        text.push('\n');
                    }
                    Message::Reopen => {
                        self.write(&std::mem::take(&mut text));
                        self.reopen();
                    }
                    Message::Flush(done) => {
                        self.write(&std::mem::take(&mut text));
                        let _ = done.send(());
                    }
                }
            }
            self.write(&text);
        }
    }

    fn write(&mut self, text: &str) {
        let lines = text.lines().count();
        if lines == 0 {
            return;
        }
        match self.page.append(text.as_bytes()) {
            Ok(()) => self.tally.written(),
            Err(stopped) => self.tally.lose(lines - stopped.whole_lines, &stopped.error),
        }
        text.lines().for_each(|line| self.tally.take_back(line.len()));
    }

    fn reopen(&mut self) {
        match Page::open(&self.path) {
            Ok(page) => self.page = page,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, path = %self.path.display(), "the audit log stays the file that it was");
            }
        }
    }
}

/// An open file, that is to consist of whole lines.
struct Page {
    file: File,
    /// Something that is not a whole line is at its end.
    torn: bool,
}

/// Why not everything was written, and how many of the lines were.
struct Stopped {
    error: io::Error,
    whole_lines: usize,
}

impl Page {
    /// Opens it, or makes it. It never waits for a pipe's reader: without one that is an error.
    fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(MODE).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let file = options.open(path)?;
        let flags = rustix::fs::fcntl_getfl(&file)?;
        rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
        let found = file.metadata()?;
        warn_if_too_open(path, &found);
        let torn = found.is_file() && found.len() > 0 && !ends_a_line(path)?;
        Ok(Self { file, torn })
    }

    fn append(&mut self, lines: &[u8]) -> Result<(), Stopped> {
        if self.torn {
            write_counted(&mut self.file, b"\n").map_err(|(error, _)| Stopped { error, whole_lines: 0 })?;
            self.torn = false;
        }
        write_counted(&mut self.file, lines).map_err(|(error, written)| {
            let (whole_lines, torn_bytes) = split(lines, written);
            self.torn = torn_bytes > 0 && !self.cut(torn_bytes);
            Stopped { error, whole_lines }
        })
    }

    /// Takes the last bytes away again, if it is a file that still has them.
    fn cut(&self, bytes: u64) -> bool {
        let Ok(found) = self.file.metadata() else { return false };
        let Some(length) = found.len().checked_sub(bytes).filter(|_| found.is_file()) else { return false };
        self.file.set_len(length).is_ok()
    }
}

/// Writes all of it, or tells how many bytes were written before the error.
fn write_counted(to: &mut impl Write, bytes: &[u8]) -> Result<(), (io::Error, usize)> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match to.write(rest) {
            Ok(0) => return Err((ErrorKind::WriteZero.into(), written)),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err((error, written)),
        }
    }
    Ok(())
}

/// Of the bytes that were written: how many lines are whole, and how many bytes there are of the next.
fn split(lines: &[u8], written: usize) -> (usize, u64) {
    let written = lines.get(..written).unwrap_or(lines);
    let torn = written.iter().rev().take_while(|byte| **byte != b'\n').count();
    (written.iter().filter(|byte| **byte == b'\n').count(), torn as u64)
}

/// Whether the last byte is a line end. A file that may not be read is taken to be whole.
fn ends_a_line(path: &Path) -> io::Result<bool> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(true),
        opened => opened?,
    };
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// A file that was there keeps its mode, which somebody chose; but it tells names of files and addresses of people.
fn warn_if_too_open(path: &Path, found: &std::fs::Metadata) {
    let open = found.mode() & 0o7777;
    if open & TOO_OPEN != 0 && !found.file_type().is_char_device() {
        let mode = format!("{open:04o}");
        tracing::warn!(path = %path.display(), mode, owner.uid = found.uid(), owner.gid = found.gid(),
            "others can read or write the audit log; 0640 or less keeps it from them");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with so many bytes of room, that takes at most three at once.
    struct Full {
        taken: Vec<u8>,
        room: usize,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(3).min(self.room - self.taken.len());
            if count == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.taken.extend(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_was_written_before_an_error_is_known_to_the_byte() {
        let lines = b"first\nsecond\nthird\n";
        for room in 0..lines.len() {
            let mut disk = Full { taken: Vec::new(), room };
            let (error, written) = write_counted(&mut disk, lines).unwrap_err();
            assert_eq!((error.kind(), written, &*disk.taken), (ErrorKind::StorageFull, room, &lines[..room]));
        }
        assert!(write_counted(&mut Full { taken: Vec::new(), room: lines.len() }, lines).is_ok());
    }

    #[test]
    fn only_lines_that_end_are_whole() {
        let lines = b"one\ntwo\n";
        let found: Vec<_> = [0, 2, 3, 4, 6, 7, 8].iter().map(|written| split(lines, *written)).collect();
        assert_eq!(found, [(0, 0), (0, 2), (0, 3), (1, 0), (1, 2), (1, 3), (2, 0)]);
    }

    #[test]
    fn a_half_line_is_cut_off_and_one_that_was_there_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("book");
        std::fs::write(&path, "half").unwrap();
        let mut page = Page::open(&path).unwrap();
        assert!(page.append(b"whole\nto").is_ok());
        assert!(page.cut(2));
        assert!(!page.cut(1 << 40));
        assert!(page.append(b"last\n").is_ok());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "half\nwhole\nlast\n");
    }

    #[test]
    fn a_pipe_without_a_reader_is_an_error_and_no_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &path, fifo, 0o600.into(), 0).unwrap();
        assert!(Page::open(&path).is_err());
    }
}
