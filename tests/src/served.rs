//! A server program of others, run as a child process on a port that the system chose, in a directory of its own.
//!
//! It ends when its handle is dropped, and also when the test program ends without dropping it: a shell holds it, and
//! kills it when its own input is at its end.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to come up.
const LIMIT: Duration = Duration::from_secs(60);
/// How often is looked whether it has.
const LOOK: Duration = Duration::from_millis(5);
/// How often another port is tried, because somebody else took the one that was free.
const TRIES: usize = 5;

/// Runs its arguments until its input ends, or until they do.
const HOLDER: &str = r#"
exec 3<&0
"$@" </dev/null & child=$!
{ read -r _ <&3; kill -9 "$child"; } 2>/dev/null & reader=$!
wait "$child"
kill "$reader" 2>/dev/null
"#;

/// A running server.
#[derive(Debug)]
pub(crate) struct Served {
    address: SocketAddr,
    folder: TempDir,
    holder: Child,
}

impl Served {
    /// Starts the program that `command` gives, as words, for an address and a directory, and waits until it listens.
    pub(crate) fn start(command: impl Fn(SocketAddr, &Path) -> Vec<String>) -> Self {
        let mut log = String::new();
        for _ in 0..TRIES {
            match Self::try_start(&command) {
                Ok(served) => return served,
                Err(said) => log = said,
            }
        }
        panic!("a server did not come up; the last one said:\n{log}");
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its directory.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn try_start(command: &impl Fn(SocketAddr, &Path) -> Vec<String>) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a directory");
        let address =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let log_path = folder.path().join("log");
        let log = File::create(&log_path).expect("a log file");
        let holder = Command::new("sh")
            .args(["-c", HOLDER, "sh"])
            .args(command(address, folder.path()))
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("a shell can be run");
        let mut served = Self { address, folder, holder };
        let begun = Instant::now();
        while begun.elapsed() < LIMIT
            && served.holder.try_wait().expect("a child can be waited for").is_none()
        {
            if TcpStream::connect(address).is_ok() {
                return Ok(served);
            }
            std::thread::sleep(LOOK);
        }
        Err(std::fs::read_to_string(log_path).unwrap_or_default())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
