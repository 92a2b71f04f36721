//! The merger: once per interval, blobs of many extents become one object each, at a bounded rate. What lies in place
//! is one extent already, and costs a look.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use cairn_engine::contracts::{BlobFilter, PageRequest};
use cairn_engine::engine::MergeOutcome;
use cairn_engine::{Blob, Refusal};
use tokio::time::Instant;

use super::{pause, unless_stopping};
use crate::config::MergeMode;
use crate::house::House;

/// Blobs looked at in one call of the catalog.
const BATCH: usize = 100;

pub(super) async fn run(house: Arc<House>) {
    while pause(&house, Instant::now(), |config| config.merge.interval).await {
        if house.config().merge.mode == MergeMode::Background {
            unless_stopping(&house, round(&house)).await;
        }
    }
}

/// Whether a store is worth another blob.
#[derive(PartialEq)]
enum Next {
    Blob,
    Nothing,
}

/// Merges every blob that is worth it, once.
async fn round(house: &House) {
    let filter = BlobFilter { min_extents: house.config().merge.min_extents };
    let mut page = PageRequest::first(BATCH);
    loop {
        let found = match house.engine.list_blobs(&filter, &page).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(error = &error as &dyn Error, "blobs to merge cannot be listed");
                return;
            }
        };
        for blob in &found.items {
            if merge(house, blob).await == Next::Nothing {
                return;
            }
        }
        match found.next_cursor {
            Some(cursor) => page.cursor = Some(cursor),
            None => return,
        }
    }
}

/// Merges one blob, and rests as long as the rate asks for it.
async fn merge(house: &House, blob: &Blob) -> Next {
    let begun = Instant::now();
    let outcome = house.merge(&blob.id).await;
    let duration = begun.elapsed();
    match outcome {
        Ok(MergeOutcome::Merged { extents, moved_bytes }) => {
            let duration_ms = duration.as_millis();
            tracing::info!(blob.id = %blob.id, length_bytes = blob.length, extents, moved_bytes, duration_ms, "merged");
            let due = house.config().merge.rate.map_or(Duration::ZERO, |rate| time_for(moved_bytes, rate));
            tokio::time::sleep(due.saturating_sub(duration)).await;
            Next::Blob
        }
        // A storage that never merges says so at once and for nothing; the next blob may lie in another.
        Ok(MergeOutcome::AlreadyOne | MergeOutcome::Overtaken | MergeOutcome::NotHere)
        | Err(Refusal::NoFile) => Next::Blob,
        Err(error) => {
            tracing::warn!(blob.id = %blob.id, error = &error as &dyn Error, "a blob cannot be merged");
            if error.failed_store().is_some() { Next::Nothing } else { Next::Blob }
        }
    }
}

/// How long so many bytes take at so many a second; never less than a millisecond less than it is.
fn time_for(bytes: u64, rate: u64) -> Duration {
    let millis = u128::from(bytes) * 1000 / u128::from(rate.max(1));
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_their_time() {
        assert_eq!(time_for(3 << 20, 1 << 20), Duration::from_secs(3));
        assert_eq!(time_for(0, 1), Duration::ZERO);
        assert_eq!(time_for(u64::MAX, 0), Duration::from_millis(u64::MAX));
    }
}
