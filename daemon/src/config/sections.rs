//! The sections and their defaults. What each key means to the operator is told in `config.example.toml`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use cairn_engine::policy::Instant;
use cairn_engine::{Algorithm, Policy};
use cairn_stores::RedisConfig;
use cairn_stores::objects::Patience;
use serde::{Deserialize, Serialize};

use super::jwt::Jwt;
use super::options::Options;
use super::proxies::TrustedProxy;
use super::secret::{Address, Secret};
use super::tls::Tls;
use super::values::{algorithms, byte_count, optional_bytes, optional_text, period, socket_mode};

const KIB: u64 = 1 << 10;

/// Where the daemon listens, and what a connection may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The directory of everything that is kept.
    pub data_dir: PathBuf,
    /// The TCP address; port 0 is any free one.
    pub listen: SocketAddr,
    /// The admin socket; empty is `admin.sock` in the data directory.
    pub admin_socket: PathBuf,
    /// The file mode of the admin socket: the access control of the admin API.
    #[serde(with = "socket_mode")]
    pub admin_socket_mode: SocketMode,
    /// The address under which clients reach the daemon, without a slash at its end.
    #[serde(with = "optional_text")]
    pub public_url: Option<String>,
    /// Proxies that are believed when they say who asks, and by which address.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// Origins whose pages may call; `*` is every origin.
    pub cors_origins: Vec<String>,
    /// The most connections at once; more wait.
    pub max_connections: usize,
    /// The most of them from one address; more are closed. 0 is without bound.
    pub max_connections_per_address: usize,
    /// How long the headers of a request may take.
    #[serde(with = "period")]
    pub header_timeout: Duration,
    /// The most bytes of a request's head.
    #[serde(with = "byte_count")]
    pub max_header_bytes: u64,
    /// How long nothing may arrive of a body.
    #[serde(with = "period")]
    pub body_idle_timeout: Duration,
    /// How long a connection may wait for its next request.
    #[serde(with = "period")]
    pub keep_alive_timeout: Duration,
    /// How long running requests have when the daemon stops.
    #[serde(with = "period")]
    pub shutdown_timeout: Duration,
    /// The most bytes of a JSON or form body.
    #[serde(with = "byte_count")]
    pub max_json_bytes: u64,
    /// Threads that drive requests; 0 is one per core.
    pub worker_threads: usize,
    /// The certificate, if it speaks TLS.
    pub tls: Tls,
}

/// A file mode: the lower nine bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketMode(pub u32);

impl Default for Server {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./cairn-data"),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            admin_socket: PathBuf::new(),
            admin_socket_mode: SocketMode(0o600),
            public_url: None,
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            max_connections: 4096,
            max_connections_per_address: 256,
            header_timeout: Duration::from_secs(10),
            max_header_bytes: 32 * KIB,
            body_idle_timeout: Duration::from_secs(60),
            keep_alive_timeout: Duration::from_secs(75),
            shutdown_timeout: Duration::from_secs(30),
            max_json_bytes: 64 * KIB,
            worker_threads: 0,
            tls: Tls::default(),
        }
    }
}

/// Where uploads in progress are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sessions {
    /// `sqlite`: embedded, in the data directory; else the address of Redis.
    pub url: Address,
    /// The user's name at Redis, instead of the one in the address.
    #[serde(with = "optional_text")]
    pub username: Option<String>,
    /// The password, instead of the one in the address.
    pub password: Secret,
    /// The password of the sentinels.
    pub sentinel_password: Secret,
    /// What every key begins with.
    pub prefix: String,
    /// How long Redis may take to answer.
    #[serde(with = "period")]
    pub timeout: Duration,
    /// How long a connection to Redis may take to be made.
    #[serde(with = "period")]
    pub connect_timeout: Duration,
    /// Connections that all requests share.
    pub connections: usize,
    /// Certificate authorities that are believed instead of the usual ones; empty for those.
    pub tls_ca: PathBuf,
}

impl Default for Sessions {
    fn default() -> Self {
        let redis = RedisConfig::default();
        Self {
            url: Address::new("sqlite"),
            username: None,
            password: Secret::default(),
            sentinel_password: Secret::default(),
            prefix: redis.prefix,
            timeout: redis.timeout,
            connect_timeout: redis.connect_timeout,
            connections: redis.connections,
            tls_ca: PathBuf::new(),
        }
    }
}

impl Sessions {
    /// How Redis is reached, unless sessions are embedded.
    pub fn redis(&self) -> Option<RedisConfig> {
        if self.url.reveal() == "sqlite" {
            return None;
        }
        Some(RedisConfig {
            url: self.url.reveal().to_owned(),
            username: self.username.clone(),
            password: self.password.reveal().map(str::to_owned),
            sentinel_password: self.sentinel_password.reveal().map(str::to_owned),
            prefix: self.prefix.clone(),
            timeout: self.timeout,
            connect_timeout: self.connect_timeout,
            connections: self.connections,
            tls_ca: Some(self.tls_ca.clone()).filter(|path| !path.as_os_str().is_empty()),
            ..RedisConfig::default()
        })
    }
}

