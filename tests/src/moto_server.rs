//! moto, an S3 server in Python that nobody here wrote.
//!
//! Its conditional writes and error codes are right, and it lists multipart uploads; it checks no signature, and keeps
//! everything in memory. It takes seconds to start, so the tests of one program share one, each with a bucket of its own.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::binaries::workspace;
use crate::s3_server::S3Server;
use crate::served::Served;

/// A bucket of its own in the test program's moto.
#[derive(Debug)]
pub struct MotoBucket {
    name: String,
    address: SocketAddr,
}

impl MotoBucket {
    /// Makes a bucket; the first one starts the server.
    ///
    /// # Panics
    /// There is no `moto_server`, or it does not come up.
    pub fn make() -> Self {
        static SERVER: OnceLock<Served> = OnceLock::new();
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let server = SERVER.get_or_init(|| {
            Served::start(|address, _| {
                let program = program().to_str().expect("a path in UTF-8").to_owned();
                let port = address.port().to_string();
                vec![program, "-H".to_owned(), "127.0.0.1".to_owned(), "-p".to_owned(), port]
            })
        });
        let name = format!("cairn-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let bucket = Self { name, address: server.address() };
        let answer = bucket.ask("PUT", "");
        assert!(answer.starts_with("HTTP/1.1 200"), "no bucket was made: {answer}");
        bucket
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// OpenDAL's options for this bucket.
    pub fn options(&self) -> BTreeMap<String, String> {
        self.options_at(&format!("http://{}", self.address))
    }

    /// The same, reached by another address, such as that of a proxy.
    pub fn options_at(&self, endpoint: &str) -> BTreeMap<String, String> {
        let mut options = S3Server::options_at(endpoint);
        options.insert("bucket".to_owned(), self.name.clone());
        options
    }

    /// What the server answers to a request about the bucket, head and body: `?uploads` lists its multipart uploads.
    ///
    /// # Panics
    /// The server does not answer.
    pub fn ask(&self, method: &str, query: &str) -> String {
        let mut connection = TcpStream::connect(self.address).unwrap();
        let head = format!(
            "{method} /{}{query} HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            self.name, self.address
        );
        connection.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// Where `tests/run` puts it when it is not installed.
fn program() -> PathBuf {
    let own = workspace().join("target/tools/moto/bin/moto_server");
    if own.is_file() { own } else { PathBuf::from("moto_server") }
}
