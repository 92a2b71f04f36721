//! What the operator decided: limits and habits, all from configuration.

use std::time::Duration;

use crate::digest::Algorithm;
use crate::id::StorageName;
use crate::owner::Owner;
use crate::path::FilePath;

/// When a client that names a digest may have the content without sending it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instant {
    /// Never.
    Off,
    /// If the caller already has a file with that content.
    Own,
    /// If the caller already has a file with that content, or proves to have the bytes of somebody else's.
    Proof,
    /// If anybody has: the tutorial's way. Whoever knows a digest gets the file.
    Trusting,
}

/// How a proof of possession is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Random ranges of 4 KiB that are asked for; `None` asks for the whole content. A content that was named by its
    /// SHA-1 is always asked for whole, because another may have the same.
    pub ranges: Option<u32>,
    /// How long an answer is waited for.
    pub ttl: Duration,
    /// Shorter contents, in bytes, are always uploaded.
    pub min_length: u64,
    /// Challenges that one owner is given in an hour; beyond them everything is uploaded.
    pub rate: u64,
}

impl Default for Proof {
    fn default() -> Self {
        Self { ranges: None, ttl: Duration::from_secs(600), min_length: 1 << 20, rate: 60 }
    }
}

/// Where new content goes, if everything that the rule says of it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageRule {
    /// Its path begins with these bytes.
    pub path_prefix: Option<String>,
    /// It is this owner's.
    pub owner: Option<Owner>,
    /// It is known to have at least this many bytes.
    pub min_length: Option<u64>,
    /// It is known to have at most this many bytes.
    pub max_length: Option<u64>,
    /// The storage that takes it.
    pub storage: StorageName,
}

impl StorageRule {
    /// Whether content of this owner and path goes there. Of content whose length is unknown, nothing that is said of
    /// lengths holds.
    fn holds(&self, owner: &Owner, path: &FilePath, length: Option<u64>) -> bool {
        self.path_prefix.as_deref().is_none_or(|prefix| path.as_str().starts_with(prefix))
            && self.owner.as_ref().is_none_or(|wanted| wanted == owner)
            && self.min_length.is_none_or(|least| length.is_some_and(|length| length >= least))
            && self.max_length.is_none_or(|most| length.is_some_and(|length| length <= most))
    }
}

/// The limits and habits of one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Bytes of a chunk when neither the client nor the chunk count asks for another size.
    pub chunk_size: u64,
    /// The smallest chunk size that a client may ask for.
    pub min_chunk_size: u64,
    /// The largest chunk: what one request at the edge may carry.
    pub max_chunk_size: u64,
    /// The most chunks that an upload may have.
    pub max_chunks: u64,
    /// The longest upload in bytes.
    pub max_length: u64,
    /// The most bytes of metadata, as JSON.
    pub max_metadata: usize,
    /// The most uploads that an owner may have open.
    pub max_open_uploads: u64,
    /// Bytes that an owner may keep and stage together; `None` is without bound.
    pub quota: Option<u64>,
    /// Files that an owner may have; `None` is without bound.
    pub max_files: Option<u64>,
    /// Bytes that a storage must have left after what comes, where it can tell; `None` does not look.
    pub free_floor: Option<u64>,
    /// How long an upload lives after the last thing that arrived.
    pub ttl: Duration,
    /// A longer body is recorded in stretches of this many bytes, so that a crash loses at most one.
    pub roll_bytes: u64,
    /// A whole file of at most this many bytes is kept in the catalog.
    pub inline_bytes: u64,
    /// Digests that are computed of every content, whether or not somebody declares them.
    pub digests: Vec<Algorithm>,
    /// The rule of instant uploads.
    pub instant: Instant,
    /// How a proof of possession is asked for.
    pub proof: Proof,
    /// A blob of at least this many extents is worth a merge.
    pub merge_min_extents: usize,
    /// How old and how long seen an orphan is before it is removed.
    pub grace: Duration,
    /// How long the catalog remembers which upload a file came from.
    pub remember: Duration,
    /// A sweep stops when more than this many percent of all objects are orphans, until the operator says so.
    pub max_orphan_percent: u8,
    /// Where new content goes; the first that holds counts, and where none does, the default storage takes it.
    pub storage_rules: Vec<StorageRule>,
}

impl Policy {
    /// The storage that a rule names for new content; `None` if no rule holds.
    pub fn placed(&self, owner: &Owner, path: &FilePath, length: Option<u64>) -> Option<&StorageName> {
        let rule = self.storage_rules.iter().find(|rule| rule.holds(owner, path, length));
        rule.map(|rule| &rule.storage)
    }
}

impl Default for Policy {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        const HOUR: Duration = Duration::from_secs(3600);
        Self {
            chunk_size: 5 * MIB,
            min_chunk_size: 1,
            max_chunk_size: 64 * MIB,
            max_chunks: 10_000,
            max_length: 512 << 30,
            max_metadata: 16 << 10,
            max_open_uploads: 1_000,
            quota: None,
            max_files: None,
            free_floor: None,
            ttl: HOUR * 24,
            roll_bytes: 64 * MIB,
            inline_bytes: 32 << 10,
            digests: Vec::new(),
            instant: Instant::Own,
            proof: Proof::default(),
            merge_min_extents: 2,
            grace: HOUR,
            remember: HOUR * 24 * 7,
            max_orphan_percent: 50,
            storage_rules: Vec::new(),
        }
    }
}
