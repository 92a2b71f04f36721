//! One upload's folder while somebody works in it: the data file, the receipt log, and what is known of them.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use cairn_engine::{ObjectKey, Receipt, UploadId};
use tokio::sync::OnceCell;

use super::super::Durability;
use super::super::failures::is_no_room;
use super::super::local::disk::Disk;
use super::super::local::shared_sync::{SharedSync, Synced};
use super::ground::Ground;
use super::receipts::ReceiptLog;
use super::temporary::in_folder;

/// Uploads of at most this length are not preallocated.
const SMALL_BYTES: u64 = 1 << 20;

/// An upload's folder that is open.
pub(super) struct Folder {
    path: PathBuf,
    ground: Arc<Ground>,
    data: Arc<File>,
    data_sync: Arc<SharedSync>,
    log: Arc<ReceiptLog>,
    /// Set once the folder's name, and those of the data file and the log in it, last.
    named: OnceCell<()>,
    /// Whether its files were removed beneath it.
    closed: AtomicBool,
}

impl Folder {
    /// Opens the folder, or makes it. Blocks.
    pub(super) fn open(ground: Arc<Ground>, upload: UploadId, total: Option<u64>) -> io::Result<Self> {
        let data_key = ObjectKey::data(upload);
        let data_path = ground.path(&data_key);
        let data = Arc::new(in_folder(&data_path, || open_data(&data_path, total, &ground.disk))?);
        let log_path = ground.path(&ObjectKey::receipts(upload));
        let log = ReceiptLog::open(&log_path, data_key, ground.disk.clone())?;
        let log = Arc::new(log);
        let told = Arc::clone(&log);
        let data_sync = SharedSync::new(Synced::File(Arc::clone(&data)), ground.disk.clone())
            .telling(move |error| told.poison(&format!("a sync of the data file failed: {error}")));
        Ok(Self {
            path: ground.folder(upload),
            ground,
            data,
            data_sync: Arc::new(data_sync),
            log,
            named: OnceCell::new(),
            closed: AtomicBool::new(false),
        })
    }

    /// Whether an attempt may write this region of the data file: the file is sound, and nothing that was committed
    /// lies there.
    pub(super) fn offers(&self, region: &Range<u64>) -> bool {
        self.log.poisoned().is_none() && !self.data_sync.has_failed() && !self.log.names(region)
    }

    /// Writes a batch at an offset of the data file.
    pub(super) fn write(&self, batch: &[Bytes], offset: u64) -> io::Result<()> {
        let length = batch.iter().map(|bytes| bytes.len() as u64).sum();
        let written = self.ground.disk.here(|| self.ground.disk.write_all_at(&self.data, batch, offset));
        if let Err(error) = &written
            && !is_no_room(error)
        {
            // Whatever else waits in the page cache of this file may be lost too.
            self.log.poison(&format!("a write to the data file failed: {error}"));
        }
        written?;
        self.data_sync.wrote(length);
        Ok(())
    }

    /// Commits a stretch that was written to the data file.
    pub(super) async fn commit(&self, receipt: &Receipt) -> io::Result<()> {
        self.refuse_if_poisoned()?;
        if self.ground.durability == Durability::Chunk {
            self.data_sync.sync().await?;
        }
        self.log_receipt(receipt).await
    }

    /// Logs a receipt of bytes that are where they should be: durably, unless the setting says otherwise.
    pub(super) async fn log_receipt(&self, receipt: &Receipt) -> io::Result<()> {
        self.refuse_if_closed()?;
        if self.ground.durability == Durability::Complete {
            return self.ground.disk.here(|| self.log.append(receipt, &self.ground.scope()));
        }
        self.make_names_last().await?;
        self.ground.disk.here(|| self.log.append(receipt, &self.ground.scope()))?;
        self.log.sync().await?;
        self.refuse_if_closed()
    }

    /// Makes everything written to the data file durable, and the names.
    pub(super) async fn finish(&self) -> io::Result<()> {
        self.refuse_if_poisoned()?;
        self.data_sync.sync_rest().await?;
        self.make_names_last().await?;
        self.refuse_if_poisoned()?;
        self.refuse_if_closed()
    }

    /// Whether bytes wait for a sync whose failure somebody must see.
    pub(super) fn is_dirty(&self) -> bool {
        self.data_sync.is_dirty()
    }

    /// Starts a sync in the background.
    pub(super) fn start_sync(&self) {
        self.data_sync.start();
    }

    /// From now on nothing is committed here: the files were removed.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    async fn make_names_last(&self) -> io::Result<()> {
        let make = || self.ground.directories.make_names_last(&self.path);
        self.named.get_or_try_init(make).await.map(|_| ())
    }

    fn refuse_if_closed(&self) -> io::Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(io::Error::other("the upload was released or removed meanwhile"));
        }
        Ok(())
    }

    fn refuse_if_poisoned(&self) -> io::Result<()> {
        match self.log.poisoned() {
            Some(why) => Err(io::Error::other(why)),
            None => Ok(()),
        }
    }
}

/// Opens the data file; a new one of an upload whose length is known gets its room at once.
fn open_data(path: &std::path::Path, total: Option<u64>, disk: &Disk) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        outcome => return outcome,
    }
    let file = options.create_new(true).open(path)?;
    let Some(total) = total.filter(|total| *total > SMALL_BYTES) else { return Ok(file) };
    if let Err(error) = disk.reserve(&file, total) {
        // Some file systems keep the room that they had found until then.
        std::fs::remove_file(path)?;
        return Err(error);
    }
    Ok(file)
}
