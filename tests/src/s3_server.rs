//! An S3 server that nobody here wrote, `s3s-fs`, in this process, on a port and a directory of its own.
//!
//! It checks signatures and checksums. It has no `ListMultipartUploads`, a `CompleteMultipartUpload` that fails ends
//! the multipart upload, and two writers with `If-None-Match` may both win.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// A running S3 server with one bucket. It ends, and what it holds is removed, when it is dropped.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl S3Server {
    /// The name of the one bucket.
    pub const BUCKET: &str = "cairn";
    /// Who may use it.
    pub const ACCESS_KEY_ID: &str = "cairn-test";
    /// What they know.
    pub const SECRET_ACCESS_KEY: &str = "not-a-secret";

    /// Starts one on a free port.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(Self::BUCKET)).unwrap();
        let mut server = Self { address: ([127, 0, 0, 1], 0).into(), folder, stop: None, thread: None };
        server.restart();
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its endpoint as a URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// OpenDAL's options for its bucket.
    pub fn options(&self) -> BTreeMap<String, String> {
        Self::options_at(&self.endpoint())
    }

    /// The same for a server that is reached at another address, such as that of a proxy.
    pub fn options_at(endpoint: &str) -> BTreeMap<String, String> {
        let options = [
            ("bucket", Self::BUCKET),
            ("region", "us-east-1"),
            ("endpoint", endpoint),
            ("access_key_id", Self::ACCESS_KEY_ID),
            ("secret_access_key", Self::SECRET_ACCESS_KEY),
        ];
        options.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    /// The directory in which its bucket's objects lie under their keys.
    pub fn bucket_folder(&self) -> PathBuf {
        self.folder.path().join(Self::BUCKET)
    }

    /// The keys of the objects in its bucket, sorted.
    pub fn keys(&self) -> Vec<String> {
        let root = self.bucket_folder();
        let mut keys = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => keys.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()),
                }
            }
        }
        keys.sort();
        keys
    }

    /// Stops it: connections are cut, and new ones refused.
    pub fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// Starts it again after [`stop`](Self::stop), on the same port and with what it held.
    pub fn restart(&mut self) {
        let listener = std::net::TcpListener::bind(self.address).unwrap();
        self.address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let service = service(self.folder.path());
        let (stop, stopped) = oneshot::channel();
        self.stop = Some(stop);
        self.thread = Some(std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime for the S3 server");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = accept(listener, service) => {}
                    _ = stopped => {}
                }
            });
            // Connections are cut with the runtime that served them.
        }));
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn service(root: &Path) -> S3Service {
    let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
    service.set_auth(SimpleAuth::from_single(S3Server::ACCESS_KEY_ID, S3Server::SECRET_ACCESS_KEY));
    service.build()
}

async fn accept(listener: TcpListener, service: S3Service) {
    let server = auto::Builder::new(TokioExecutor::new());
    let mut connections = JoinSet::new();
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        let connection = server.serve_connection(TokioIo::new(socket), service.clone()).into_owned();
        connections.spawn(async move {
            // A connection that breaks is told by the client's side.
            let _ = connection.await;
        });
        while connections.try_join_next().is_some() {}
    }
}
