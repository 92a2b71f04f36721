//! A Redis of a test's own: a real server, started, stopped, killed, stalled, started again.
//!
//! It keeps nothing unless it is asked to, listens on a port that the system chose and at a socket in a directory of its
//! own, and is ended by its process number when it is dropped.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a server may take to come up.
const LIMIT: Duration = Duration::from_secs(30);

/// How often is looked whether it has.
const LOOK: Duration = Duration::from_millis(2);

/// The configuration of a sentinel, which must be a file.
const SENTINEL_FILE: &str = "sentinel.conf";

/// How often another port is tried, because somebody else took the one that was free.
const TRIES: usize = 10;

/// A running Redis, or one that was stopped and may be started again.
#[derive(Debug)]
pub struct RedisServer {
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    child: Option<Child>,
}

impl RedisServer {
    /// A server that keeps nothing.
    ///
    /// # Panics
    /// There is no `redis-server`, or it does not come up.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with these options besides, as on its command line: `["--appendonly", "yes"]`.
    ///
    /// # Panics
    /// It does not come up.
    pub fn start_with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut server = Self { folder, port: 0, options, child: None };
        for _ in 0..TRIES {
            server.port = free_port();
            if server.try_start() {
                return server;
            }
        }
        panic!("no Redis came up; the last one said:\n{}", server.log());
    }

    /// A sentinel that watches this server alone, under the name `mymaster`, and finds it down after two seconds.
    ///
    /// # Panics
    /// It does not come up.
    pub fn start_sentinel(&self) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let file = folder.path().join(SENTINEL_FILE);
        let text = format!(
            "sentinel monitor mymaster 127.0.0.1 {} 1\nsentinel down-after-milliseconds mymaster 2000\n\
             sentinel failover-timeout mymaster 5000\n",
            self.port
        );
        std::fs::write(file, text).expect("a file");
        let mut sentinel =
            Self { folder, port: free_port(), options: vec!["--sentinel".to_owned()], child: None };
        assert!(sentinel.try_start(), "no sentinel came up:\n{}", sentinel.log());
        sentinel
    }

    /// What the server says it is: `redis`, or `valkey` where that is installed under Redis's name.
    ///
    /// # Panics
    /// There is no `redis-server`.
    pub fn kind() -> &'static str {
        let told = Command::new("redis-server").arg("--version").output().expect("redis-server is installed");
        if told.stdout.starts_with(b"Valkey") { "valkey" } else { "redis" }
    }

    /// Waits until what `command` prints has `text` in it.
    ///
    /// # Panics
    /// It does not in time.
    pub fn wait_until(&self, command: &[&str], text: &str) {
        let begun = Instant::now();
        while !self.ask(command).contains(text) {
            assert!(begun.elapsed() < LIMIT, "{command:?} does not tell {text}: {}", self.ask(command));
            std::thread::sleep(LOOK);
        }
    }

    /// Starts it on the same port and in the same directory again.
    ///
    /// # Panics
    /// It runs, or it does not come up.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "Redis runs already");
        assert!(self.try_start(), "Redis did not come up again:\n{}", self.log());
    }

    /// Everything that it keeps is removed; it must not run.
    pub fn forget(&self) {
        for name in ["appendonlydir", "dump.rdb"] {
            let path = self.folder.path().join(name);
            let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
        }
    }

    fn try_start(&mut self) -> bool {
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log file");
        let file = self.folder.path().join(SENTINEL_FILE);
        let child = Command::new("redis-server")
            .args(file.exists().then_some(file))
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .arg("--unixsocket")
            .arg(self.socket())
            .arg("--dir")
            .arg(self.folder.path())
            .args(["--save", "", "--daemonize", "no"])
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("redis-server is installed");
        self.child = Some(child);
        let begun = Instant::now();
        while begun.elapsed() < LIMIT {
            let child = self.child.as_mut().expect("it was just started");
            if child.try_wait().expect("a child can be waited for").is_some() {
                self.child = None;
                return false;
            }
            if self.answers() {
                return true;
            }
            std::thread::sleep(LOOK);
        }
        false
    }

    /// Whether it has loaded what it keeps, and answers; a wrong password is an answer.
    fn answers(&self) -> bool {
        let Ok(mut connection) = std::os::unix::net::UnixStream::connect(self.socket()) else { return false };
        let _ = connection.set_read_timeout(Some(LIMIT));
        let mut answer = [0; 8];
        let asked = connection.write_all(b"PING\r\n").and_then(|()| connection.read(&mut answer));
        asked.is_ok_and(|read| answer[..read].starts_with(b"+PONG") || answer[..read].starts_with(b"-NOAUTH"))
    }

    /// Ends it at once, as a crash does. What it has not written is lost.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends it in order: it writes what it is set to keep.
    ///
    /// # Panics
    /// It does not end.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        if let Some(mut child) = self.child.take() {
            child.wait().expect("a child can be waited for");
        }
    }

    /// Stalls it: it takes connections and answers nothing.
    pub fn stall(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("Redis runs");
        kill_process(Pid::from_child(child), signal).expect("it can be signalled");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        self.folder.path()
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What `redis-cli` prints for a command; of a list, a line for each.
    ///
    /// # Panics
    /// The tool is not there or fails.
    pub fn ask(&self, command: &[&str]) -> String {
        let asked = Command::new("redis-cli").arg("-s").arg(self.socket()).args(command).output();
        let told = asked.expect("redis-cli is installed");
        assert!(told.status.success(), "{command:?}: {}", String::from_utf8_lossy(&told.stderr));
        String::from_utf8_lossy(&told.stdout).trim_end().to_owned()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("Redis said:\n{}", self.log());
        }
        self.kill();
    }
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    // A connection leaves the port in a state in which nobody else is given it for a while.
    let connection = TcpStream::connect(address).and_then(|ours| Ok((listener.accept()?, ours)));
    drop(connection);
    address.port()
}
