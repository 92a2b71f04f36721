//! The names of the keys.
//!
//! | key | what it is |
//! |---|---|
//! | `MP_<id>` | hash: the record's head and its chunks, as the tutorial reads it |
//! | `{MP_<id>}:extents` | sorted set: the receipts, by class of length and offset |
//! | `{MP_<id>}:digesting` | hash: the digest state kept last |
//! | `{MP_<id>}:broken` | what stood under the first name and was not a record of cairn's, for a week |
//! | `{cairn}:uploads` | sorted set of ids, by name: what a listing pages through |
//! | `{cairn}:expires` | sorted set of ids, by the moment at which they end, or an earlier one |
//! | `{cairn}:names` | hash: id to owner and idempotency key |
//! | `{cairn}:owner:<owner>` | sorted set: the owner's ids |
//! | `{cairn}:open:<owner>` | set: those that are open or completing |
//! | `{cairn}:keys:<owner>` | hash: idempotency key to id |
//! | `{cairn}:admitted:<owner>` | in a cluster, how many were admitted lately: tells two creations at once from each other |
//!
//! Each begins with the prefix, inside of the braces where it has some. A cluster keeps a key where the part in braces
//! belongs, and a key without braces where all of it does: so the four of an upload lie in one slot, although the
//! tutorial's key has no braces, and the indices lie in one slot of their own.

use cairn_engine::{Owner, UploadId};

/// The names of one installation's keys.
pub(super) struct Keys {
    /// What stands before an upload's id.
    pub(super) stem: String,
    /// What the names of the indices begin with.
    pub(super) base: String,
}

/// The keys of one upload.
pub(super) struct UploadKeys {
    pub(super) record: String,
    pub(super) extents: String,
    pub(super) digesting: String,
    pub(super) broken: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { stem: format!("{prefix}MP_"), base: format!("{{{prefix}cairn}}:") }
    }

    pub(super) fn of(&self, id: UploadId) -> UploadKeys {
        let record = self.record(id);
        let beside = |what: &str| format!("{{{record}}}:{what}");
        UploadKeys {
            extents: beside("extents"),
            digesting: beside("digesting"),
            broken: beside("broken"),
            record,
        }
    }

    pub(super) fn record(&self, id: UploadId) -> String {
        format!("{}{id}", self.stem)
    }

    pub(super) fn uploads(&self) -> String {
        format!("{}uploads", self.base)
    }

    pub(super) fn expires(&self) -> String {
        format!("{}expires", self.base)
    }

    pub(super) fn owner(&self, owner: &Owner) -> String {
        format!("{}owner:{owner}", self.base)
    }

    pub(super) fn open(&self, owner: &Owner) -> String {
        format!("{}open:{owner}", self.base)
    }

    pub(super) fn keys(&self, owner: &Owner) -> String {
        format!("{}keys:{owner}", self.base)
    }

    pub(super) fn admitted(&self, owner: &Owner) -> String {
        format!("{}admitted:{owner}", self.base)
    }
}
