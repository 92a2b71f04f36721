//! Blobs, their extents, files, owners: the truth about finished content.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Page, PageRequest, StoreError};
use crate::digest::Digest;
use crate::extent::Extent;
use crate::file::{Blob, Content, File};
use crate::id::{ObjectKey, StorageName, UploadId};
use crate::owner::Owner;
use crate::path::FilePath;
use crate::time::Timestamp;
use crate::upload::Metadata;

/// What to do when the path names a file already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IfExists {
    /// The path names the new content from then on.
    #[default]
    Replace,
    /// Nothing is changed.
    Fail,
    /// The new file takes the first free name of [`FilePath::numbered`], counted from 2. If no such name is short
    /// enough, nothing is changed.
    Rename,
}

/// A condition on what the path names now (RFC 9110 section 13.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precondition {
    /// `If-None-Match: *`: it names nothing.
    Absent,
    /// `If-Match: *`: it names something.
    Present,
    /// `If-Match` with entity tags: it names one of these blobs.
    Blob(Vec<Digest>),
}

/// Content that becomes a blob, and the file that names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// The upload it comes from, if it comes from one: the same upload is published once.
    pub upload: Option<UploadId>,
    /// Whose file it will be.
    pub owner: Owner,
    /// What it will be called.
    pub path: FilePath,
    /// If that is taken.
    pub if_exists: IfExists,
    /// What must hold of the path.
    pub precondition: Option<Precondition>,
    /// Bytes of the content.
    pub length: u64,
    /// BLAKE3 of the content.
    pub blob: Digest,
    /// Every digest that the daemon computed of it, the identity among them.
    pub digests: Vec<Digest>,
    /// Where the bytes lie: ordered, gapless.
    pub content: Content,
    /// The digest to tell of the file.
    pub digest: Digest,
    /// Its media type.
    pub content_type: Option<String>,
    /// What the client attached.
    pub metadata: Metadata,
    /// The moment it is.
    pub now: Timestamp,
    /// The most bytes that the owner's files may have together after it; `None` is without bound.
    pub max_used_bytes: Option<u64>,
    /// The most files that the owner may have after it; `None` is without bound. One that takes the place of another is
    /// no more than there was.
    pub max_files: Option<u64>,
}

/// What became of a publication.
#[derive(Clone, Debug, PartialEq)]
pub enum Published {
    /// The file is there.
    File {
        /// The file.
        file: Box<File>,
        /// Whether the path named nothing before.
        created: bool,
        /// Whether the blob was there already, so that the extents brought along are no longer needed.
        known: bool,
    },
    /// The path is taken and `if_exists` is `fail`: by this file.
    Exists(Box<File>),
    /// The precondition does not hold.
    PreconditionFailed,
    /// The owner's files would have more bytes than allowed.
    OverQuota {
        /// Bytes that they have.
        used_bytes: u64,
    },
    /// The owner would have more files than allowed.
    TooManyFiles {
        /// Files that there are.
        files: u64,
    },
}

/// Which upload a file came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// Whose upload it was.
    pub owner: Owner,
    /// The file as it was published, whatever became of it later.
    pub file: File,
    /// When.
    pub published_at: Timestamp,
}

/// Which files a listing is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFilter {
    /// Of this owner only.
    pub owner: Option<Owner>,
    /// Whose path begins with these bytes only.
    pub prefix: String,
    /// Folds every path that has this after the prefix into one entry of `prefixes`. Only with an owner.
    pub delimiter: Option<String>,
    /// That name this blob only.
    pub blob: Option<Digest>,
}

/// A page of files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// Files, by owner and path (bytewise).
    pub items: Vec<File>,
    /// What the delimiter folded, each once over all pages, in order. Items and prefixes together are at most the
    /// limit.
    pub prefixes: Vec<String>,
    /// Where the next page begins; `None` at the end.
    pub next_cursor: Option<String>,
}

/// What became of a rename or copy.
#[derive(Clone, Debug, PartialEq)]
pub enum Moved {
    /// The file under its new name.
    File(Box<File>),
    /// The owner has no such file.
    Unknown,
    /// The new name is taken: nothing was changed.
    Exists,
    /// A copy would pass the owner's quota.
    OverQuota {
        /// Bytes that the owner's files have.
        used_bytes: u64,
    },
    /// A copy would be one file more than the owner may have.
    TooManyFiles {
        /// Files that there are.
        files: u64,
    },
}

/// What an owner may have at most after a copy; `None` is without bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Most {
    /// Bytes of all files together.
    pub used_bytes: Option<u64>,
    /// Files.
    pub files: Option<u64>,
}

/// What a rename or copy does with the old name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// The old name is gone after it.
    Rename,
    /// Both names stay.
    Copy,
}

/// What an owner keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Files.
    pub files: u64,
    /// Bytes of all files together, shared content counted for each.
    pub bytes: u64,
}

/// What the catalog holds altogether.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
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

/// What a storage holds, as the catalog knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageTotals {
    /// The storage.
    pub storage: StorageName,
    /// Blobs that have an extent there.
    pub blobs: u64,
    /// Bytes of the extents there.
    pub bytes: u64,
}

/// Which blobs a listing is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlobFilter {
    /// Of at least this many extents only; 0 is every blob.
    pub min_extents: usize,
}

