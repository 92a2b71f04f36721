//! An object that is being written.

use std::ops::Range;

use bytes::Bytes;
use cairn_engine::ObjectKey;
use cairn_engine::contracts::{Failure, StoreError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opendal::{Buffer, Writer};

use crate::objects::failures::{from_opendal, told};
use crate::objects::veiled::Veiled;

/// A call to a writer, which comes back with the writer.
type Call = BoxFuture<'static, (Writer, opendal::Result<()>)>;

/// An object that is being written. Dropped, it is aborted in the background.
///
/// A service that takes whole bodies only (WebDAV) is given all of it at once when it is closed: until then it is held
/// here. Whoever writes bounds how much that is.
///
/// A call that is cut off would take the writer with it, and what it began could not be aborted any more: so a call
/// that runs stays here, and whoever drops this leaves it to end before the writer is aborted.
pub(in crate::objects) struct OpenObject {
    writer: Option<Writer>,
    held: Option<Vec<Bytes>>,
    running: Option<Call>,
    closing: bool,
    operation: &'static str,
    written: u64,
}

impl OpenObject {
    /// An object in the making; with `whole`, for a service that takes whole bodies only.
    pub(super) fn new(writer: Writer, operation: &'static str, whole: bool) -> Self {
        let held = whole.then(Vec::new);
        Self { writer: Some(writer), held, running: None, closing: false, operation, written: 0 }
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
        let length = buffer.len() as u64;
        if length == 0 {
            return Ok(());
        }
        if let Some(held) = self.held.as_mut().filter(|_| self.writer.is_some()) {
            held.extend(buffer);
            self.written = self.written.saturating_add(length);
            return Ok(());
        }
        let call = move |mut writer: Writer| async move {
            let outcome = writer.write(buffer).await;
            (writer, outcome)
        };
        self.run(move |writer| call(writer).boxed()).await?;
        self.written = self.written.saturating_add(length);
        Ok(())
    }

    /// Writes a range of another object, which the service copies; after an error the object is gone.
    pub(in crate::objects) async fn copy(
        &mut self,
        from: &ObjectKey,
        range: Range<u64>,
    ) -> Result<(), StoreError> {
        let length = range.end.saturating_sub(range.start);
        let from = from.as_str().to_owned();
        let call = move |mut writer: Writer| async move {
            let outcome = writer.copy_from(&from, range).await;
            (writer, outcome)
        };
        self.run(move |writer| call(writer).boxed()).await?;
        self.written = self.written.saturating_add(length);
        Ok(())
    }

    /// Puts the object under its key.
    pub(super) async fn close(mut self) -> Result<(), StoreError> {
        self.closing = true;
        let held = self.held.take().filter(|held| !held.is_empty());
        let call = |mut writer: Writer| async move {
            let written = match held {
                Some(held) => writer.write(held).await,
                None => Ok(()),
            };
            let outcome = match written {
                Ok(()) => writer.close().await.map(drop),
                failed => failed,
            };
            (writer, outcome)
        };
        self.run(move |writer| call(writer).boxed()).await?;
        self.writer = None;
        Ok(())
    }

    async fn run(&mut self, call: impl FnOnce(Writer) -> Call) -> Result<(), StoreError> {
        let Some(writer) = self.writer.take() else { return Err(self.gone()) };
        let (writer, outcome) = self.running.insert(call(writer)).await;
        self.running = None;
        self.writer = Some(writer);
        match outcome {
            Ok(()) => Ok(()),
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
        let (writer, running, closing) = (self.writer.take(), self.running.take(), self.closing);
        if writer.is_none() && running.is_none() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let ending = async move {
            match (writer, running) {
                (Some(writer), _) => abort(writer).await,
                (None, Some(running)) => match running.await {
                    // It is whole, and nobody names it: the sweeper finds it.
                    (_, Ok(())) if closing => {}
                    (writer, _) => abort(writer).await,
                },
                (None, None) => {}
            }
        };
        // Half-written files would fill a disk, half-written multipart uploads are paid for. What is cut off here
        // goes at the next start, or is found by the sweeper.
        drop(runtime.clone().spawn_blocking(move || runtime.block_on(ending)));
    }
}

async fn abort(mut writer: Writer) {
    if let Err(error) = writer.abort().await {
        let error = Veiled::from(error);
        tracing::debug!(%error, "a writer could not be aborted");
    }
}
