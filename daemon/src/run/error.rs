//! Why the daemon did not start or ended by itself, and with which exit code.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use cairn_engine::contracts::StoreError;
use cairn_engine::{Refusal, StorageName};
use cairn_stores::{OpenError, RedisConfigError, objects};

use crate::auth::BadKey;
use crate::auth::jwt::KeysError;
use crate::config::ConfigError;
use crate::data_dir::DataDirError;
use crate::logging::LogError;
use crate::tls::TlsError;

/// What the exit code says. A wrong command line is 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It failed while it ran, or could not start.
    Failed = 1,
    /// Another daemon runs on the data directory.
    Held = 3,
    /// The data were written by a newer cairn.
    Newer = 4,
    /// The configuration is wrong (`EX_CONFIG`).
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why the daemon did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is refused.
    #[error("the configuration is refused")]
    Config(#[from] ConfigError),
    /// A key of links cannot be used.
    #[error("links cannot be signed")]
    LinkKey(#[from] BadKey),
    /// The configuration cannot be printed.
    #[error("the configuration cannot be printed")]
    Print(#[source] toml::ser::Error),
    /// There is no log.
    #[error("the log cannot be set up")]
    Log(#[from] LogError),
    /// There are no threads.
    #[error("threads cannot be started")]
    Runtime(#[source] io::Error),
    /// The audit log cannot be written.
    #[error("the audit log {} cannot be opened", path.display())]
    Audit {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Signals cannot be caught.
    #[error("signals cannot be caught")]
    Signals(#[source] io::Error),
    /// The data directory cannot be used.
    #[error("cairnd cannot start")]
    DataDir(#[from] DataDirError),
    /// The system has no chance.
    #[error("the system gives no chance for ids")]
    Chance(#[source] getrandom::Error),
    /// A database cannot be opened.
    #[error("the {store} cannot be opened")]
    Database {
        /// Which.
        store: &'static str,
        /// Why.
        #[source]
        source: Box<OpenError>,
    },
    /// Redis cannot be spoken to as it is configured.
    #[error("the session store cannot be used")]
    Redis(#[source] Box<RedisConfigError>),
    /// Redis does not answer, which is wrong only where the configuration is checked.
    #[error("the session store {place} does not answer")]
    Absent {
        /// Where it should be; without a password.
        place: String,
        /// Why not.
        #[source]
        source: Box<StoreError>,
    },
    /// A storage cannot be opened.
    #[error("the storage `{storage}` cannot be opened")]
    Objects {
        /// Which.
        storage: StorageName,
        /// Why.
        #[source]
        source: Box<objects::OpenError>,
    },
    /// Blobs lie in a storage that is not configured any more.
    #[error(
        "{blobs} {} ({bytes} bytes) in the storage `{storage}`, which is not configured: put [storages.{storage}] back, \
         and move them first with `cairnctl blobs move --from {storage} --to default --all`",
        if *blobs == 1 { "blob lies" } else { "blobs lie" }
    )]
    StorageGone {
        /// Which.
        storage: StorageName,
        /// Blobs that lie there.
        blobs: u64,
        /// Their bytes there.
        bytes: u64,
    },
    /// The catalog does not tell which storages it names.
    #[error("the catalog does not tell which storages it names")]
    Totals(#[source] Refusal),
    /// A storage does not do what it must.
    #[error("the storage `{storage}` was tried and did not do what it must")]
    Probe {
        /// Which.
        storage: StorageName,
        /// Why.
        #[source]
        source: Box<objects::ProbeError>,
    },
    /// Open uploads could not be looked at after a reboot.
    #[error("open uploads cannot be looked at")]
    Recheck(#[source] Refusal),
    /// The boot cannot be remembered.
    #[error("the boot cannot be remembered in the data directory")]
    Boot(#[source] io::Error),
    /// Nobody can be told the address.
    #[error("the address cannot be told in the data directory")]
    Address(#[source] io::Error),
    /// An address is not to be had.
    #[error("{place} cannot be listened on")]
    Listen {
        /// The address or path.
        place: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no TLS to be had of the files.
    #[error("TLS cannot be spoken")]
    Tls(#[from] TlsError),
    /// Tokens cannot be checked with the keys that there are.
    #[error("tokens cannot be checked")]
    Keys(#[from] KeysError),
    /// A path that the admin socket cannot take.
    #[error("{} is in use: another daemon listens there", path.display())]
    SocketInUse {
        /// The path.
        path: PathBuf,
    },
    /// A socket of systemd that is neither TCP nor unix.
    #[error("socket {number} of those handed over is neither TCP nor a unix stream")]
    Handed {
        /// Which, from 0.
        number: usize,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A listener ended by itself.
    #[error("a listener ended by itself")]
    Listener,
}

impl StartError {
    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_)
            | Self::LinkKey(_)
            | Self::Tls(_)
            | Self::Keys(_)
            | Self::Redis(_)
            | Self::StorageGone { .. } => Exit::Config,
            Self::Objects { source, .. } => match **source {
                objects::OpenError::Directory { .. } => Exit::Failed,
                _ => Exit::Config,
            },
            Self::Probe { source, .. } => match **source {
                objects::ProbeError::Open(_) => Exit::Config,
                objects::ProbeError::Store(_) => Exit::Failed,
            },
            Self::DataDir(DataDirError::Held { .. }) => Exit::Held,
            Self::Database { source, .. } if matches!(**source, OpenError::NewerSchema { .. }) => Exit::Newer,
            _ => Exit::Failed,
        }
    }
}

/// An error and its causes on one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
