//! nginx in front of a daemon, as the README has it.

use std::net::SocketAddr;
use std::path::Path;

use crate::served::Served;

/// A running nginx that passes everything on. It ends when it is dropped.
#[derive(Debug)]
pub struct NginxFront {
    served: Served,
}

impl NginxFront {
    /// Starts one in front of a daemon.
    ///
    /// # Panics
    /// There is no nginx, or it does not come up.
    pub fn start(daemon: SocketAddr) -> Self {
        let served = Served::start(|address, folder| {
            let config = folder.join("nginx.conf");
            std::fs::write(&config, configuration(address, daemon, folder)).expect("a file");
            let words = ["nginx", "-p", text(folder), "-c", text(&config), "-e", "stderr"];
            words.map(str::to_owned).to_vec()
        });
        Self { served }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.served.address()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn configuration(address: SocketAddr, daemon: SocketAddr, folder: &Path) -> String {
    let folder = text(folder);
    format!(
        "daemon off;
worker_processes 1;
pid {folder}/pid;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream cairn {{
    server {daemon};
    keepalive 32;
  }}
  server {{
    listen {address};
    client_max_body_size 0;
    location / {{
      proxy_pass http://cairn;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_read_timeout 300s;
      proxy_set_header Connection \"\";
      proxy_set_header Host $http_host;
      proxy_set_header Forwarded \"\";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"
    )
}