/// Where blobs, files and owners are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Catalog {
    /// The database; empty is `catalog.sqlite` in the data directory.
    pub path: PathBuf,
}

/// Where bytes are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// OpenDAL's name of the service.
    pub scheme: String,
    /// How it is written.
    pub placement: PlacementWish,
    /// How long one try of an operation of a service over a network may take.
    #[serde(with = "period")]
    pub timeout: Duration,
    /// How long one block of bytes may take.
    #[serde(with = "period")]
    pub io_timeout: Duration,
    /// How often a try that failed for now is repeated.
    pub retries: usize,
    /// The most HTTP requests to the service at once.
    pub concurrency: usize,
    /// OpenDAL's options of the service.
    pub options: Options,
}

impl Storage {
    /// Whether it is a local file system.
    pub fn is_local(&self) -> bool {
        matches!(self.scheme.as_str(), "fs" | "file")
    }
}

impl Default for Storage {
    fn default() -> Self {
        let patience = Patience::default();
        Self {
            scheme: "fs".to_owned(),
            placement: PlacementWish::default(),
            timeout: patience.timeout,
            io_timeout: patience.io_timeout,
            retries: patience.retries,
            concurrency: patience.concurrency,
            options: Options::default(),
        }
    }
}

/// How the storage is to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlacementWish {
    /// As it is best for the scheme: in place on a local file system, objects elsewhere.
    #[default]
    #[serde(rename = "")]
    ByScheme,
    /// One file per upload, every chunk at its offset.
    InPlace,
    /// Every chunk is an object.
    Objects,
}

/// The limits and habits of uploads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Uploads {
    /// Bytes of a chunk when nothing asks for another size.
    #[serde(with = "byte_count")]
    pub chunk_size: u64,
    /// The smallest chunk size that a client may ask for.
    #[serde(with = "byte_count")]
    pub min_chunk_size: u64,
    /// The largest chunk.
    #[serde(with = "byte_count")]
    pub max_chunk_size: u64,
    /// The most chunks of an upload.
    pub max_chunks: u64,
    /// The longest upload.
    #[serde(with = "byte_count")]
    pub max_length: u64,
    /// The most bytes of metadata, as JSON.
    #[serde(with = "byte_count")]
    pub max_metadata: u64,
    /// The most uploads that an owner may have open.
    pub max_open: u64,
    /// Bytes that an owner may keep and stage together; `None` is without bound.
    #[serde(with = "optional_bytes")]
    pub quota: Option<u64>,
    /// Files that an owner may have; 0 is without bound.
    pub max_files: u64,
    /// Bytes that a local storage must have left after what comes; `None` does not look.
    #[serde(with = "optional_bytes")]
    pub free_floor: Option<u64>,
    /// How long an upload lives after the last thing that arrived.
    #[serde(with = "period")]
    pub ttl: Duration,
    /// When an acknowledged byte is durable.
    pub durability: Durability,
    /// When a client that names a digest may have the content without sending it.
    pub instant: InstantRule,
    /// How much of a content is asked for as a proof.
    pub proof: ProofRule,
    /// How many random ranges of 4 KiB are asked for.
    pub proof_ranges: u32,
    /// How long an answer is waited for.
    #[serde(with = "period")]
    pub proof_ttl: Duration,
    /// Shorter contents are always uploaded.
    #[serde(with = "byte_count")]
    pub proof_min_length: u64,
    /// Challenges that one owner is given in an hour.
    pub proof_rate: u64,
    /// A longer body is recorded in stretches of this many bytes.
    #[serde(with = "byte_count")]
    pub roll_bytes: u64,
    /// A whole file of at most this many bytes is kept in the catalog.
    #[serde(with = "byte_count")]
    pub inline_bytes: u64,
    /// Digests that are computed of every content, beside BLAKE3.
    #[serde(with = "algorithms")]
    pub digests: Vec<Algorithm>,
}

impl Default for Uploads {
    fn default() -> Self {
        let policy = Policy::default();
        Self {
            chunk_size: policy.chunk_size,
            min_chunk_size: policy.min_chunk_size,
            max_chunk_size: policy.max_chunk_size,
            max_chunks: policy.max_chunks,
            max_length: policy.max_length,
            max_metadata: policy.max_metadata as u64,
            max_open: policy.max_open_uploads,
            quota: policy.quota,
            max_files: 0,
            free_floor: policy.free_floor,
            ttl: policy.ttl,
            durability: Durability::default(),
            instant: InstantRule::default(),
            proof: ProofRule::default(),
            proof_ranges: 1_000,
            proof_ttl: policy.proof.ttl,
            proof_min_length: policy.proof.min_length,
            proof_rate: policy.proof.rate,
            roll_bytes: policy.roll_bytes,
            inline_bytes: policy.inline_bytes,
            digests: policy.digests,
        }
    }
}

