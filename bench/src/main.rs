//! Drives a cairn daemon over loopback and prints what it costs, beside its own floor.
//!
//! Every scenario has a daemon of its own, a release build in a fresh directory, so that its peak memory is the
//! scenario's. What counts is the daemon's CPU time per GiB: wall time is shared with this program, which sends
//! bytes made beforehand, and with the disk. The floors are the same requests against the least that a server can do
//! ([`floor`]), in a process of their own, in the same run: the machine's mood is the same for both.

mod aims;
mod appending;
mod arguments;
mod content;
mod floor;
mod link;
mod merging;
mod meter;
mod passes;
mod scenarios;
mod server;
mod stores;
mod tables;
mod transfer;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};

/// Whatever went wrong, in words.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.command {
        Some(Command::Floor { kind, folder }) => floor::serve(*kind, folder),
        Some(Command::S3) => stores::serve_s3(),
        None => scenarios::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cairn-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
