//! The receipt log of an upload: what was verified and stored, readable without a session.
//!
//! One line for each event, and each line checks itself: sixteen hexadecimal digits of CRC-64/NVME, a space, JSON, a
//! line feed. A crash may leave the last line torn: readers ignore it, and the next append begins where it began.
//!
//! | line | meaning |
//! |---|---|
//! | `scope` | how far the receipts after it may be trusted: logged after their bytes were synced (`boot` is null), or unsynced in the boot of this id |
//! | `receipt` | a stretch was verified and stored |
//! | `poisoned` | a write or sync of the data file failed: unsynced bytes of it may be lost |
//!
//! Receipts before any `scope` line were synced.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use cairn_engine::digest::Checksum;
use cairn_engine::{ObjectKey, Receipt};
use serde::{Deserialize, Serialize};

use super::super::local::disk::Disk;
use super::super::local::shared_sync::{SharedSync, Synced};

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    /// How far the receipts after it may be trusted.
    Scope(Scope),
    /// A stretch was verified and stored.
    Receipt(Receipt),
    /// The data file is lost as a place to write.
    Poisoned {
        /// What happened.
        why: String,
    },
}

/// How far receipts may be trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Scope {
    /// The boot in which the bytes were written and not synced; `None` if they were synced before they were logged.
    pub(super) boot: Option<String>,
}

/// Digits of the checksum, and the space behind them.
const PREFIX: usize = 17;

impl Line {
    fn to_text(&self) -> io::Result<String> {
        let json = serde_json::to_string(self).map_err(io::Error::other)?;
        Ok(format!("{:016x} {json}\n", Checksum::of(json.as_bytes()).0))
    }

    fn from_text(text: &[u8]) -> Option<Self> {
        let (prefix, json) = text.split_at_checked(PREFIX)?;
        let digits = std::str::from_utf8(prefix).ok()?.strip_suffix(' ')?;
        let checksum = Checksum(u64::from_str_radix(digits, 16).ok()?);
        (Checksum::of(json) == checksum).then(|| serde_json::from_slice(json).ok())?
    }
}

/// What a log says.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The lines that are whole, in order.
    pub(super) lines: Vec<Line>,
    /// Bytes up to the end of the last line that ended: where the next one goes.
    pub(super) end: u64,
}

