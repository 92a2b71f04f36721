//! Making sure that extents last: those of this upload, and those that it took over from others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use cairn_engine::contracts::{Failure, StoreError};
use cairn_engine::{Extent, ObjectKey, UploadId};

use super::super::failures::{from_io, told};
use super::super::local::disk::elsewhere;
use super::folders::Folders;
use super::ground::Ground;
use super::receipts::{self, Line};
use super::survey::length_of;

/// Syncs the data files of the extents and the names of all their objects.
///
/// Objects of their own and merged ones were synced, with their names, before they got their keys.
pub(super) async fn finish(
    ground: &Arc<Ground>,
    folders: &Folders,
    extents: &[Extent],
) -> Result<(), StoreError> {
    let ends = ends(extents);
    let uploads: BTreeSet<UploadId> = ends.keys().filter_map(data_of).collect();
    let reached = Arc::clone(ground);
    let missing = elsewhere(move || find_missing(&reached, ends)).await;
    if let Some(why) = missing.map_err(|error| from_io("finish", error))? {
        return Err(told("finish", Failure::Corrupt, why));
    }
    for upload in uploads {
        finish_data(ground, folders, upload).await.map_err(|error| from_io("finish", error))?;
    }
    Ok(())
}

/// The upload whose data file this is, if it is one.
fn data_of(object: &ObjectKey) -> Option<UploadId> {
    object.upload().filter(|upload| *object == ObjectKey::data(*upload))
}

/// The objects, and how far extents reach into each.
fn ends(extents: &[Extent]) -> BTreeMap<ObjectKey, u64> {
    let mut ends = BTreeMap::new();
    for extent in extents {
        let end = extent.object_offset.saturating_add(extent.length);
        let known = ends.entry(extent.object.clone()).or_insert(end);
        *known = end.max(*known);
    }
    ends
}

/// The first object that is not there or is too short, as a sentence.
fn find_missing(ground: &Ground, ends: BTreeMap<ObjectKey, u64>) -> io::Result<Option<String>> {
    for (object, end) in ends {
        let length = length_of(&ground.path(&object))?.unwrap_or(0);
        if length < end {
            return Ok(Some(format!("object {object} should have {end} bytes and has {length}")));
        }
    }
    Ok(None)
}

async fn finish_data(ground: &Arc<Ground>, folders: &Folders, upload: UploadId) -> io::Result<()> {
    if let Some(folder) = folders.find(upload) {
        return folder.finish().await;
    }
    let path = ground.path(&ObjectKey::data(upload));
    let log = ground.path(&ObjectKey::receipts(upload));
    let cold = Arc::clone(ground);
    elsewhere(move || sync_cold(&cold, path, log)).await?;
    ground.directories.make_names_last(&ground.folder(upload)).await
}

/// Syncs a data file that nobody has open: that of a process before, or of an upload long idle.
fn sync_cold(ground: &Ground, path: PathBuf, log: PathBuf) -> io::Result<()> {
    let lines = receipts::read(&log)?.unwrap_or_default().lines;
    if let Some(why) = lines.into_iter().find_map(|line| match line {
        Line::Poisoned { why } => Some(why),
        _ => None,
    }) {
        return Err(io::Error::other(why));
    }
    let file = OpenOptions::new().write(true).open(path)?;
    ground.disk.sync_data(&file)
}
