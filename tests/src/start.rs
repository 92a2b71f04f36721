//! How a daemon is to be started.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::process::Command;

use crate::binaries::binary;
use crate::daemon::{Daemon, Ended};
use crate::redis_server::RedisServer;
use crate::s3_server::S3Server;

/// What a daemon is started with. A daemon that is started again is started with the same.
#[derive(Clone, Debug)]
pub struct Builder {
    pub(crate) folder: Arc<TempDir>,
    pub(crate) data_dir: PathBuf,
    listen: String,
    config: Option<String>,
    environment: Vec<(String, OsString)>,
    arguments: Vec<OsString>,
    tmpfs: Option<String>,
    /// Lives as long as the last daemon that was started with it.
    redis: Option<Arc<RedisServer>>,
    /// So does this.
    _s3: Option<Arc<S3Server>>,
}

impl Default for Builder {
    fn default() -> Self {
        let folder = Arc::new(TempDir::with_prefix("cairn-").expect("a temporary directory"));
        let redis = is_on("redis").then(|| Arc::new(RedisServer::start()));
        let s3 = is_on("s3").then(|| Arc::new(S3Server::start()));
        let url = redis.as_ref().map(|redis| ("CAIRN__SESSIONS__URL".to_owned(), redis.url().into()));
        let storage = s3.as_ref().map(|s3| storage(s3)).unwrap_or_default();
        Self {
            data_dir: folder.path().join("data"),
            folder,
            listen: "127.0.0.1:0".to_owned(),
            config: None,
            environment: url.into_iter().chain(storage).collect(),
            arguments: Vec::new(),
            tmpfs: None,
            redis,
            _s3: s3,
        }
    }
}

/// Whether this is the program `tests/tests/on_redis.rs` or `on_s3.rs`: the tests of other programs once more, with a
/// server of its own for each daemon.
fn is_on(store: &str) -> bool {
    let program = std::env::current_exe().expect("a program knows its own path");
    let begin = format!("on_{store}-");
    program.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&begin))
}

/// The keys that put the bytes into a bucket.
fn storage(s3: &S3Server) -> Vec<(String, OsString)> {
    let options = s3.options().into_iter();
    let options = options
        .map(|(key, value)| (format!("CAIRN__STORAGE__OPTIONS__{}", key.to_uppercase()), value.into()));
    options.chain([("CAIRN__STORAGE__SCHEME".to_owned(), "s3".into())]).collect()
}

impl Builder {
    /// Sets a variable of the daemon's environment, such as `CAIRN__UPLOADS__TTL`.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Lets it ask who asks: users and their tokens are made with [`Daemon::add_user`] and [`Daemon::add_token`].
    #[must_use]
    pub fn with_tokens(self) -> Self {
        self.env("CAIRN__AUTH__MODE", "tokens")
    }

    /// Gives it a configuration file with this TOML.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.config = Some(toml.to_owned());
        self
    }

    /// Uses this data directory, which stays, instead of one of its own.
    #[must_use]
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = path.into();
        self
    }

    /// Listens there instead of on a free port of the loopback.
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Puts the data directory on a file system in memory of this size (`"8m"`), which only the daemon sees and which
    /// goes with it. Needs root, or a kernel that lets users make namespaces.
    #[must_use]
    pub fn tmpfs(mut self, size: &str) -> Self {
        self.tmpfs = Some(size.to_owned());
        self
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> Daemon {
        Daemon::start_with(self).await
    }

    /// Whether a Redis was started for it.
    pub(crate) fn has_redis(&self) -> bool {
        self.redis.is_some()
    }

    /// Starts it and waits until it has told its address, where it listens: for daemons that [`Client`] cannot speak
    /// to.
    ///
    /// [`Client`]: crate::Client
    pub async fn start_listening(self) -> Daemon {
        Daemon::start_until_told(self).await
    }

    /// Starts it and waits until it answers at all, be it ready or not.
    pub async fn start_unready(self) -> Daemon {
        Daemon::start_until(self, "/healthz").await
    }

    /// Runs a daemon that is expected to end by itself, and waits for that.
    pub async fn run_to_end(self) -> Ended {
        Daemon::spawn(self).ended().await
    }

    /// The command line.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.program();
        command.arg("--data-dir").arg(&self.data_dir).arg("--listen").arg(&self.listen);
        if let Some(toml) = &self.config {
            let path = self.folder.path().join("config.toml");
            std::fs::write(&path, toml).expect("the configuration can be written");
            command.arg("--config").arg(path);
        }
        command.args(&self.arguments).current_dir(self.folder.path());
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_ours(name)) {
            command.env_remove(name);
        }
        command.env("RUST_BACKTRACE", "1").envs(self.environment.iter().cloned());
        command
    }

    fn program(&self) -> Command {
        let Some(size) = &self.tmpfs else { return Command::new(binary("cairnd")) };
        std::fs::create_dir_all(&self.data_dir).expect("the data directory can be made");
        let mut command = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        // `exec` keeps the process: what is killed and waited for is the daemon itself.
        command.args([
            "--mount",
            "sh",
            "-ec",
            r#"mount -t tmpfs -o "size=$1" tmpfs "$2"; shift 2; exec "$@""#,
            "sh",
        ]);
        command.arg(size).arg(&self.data_dir).arg(binary("cairnd"));
        command
    }
}

/// Whether a variable would change what the daemon does, or where it thinks that it was started by systemd.
fn is_ours(name: &std::ffi::OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CAIRN__")
        || matches!(&*name, "NOTIFY_SOCKET" | "LISTEN_FDS" | "LISTEN_PID" | "WATCHDOG_USEC")
}
