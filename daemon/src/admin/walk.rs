//! The blobs that long work is about, one after the other.
//!
//! Blobs are asked for when their turn comes, a few at a time: a page of them may carry thousands of extents and the
//! bytes of small files, so that all of them together fit into no memory that is bounded. Listings go by identity, and
//! what is merged on the way keeps its place. A blob that comes while the work is going on may be met or not; one that
//! is gone when its turn comes is left out.

use std::collections::VecDeque;
use std::sync::Arc;

use cairn_engine::contracts::{BlobFilter, Page, PageRequest};
use cairn_engine::{Blob, Digest, Engine, Refusal};

/// Blobs that are in memory at once, at most.
const BATCH: usize = 32;

/// Which blobs.
#[derive(Clone, Debug)]
pub(super) enum Chosen {
    /// Those that have these digests, in this order; a blob that is named twice comes twice.
    Named(Vec<Digest>),
    /// All that the filter finds.
    All(BlobFilter),
}

/// How much work there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Blobs.
    pub(super) blobs: u64,
    /// Their bytes.
    pub(super) length: u64,
}

/// Goes through blobs.
pub(super) struct Walk {
    engine: Arc<Engine>,
    ahead: VecDeque<Blob>,
    rest: Rest,
}

/// What a walk has not asked for yet.
enum Rest {
    Named(std::vec::IntoIter<Digest>),
    Listed(BlobFilter, PageRequest),
    Nothing,
}

impl Walk {
    /// A walk that begins.
    pub(super) fn new(engine: Arc<Engine>, chosen: Chosen) -> Self {
        let rest = match chosen {
            Chosen::Named(digests) => Rest::Named(digests.into_iter()),
            Chosen::All(filter) => Rest::Listed(filter, PageRequest::first(BATCH)),
        };
        Self { engine, ahead: VecDeque::new(), rest }
    }

    /// The next blob; `None` at the end.
    ///
    /// # Errors
    /// A store failed.
    pub(super) async fn next(&mut self) -> Result<Option<Blob>, Refusal> {
        loop {
            if let Some(blob) = self.ahead.pop_front() {
                return Ok(Some(blob));
            }
            match &mut self.rest {
                Rest::Nothing => return Ok(None),
                Rest::Named(digests) => match digests.next() {
                    None => self.rest = Rest::Nothing,
                    Some(digest) => self.ahead.extend(found(&self.engine, &digest).await?),
                },
                Rest::Listed(filter, page) => {
                    let listed = self.engine.list_blobs(filter, page).await?;
                    self.ahead.extend(listed.items);
                    match listed.next_cursor {
                        Some(cursor) => page.cursor = Some(cursor),
                        None => self.rest = Rest::Nothing,
                    }
                }
            }
        }
    }
}

/// The blob, unless it went meanwhile.
async fn found(engine: &Engine, digest: &Digest) -> Result<Option<Blob>, Refusal> {
    match engine.find_blob(digest).await {
        Ok(blob) => Ok(Some(blob)),
        Err(Refusal::NoFile) => {
            tracing::info!(blob.digest = %digest, "the blob is gone before its turn came");
            Ok(None)
        }
        Err(refusal) => Err(refusal),
    }
}

/// How much there is to walk through.
///
/// # Errors
/// [`Refusal::NoFile`] if a named blob is not there, or a store failed.
pub(super) async fn tally(engine: &Arc<Engine>, chosen: &Chosen) -> Result<Tally, Refusal> {
    let mut tally = Tally::default();
    if let Chosen::Named(digests) = chosen {
        for digest in digests {
            tally.add(&engine.find_blob(digest).await?);
        }
        return Ok(tally);
    }
    let mut walk = Walk::new(Arc::clone(engine), chosen.clone());
    while let Some(blob) = walk.next().await? {
        tally.add(&blob);
    }
    Ok(tally)
}

impl Tally {
    fn add(&mut self, blob: &Blob) {
        self.blobs += 1;
        self.length = self.length.saturating_add(blob.length);
    }
}

/// A page of any length, put together from small ones, each of whose blobs is let go of as soon as it is told.
///
/// # Errors
/// A store failed.
pub(super) async fn page<T>(
    engine: &Engine,
    filter: &BlobFilter,
    mut page: PageRequest,
    tell: impl Fn(&Blob) -> T,
) -> Result<Page<T>, Refusal> {
    let mut whole = Page { items: Vec::new(), next_cursor: None };
    let wanted = page.limit;
    loop {
        page.limit = wanted.saturating_sub(whole.items.len()).min(BATCH);
        let listed = engine.list_blobs(filter, &page).await?;
        whole.items.extend(listed.items.iter().map(&tell));
        if listed.next_cursor.is_none() || whole.items.len() >= wanted {
            whole.next_cursor = listed.next_cursor;
            return Ok(whole);
        }
        page.cursor = listed.next_cursor;
    }
}
