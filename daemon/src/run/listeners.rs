//! Where the daemon is reached: a TCP address of its own or the sockets that systemd hands over, and the admin socket.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::admin;
use crate::config::Config;
use crate::house::House;
use crate::http::{self, Listener};
use crate::tls::Certificates;

/// Sockets that are bound; clients that come now wait.
pub(super) struct Listeners {
    doors: Vec<Listener>,
    places: Vec<String>,
    address: Option<SocketAddr>,
    certificates: Option<Certificates>,
    admin: UnixListener,
    admin_path: PathBuf,
}

impl Listeners {
    /// Takes what systemd hands over, or else binds the address of the configuration; and binds the admin socket.
    pub(super) async fn open(config: &Config) -> Result<Self, StartError> {
        let certificates = Certificates::open(&config.server.tls)?;
        let admin_path = config.admin_socket();
        let admin = bind_admin(&admin_path, config.server.admin_socket_mode.0)?;
        let (doors, places) = (Vec::new(), Vec::new());
        let mut listeners = Self { doors, places, address: None, certificates, admin, admin_path };
        let mut handed = ListenFd::from_env();
        for number in 0..handed.len() {
            listeners.take_over(&mut handed, number, config)?;
        }
        if listeners.doors.is_empty() {
            let listen = config.server.listen;
            let refused = |source| StartError::Listen { place: listen.to_string(), source };
            let listener = TcpListener::bind(listen).await.map_err(refused)?;
            let bound = listener.local_addr().map_err(refused)?;
            listeners.add_tcp(listener, bound);
        }
        Ok(listeners)
    }

    fn take_over(&mut self, handed: &mut ListenFd, number: usize, config: &Config) -> Result<(), StartError> {
        let refused = |source| StartError::Handed { number, source };
        if let Ok(Some(tcp)) = handed.take_tcp_listener(number) {
            let address = tcp.local_addr().map_err(refused)?;
            config.allow_listening(address)?;
            tcp.set_nonblocking(true).map_err(refused)?;
            self.add_tcp(TcpListener::from_std(tcp).map_err(refused)?, address);
            return Ok(());
        }
        if let Some(unix) = handed.take_unix_listener(number).map_err(refused)? {
            unix.set_nonblocking(true).map_err(refused)?;
            let address = unix.local_addr().map_err(refused)?;
            self.places.push(format!("unix:{}", address.as_pathname().unwrap_or(Path::new("?")).display()));
            self.doors.push(Listener::Unix(UnixListener::from_std(unix).map_err(refused)?));
        }
        Ok(())
    }

    fn add_tcp(&mut self, listener: TcpListener, address: SocketAddr) {
        let (door, scheme) = match &self.certificates {
            Some(certificates) => (Listener::Tls(listener, certificates.clone()), "https"),
            None => (Listener::Tcp(listener), "http"),
        };
        self.doors.push(door);
        self.places.push(format!("{scheme}://{address}"));
        self.address = self.address.or(Some(address));
    }

    /// The TCP address, if there is one.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The path of the admin socket.
    pub(super) fn admin_path(&self) -> &Path {
        &self.admin_path
    }

    /// Begins to serve on all of them; where clients come. `failed` is cancelled if one ends before the shutdown.
    pub(super) fn serve(self, house: &Arc<House>, failed: &CancellationToken) -> String {
        for door in self.doors {
            let house_of_door = Arc::clone(house);
            let stopping = house.supervisor.stopping().clone();
            let serving = async move { http::serve(house_of_door, door, stopping).await };
            start(house, "http", failed, serving);
        }
        if let Some(certificates) = self.certificates {
            let keeping = certificates.keep(Arc::clone(house), house.supervisor.stopping().clone());
            house.supervisor.start("certificate", keeping);
        }
        let (house_of_admin, stopping) = (Arc::clone(house), house.supervisor.stopping().clone());
        let listener = self.admin;
        start(house, "admin", failed, async move { admin::serve(house_of_admin, listener, stopping).await });
        self.places.join(", ")
    }
}

fn start(
    house: &House,
    name: &'static str,
    failed: &CancellationToken,
    serving: impl Future<Output = ()> + Send + 'static,
) {
    let (stopping, failed) = (house.supervisor.stopping().clone(), failed.clone());
    house.supervisor.start(name, async move {
        // Cancels however it ends, by a panic too.
        let guard = failed.drop_guard();
        serving.await;
        if stopping.is_cancelled() {
            guard.disarm();
        }
    });
}

/// Binds the admin socket with its mode: under another name first, so that nobody connects before the mode is set.
/// What a dead daemon left there is replaced; what is no socket, or answers, is not touched.
fn bind_admin(path: &Path, mode: u32) -> Result<UnixListener, StartError> {
    let refused = |source| StartError::Listen { place: path.display().to_string(), source };
    if let Ok(there) = path.symlink_metadata() {
        if !there.file_type().is_socket() {
            return Err(refused(io::Error::new(ErrorKind::AlreadyExists, "something else is there")));
        }
        if UnixStream::connect(path).is_ok() {
            return Err(StartError::SocketInUse { path: path.to_owned() });
        }
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let listener = bind_new(&new, mode).map_err(refused)?;
    std::fs::rename(&new, path).map_err(refused)?;
    Ok(listener)
}

fn bind_new(path: &Path, mode: u32) -> io::Result<UnixListener> {
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

/// Removes a socket that nobody listens on any more.
pub(super) fn remove_socket(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "the admin socket stays");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_of(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn the_admin_socket_has_its_mode_and_nothing_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let _listener = bind_admin(&path, 0o640).unwrap();
        assert_eq!(mode_of(&path), 0o640);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        UnixStream::connect(&path).unwrap();
    }

    #[tokio::test]
    async fn what_a_dead_daemon_left_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        drop(bind_admin(&path, 0o600).unwrap());
        assert!(path.exists() && UnixStream::connect(&path).is_err());
        let _listener = bind_admin(&path, 0o600).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[tokio::test]
    async fn a_socket_that_answers_and_a_file_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let _listener = bind_admin(&path, 0o600).unwrap();
        assert!(matches!(bind_admin(&path, 0o600), Err(StartError::SocketInUse { .. })));
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert!(matches!(bind_admin(&file, 0o600), Err(StartError::Listen { .. })));
        assert_eq!(std::fs::read(&file).unwrap(), b"x");
    }
}
