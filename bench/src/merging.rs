//! Measures a merge: the operator's, by the admin API.

use std::time::{Duration, Instant};

use cairn_admin_api::Client;
use cairn_admin_api::{Event, Merged, Which};

use crate::Result;
use crate::content::MIB;
use crate::server::Server;
use crate::transfer::{Language, Transfer};

/// What a merge cost.
#[derive(Clone, Debug)]
pub(crate) struct MergeFigures {
    /// Bytes of the file.
    pub(crate) length: u64,
    /// Extents that it had.
    pub(crate) extents: usize,
    /// Bytes that went through the daemon, as it tells.
    pub(crate) moved_bytes: u64,
    /// From beginning to end.
    pub(crate) wall: Duration,
    /// The daemon's CPU time.
    pub(crate) cpu: Duration,
}

/// Sends a file in chunks and has it merged.
pub(crate) async fn measure(server: &Server, length: u64) -> Result<MergeFigures> {
    let transfer = Transfer { files: 1, length, chunked: true, at_once: 4, sha1: false, shuffled: false };
    transfer.measure(server, Language::Native).await?;
    let client = Client::new(server.admin_socket());
    let before = server.usage()?;
    let begun = Instant::now();
    let mut merged = None;
    let which = Which { ids: Vec::new(), all: true };
    let each = |event: Event<Merged>| {
        if let Event::Item(item) = event {
            merged = Some(item);
        }
        true
    };
    client.events("/blobs/merge", &which, each).await?;
    let wall = begun.elapsed();
    let merged = merged.ok_or("there was nothing to merge")?;
    if merged.outcome != "merged" {
        return Err(format!("a file of {} MiB was not merged: {merged:?}", length / MIB).into());
    }
    Ok(MergeFigures {
        length: merged.length,
        extents: merged.extents,
        moved_bytes: merged.moved_bytes,
        wall,
        cpu: server.usage()?.cpu.saturating_sub(before.cpu),
    })
}
