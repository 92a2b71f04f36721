//! A daemon of a test's own: started, killed, terminated, started again; its log is printed if the test fails.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::binaries::binary;
use crate::client::Client;
use crate::secrets::leak;
use crate::start::Builder;

/// How long a daemon may take to start, or to end.
pub const LIMIT: Duration = Duration::from_secs(60);

/// How often is looked whether the daemon has come up: it has no way to tell us.
const LOOK: Duration = Duration::from_millis(5);

/// How much of its log is printed when a test fails.
const LINES_OF_LOG: usize = 200;

/// A running daemon. It is killed, and its data removed, when this is dropped.
#[derive(Debug)]
pub struct Daemon {
    builder: Builder,
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

/// A daemon that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How: the code, or the signal.
    pub status: ExitStatus,
    /// Everything it wrote to standard output and standard error.
    pub log: String,
}

/// What a command printed.
#[derive(Clone, Debug)]
pub struct Printed {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Daemon {
    /// A daemon with no configuration at all, in a directory of its own, on a free port.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A daemon that is to be started in some special way.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) async fn start_with(builder: Builder) -> Self {
        Self::start_until(builder, "/readyz").await
    }

    /// Starts it and waits until this path answers with 200.
    pub(crate) async fn start_until(builder: Builder, path: &str) -> Self {
        // A killed daemon leaves its address behind.
        let _ = std::fs::remove_file(builder.data_dir.join("listen"));
        let mut daemon = Self::spawn(builder);
        let ready = tokio::time::timeout(LIMIT, daemon.answer_at(path)).await;
        assert!(ready.is_ok(), "the daemon was not ready in time");
        daemon
    }

