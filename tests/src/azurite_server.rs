//! Azurite, Microsoft's own stand-in for Azure's blob service.
//!
//! It checks signatures and keeps everything in memory. It takes a second to start, so the tests of one program share
//! one, each with a container of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::binaries::workspace;
use crate::served::Served;

/// The account that every Azurite has, and its key, as its documentation prints them.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A container of its own in the test program's Azurite.
#[derive(Debug)]
pub struct AzuriteContainer {
    name: String,
    address: SocketAddr,
}

impl AzuriteContainer {
    /// Makes a container; the first one starts the server.
    ///
    /// # Panics
    /// There is no Node.js or no Azurite, or it does not come up.
    pub fn make() -> Self {
        static SERVER: OnceLock<Served> = OnceLock::new();
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let address = SERVER.get_or_init(|| Served::start(|address, _| server(address))).address();
        let container = Self { name: format!("cairn-{}", NUMBER.fetch_add(1, Ordering::Relaxed)), address };
        let made = Command::new("node")
            .arg(clients().join("container.mjs"))
            .args([&address.port().to_string(), &container.name])
            .output()
            .expect("Node.js is installed");
        assert!(made.status.success(), "no container: {}", String::from_utf8_lossy(&made.stderr));
        container
    }

    /// OpenDAL's options for it.
    pub fn options(&self) -> BTreeMap<String, String> {
        let endpoint = format!("http://{}/{ACCOUNT}", self.address);
        let options = [
            ("endpoint", endpoint.as_str()),
            ("container", &self.name),
            ("account_name", ACCOUNT),
            ("account_key", KEY),
        ];
        options.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }
}

/// The words that start the server.
fn server(address: SocketAddr) -> Vec<String> {
    let program = clients().join("node_modules/azurite/dist/src/blob/main.js");
    let mut words = vec!["node".to_owned(), program.display().to_string()];
    let port = address.port().to_string();
    words.extend(["--blobHost", "127.0.0.1", "--blobPort", &port].map(str::to_owned));
    words.extend(["--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck"].map(str::to_owned));
    words
}

fn clients() -> PathBuf {
    workspace().join("tests/clients")
}
