//! A daemon of a test's own. It tells that it is ready by `NOTIFY_SOCKET`, as it would tell systemd; its log is read line
//! by line as it comes.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long anything may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A place for one daemon's data, and what it is started with.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    socket: UnixDatagram,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self { folder, socket }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The daemon on the place's data, listening on a free port.
    pub(crate) fn command(&self) -> Command {
        let mut command = cairnd();
        command.arg("--data-dir").arg(self.data()).args(["--listen", "127.0.0.1:0"]);
        command.env("NOTIFY_SOCKET", self.folder.path().join("notify"));
        command.env("CAIRN__LOG__FORMAT", "json");
        command
    }

    pub(crate) fn start(&self) -> Running {
        self.start_as(self.command())
    }

    /// Starts the command and waits until it tells that it is ready.
    pub(crate) fn start_as(&self, mut command: Command) -> Running {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = lines_of(child.stderr.take().unwrap());
        let running = Running { child, log, data: self.data() };
        // What an earlier daemon told of its end may still be there.
        let told =
            std::iter::repeat_with(|| self.told()).find(|told| !told.starts_with("STOPPING=1\n")).unwrap();
        assert!(told.starts_with("READY=1\n"), "{told}");
        running
    }

    /// A connection to the admin socket.
    pub(crate) fn admin(&self) -> UnixStream {
        let stream = UnixStream::connect(self.data().join("admin.sock")).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// What the daemon tells next.
    pub(crate) fn told(&self) -> String {
        let mut bytes = [0; 1024];
        let received = loop {
            match self.socket.recv(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                received => break received,
            }
        };
        let length = received.expect("the daemon tells something in time");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }
}

/// The daemon without a flag and without anything of systemd's or the tester's environment.
pub(crate) fn cairnd() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cairnd"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CAIRN__")
            || ["NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "WATCHDOG_USEC", "JOURNAL_STREAM"]
                .contains(&&*text)
        {
            command.env_remove(&name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Exit code, standard output and standard error of a command that ends by itself.
pub(crate) fn printed(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// A daemon that runs.
pub(crate) struct Running {
    pub(crate) child: Child,
    log: Receiver<String>,
    data: PathBuf,
}

impl Running {
    pub(crate) fn address(&self) -> SocketAddr {
        std::fs::read_to_string(self.data.join("listen")).unwrap().trim().parse().unwrap()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// One request on a connection of its own; the whole answer.
    pub(crate) fn ask(&self, request: &str) -> String {
        ask(self.connect(), request)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// The next line of the log that has these words.
    pub(crate) fn logged(&self, words: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.log.recv_timeout(LIMIT) {
                Ok(line) if line.contains(words) => return line,
                Ok(line) => seen.push(line),
                Err(error) => panic!("`{words}` was not logged ({error}); this was:\n{}", seen.join("\n")),
            }
        }
    }

    /// Waits for the end; the exit code, and the rest of the log.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let lines: Vec<String> = std::iter::from_fn(|| self.log.recv_timeout(LIMIT).ok()).collect();
        (self.child.wait().unwrap().code(), lines.join("\n"))
    }

    pub(crate) fn kill9(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn ask(mut stream: impl Read + Write, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A GET that closes its connection.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
