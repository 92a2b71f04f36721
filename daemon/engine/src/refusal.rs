//! Why an operation was refused, with the facts. Each protocol maps these once, by an exhaustive `match`.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::contracts::{Failure, Store, StoreError};
use crate::digest::Digest;
use crate::file::File;
use crate::upload::State;

/// The client's side of a body failed. Never taken for a failure of ours, nor for the body's end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The connection went away, or the framing was broken.
    #[error("the body broke off")]
    Broken,
    /// Nothing came for as long as is allowed.
    #[error("the body stalled")]
    Stalled,
    /// It came slower than is allowed.
    #[error("the body came slower than {rate} bytes a second")]
    TooSlow {
        /// Bytes a second that are asked for.
        rate: u64,
    },
    /// It was not at its end after as long as it may take.
    #[error("the body took more than {} s", limit.as_secs_f64())]
    TookTooLong {
        /// How long it may take.
        limit: Duration,
    },
    /// The body is longer than the route allows.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// Bytes allowed.
        limit: u64,
    },
    /// What was to follow the body (a checksum in a trailer) did not come, or is not what it should be.
    #[error("the trailer that was announced is missing or malformed")]
    Trailer,
}

/// Why an operation was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No such upload, or not the caller's.
    #[error("there is no such upload")]
    NoUpload,
    /// No such file, or not the caller's.
    #[error("there is no such file")]
    NoFile,
    /// The upload takes no more bytes.
    #[error("the upload is {}", state.name())]
    NotOpen {
        /// What it is instead.
        state: State,
    },
    /// There is no chunk of that number.
    #[error("there is no chunk {number}; the upload has {}", count_text(*.chunk_count))]
    ChunkNumber {
        /// The number asked for.
        number: u64,
        /// How many there are; `None` while the length is unknown.
        chunk_count: Option<u64>,
    },
    /// A chunk's body is not as long as the chunk.
    #[error("chunk {number} has {expected} bytes; the body has {received}")]
    ChunkLength {
        /// The chunk.
        number: u64,
        /// Bytes it has.
        expected: u64,
        /// Bytes that came, or were announced; of a longer body, as many as were looked at.
        received: u64,
    },
    /// The content is not what was declared.
    #[error("the digest is {computed}, not {expected}")]
    Digest {
        /// As declared.
        expected: Digest,
        /// As computed.
        computed: Digest,
        /// Chunks whose stored bytes no longer match their checksum; empty if the sender's bytes were other.
        suspect_chunks: Vec<u64>,
    },
    /// One request's body is not what its digest field says.
    #[error("the body's {algorithm} is {computed}, not {expected}")]
    BodyDigest {
        /// The algorithm, as RFC 9530 names it.
        algorithm: &'static str,
        /// As sent, hexadecimal.
        expected: String,
        /// As computed, hexadecimal.
        computed: String,
    },
    /// Bytes are missing.
    #[error("{missing_bytes} bytes are missing")]
    Incomplete {
        /// Numbers of the chunks that are not there whole, as ranges.
        missing: Vec<RangeInclusive<u64>>,
        /// Bytes that are missing.
        missing_bytes: u64,
    },
    /// A length that contradicts what is known already.
    #[error("the length is {known}, not {declared}")]
    LengthConflict {
        /// As known.
        known: u64,
        /// As declared now.
        declared: u64,
    },
    /// A digest that contradicts the one declared before.
    #[error("the digest was declared as {known}, not {declared}")]
    DigestConflict {
        /// As declared first.
        known: Digest,
        /// As declared now.
        declared: Digest,
    },
    /// An append at another offset than the upload's.
    #[error("the offset is {expected}, not {provided}")]
    Offset {
        /// Where the next append goes.
        expected: u64,
        /// Where this one wanted to go.
        provided: u64,
    },
    /// More bytes than the upload or the daemon takes.
    #[error("{asked} bytes are more than {limit}")]
    TooLong {
        /// Bytes asked for, or sent so far.
        asked: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The chunk size asked for is outside the limits.
    #[error("a chunk has {min} to {max} bytes, not {asked}")]
    ChunkSize {
        /// As asked for.
        asked: u64,
        /// The smallest allowed.
        min: u64,
        /// The largest allowed.
        max: u64,
    },
    /// The length and the chunk size asked for make too many chunks.
    #[error("{asked} chunks are more than {limit}; ask for chunks of at least {smallest_chunk_size} bytes")]
    TooManyChunks {
        /// Chunks it would have.
        asked: u64,
        /// Chunks allowed.
        limit: u64,
        /// The chunk size from which on it fits.
        smallest_chunk_size: u64,
    },
    /// The metadata are too long.
    #[error("the metadata have {length} bytes; {limit} are allowed")]
    Metadata {
        /// Bytes, as JSON.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The owner has as many open uploads as are allowed.
    #[error("{open} uploads are open; {limit} are allowed")]
    TooManyUploads {
        /// How many are open.
        open: u64,
        /// How many may be.
        limit: u64,
    },
    /// The owner has as many files as are allowed.
    #[error("there are {files} files; {limit} are allowed")]
    TooManyFiles {
        /// How many there are.
        files: u64,
        /// How many there may be.
        limit: u64,
    },
    /// The owner's quota does not hold it.
    #[error("{asked} bytes do not fit: {used} of {quota} are used or staged")]
    Quota {
        /// Bytes asked for.
        asked: u64,
        /// Bytes used and staged.
        used: u64,
        /// The quota.
        quota: u64,
    },
    /// The path is taken, and the caller wanted that to fail.
    #[error("{} exists", existing.path)]
    FileExists {
        /// What is there.
        existing: Box<File>,
    },
    /// A condition of the request does not hold.
    #[error("the precondition does not hold")]
    Precondition,
    /// No challenge stands: none was given, or it was answered already.
    #[error("no challenge stands")]
    NoChallenge,
    /// The answer came too late, or the content that the challenge is about is gone.
    #[error("the challenge is over")]
    ChallengeExpired,
    /// The answer is wrong.
    #[error("the answer to the challenge is wrong")]
    ProofFailed,
    /// A range of a file that has no such bytes.
    #[error("the file has {length} bytes")]
    Range {
        /// Bytes of the file.
        length: u64,
    },
    /// A newer request took the upload over; what had arrived counts.
    #[error("a newer request took the upload over at offset {offset}")]
    Superseded {
        /// Where the upload stands.
        offset: u64,
    },
    /// The client's side of the body failed.
    #[error("{error}; {kept} bytes of it are kept")]
    Body {
        /// How.
        error: BodyError,
        /// Bytes of this request that count.
        kept: u64,
    },
    /// Bytes that were acknowledged can no longer be trusted: the upload is ended.
    #[error("stored bytes of the upload are damaged")]
    Damaged,
    /// It would leave less room than the operator wants to be left.
    #[error("{asked} bytes do not fit: {free} are free, and {floor} of them must stay so")]
    Floor {
        /// Bytes asked for.
        asked: u64,
        /// Bytes free.
        free: u64,
        /// Bytes that must stay free.
        floor: u64,
    },
    /// There is no room for it.
    #[error("there is no room")]
    NoRoom(#[source] StoreError),
    /// A store does not answer now.
    #[error("the {} store does not answer", source.store)]
    Unavailable {
        /// Why.
        #[source]
        source: StoreError,
    },
    /// A store failed.
    #[error("internal failure")]
    Failed(#[source] StoreError),
    /// The daemon is going down or an operation of its own died.
    #[error("the operation was interrupted")]
    Interrupted,
}

impl From<StoreError> for Refusal {
    fn from(source: StoreError) -> Self {
        match source.failure {
            Failure::Unavailable => Self::Unavailable { source },
            Failure::Full => Self::NoRoom(source),
            Failure::Corrupt | Failure::Failed => Self::Failed(source),
        }
    }
}

impl Refusal {
    /// The store that failed, if one did.
    pub fn failed_store(&self) -> Option<Store> {
        match self {
            Self::NoRoom(source) | Self::Failed(source) | Self::Unavailable { source } => Some(source.store),
            _ => None,
        }
    }
}

fn count_text(count: Option<u64>) -> String {
    count.map_or_else(|| "no known length".to_owned(), |n| format!("1 to {n}"))
}