/// When an acknowledged byte survives a power failure. A crash of the daemon it survives always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// From its acknowledgement on.
    #[default]
    Chunk,
    /// From the upload's completion on.
    Complete,
}

/// How much of a content is asked for as a proof that somebody has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofRule {
    /// All of it.
    #[default]
    Strict,
    /// Random ranges: who has nearly all of it may pass.
    Ranges,
}

/// When a client that names a digest may have the content without sending it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstantRule {
    /// Never.
    Off,
    /// If the caller already has a file of that content.
    #[default]
    Own,
    /// If the caller already has a file of that content, or proves to have the bytes of somebody else's.
    Proof,
    /// If anybody has.
    Trusting,
}

impl From<InstantRule> for Instant {
    fn from(rule: InstantRule) -> Self {
        match rule {
            InstantRule::Off => Self::Off,
            InstantRule::Own => Self::Own,
            InstantRule::Proof => Self::Proof,
            InstantRule::Trusting => Self::Trusting,
        }
    }
}

/// When blobs of many extents become one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Merge {
    /// By itself or by hand.
    pub mode: MergeMode,
    /// Blobs of fewer extents are left alone.
    pub min_extents: usize,
    /// The most bytes a second that merging reads; `None` is without bound.
    #[serde(with = "optional_bytes")]
    pub rate: Option<u64>,
    /// How often is looked for blobs to merge.
    #[serde(with = "period")]
    pub interval: Duration,
}

impl Default for Merge {
    fn default() -> Self {
        Self {
            mode: MergeMode::default(),
            min_extents: Policy::default().merge_min_extents,
            rate: None,
            interval: Duration::from_secs(300),
        }
    }
}

/// Who begins a merge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeMode {
    /// The daemon, by itself.
    #[default]
    Background,
    /// The operator.
    Manual,
}

/// When what nothing needs any more is removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sweep {
    /// Between two sweeps.
    #[serde(with = "period")]
    pub interval: Duration,
    /// How old and how long seen an orphan is before it is removed.
    #[serde(with = "period")]
    pub grace: Duration,
    /// How long is remembered which upload a file came from.
    #[serde(with = "period")]
    pub remember: Duration,
    /// A sweep that finds a larger share of all objects orphaned removes none of them.
    pub max_orphan_percent: u8,
}

impl Default for Sweep {
    fn default() -> Self {
        let policy = Policy::default();
        Self {
            interval: Duration::from_secs(600),
            grace: policy.grace,
            remember: policy.remember,
            max_orphan_percent: policy.max_orphan_percent,
        }
    }
}

/// Who is asking.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// How a caller is known.
    pub mode: AuthMode,
    /// Whether `mode = "none"` is meant on an address that others can reach.
    pub insecure: bool,
    /// Whether the certificate that a client shows says who asks, where nothing else does.
    pub certificates: bool,
    /// Whose tokens are believed where `mode = "jwt"`.
    pub jwt: Jwt,
}

/// How a caller is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMode {
    /// A caller is whoever it says it is.
    #[default]
    None,
    /// A token says who, one that the operator made.
    Tokens,
    /// A token of somebody else's says who (RFC 7519).
    Jwt,
}

/// Which protocols are spoken beside cairn's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protocols {
    /// The tutorial's, under `/file/`.
    pub compat: bool,
    /// tus 1.0.0.
    pub tus: bool,
    /// The path of tus's uploads, with a slash at both ends.
    pub tus_path: String,
    /// IETF resumable uploads, interop versions 6 to 9.
    pub resumable: bool,
    /// The path of their uploads, with a slash at both ends.
    pub resumable_path: String,
    /// Whether `Upload-Complete` begins a resumable upload without a version too, as it will when the draft is done.
    pub resumable_without_version: bool,
}

impl Default for Protocols {
    fn default() -> Self {
        Self {
            compat: true,
            tus: true,
            tus_path: "/files/".to_owned(),
            resumable: true,
            resumable_path: "/uploads/".to_owned(),
            resumable_without_version: false,
        }
    }
}

/// What is told to the operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The level, or a filter such as `info,cairn_engine=debug`.
    pub level: String,
    /// How lines look, and where they go.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::default() }
    }
}

/// How lines of the log look, and where they go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// The journal under systemd, for people on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people, on standard error.
    Human,
    /// One JSON object a line, on standard error.
    Json,
    /// The journal of systemd, with fields.
    Journald,
}

/// Who did what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditLog {
    /// Where it is written.
    pub to: AuditTo,
    /// The file; empty for `audit.jsonl` in the data directory.
    pub file: PathBuf,
    /// Whether every request that brings bytes of an upload has a line.
    pub chunks: bool,
}

/// Where the audit log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditTo {
    /// Nowhere.
    #[default]
    Off,
    /// To the log, under the target `audit`.
    Log,
    /// To a file of its own.
    File,
}
