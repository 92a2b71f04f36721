//! What an attempt has written, and may write.

use bytes::Bytes;
use cairn_engine::Receipt;
use cairn_engine::contracts::{Failure, StoreError};

use super::failures::told;

/// How many bytes were written, and how many may be.
pub(super) struct Tally {
    written: u64,
    most: u64,
}

impl Tally {
    pub(super) fn new(most: u64) -> Self {
        Self { written: 0, most }
    }

    /// Bytes so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Counts a batch before it is written: beyond the announced stretch lie somebody else's bytes.
    pub(super) fn count(&mut self, batch: &[Bytes]) -> Result<(), StoreError> {
        let length: u64 = batch.iter().map(|bytes| bytes.len() as u64).sum();
        let written = self.written.saturating_add(length);
        if written > self.most {
            let why = format!("{written} bytes where at most {} were announced", self.most);
            return Err(told("write", Failure::Failed, why));
        }
        self.written = written;
        Ok(())
    }

    /// Compares with what a receipt says.
    pub(super) fn agree(&self, receipt: &Receipt) -> Result<(), StoreError> {
        if receipt.extent.length == self.written {
            return Ok(());
        }
        let why = format!("{} bytes written, {} in the receipt", self.written, receipt.extent.length);
        Err(told("commit", Failure::Failed, why))
    }
}
