//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::scenarios::Name;

/// Measures a cairn daemon on this machine, beside its own floor.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// An eighth of the bytes: to see that it works, not to compare figures.
    #[arg(long)]
    pub(crate) quick: bool,
    /// How often each transfer is measured; the run of median CPU time is shown.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) runs: u8,
    /// Only these scenarios.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) only: Vec<Name>,
    /// Only this durability; both if absent.
    #[arg(long)]
    pub(crate) durability: Option<Durability>,
    /// Which protocols it is driven by, one after the other.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "native")]
    pub(crate) protocol: Vec<Protocol>,
    /// Where the daemon keeps uploads in progress. `redis` starts a redis-server of its own, which must be installed.
    #[arg(long, value_enum, default_value_t = Sessions::Sqlite)]
    pub(crate) sessions: Sessions,
    /// Where the daemon keeps bytes. `s3` starts an S3 server of its own, in a process of its own.
    #[arg(long, value_enum, default_value_t = Storage::Fs)]
    pub(crate) storage: Storage,
    /// Only the floors: what this machine allows.
    #[arg(long, conflicts_with = "durability")]
    pub(crate) floors: bool,
    /// The daemon to measure; `target/release/cairnd`, built if need be, if absent.
    #[arg(long, value_name = "PATH")]
    pub(crate) daemon: Option<PathBuf>,
    /// Where daemons keep their data, on the disk that is to be measured. Needs 16 GiB of room; emptied afterwards.
    #[arg(long, value_name = "DIR", default_value = "target")]
    pub(crate) folder: PathBuf,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What the program does when it runs as its own child.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serves as a floor and prints its address.
    #[command(hide = true)]
    Floor {
        /// Which.
        kind: Floor,
        /// Where it writes.
        folder: PathBuf,
    },
    /// Serves as the S3 server and prints its endpoint.
    #[command(hide = true)]
    S3,
}

/// How the daemon is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// cairn's own API.
    Native,
    /// tus 1.0.0.
    Tus,
    /// IETF resumable uploads.
    Draft,
}

/// Where uploads in progress are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sessions {
    /// Embedded.
    Sqlite,
    /// A Redis with an append-only file, synced every second.
    Redis,
}

/// Where bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Storage {
    /// A local file system, in place.
    Fs,
    /// A local file system, each chunk an object.
    Objects,
    /// S3: `s3s-fs`, on the same disk.
    S3,
}

/// The least that a server can do with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Floor {
    /// Takes it and forgets it.
    Drain,
    /// Takes it and writes it to its place in a file, unsynced and unverified.
    Write,
    /// The same, and makes the bytes durable behind the writers, 16 MiB at a time.
    Sync,
}

/// The daemon's promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durability {
    /// Acknowledged chunks survive a power failure.
    Chunk,
    /// Completed files do.
    Complete,
}

impl Durability {
    /// The word of the configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chunk => "chunk",
            Self::Complete => "complete",
        }
    }
}

impl Floor {
    /// The word of the command line and the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Write => "write",
            Self::Sync => "sync",
        }
    }
}
