//! The command line. What is refused here is refused with exit code 2, before the daemon is asked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use crate::account_arguments::{LinkVerb, TokenVerb, UserVerb};

/// Where the daemon listens if it was started by hand, in the directory where it was started.
const SOCKET_HERE: &str = "cairn-data/admin.sock";

/// Where the daemon listens if systemd started it.
const SOCKET_OF_THE_SERVICE: &str = "/run/cairn/admin.sock";

/// The head above those options that every verb has.
const EVERYWHERE: &str = "Options of every verb";

/// Looks after a cairn daemon.
#[derive(Debug, Parser)]
#[command(name = "cairnctl", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// The daemon's admin socket [default: ./cairn-data/admin.sock if it is there, else /run/cairn/admin.sock]
    #[arg(long, global = true, value_name = "PATH", env = "CAIRN_ADMIN_SOCKET", hide_env_values = true, help_heading = EVERYWHERE)]
    socket: Option<PathBuf>,
    /// Print one JSON document instead of tables
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto, help_heading = EVERYWHERE)]
    pub(crate) color: Color,
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

impl Arguments {
    /// The socket that was named, or the one that is most likely meant.
    pub(crate) fn socket(&self) -> PathBuf {
        if let Some(socket) = &self.socket {
            return socket.clone();
        }
        let here = Path::new(SOCKET_HERE);
        if here.exists() { here.to_owned() } else { PathBuf::from(SOCKET_OF_THE_SERVICE) }
    }
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show how the daemon is
    Status,
    /// Uploads in progress, and those that ended not long ago
    #[command(subcommand)]
    Uploads(UploadVerb),
    /// Files: what owners' paths name
    #[command(subcommand)]
    Files(FileVerb),
    /// Blobs: finished content, each kept once
    #[command(subcommand)]
    Blobs(BlobVerb),
    /// Users: who may ask, where the daemon asks who it is
    #[command(subcommand)]
    Users(UserVerb),
    /// Tokens: what users say who they are with
    #[command(subcommand)]
    Tokens(TokenVerb),
    /// Signed links: for whoever has no account
    #[command(subcommand)]
    Links(LinkVerb),
    /// Remove what nobody needs any more: ended uploads, blobs without a file, objects that nothing names
    Sweep {
        /// Tell what would go and remove nothing
        #[arg(long)]
        dry_run: bool,
        /// Remove orphans although there are many, or although the catalog was restored
        #[arg(long)]
        force: bool,
    },
    /// The daemon's configuration
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// What to do with uploads.
#[derive(Debug, Subcommand)]
pub(crate) enum UploadVerb {
    /// List uploads
    List {
        /// Of this owner only
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// In this state only: open, completing, complete, aborted or expired
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// Created longer ago than this only, such as 2h or 3days
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
        older_than: Option<Duration>,
        /// How many at most.
        #[command(flatten)]
        most: Most,
    },
    /// Show an upload, and what is there of it
    Show {
        /// The upload
        id: String,
    },
    /// Complete an upload whose chunks are all there, and merge its blob
    Complete {
        /// The upload
        id: String,
    },
    /// Make the records of uploads whole that the session store lost, from what lies in the storage
    Rebuild(RebuildWhich),
    /// Remove uploads, with the bytes that are there of them
    Purge {
        /// Which.
        #[command(flatten)]
        which: PurgeWhich,
        /// Tell what would go and remove nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Which uploads to rebuild.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct RebuildWhich {
    /// The uploads
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Every upload in progress
    #[arg(long)]
    pub(crate) all: bool,
}

/// Which uploads to remove.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct PurgeWhich {
    /// The uploads
    #[arg(value_name = "ID", conflicts_with_all = ["expired", "older_than", "state"])]
    pub(crate) ids: Vec<String>,
    /// Those whose time ran out
    #[arg(long)]
    pub(crate) expired: bool,
    /// Those created longer ago than this, such as 2h or 3days
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) older_than: Option<Duration>,
    /// Those in this state: open, completing, complete, aborted or expired
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<String>,
}

