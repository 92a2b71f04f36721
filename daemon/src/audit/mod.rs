//! The audit log: who did what to which upload or file, from where, and what came of it; one line each.
//!
//! A line is one JSON object. Nothing that a stranger sends can end it or hide in it: control characters, line ends
//! and marks that turn the direction of text are escaped. It never holds a credential, only the public id of one.
//!
//! | what happened | line |
//! |---|---|
//! | a request that begins, completes or removes an upload, or reads, writes, names or removes a file | one, when its answer is over |
//! | bytes that arrived for an upload | none, unless they were refused, completed the upload, or `audit.chunks` is on |
//! | a question (status, lists, health) | none, unless it is not known who asks, or they may not |
//! | an operator's verb over the admin socket, unless it only asks | one |
//! | an upload that expired, was purged, or was lost at a reboot; one that was joined and published | one |
//! | a blob that was removed because no file names it, merged, or moved | one |
//! | objects that nothing refers to, removed by a sweep | one for some hundreds of them |
//!
//! Where nobody asked for it, `by` is `cairn`; what an operator's verb did to each upload and blob carries that verb's
//! request id. A link that was used up is told by the line of the request that used it. What cairn tried by itself and
//! could not do is told by the ordinary log.
//!
//! Requests never wait for the log and never fail for it: a disk that is full or hangs loses audit lines, not uploads.
//! Lines wait for a slow disk, at most 16 384 of them and 8 MiB; then each that comes is dropped. Every lost line is
//! counted (`cairn_audit_lost_total`), and the ordinary log tells when losing begins and when it ends. The end of the
//! daemon waits 5 seconds for lines that are still to be written.

mod book;
mod line;
mod tally;
mod trail;
mod witness;

use std::io;
use std::sync::Arc;

pub use line::{Deed, Line};
pub use trail::Trail;

use self::book::Book;
use crate::config::{AuditTo, Config};
use crate::metrics::Metrics;

/// Where lines go.
#[derive(Default)]
pub struct Audit {
    sink: Sink,
    chunks: bool,
}

#[derive(Default)]
enum Sink {
    #[default]
    Off,
    Log,
    File(Book),
}

impl Audit {
    /// Opens what the configuration names.
    ///
    /// # Errors
    /// The file cannot be opened or made.
    pub fn open(config: &Config, metrics: &Arc<Metrics>) -> io::Result<Self> {
        let sink = match config.audit.to {
            AuditTo::Off => Sink::Off,
            AuditTo::Log => Sink::Log,
            AuditTo::File => Sink::File(Book::open(config.audit_path(), metrics)?),
        };
        Ok(Self { sink, chunks: config.audit.chunks })
    }

    /// Whether anybody reads what is told.
    pub fn is_on(&self) -> bool {
        !matches!(self.sink, Sink::Off)
    }

    /// Tells a line.
    pub fn tell(&self, line: &Line) {
        match &self.sink {
            Sink::Off => {}
            // One field, because a viewer for people would print the others as they are.
            Sink::Log => tracing::info!(target: "audit", line = line.text()),
            Sink::File(book) => book.write(line.text()),
        }
    }

    /// Opens the file anew, after somebody moved it away.
    pub fn reopen(&self) {
        if let Sink::File(book) = &self.sink {
            book.reopen();
        }
    }

    /// Waits until every line so far is in the file, for 5 seconds at most.
    pub async fn flush(&self) {
        if let Sink::File(book) = &self.sink {
            book.flush().await;
        }
    }
}
