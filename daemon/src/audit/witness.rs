//! Lines of what happens to uploads and blobs beside the requests: by itself, or many at an operator's word.

use cairn_engine::engine::{Happening, SweepReason, Why, Witness};
use cairn_engine::{Blob, File, Timestamp};

use super::{Audit, Deed, Line, Trail};
use crate::http::rfc3339;

/// Who is named where nobody asked.
const CAIRN: &str = "cairn";

impl Witness for Audit {
    fn saw(&self, at: Timestamp, happening: Happening<'_>) {
        if self.is_on() {
            self.tell(&told(begun(at), happening));
        }
    }
}

impl Audit {
    /// A file was removed together with all that its owner had.
    pub fn removed(&self, at: Timestamp, file: &File) {
        if self.is_on() {
            let line = of_file(begun(at), file);
            self.tell(&Line { action: Deed::Remove.name(), reason: Some("user_removed"), ..line });
        }
    }
}

/// A line of what was done now.
fn begun(at: Timestamp) -> Line {
    let asked = Trail::asked().unwrap_or(Line { protocol: CAIRN, by: Some(CAIRN), ..Line::default() });
    Line { time: rfc3339(at), outcome: "done", ..asked }
}

fn told(line: Line, happening: Happening<'_>) -> Line {
    match happening {
        Happening::Ended(upload, why) => Line {
            action: "upload.end",
            reason: Some(match why {
                Why::Expired => "expired",
                Why::Purged => "purged",
                Why::LostBytes => "lost_bytes",
            }),
            owner: Some(upload.owner.clone()),
            upload: Some(upload.id.to_string()),
            path: Some(upload.path.to_string()),
            length: upload.length,
            ..line
        },
        Happening::Published(id, file) => {
            Line { action: Deed::Complete.name(), upload: Some(id.to_string()), ..of_file(line, file) }
        }
        Happening::BlobRemoved(blob) => {
            Line { action: "blob.remove", reason: Some("unnamed"), ..of_blob(line, blob) }
        }
        Happening::Merged(blob) => Line { action: "blob.merge", ..of_blob(line, blob) },
        Happening::Moved(blob, to) => {
            Line { action: "blob.move", storage: Some(to.to_string()), ..of_blob(line, blob) }
        }
        Happening::ObjectsRemoved { storage, reason, objects, bytes } => Line {
            action: "objects.remove",
            reason: Some(match reason {
                SweepReason::UnfinishedWrite => "unfinished",
                _ => "orphans",
            }),
            storage: Some(storage.to_string()),
            objects: Some(objects),
            length: Some(bytes),
            ..line
        },
    }
}

fn of_file(line: Line, file: &File) -> Line {
    Line {
        owner: Some(file.owner.clone()),
        path: Some(file.path.to_string()),
        length: Some(file.length),
        digest: Some(file.digest.to_string()),
        ..line
    }
}

fn of_blob(line: Line, blob: &Blob) -> Line {
    Line { length: Some(blob.length), digest: Some(blob.id.to_string()), ..line }
}
