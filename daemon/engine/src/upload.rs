//! An upload: a transfer in progress, and the states of its life.

use serde::{Deserialize, Serialize};

use crate::contracts::{IfExists, Precondition};
use crate::digest::Digest;
use crate::extent::Receipt;
use crate::id::{StorageName, UploadId};
use crate::owner::Owner;
use crate::path::FilePath;
use crate::time::Timestamp;

/// What a client attached to an upload or file: a JSON object, kept as it came.
pub type Metadata = serde_json::Map<String, serde_json::Value>;

/// What was said, when an upload began, of the path that its file will have. It holds at the end, whoever completes the
/// upload and in whichever protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Naming {
    /// If the path is taken, and completing does not say otherwise. With `None` the file is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_exists: Option<IfExists>,
    /// What must hold of the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precondition: Option<Precondition>,
}

impl Naming {
    /// Whether nothing was said.
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }
}

/// Where an upload is in its life.
///
/// `open → completing → complete`, back from `completing` to `open` when the digest does not agree, and from `open`
/// or `completing` to `aborted` or `expired`. `complete`, `aborted` and `expired` are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Bytes are welcome.
    Open,
    /// Coverage is frozen while the digest is checked and the blob published.
    Completing,
    /// A file came of it.
    Complete,
    /// The owner or the operator ended it.
    Aborted,
    /// Its time ran out.
    Expired,
}

impl State {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 5] = [Self::Open, Self::Completing, Self::Complete, Self::Aborted, Self::Expired];

    /// The word on the wire and in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Completing => "completing",
            Self::Complete => "complete",
            Self::Aborted => "aborted",
            Self::Expired => "expired",
        }
    }

    /// The state of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether nothing can happen to the upload any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Complete | Self::Aborted | Self::Expired)
    }
}

/// The head of an upload's record: everything but what was stored of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Upload {
    /// Its name.
    pub id: UploadId,
    /// Whose it is.
    pub owner: Owner,
    /// What the file will be called.
    pub path: FilePath,
    /// Bytes of the whole; `None` until it is known.
    pub length: Option<u64>,
    /// The digest that the client declared.
    pub digest: Option<Digest>,
    /// Bytes of every chunk but the last; at least one.
    pub chunk_size: u64,
    /// The storage that takes its bytes.
    #[serde(default, skip_serializing_if = "StorageName::is_default")]
    pub storage: StorageName,
    /// The media type that the client declared.
    pub content_type: Option<String>,
    /// What the client attached.
    pub metadata: Metadata,
    /// What was said of its path.
    #[serde(default, skip_serializing_if = "Naming::is_silent")]
    pub naming: Naming,
    /// A key under which the same owner's repeated creation finds this upload again.
    pub idempotency_key: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ends if nothing arrives; moves on with every record.
    pub expires_at: Timestamp,
    /// Where it is in its life.
    pub state: State,
    /// Raised by every claim; an append records only under the epoch that it claimed.
    pub epoch: u64,
    /// Bytes that the recorded extents cover, each counted once.
    pub received_bytes: u64,
    /// How often recorded bytes were replaced, counted from anywhere; a saved prefix state is good only for the count
    /// it was saved under.
    pub rewrites: u64,
}

impl Upload {
    /// Bytes that this upload reserves of its owner's quota.
    pub fn staged_bytes(&self) -> u64 {
        self.length.unwrap_or(0).max(self.received_bytes)
    }
}

/// What is written beside the bytes when an upload is created, so that a lost session can be rebuilt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The upload as it was created.
    pub upload: Upload,
    /// What it was joined of, if it was; else it has none of its bytes yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<Receipt>,
}
