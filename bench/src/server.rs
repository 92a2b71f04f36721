//! What is measured: a daemon or a floor, in a process and a directory of its own.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Result;
use crate::arguments::{Arguments, Durability, Floor};
use crate::content::{self, MIB};
use crate::stores::Stores;

/// How long a server may take to start.
const START: Duration = Duration::from_secs(60);

/// A running server. Killed, and its directory removed, when it is dropped.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    // In this order: it must be gone before its directory goes.
    process: Process,
    folder: TempDir,
    /// What a daemon stands on.
    _stores: Option<Stores>,
}

struct Process(Child);

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// CPU time, user and system.
    pub(crate) cpu: Duration,
    /// The most memory it ever had resident, bytes.
    pub(crate) peak_memory: u64,
}

impl Server {
    /// Starts a daemon and waits until it answers.
    pub(crate) fn daemon(
        program: &Path,
        folder: &Path,
        durability: Durability,
        stores: Stores,
    ) -> Result<Self> {
        let folder = TempDir::with_prefix_in("cairn-bench-", folder)?;
        let data = folder.path().join("data");
        let mut command = Command::new(program);
        command.arg("--data-dir").arg(&data).args(["--listen", "127.0.0.1:0"]);
        command.env("CAIRN__UPLOADS__DURABILITY", durability.name());
        command.envs(stores.settings());
        let mut server = Self::start(command, folder, &data.join("listen"))?;
        server._stores = Some(stores);
        Ok(server)
    }

    /// Starts a floor and waits until it answers.
    pub(crate) fn floor(kind: Floor, folder: &Path) -> Result<Self> {
        let folder = TempDir::with_prefix_in("cairn-bench-", folder)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["floor", kind.name()]).arg(folder.path());
        let told = folder.path().join("listen");
        Self::start(command, folder, &told)
    }

    fn start(mut command: Command, folder: TempDir, told: &Path) -> Result<Self> {
        let log = File::create(folder.path().join("log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child =
            command.spawn().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { address, process: Process(child), folder, _stores: None };
        server.address = server.wait_for_address(told)?;
        Ok(server)
    }

    fn wait_for_address(&mut self, told: &Path) -> Result<SocketAddr> {
        let begun = Instant::now();
        loop {
            let address = std::fs::read_to_string(told).ok().and_then(|text| text.trim().parse().ok());
            if let Some(address) = address {
                return Ok(address);
            }
            if begun.elapsed() > START || self.process.0.try_wait()?.is_some() {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                return Err(format!("the server did not start:\n{log}").into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The socket of a daemon's admin API.
    pub(crate) fn admin_socket(&self) -> PathBuf {
        self.folder.path().join("data/admin.sock")
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let folder = PathBuf::from(format!("/proc/{}", self.process.0.id()));
        let cpu =
            cpu_time(&std::fs::read_to_string(folder.join("stat"))?).ok_or("no times in /proc/…/stat")?;
        let status = std::fs::read_to_string(folder.join("status"))?;
        Ok(Usage { cpu, peak_memory: peak_memory(&status).ok_or("no VmHWM in /proc/…/status")? })
    }

    /// Makes the machine ready to take `bytes` more into its page cache.
    ///
    /// A virtual machine may give free memory back to its host; touching it again costs the writer ten times what
    /// writing does, and whoever is measured first would pay. A file that is written and removed pays instead.
    pub(crate) fn warm_up(&self, bytes: u64) -> Result<()> {
        let path = self.folder.path().join("warm-up");
        let mut file = File::create(&path)?;
        for block in 0..bytes.div_ceil(MIB) {
            file.write_all(&content::shared(block))?;
        }
        Ok(std::fs::remove_file(path)?)
    }

    /// Ends it and leaves its directory where it is, until the returned value is dropped.
    pub(crate) fn end_and_keep(self) -> TempDir {
        self.folder
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Neither can fail but for a process that has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// User and system time of a line of `/proc/<pid>/stat`.
fn cpu_time(stat: &str) -> Option<Duration> {
    // The program's name comes second, in parentheses, and may hold anything; `utime` and `stime` are fields 14 and 15.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let ticks_per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_millis((user + system) * 1000 / ticks_per_second))
}

/// Bytes of the line `VmHWM:  12345 kB` of `/proc/<pid>/status`.
fn peak_memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// The daemon to measure: the one named, or the workspace's release build, brought up to date by cargo.
pub(crate) fn program(arguments: &Arguments) -> Result<PathBuf> {
    if let Some(path) = &arguments.daemon {
        return Ok(path.clone());
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Not this program: cargo would put another one in its place while it runs.
    let build = ["build", "--release", "--locked", "--package", "cairnd", "--bins"];
    let status = Command::new(cargo).args(build).current_dir(&workspace).status()?;
    if !status.success() {
        return Err("the daemon could not be built".into());
    }
    // Beside this program, which cargo built into the same directory.
    Ok(std::env::current_exe()?.with_file_name("cairnd"))
}
