//! A WebDAV server that nobody here wrote: nginx with its two WebDAV modules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::served::Served;

/// A running WebDAV server. It ends, and what it holds is removed, when it is dropped.
#[derive(Debug)]
pub struct WebdavServer {
    served: Served,
}

impl WebdavServer {
    /// Starts one.
    ///
    /// # Panics
    /// There is no nginx with `ngx_http_dav_ext_module`, or it does not come up.
    pub fn start() -> Self {
        let served = Served::start(|address, folder| {
            std::fs::create_dir(folder.join("data")).expect("a directory");
            let config = folder.join("nginx.conf");
            std::fs::write(&config, configuration(&address.to_string(), folder)).expect("a file");
            let words = ["nginx", "-p", text(folder), "-c", text(&config), "-e", "stderr"];
            words.map(str::to_owned).to_vec()
        });
        Self { served }
    }

    /// OpenDAL's options for it.
    pub fn options(&self) -> BTreeMap<String, String> {
        [("endpoint".to_owned(), format!("http://{}", self.served.address()))].into()
    }

    /// The directory in which the objects lie under their keys.
    pub fn data_folder(&self) -> PathBuf {
        self.served.folder().join("data")
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn configuration(address: &str, folder: &Path) -> String {
    let folder = text(folder);
    // As root it would serve as somebody who may not look into the directory.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        "load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;
daemon off;
{user}
worker_processes 1;
pid {folder}/pid;
events {{ }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen {address};
    root {folder}/data;
    location / {{
      dav_methods PUT DELETE MKCOL COPY MOVE;
      dav_ext_methods PROPFIND OPTIONS;
      create_full_put_path on;
    }}
  }}
}}
"
    )
}
