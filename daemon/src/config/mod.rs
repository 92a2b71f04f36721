//! The configuration: typed, checked, and the only place that reads the environment.
//!
//! Layers, each over the one before: what is compiled in, the file (`--config`), the environment
//! (`CAIRN__SECTION__KEY`), flags. A key that nobody knows is refused with its place and the nearest known one; a
//! value that cannot be, with the facts. Durations and counts of bytes carry units (`"24h"`, `"5MiB"`). What is
//! secret comes by the environment or by a file (`…_file`), and no print shows it.
//!
//! `config.example.toml` at the root of the repository has every key with its default; a test keeps the two equal.

mod check;
mod environment;
mod error;
mod flags;
mod jwt;
mod layers;
mod limits;
mod links;
mod options;
mod proxies;
mod reload;
mod secret;
mod sections;
mod storages;
mod tls;
mod values;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use cairn_engine::policy::Proof;
use cairn_engine::{Policy, StorageName};
use serde::{Deserialize, Serialize};

pub use environment::Environment;
pub use error::{ConfigError, Origin};
pub use flags::Flags;
pub use jwt::{Jwt, JwtAlgorithm};
pub use layers::Sources;
pub use limits::Limits;
pub use links::{BadLinkKey, LinkKey, Links};
pub use options::Options;
pub use proxies::{BadProxy, TrustedProxy};
pub use reload::Reloaded;
pub use secret::{Address, Secret};
pub use sections::{
    AuditLog, AuditTo, Auth, AuthMode, Catalog, Durability, InstantRule, Log, LogFormat, Merge, MergeMode,
    PlacementWish, ProofRule, Protocols, Server, Sessions, SocketMode, Storage, Sweep, Uploads,
};
pub use storages::StorageRule;
pub use tls::{ClientAuth, Tls, TlsVersion};

/// Every key with its default and a comment: what `config.example.toml` says.
pub const EXAMPLE: &str = include_str!("../../../config.example.toml");

/// What the daemon was told. Values are within their bounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where it listens, and what a connection may do.
    pub server: Server,
    /// Where uploads in progress are kept.
    pub sessions: Sessions,
    /// Where blobs, files and owners are kept.
    pub catalog: Catalog,
    /// Where bytes are kept.
    pub storage: Storage,
    /// Other places for bytes, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub storages: BTreeMap<StorageName, Storage>,
    /// Which of them takes new content; the first that holds counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub storage_rules: Vec<StorageRule>,
    /// The limits and habits of uploads.
    pub uploads: Uploads,
    /// How often a client may ask.
    pub limits: Limits,
    /// When blobs of many extents become one object.
    pub merge: Merge,
    /// When what nothing needs any more is removed.
    pub sweep: Sweep,
    /// Who is asking.
    pub auth: Auth,
    /// Links that carry their right with them.
    pub links: Links,
    /// Which protocols are spoken.
    pub protocols: Protocols,
    /// What is told to the operator.
    pub log: Log,
    /// Who did what.
    pub audit: AuditLog,
}

impl Config {
    /// The limits and habits of the engine.
    pub fn policy(&self) -> Policy {
        let uploads = &self.uploads;
        Policy {
            chunk_size: uploads.chunk_size,
            min_chunk_size: uploads.min_chunk_size,
            max_chunk_size: uploads.max_chunk_size,
            max_chunks: uploads.max_chunks,
            max_length: uploads.max_length,
            max_metadata: usize::try_from(uploads.max_metadata).unwrap_or(usize::MAX),
            max_open_uploads: uploads.max_open,
            quota: uploads.quota,
            max_files: (uploads.max_files > 0).then_some(uploads.max_files),
            free_floor: uploads.free_floor,
            ttl: uploads.ttl,
            roll_bytes: uploads.roll_bytes,
            inline_bytes: uploads.inline_bytes,
            digests: uploads.digests.clone(),
            instant: uploads.instant.into(),
            proof: Proof {
                ranges: (uploads.proof == ProofRule::Ranges).then_some(uploads.proof_ranges),
                ttl: uploads.proof_ttl,
                min_length: uploads.proof_min_length,
                rate: uploads.proof_rate,
            },
            merge_min_extents: self.merge.min_extents,
            grace: self.sweep.grace,
            remember: self.sweep.remember,
            max_orphan_percent: self.sweep.max_orphan_percent,
            storage_rules: self.storage_rules.iter().map(Into::into).collect(),
        }
    }

    /// The file of the audit log.
    pub fn audit_path(&self) -> PathBuf {
        self.path_or(&self.audit.file, "audit.jsonl")
    }

    /// The unix socket of the admin API.
    pub fn admin_socket(&self) -> PathBuf {
        self.path_or(&self.server.admin_socket, "admin.sock")
    }

    /// The database of embedded sessions.
    pub fn sessions_path(&self) -> PathBuf {
        self.server.data_dir.join("sessions.sqlite")
    }

    /// The database of the catalog.
    pub fn catalog_path(&self) -> PathBuf {
        self.path_or(&self.catalog.path, "catalog.sqlite")
    }

    /// Where objects lie on a local file system if the storage options name no root.
    pub fn objects_root(&self) -> PathBuf {
        self.server.data_dir.join("objects")
    }

    /// The configuration as TOML, every key of it; secrets are hidden.
    ///
    /// # Errors
    /// A value that TOML cannot hold, such as a path that is not UTF-8.
    pub fn print(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// Whether the daemon may listen there: with `auth.mode = "none"` everybody who reaches it is whoever they say
    /// they are, so only this machine may, unless the operator says otherwise.
    ///
    /// # Errors
    /// [`ConfigError::Insecure`]
    pub fn allow_listening(&self, address: SocketAddr) -> Result<(), ConfigError> {
        let open = self.auth.mode == AuthMode::None && !is_loopback(address.ip());
        if open && !self.auth.insecure {
            return Err(ConfigError::Insecure { listen: address });
        }
        Ok(())
    }

    fn path_or(&self, path: &std::path::Path, name: &str) -> PathBuf {
        if path.as_os_str().is_empty() { self.server.data_dir.join(name) } else { path.to_owned() }
    }
}

/// Whether only this machine can reach the address; `::ffff:127.0.0.1` counts.
fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests;
