//! What goes over the socket. Moments are RFC 3339 in UTC, lengths and offsets bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct List<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_cursor: Option<String>,
}

/// Which uploads a listing is of. Every field that is set narrows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UploadQuery {
    /// Of this owner only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// In this state only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Created more than so many seconds ago only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_than: Option<u64>,
    /// The `next_cursor` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The most items wanted; 1 to 1000, 100 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Which files a listing is of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FileQuery {
    /// Of this owner only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whose path begins so only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The `next_cursor` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The most items wanted; 1 to 1000, 100 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Which blobs a listing is of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BlobQuery {
    /// Of at least so many extents only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_extents: Option<usize>,
    /// The `next_cursor` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The most items wanted; 1 to 1000, 100 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// An upload, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Upload {
    /// Its name.
    pub upload_id: String,
    /// Whose it is.
    pub owner: String,
    /// What the file will be called.
    pub path: String,
    /// Where it is in its life.
    pub state: String,
    /// Bytes of the whole, if known.
    pub length: Option<u64>,
    /// Bytes that are there.
    pub received_bytes: u64,
    /// Bytes of a chunk.
    pub chunk_size: u64,
    /// Chunks of the whole, if known.
    pub chunk_count: Option<u64>,
    /// The digest that the client declared.
    pub digest: Option<String>,
    /// When it was created.
    pub created_at: String,
    /// When it ends if nothing arrives.
    pub expires_at: String,
}

/// An upload, with what is there of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UploadDetail {
    /// The upload.
    #[serde(flatten)]
    pub upload: Upload,
    /// Bytes from the beginning without a gap.
    pub offset: u64,
    /// Chunks that are there: inclusive ranges of numbers.
    pub received: Vec<(u64, u64)>,
    /// Chunks that are missing: inclusive ranges of numbers.
    pub missing: Vec<(u64, u64)>,
    /// What was recorded, in the order of recording.
    pub extents: Vec<Extent>,
    /// The file it became.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<File>,
}

/// A run of bytes that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Bytes of the upload or blob before it.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// The object that holds them.
    pub object: String,
    /// Bytes of that object before them.
    pub object_offset: u64,
    /// Their CRC-64/NVME.
    pub checksum: String,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// Whose it is.
    pub owner: String,
    /// What it is called.
    pub path: String,
    /// Bytes.
    pub length: u64,
    /// The digest that clients are told.
    pub digest: String,
    /// The identity of its content.
    pub blob: String,
    /// Its media type.
    pub content_type: Option<String>,
    /// When the path first named something.
    pub created_at: String,
    /// When what it names last changed.
    pub modified_at: String,
    /// What the client attached.
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

/// A blob, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blob {
    /// Its identity.
    pub blob: String,
    /// Bytes.
    pub length: u64,
    /// Extents; 0 if the content lies in the catalog.
    pub extents: usize,
    /// The storages that they lie in.
    #[serde(default)]
    pub storages: Vec<String>,
    /// Files that name it.
    pub files: u64,
    /// When it was published.
    pub created_at: String,
}

/// A blob, with where its bytes lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlobDetail {
    /// Its identity.
    pub blob: String,
    /// Bytes.
    pub length: u64,
    /// Every digest that the daemon computed of it.
    pub digests: Vec<String>,
    /// Whether the content lies in the catalog.
    pub inline: bool,
    /// The storages in which they lie otherwise.
    #[serde(default)]
    pub storages: Vec<String>,
    /// Where the bytes lie otherwise.
    pub extents: Vec<Extent>,
    /// Files that name it.
    pub files: u64,
    /// When it was published.
    pub created_at: String,
}

/// Which uploads to purge: those named, or those that the filter finds. A filter needs at least one of its fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Purge {
    /// These.
    #[serde(default)]
    pub ids: Vec<String>,
    /// Whose time ran out.
    #[serde(default)]
    pub expired: bool,
    /// In this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Created more than so many seconds ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than: Option<u64>,
    /// Tell what would go and remove nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a purge removed, or would remove.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Purged {
    /// The uploads, as they were.
    pub items: Vec<Upload>,
    /// Whether nothing was removed.
    pub dry_run: bool,
}

/// What an operator's `complete` made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completed {
    /// The file.
    pub file: File,
    /// What became of the merge of its blob.
    pub merge: Merged,
}

/// Which blobs or uploads: those named (blobs by any digest of theirs), or all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Which {
    /// These.
    #[serde(default)]
    pub ids: Vec<String>,
    /// Every one.
    #[serde(default)]
    pub all: bool,
}