/// Reads a log; `None` if there is none.
pub(super) fn read(path: &Path) -> io::Result<Option<Told>> {
    match std::fs::read(path) {
        Ok(text) => Ok(Some(parse(&text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn parse(text: &[u8]) -> Told {
    let mut told = Told::default();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let Some(whole) = line.strip_suffix(b"\n") else { break };
        told.end += line.len() as u64;
        match Line::from_text(whole) {
            Some(line) => told.lines.push(line),
            None => tracing::warn!(at = told.end, "a line of a receipt log does not match its checksum"),
        }
    }
    told
}

/// A log that is open for appending.
pub(super) struct ReceiptLog {
    file: Arc<File>,
    upload_data: ObjectKey,
    disk: Disk,
    sync: Arc<SharedSync>,
    state: Mutex<State>,
}

struct State {
    /// Where the next line goes.
    end: u64,
    scope: Scope,
    /// Regions of the data file that receipts name.
    committed: Runs,
    poisoned: Option<String>,
}

impl ReceiptLog {
    /// Opens the log, or makes it. `upload_data` is the key of the data file beside it.
    pub(super) fn open(path: &Path, upload_data: ObjectKey, disk: Disk) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let told = read(path)?.unwrap_or_default();
        // What is torn goes, so that nothing of it can be taken for the rest of a later line.
        file.set_len(told.end)?;
        let mut state =
            State { end: told.end, scope: Scope::default(), committed: Runs::default(), poisoned: None };
        for line in told.lines {
            state.take(line, &upload_data);
        }
        let file = Arc::new(file);
        let sync = Arc::new(SharedSync::new(Synced::File(Arc::clone(&file)), disk.clone()));
        Ok(Self { file, upload_data, disk, sync, state: Mutex::new(state) })
    }

    /// Whether a receipt names bytes of this region of the data file.
    pub(super) fn names(&self, region: &Range<u64>) -> bool {
        self.state().committed.overlap(region)
    }

    /// Why the data file is lost as a place to write, if it is.
    pub(super) fn poisoned(&self) -> Option<String> {
        self.state().poisoned.clone()
    }

    /// Appends a receipt that may be trusted as far as `scope` says.
    pub(super) fn append(&self, receipt: &Receipt, scope: &Scope) -> io::Result<()> {
        let mut state = self.state();
        let receipt = Line::Receipt(receipt.clone());
        if state.scope == *scope {
            return self.write(&mut state, vec![receipt]);
        }
        self.write(&mut state, vec![Line::Scope(scope.clone()), receipt])
    }

    /// Notes that the data file is lost as a place to write; the line in the log is for the next process, and may
    /// fail to be written.
    pub(super) fn poison(&self, why: &str) {
        let mut state = self.state();
        if state.poisoned.is_some() {
            return;
        }
        let line = Line::Poisoned { why: why.to_owned() };
        if let Err(error) = self.write(&mut state, vec![line]) {
            tracing::error!(%error, data = %self.upload_data, "a failed data file could not be noted in its log");
            state.poisoned = Some(why.to_owned());
            return;
        }
        drop(state);
        self.sync.start();
    }

    /// Waits until every line appended so far is durable.
    pub(super) async fn sync(&self) -> io::Result<()> {
        self.sync.sync().await
    }

    fn write(&self, state: &mut State, lines: Vec<Line>) -> io::Result<()> {
        let text = lines.iter().map(Line::to_text).collect::<io::Result<String>>()?;
        let length = text.len() as u64;
        if let Err(error) = self.disk.write_all_at(&self.file, &[Bytes::from(text)], state.end) {
            // A part of the line may be there. It has no line feed at its end, so it is not read as one.
            if let Err(error) = self.file.set_len(state.end) {
                tracing::warn!(%error, "a torn line stays at the end of a receipt log");
            }
            return Err(error);
        }
        state.end += length;
        self.sync.wrote(length);
        for line in lines {
            state.take(line, &self.upload_data);
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, line: Line, data: &ObjectKey) {
        match line {
            Line::Scope(scope) => self.scope = scope,
            Line::Receipt(receipt) if receipt.extent.object == *data => {
                let begin = receipt.extent.object_offset;
                self.committed.insert(begin..begin.saturating_add(receipt.extent.length));
            }
            Line::Receipt(_) => {}
            Line::Poisoned { why } => self.poisoned = Some(why),
        }
    }
}

/// Regions, joined where they touch: begin and end.
#[derive(Debug, Default)]
struct Runs(BTreeMap<u64, u64>);

impl Runs {
    fn overlap(&self, region: &Range<u64>) -> bool {
        let last = self.0.range(..region.end).next_back();
        last.is_some_and(|(_, end)| *end > region.start)
    }

    fn insert(&mut self, mut region: Range<u64>) {
        while let Some((begin, end)) = self.0.range(..=region.end).next_back().map(|(b, e)| (*b, *e)) {
            if end < region.start {
                break;
            }
            self.0.remove(&begin);
            region = begin.min(region.start)..end.max(region.end);
        }
        self.0.insert(region.start, region.end);
    }
}

/// Reads a file's region and compares it with a checksum.
pub(super) fn agrees(path: &Path, region: Range<u64>, expected: Checksum) -> io::Result<bool> {
    let file = File::open(path)?;
    let mut running = cairn_engine::digest::RunningChecksum::default();
    let mut buffer = vec![0; 1 << 20];
    let mut offset = region.start;
    while offset < region.end {
        let wanted = usize::try_from(region.end - offset).unwrap_or(usize::MAX).min(buffer.len());
        let read = file.read_at(buffer.get_mut(..wanted).unwrap_or_default(), offset)?;
        if read == 0 {
            return Ok(false);
        }
        running.update(buffer.get(..read).unwrap_or_default());
        offset += read as u64;
    }
    Ok(running.value() == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_join_where_they_touch_and_tell_overlaps() {
        let mut runs = Runs::default();
        for region in [10..20, 30..40, 20..25, 0..5, 24..31] {
            runs.insert(region);
        }
        assert_eq!(runs.0, BTreeMap::from([(0, 5), (10, 40)]));
        for (region, overlaps) in
            [(5..10, false), (4..5, true), (39..50, true), (40..50, false), (0..100, true)]
        {
            assert_eq!(runs.overlap(&region), overlaps, "{region:?}");
        }
    }

    #[test]
    fn torn_and_damaged_lines_are_passed_over() {
        let scope = |boot: &str| Line::Scope(Scope { boot: Some(boot.to_owned()) });
        let whole = scope("one").to_text().unwrap();
        let damaged = scope("two").to_text().unwrap().replace("two", "2wo");
        let last = scope("three").to_text().unwrap();
        let text = format!("{whole}{damaged}{last}{}", &whole[..whole.len() - 1]);
        let told = parse(text.as_bytes());
        assert_eq!(told.lines, [scope("one"), scope("three")]);
        assert_eq!(told.end, (whole.len() + damaged.len() + last.len()) as u64);
    }
}
