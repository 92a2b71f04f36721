//! What tells that a file has changed, without reading it.

use std::path::Path;
use std::time::SystemTime;

/// Of each file its time and its length, if it is there.
pub(crate) type Stamp = Vec<Option<(SystemTime, u64)>>;

/// The stamp of some files.
pub(crate) async fn stamp(paths: &[&Path]) -> Stamp {
    let mut stamp = Vec::new();
    for path in paths {
        let told = tokio::fs::metadata(path).await.ok();
        stamp.push(told.and_then(|told| Some((told.modified().ok()?, told.len()))));
    }
    stamp
}