/// What a catalog is, so that objects can tell whether it is theirs and not an older copy of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogIdentity {
    /// Made once, when the catalog was: 32 hexadecimal digits.
    pub id: String,
    /// Rises with every [`Catalog::advance`]; a catalog that tells less than the marker object does was restored.
    pub generation: u64,
}

/// Blobs, files, owners.
///
/// Every change is durable when its call returns, and whole: a crash leaves it made or not made.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// THE commit: blob (or the blob that has this identity and length already), extents, file, usage and origin at
    /// once.
    ///
    /// An upload that was published before gets the same answer again and changes nothing, whatever else the
    /// publication says. The precondition is looked at first, then `if_exists`, then how many files there are, then the quota; if one refuses,
    /// nothing is changed. A known blob keeps its own extents and learns the digests it lacks. The blob that the path
    /// named before keeps its row until a sweep finds that nothing names it.
    async fn publish(&self, publication: &Publication) -> Result<Published, StoreError>;

    /// Which file an upload became, as long as that is remembered.
    async fn origin(&self, upload: UploadId) -> Result<Option<Origin>, StoreError>;

    /// Forgets which file one upload became. The file stays. Absent is fine.
    async fn forget_origin(&self, upload: UploadId) -> Result<(), StoreError>;

    /// Forgets origins from before a moment; how many.
    async fn forget_origins(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// The file that an owner's path names.
    async fn find_file(&self, owner: &Owner, path: &FilePath) -> Result<Option<File>, StoreError>;

    /// Files of the filter.
    async fn list_files(&self, filter: &FileFilter, page: &PageRequest) -> Result<Listing, StoreError>;

    /// Gives a file of the owner another name, or a second one: only names move. A rename to its own name changes
    /// nothing and answers the file. How many files there are, and the quota, are looked at for a copy. A renamed file keeps `created_at`, a copy
    /// begins its own; `modified_at` is `now` for both.
    async fn move_file(
        &self,
        owner: &Owner,
        from: &FilePath,
        to: &FilePath,
        how: Move,
        now: Timestamp,
        most: Most,
    ) -> Result<Moved, StoreError>;

    /// Removes a name; the file that it named, if it named one. The blob stays until a sweep: `now` is the moment
    /// from which on nothing names it.
    async fn remove_file(
        &self,
        owner: &Owner,
        path: &FilePath,
        now: Timestamp,
    ) -> Result<Option<File>, StoreError>;

    /// The blobs that have a digest, whatever its algorithm; more than one only if contents collide. With `length`,
    /// only of that length. At most ten.
    async fn find_blobs(&self, digest: &Digest, length: Option<u64>) -> Result<Vec<Blob>, StoreError>;

    /// Whether the owner has a file of this blob, and which: the one that was changed last.
    async fn file_of_blob(&self, owner: &Owner, blob: &Digest) -> Result<Option<File>, StoreError>;

    /// Blobs of the filter, by identity.
    async fn list_blobs(&self, filter: &BlobFilter, page: &PageRequest) -> Result<Page<Blob>, StoreError>;

    /// Puts other extents in the place of a blob's, if it still has the ones expected; whether it had. The objects
    /// that the old ones name are from then on orphans.
    async fn swap_extents(
        &self,
        blob: &Digest,
        expected: &[Extent],
        extents: &[Extent],
    ) -> Result<bool, StoreError>;

    /// Blobs that no file has named since before a moment, at most `limit`.
    async fn unnamed_blobs(&self, since_before: Timestamp, limit: usize) -> Result<Vec<Blob>, StoreError>;

    /// Removes a blob if still no file names it; the extents that it had. Those are orphans from then on.
    async fn remove_unnamed(&self, blob: &Digest) -> Result<Option<Vec<Extent>>, StoreError>;

    /// Of these objects, which does no extent name?
    async fn unreferenced(&self, objects: &[ObjectKey]) -> Result<Vec<ObjectKey>, StoreError>;

    /// Notes that these objects were seen as orphans `now`, forgets notes of those that an extent names again, and
    /// returns those of them that were first seen at or before `seen_before` and that no extent names: these may
    /// go. A note is forgotten as soon as an extent names its object.
    async fn condemn(
        &self,
        orphans: &[ObjectKey],
        now: Timestamp,
        seen_before: Timestamp,
    ) -> Result<Vec<ObjectKey>, StoreError>;

    /// Forgets the notes about objects that are gone.
    async fn pardon(&self, objects: &[ObjectKey]) -> Result<(), StoreError>;

    /// What an owner keeps.
    async fn usage(&self, owner: &Owner) -> Result<Usage, StoreError>;

    /// What the catalog holds altogether.
    async fn totals(&self) -> Result<Totals, StoreError>;

    /// What each storage holds that an extent of a blob names, by name. Contents that lie in the catalog are in none.
    async fn storage_totals(&self) -> Result<Vec<StorageTotals>, StoreError>;

    /// What this catalog is.
    async fn identity(&self) -> Result<CatalogIdentity, StoreError>;

    /// Raises the generation by one and returns the identity after it.
    async fn advance(&self) -> Result<CatalogIdentity, StoreError>;

    /// Whether the store answers.
    async fn check(&self) -> Result<(), StoreError>;
}
