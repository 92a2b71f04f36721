//! Bytes on their way from a client to storage: hashed as they pass, gathered, and never copied.

use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::contracts::{Attempt, StoreError};
use crate::digest::RunningChecksum;
use crate::digest::body::BodyVerifier;
use crate::digest::running::PrefixDigests;
use crate::digest::tree::TreeHasher;
use crate::extent::{Extent, Receipt};
use crate::refusal::BodyError;

/// Bytes gathered before they are written with one call: enough that the call's price no longer counts, little
/// enough that eight bodies fit into a few MiB.
const GATHER: usize = 512 << 10;

/// Why the pouring ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The body ended as it should.
    Ended,
    /// The stretch is full; the body may have more.
    Full,
    /// The client's side failed.
    Broken(BodyError),
    /// A newer request, or the end of the upload, stopped it.
    Stopped,
}

/// What looks at the bytes of a body as they pass, across its stretches.
pub(super) struct Watchers {
    /// Verifies the digests that came with the body.
    pub(super) verifier: Option<BodyVerifier>,
    /// Goes on with the prefix digests, while the body is where the prefix ends.
    pub(super) live: Option<PrefixDigests>,
}

/// A body that is being poured, stretch after stretch.
pub(super) struct Inflow {
    body: BoxStream<'static, Result<Bytes, BodyError>>,
    rest: Bytes,
    stop: CancellationToken,
}

impl Inflow {
    /// A body that nothing was taken of yet.
    pub(super) fn new(body: BoxStream<'static, Result<Bytes, BodyError>>, stop: CancellationToken) -> Self {
        Self { body, rest: Bytes::new(), stop }
    }

    /// Pours at most `limit` bytes into the attempt. Whatever the outcome, all that was taken is written.
    pub(super) async fn pour(
        &mut self,
        limit: u64,
        attempt: &mut dyn Attempt,
        stretch: &mut Stretch,
        watchers: &mut Watchers,
    ) -> Result<Outcome, StoreError> {
        let mut batch: Vec<Bytes> = Vec::new();
        let mut gathered = 0;
        let outcome = loop {
            let room = limit.saturating_sub(stretch.length);
            if room == 0 {
                break Outcome::Full;
            }
            let bytes = match self.next(room).await {
                Ok(bytes) => bytes,
                Err(outcome) => break outcome,
            };
            stretch.take(&bytes, watchers);
            gathered += bytes.len();
            batch.push(bytes);
            if gathered >= GATHER {
                attempt.write(&mut batch).await?;
                gathered = 0;
            }
        };
        if !batch.is_empty() {
            attempt.write(&mut batch).await?;
        }
        Ok(outcome)
    }

    /// Whether the body has no byte left. Takes nothing but empty frames.
    pub(super) async fn is_at_its_end(&mut self) -> Result<bool, Outcome> {
        match self.next(1).await {
            Ok(_) => Ok(false),
            Err(Outcome::Ended) => Ok(true),
            Err(other) => Err(other),
        }
    }

    /// The next bytes, at least one and at most `room`.
    async fn next(&mut self, room: u64) -> Result<Bytes, Outcome> {
        while self.rest.is_empty() {
            self.rest = match self.stop.run_until_cancelled(self.body.next()).await {
                None => return Err(Outcome::Stopped),
                Some(None) => return Err(Outcome::Ended),
                Some(Some(Err(error))) => return Err(Outcome::Broken(error)),
                Some(Some(Ok(bytes))) => bytes,
            };
        }
        let most = usize::try_from(room).unwrap_or(usize::MAX).min(self.rest.len());
        Ok(self.rest.split_to(most))
    }
}

/// The values of one stretch in the making.
pub(super) struct Stretch {
    offset: u64,
    length: u64,
    tree: TreeHasher,
    checksum: RunningChecksum,
}

impl Stretch {
    /// A stretch that begins at this offset of the upload.
    pub(super) fn new(offset: u64) -> Self {
        Self { offset, length: 0, tree: TreeHasher::new(offset), checksum: RunningChecksum::default() }
    }

    /// Bytes that were taken.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    fn take(&mut self, bytes: &[u8], watchers: &mut Watchers) {
        self.tree.update(bytes);
        self.checksum.update(bytes);
        if let Some(verifier) = &mut watchers.verifier {
            verifier.update(bytes);
        }
        if let Some(live) = &mut watchers.live {
            live.update(bytes);
        }
        self.length += bytes.len() as u64;
    }

    /// The receipt of what was written to the attempt.
    pub(super) fn receipt(self, attempt: &dyn Attempt) -> Receipt {
        Receipt {
            extent: Extent {
                offset: self.offset,
                length: self.length,
                object: attempt.object().clone(),
                object_offset: attempt.object_offset(),
                checksum: self.checksum.value(),
            },
            subtrees: self.tree.finish(),
        }
    }
}