    /// Starts it and waits until it has told its address.
    pub(crate) async fn start_until_told(builder: Builder) -> Self {
        let _ = std::fs::remove_file(builder.data_dir.join("listen"));
        let mut daemon = Self::spawn(builder);
        let told = async {
            while !daemon.has_told() {
                if let Some(status) = daemon.child.try_wait().expect("a child can be waited for") {
                    panic!("the daemon ended instead of listening: {status}");
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        assert!(tokio::time::timeout(LIMIT, told).await.is_ok(), "the daemon did not listen in time");
        daemon
    }

    /// Whether it has told its address.
    fn has_told(&mut self) -> bool {
        let Ok(told) = std::fs::read_to_string(self.seen_data_dir().join("listen")) else { return false };
        let Ok(address) = told.trim().parse() else { return false };
        self.address = address;
        true
    }

    pub(crate) fn spawn(builder: Builder) -> Self {
        let log = builder.folder.path().join("log");
        let output = File::options().create(true).append(true).open(&log).expect("a log file");
        let mut command = builder.command();
        command.stdin(Stdio::null()).stdout(output.try_clone().expect("a second handle")).stderr(output);
        let child = command.kill_on_drop(true).spawn().expect("the daemon can be started");
        Self { builder, child, address: SocketAddr::from(([127, 0, 0, 1], 0)), log }
    }

    async fn answer_at(&mut self, path: &str) {
        while !self.answers_at(path).await {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                panic!("the daemon ended instead of becoming ready: {status}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether it has told its address and answers there.
    async fn answers_at(&mut self, path: &str) -> bool {
        if !self.has_told() {
            return false;
        }
        let asked = self.client().call("GET", path).try_send().await;
        asked.is_ok_and(|answer| answer.status == 200)
    }

    /// Whether its sessions are in a Redis of its own, although nothing was said about them: the program `on_redis`.
    pub fn is_on_redis(&self) -> bool {
        self.builder.has_redis()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new HTTP/1.1 client of it.
    pub fn client(&self) -> Client {
        Client::http1(self.address)
    }

    /// A new HTTP/2 client of it.
    pub fn client_http2(&self) -> Client {
        Client::http2(self.address)
    }

    /// Its data directory, by the name under which the daemon knows it.
    pub fn data_dir(&self) -> &Path {
        &self.builder.data_dir
    }

    /// Its data directory as the daemon sees it, whatever is mounted there.
    pub fn seen_data_dir(&self) -> PathBuf {
        let root = format!("/proc/{}/root", self.process_id());
        let inside = self.data_dir().strip_prefix("/").expect("the data directory is absolute");
        Path::new(&root).join(inside)
    }

    /// Its process id.
    pub fn process_id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Runs `cairnctl` against its admin socket, and gives back what that printed.
    pub async fn cairnctl(&self, arguments: &[&str]) -> Printed {
        let mut command = Command::new(binary("cairnctl"));
        command.arg("--socket").arg(self.seen_data_dir().join("admin.sock")).args(arguments);
        command.stdin(Stdio::null()).env("NO_COLOR", "1").kill_on_drop(true);
        let output = tokio::time::timeout(LIMIT, command.output()).await.expect("cairnctl ends in time");
        let output = output.expect("cairnctl can be run");
        Printed {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("cairnctl prints UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("cairnctl prints UTF-8"),
        }
    }

    /// Runs `cairnctl`, which must succeed, and gives back what it printed on standard output.
    pub async fn operator(&self, arguments: &[&str]) -> String {
        let printed = self.cairnctl(arguments).await;
        assert_eq!(printed.code, 0, "{arguments:?}: {}", printed.stderr);
        printed.stdout
    }

    /// Adds a user.
    pub async fn add_user(&self, name: &str) {
        self.operator(&["users", "add", name]).await;
    }

    /// Makes a token of a user with these scopes (`"read,write"`), and gives its text back.
    pub async fn add_token(&self, user: &str, scopes: &str) -> String {
        self.operator(&["tokens", "add", "--user", user, "--scope", scopes]).await.trim().to_owned()
    }

    /// Adds a user with a token to read and to write, and gives a client back that shows it.
    pub async fn client_of(&self, name: &str) -> Client {
        self.add_user(name).await;
        self.client().bearer(&self.add_token(name, "read,write").await)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.process_id()).ok().and_then(Pid::from_raw).expect("the daemon runs");
        kill_process(id, signal).expect("a child can be signalled");
    }

    /// Kills it with SIGKILL and waits until it is gone. Its data stay; [`restart`](Self::restart) goes on with them.
    pub async fn kill9(&mut self) {
        self.child.kill().await.expect("a child can be killed");
    }

    /// Asks it to stop, by SIGTERM, and waits until it has.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait().await
    }

    /// Waits until it has ended.
    pub async fn wait(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(LIMIT, self.child.wait()).await;
        ended.expect("the daemon ends in time").expect("a child can be waited for")
    }

    /// Starts it again, on the same data, after it has ended. It has another address then.
    pub async fn restart(&mut self) {
        assert!(self.child.try_wait().expect("a child can be waited for").is_some(), "it is still running");
        *self = Self::start_with(self.builder.clone()).await;
    }

    /// The same, until it answers at all, be it ready or not.
    pub async fn restart_unready(&mut self) {
        assert!(self.child.try_wait().expect("a child can be waited for").is_some(), "it is still running");
        *self = Self::start_until(self.builder.clone(), "/healthz").await;
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Ended {
        let status = self.wait().await;
        Ended { status, log: self.log() }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            print_end_of(&self.log());
        }
        // It must be gone before its directory goes.
        let begun = Instant::now();
        let _ = self.child.start_kill();
        while matches!(self.child.try_wait(), Ok(None)) && begun.elapsed() < LIMIT {
            std::thread::sleep(Duration::from_millis(1));
        }
        if !std::thread::panicking() {
            let audit = std::fs::read_to_string(self.data_dir().join("audit.jsonl")).unwrap_or_default();
            assert_eq!(leak(&self.log()).or(leak(&audit)), None, "an output of the daemon holds a secret");
        }
    }
}

fn print_end_of(log: &str) {
    let lines: Vec<&str> = log.lines().collect();
    eprintln!("the daemon's log:");
    lines.iter().skip(lines.len().saturating_sub(LINES_OF_LOG)).for_each(|line| eprintln!("  {line}"));
}