/// What to do with files.
#[derive(Debug, Subcommand)]
pub(crate) enum FileVerb {
    /// List files
    List {
        /// Of this owner only
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// Whose path begins so only
        #[arg(long, value_name = "TEXT")]
        prefix: Option<String>,
        /// How many at most.
        #[command(flatten)]
        most: Most,
    },
    /// Show a file
    Show {
        /// Whose it is
        owner: String,
        /// What it is called
        path: String,
    },
    /// Remove a file; its blob goes with the next sweep if no other file names it
    Remove {
        /// Whose it is
        owner: String,
        /// What it is called
        path: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What to do with blobs.
#[derive(Debug, Subcommand)]
pub(crate) enum BlobVerb {
    /// List blobs
    List {
        /// Of at least so many extents only
        #[arg(long, value_name = "NUMBER")]
        min_extents: Option<usize>,
        /// How many at most.
        #[command(flatten)]
        most: Most,
    },
    /// Show a blob, and where its bytes lie
    Show {
        /// Any digest of it, such as blake3:… or sha1:…
        digest: String,
    },
    /// Rewrite blobs of many extents as one object each
    Merge(Which),
    /// Move blobs into another storage, each verified on the way; again goes on with those that are left
    Move {
        /// Which.
        #[command(flatten)]
        which: Which,
        /// The storage that takes them
        #[arg(long, value_name = "NAME")]
        to: String,
        /// Only those that lie in this storage
        #[arg(long, value_name = "NAME")]
        from: Option<String>,
        /// Tell what would move and move nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Read blobs and compare every byte with what was stored
    Verify(Which),
}

/// Which blobs.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The blobs, by any digest of theirs
    #[arg(value_name = "DIGEST")]
    pub(crate) digests: Vec<String>,
    /// Every blob
    #[arg(long)]
    pub(crate) all: bool,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Show the configuration in force, secrets hidden
    Show,
}

/// How many items of a listing.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Most {
    /// At most so many; all if absent
    #[arg(long, value_name = "NUMBER")]
    pub(crate) limit: Option<usize>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn refused(line: &[&str]) -> clap::error::ErrorKind {
        let line = std::iter::once("cairnctl").chain(line.iter().copied());
        Arguments::try_parse_from(line).expect_err("the line is wrong").kind()
    }

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_purge_says_what_it_is_of_and_names_or_filters() {
        use clap::error::ErrorKind::{ArgumentConflict, MissingRequiredArgument};
        assert_eq!(refused(&["uploads", "purge"]), MissingRequiredArgument);
        assert_eq!(refused(&["uploads", "purge", "--yes"]), MissingRequiredArgument);
        assert_eq!(refused(&["uploads", "purge", "a", "--expired"]), ArgumentConflict);
        let line = ["cairnctl", "uploads", "purge", "--expired", "--older-than", "2h"];
        let Verb::Uploads(UploadVerb::Purge { which, .. }) = Arguments::try_parse_from(line).unwrap().verb
        else {
            panic!("a purge");
        };
        assert!(which.expired && which.ids.is_empty());
        assert_eq!(which.older_than, Some(Duration::from_secs(7200)));
    }

    #[test]
    fn long_work_names_blobs_or_takes_all_and_never_both() {
        use clap::error::ErrorKind::{ArgumentConflict, MissingRequiredArgument};
        assert_eq!(refused(&["blobs", "merge"]), MissingRequiredArgument);
        assert_eq!(refused(&["uploads", "rebuild"]), MissingRequiredArgument);
        assert_eq!(refused(&["uploads", "rebuild", "--all", "00"]), ArgumentConflict);
        assert_eq!(refused(&["blobs", "verify", "--all", "sha1:00"]), ArgumentConflict);
    }
}
