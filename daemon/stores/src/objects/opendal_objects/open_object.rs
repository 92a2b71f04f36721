//! An object that is being written.

use std::ops::Range;

use bytes::Bytes;
use cairn_engine::ObjectKey;
use cairn_engine::contracts::{Failure, StoreError};
use opendal::{Buffer, Writer};

use crate::objects::failures::{from_opendal, told};

/// An object that is being written. Dropped, it is aborted in the background.
///
/// A service that takes whole bodies only (WebDAV) is given all of it at once when it is closed: until then it is held
/// here. Whoever writes bounds how much that is.
pub(in crate::objects) struct OpenObject {
    writer: Option<Writer>,
    held: Option<Vec<Bytes>>,
    operation: &'static str,
    written: u64,
}

impl OpenObject {
    /// An object in the making; with `whole`, for a service that takes whole bodies only.
    pub(super) fn new(writer: Writer, operation: &'static str, whole: bool) -> Self {
        Self { writer: Some(writer), held: whole.then(Vec::new), operation, written: 0 }
    }

    /// What it is written for.
    pub(super) fn operation(&self) -> &'static str {
        self.operation
    }

    /// Bytes until now.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Writes more; after an error the object is gone.
    pub(in crate::objects) async fn write(&mut self, buffer: Buffer) -> Result<(), StoreError> {
        let Some(writer) = &mut self.writer else { return Err(self.gone()) };
        if buffer.is_empty() {
            return Ok(());
        }
        let length = buffer.len() as u64;
        if let Some(held) = &mut self.held {
            held.extend(buffer);
            self.written = self.written.saturating_add(length);
            return Ok(());
        }
        let outcome = writer.write(buffer).await;
        self.after(outcome, length).await
    }

    /// Writes a range of another object, which the service copies; after an error the object is gone.
    pub(in crate::objects) async fn copy(
        &mut self,
        from: &ObjectKey,
        range: Range<u64>,
    ) -> Result<(), StoreError> {
        let Some(writer) = &mut self.writer else { return Err(self.gone()) };
        let length = range.end.saturating_sub(range.start);
        let outcome = writer.copy_from(from.as_str(), range).await;
        self.after(outcome, length).await
    }

    async fn after(&mut self, outcome: opendal::Result<()>, length: u64) -> Result<(), StoreError> {
        match outcome {
            Ok(()) => {
                self.written = self.written.saturating_add(length);
                Ok(())
            }
            Err(error) => {
                self.abort().await;
                Err(from_opendal(self.operation, error))
            }
        }
    }

    /// Puts the object under its key.
    pub(super) async fn close(mut self) -> Result<(), StoreError> {
        let held = self.held.take().filter(|held| !held.is_empty());
        let Some(writer) = &mut self.writer else { return Err(self.gone()) };
        let closed = async {
            if let Some(held) = held {
                writer.write(held).await?;
            }
            writer.close().await
        };
        match closed.await {
            Ok(_) => {
                self.writer = None;
                Ok(())
            }
            Err(error) => {
                self.abort().await;
                Err(from_opendal(self.operation, error))
            }
        }
    }

    /// Gives up: nothing stays, as far as that can be done at once.
    pub(super) async fn abort(&mut self) {
        if let Some(writer) = self.writer.take() {
            abort(writer).await;
        }
    }

    fn gone(&self) -> StoreError {
        told(self.operation, Failure::Failed, "an earlier write of this object failed")
    }
}

impl Drop for OpenObject {
    fn drop(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        // Half-written files would fill a disk, half-written multipart uploads are paid for. What is cut off here
        // goes at the next start, or is found by the sweeper.
        drop(runtime.clone().spawn_blocking(move || runtime.block_on(abort(writer))));
    }
}

async fn abort(mut writer: Writer) {
    if let Err(error) = writer.abort().await {
        tracing::debug!(%error, "a writer could not be aborted");
    }
}
