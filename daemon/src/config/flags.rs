//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

/// cairn receives big files in pieces, and never loses or mixes up a byte.
///
/// With no flag at all it listens on 127.0.0.1:8080 and keeps everything under ./cairn-data.
#[derive(Clone, Debug, Default, Parser)]
#[command(
    name = "cairnd",
    version,
    after_long_help = "\
Every key of the configuration is also a variable of the environment: CAIRN__SECTION__KEY, such as CAIRN__UPLOADS__TTL=48h.
Flags win over the environment, the environment over the file, the file over the defaults.

Signals: SIGTERM and SIGINT stop it (a second one at once), SIGHUP reads the configuration again, SIGUSR1 logs a summary.

Exit codes:
   0  it was told to stop, and did; or the configuration is right
   1  it failed while it ran, or could not start (a store, an address)
   2  the command line is wrong
   3  another daemon runs on the data directory
   4  the data were written by a newer cairn
  78  the configuration is wrong"
)]
pub struct Flags {
    /// Reads this configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Keeps everything in this directory [server.data_dir]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Listens on this address and port; port 0 is any free one [server.listen]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,

    /// Tells what would be used and whether it can be, and ends
    #[arg(long)]
    pub check_config: bool,

    /// Prints the configuration in force as TOML, secrets hidden, and ends
    #[arg(long, conflicts_with = "check_config")]
    pub print_config: bool,

    /// Prints every route over TCP with what it needs, for the test of who may do what, and ends
    #[arg(long, hide = true)]
    pub print_routes: bool,
}
