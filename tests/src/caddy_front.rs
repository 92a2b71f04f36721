//! Caddy in front of a daemon, as the README has it.

use std::net::SocketAddr;

use crate::served::Served;

/// A running Caddy that passes everything on. It ends when it is dropped.
#[derive(Debug)]
pub struct CaddyFront {
    served: Served,
}

impl CaddyFront {
    /// Starts one in front of a daemon.
    ///
    /// # Panics
    /// There is no Caddy, or it does not come up.
    pub fn start(daemon: SocketAddr) -> Self {
        let served = Served::start(|address, folder| {
            let folder = folder.to_str().expect("a path in UTF-8");
            let config = format!("{folder}/Caddyfile");
            // Nothing of a Caddy that may run here: no administration, no storage but the test's.
            let text = format!(
                "{{\n  admin off\n  auto_https off\n  storage file_system {folder}\n}}\n\
                 http://{address} {{\n  reverse_proxy {daemon}\n}}\n"
            );
            std::fs::write(&config, text).expect("a file");
            let home = format!("HOME={folder}");
            let words = ["env", &home, "caddy", "run", "--config", &config, "--adapter", "caddyfile"];
            words.map(str::to_owned).to_vec()
        });
        Self { served }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.served.address()
    }
}
