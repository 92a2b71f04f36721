//! Which verified stretches of an upload are there.
//!
//! Receipts that were logged after a sync are believed if their objects are long enough. Receipts that were logged
//! unsynced are believed in the boot in which they were logged; after another boot only if their bytes, read back,
//! have their checksum, and never of a data file whose write or sync failed, because what the page cache then holds
//! says nothing of the disk.

use std::collections::{HashMap, HashSet};
use std::io;

use cairn_engine::contracts::Surveyed;
use cairn_engine::{ObjectKey, Receipt, UploadId};

use super::ground::Ground;
use super::receipts::{self, Line, Scope};

/// Surveys an upload. Blocks, as long as reading takes where bytes must be read.
pub(super) fn survey(ground: &Ground, upload: UploadId) -> io::Result<Vec<Surveyed>> {
    let lines = receipts::read(&ground.path(&ObjectKey::receipts(upload)))?.unwrap_or_default().lines;
    let poisoned = lines.iter().any(|line| matches!(line, Line::Poisoned { .. }));
    let data = ObjectKey::data(upload);
    let mut lengths = Lengths { ground, known: HashMap::new() };
    let mut scope = Scope::default();
    let mut found = Vec::new();
    for line in lines {
        match line {
            Line::Scope(next) => scope = next,
            Line::Poisoned { .. } => {}
            Line::Receipt(receipt) => {
                let lost = poisoned && scope.boot.is_some() && receipt.extent.object == data;
                if !lost && lengths.reach(&receipt)? && is_trusted(ground, &scope, &receipt)? {
                    found.push(surveyed(receipt));
                }
            }
        }
    }
    append_unlogged(ground, upload, &mut found)?;
    Ok(found)
}

fn surveyed(receipt: Receipt) -> Surveyed {
    Surveyed {
        object: receipt.extent.object.clone(),
        offset: receipt.extent.offset,
        length: receipt.extent.length,
        receipt: Some(receipt),
    }
}

fn is_trusted(ground: &Ground, scope: &Scope, receipt: &Receipt) -> io::Result<bool> {
    if scope.boot.as_ref().is_none_or(|boot| *boot == ground.boot) {
        return Ok(true);
    }
    let extent = &receipt.extent;
    let region = extent.object_offset..extent.object_offset.saturating_add(extent.length);
    let agrees = receipts::agrees(&ground.path(&extent.object), region, extent.checksum)?;
    if !agrees {
        tracing::warn!(object = %extent.object, offset = extent.offset, "bytes were lost with the last boot");
    }
    Ok(agrees)
}

/// Objects that have their key and no receipt: a crash came in between. They are whole and durable, because that is
/// how an object gets its key; somebody must read them.
fn append_unlogged(ground: &Ground, upload: UploadId, found: &mut Vec<Surveyed>) -> io::Result<()> {
    let entries = match std::fs::read_dir(ground.folder(upload)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let logged: HashSet<_> = found.iter().map(|found| found.object.clone()).collect();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let key = name.to_str().and_then(|name| format!("{}{name}", ObjectKey::folder(upload)).parse().ok());
        let Some(key) = key.filter(|key| !logged.contains(key)) else { continue };
        let Some(offset) = key.stretch_offset() else { continue };
        let length = entry.metadata()?.len();
        found.push(Surveyed { object: key, offset, length, receipt: None });
    }
    Ok(())
}

/// The lengths of the objects that receipts name, each asked for once.
struct Lengths<'a> {
    ground: &'a Ground,
    known: HashMap<ObjectKey, Option<u64>>,
}

impl Lengths<'_> {
    fn reach(&mut self, receipt: &Receipt) -> io::Result<bool> {
        let extent = &receipt.extent;
        let length = match self.known.get(&extent.object) {
            Some(length) => *length,
            None => {
                let length = length_of(&self.ground.path(&extent.object))?;
                self.known.insert(extent.object.clone(), length);
                length
            }
        };
        Ok(length.is_some_and(|length| extent.object_offset.saturating_add(extent.length) <= length))
    }
}

/// The length of a file; `None` if there is none.
pub(super) fn length_of(path: &std::path::Path) -> io::Result<Option<u64>> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
