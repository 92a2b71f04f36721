//! A server that serves what it is given as it is, a page that opens files in every way, and a beacon that listens.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// The server; its thread ends with the test's process.
pub(crate) struct Ordinary {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, (String, Vec<u8>)>,
    page: String,
    heard: BTreeSet<String>,
    done: bool,
}

/// Opens each address as a page, in frames and as every kind of part, and tells when nothing more is to come.
const PAGE: &str = r"<!doctype html><meta charset=utf-8><body><script>
const add = (tag, fields) => new Promise(done => {
  const part = Object.assign(document.createElement(tag), fields);
  part.onload = part.onerror = done;
  document.body.append(part);
});
const pause = ms => new Promise(done => setTimeout(done, ms));
(async () => {
  const one = async url => {
    const tab = window.open(url);
    try { const w = new Worker(url); w.onerror = e => e.preventDefault(); } catch (e) {}
    try { navigator.serviceWorker.register(url).catch(() => {}); } catch (e) {}
    await Promise.race([pause(1000), Promise.all([
      add('iframe', {src: url}), add('script', {src: url}), add('script', {src: url, type: 'module'}),
      add('img', {src: url}), add('object', {data: url}), add('embed', {src: url}),
      add('link', {rel: 'stylesheet', href: url}), pause(300),
    ])]);
    if (tab) tab.close();
  };
  const urls = URLS;
  while (urls.length > 0) await Promise.all(urls.splice(0, 18).map(one));
  await pause(1000);
  await fetch('/done');
})();
</script>";

impl Ordinary {
    /// Listens on a free port.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || drop(answer(connection, &state)));
            }
        });
        Self { address, state }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves a file under `/file/NAME`.
    pub(crate) fn serve(&self, name: &str, kind: &str, bytes: &[u8]) {
        self.state().files.insert(name.to_owned(), (kind.to_owned(), bytes.to_vec()));
    }

    /// From now on the page opens these.
    pub(crate) fn open(&self, base: &str, names: &[&str]) {
        let urls: Vec<String> = names.iter().map(|name| format!("{base}/{name}")).collect();
        let urls = serde_json::to_string(&urls).unwrap();
        let mut state = self.state();
        state.page = PAGE.replace("URLS", &urls);
        state.done = false;
    }

    /// Whether the page has opened everything.
    pub(crate) fn is_done(&self) -> bool {
        self.state().done
    }

    /// Who called the beacon since the last time.
    pub(crate) fn heard(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.state().heard)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn answer(mut connection: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let (kind, bytes) = content(&path, &mut state.lock().unwrap());
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        bytes.len()
    );
    connection.write_all(head.as_bytes())?;
    connection.write_all(&bytes)
}

fn content(path: &str, state: &mut State) -> (String, Vec<u8>) {
    if let Some(name) = path.strip_prefix("/beacon/") {
        state.heard.insert(name.to_owned());
    }
    if path == "/done" {
        state.done = true;
    }
    if path == "/page" {
        return ("text/html".to_owned(), state.page.clone().into_bytes());
    }
    let file = path.strip_prefix("/file/").and_then(|name| state.files.get(name));
    file.cloned().unwrap_or_else(|| ("text/plain".to_owned(), Vec::new()))
}