/// One line of long work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<T> {
    /// The work begins.
    Begin {
        /// Blobs or uploads to look at.
        items: u64,
        /// Their bytes; 0 where they are not counted.
        length: u64,
    },
    /// One is done.
    Item(T),
    /// All are done.
    End,
    /// The work stopped: the daemon goes down, or a store does not answer. Asking again goes on.
    Stopped {
        /// Why.
        detail: String,
    },
}

/// What became of the record of one upload that was to be made sure of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebuiltUpload {
    /// The upload.
    pub upload_id: String,
    /// `there`, `rebuilt` (it was gone), `vouched` (it was doubted, and is whole now), `finished` (it is a file),
    /// `absent` (there is none, or it has ended), or `failed`.
    pub outcome: String,
    /// Extents that were found in the storage and not in the record.
    pub extents: usize,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
}

/// What became of one blob's merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    /// The blob.
    pub blob: String,
    /// Bytes.
    pub length: u64,
    /// `merged`, `already_one`, `not_here` (the store never merges), `overtaken`, or `failed`.
    pub outcome: String,
    /// Extents that it had.
    pub extents: usize,
    /// Bytes that went through the daemon.
    pub moved_bytes: u64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
}

/// Which blobs move where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Move {
    /// Which.
    #[serde(flatten)]
    pub which: Which,
    /// The storage that takes them.
    pub to: String,
    /// Of those, only what lies in this storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Tell what would move and move nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What became of one blob's move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The blob.
    pub blob: String,
    /// Bytes.
    pub length: u64,
    /// `moved`, `would_move`, `already_there`, `in_catalog` (where it stays), `elsewhere` (not in the storage that was
    /// asked for), `overtaken`, or `failed`.
    pub outcome: String,
    /// The storages in which it lay.
    pub from: Vec<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
}

/// What a verification found of one blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// The blob.
    pub blob: String,
    /// Bytes that were read.
    pub length: u64,
    /// Whether every byte is what was stored.
    pub identical: bool,
    /// Extents that are not.
    pub damaged: Vec<Extent>,
    /// Why it could not be read at all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
}

/// How to sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// Tell what would go and remove nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Many orphans, or a restored catalog, are no mistake.
    #[serde(default)]
    pub force: bool,
}

/// What a sweep removed, or would remove.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepReport {
    /// Everything, in order.
    pub items: Vec<Swept>,
    /// Orphans that were seen but are not old enough yet.
    pub waiting: u64,
    /// Why orphans were left alone, if they were.
    pub held: Option<String>,
    /// Storages that did not answer, so that what lies there was left alone.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub away: Vec<String>,
    /// Whether nothing was removed.
    pub dry_run: bool,
}

/// One thing that a sweep removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// `expired_upload`, `ended_upload`, `unnamed_blob`, or `orphan_object`.
    pub reason: String,
    /// The upload, blob or object.
    pub what: String,
    /// Bytes that it held, if known.
    pub length: u64,
}

/// The daemon as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The daemon's version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it started.
    pub started_at: String,
    /// Seconds since then.
    pub uptime_seconds: u64,
    /// Its data directory.
    pub data_dir: String,
    /// Where it was told to listen.
    pub listen: String,
    /// Whether each store answers.
    pub stores: Vec<StoreHealth>,
    /// Uploads by state.
    pub uploads: Vec<StateCount>,
    /// Uploads that a body is arriving for.
    pub running_uploads: usize,
    /// What the catalog holds.
    pub catalog: CatalogTotals,
    /// Bytes that the default storage can still take, where it can tell.
    pub free_bytes: Option<u64>,
    /// What each storage holds.
    #[serde(default)]
    pub storages: Vec<StorageTotals>,
}

/// What a storage holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageTotals {
    /// Its name.
    pub storage: String,
    /// Blobs that have bytes there.
    pub blobs: u64,
    /// Those bytes.
    pub bytes: u64,
}

/// Whether a store answers, and how it is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreHealth {
    /// `sessions`, `catalog` or `objects`; `objects:cold` for the storage `cold`.
    pub store: String,
    /// Whether it does.
    pub ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// What it is, in a word: `sqlite`, `redis`, `fs`, …
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<String>,
    /// What else is worth telling of it, by name: a version, settings.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub facts: BTreeMap<String, String>,
    /// What may be lost, or will not work, as it is set up; sentences.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// How many uploads are in one state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateCount {
    /// The state.
    pub state: String,
    /// How many.
    pub uploads: u64,
    /// Bytes that they reserve.
    pub staged_bytes: u64,
}

/// What the catalog holds altogether.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogTotals {
    /// Owners that have a file.
    pub owners: u64,
    /// Files.
    pub files: u64,
    /// Blobs.
    pub blobs: u64,
    /// Bytes of all blobs, each counted once.
    pub blob_bytes: u64,
    /// Blobs of more than one extent.
    pub scattered_blobs: u64,
}
