//! Uppy in headless Chromium, from a page of another origin.

use std::process::Stdio;
use std::time::Duration;

use cairn_tests::{Daemon, Proxy, Way};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::scene::{MIB, script};

const LENGTH: u64 = 100 * MIB;
const LIMIT: Duration = Duration::from_secs(90);

/// The origin of the page. It prints what the page tells.
struct Page {
    _server: Child,
    lines: Lines<BufReader<ChildStdout>>,
    origin: String,
}

impl Page {
    async fn open() -> Self {
        let mut server = script("node", "page.mjs").stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let mut page = Self { _server: server, lines, origin: String::new() };
        page.origin = page.told().await;
        page
    }

    /// The next thing that the page tells.
    async fn told(&mut self) -> String {
        let line = tokio::time::timeout(LIMIT, self.lines.next_line()).await.expect("the page told nothing");
        line.unwrap().expect("the page's server runs: tests/run installs what it needs")
    }
}

/// A browser of its own that shows one address.
fn chromium(profile: &TempDir, address: &str) -> Child {
    let mut command = Command::new("chromium");
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]);
    command.arg(format!("--user-data-dir={}", profile.path().display())).arg(address);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command.spawn().expect("chromium: tests/run installs it when it is missing")
}

/// BLAKE3 of the bytes that the page makes.
fn digest_of_the_page() -> String {
    let mut blake3 = blake3::Hasher::new();
    let mut piece = Vec::with_capacity(1 << 20);
    for start in (0..LENGTH).step_by(1 << 20) {
        piece.clear();
        piece.extend((start..start + MIB).map(|i| u8::try_from((i * 31 + (i >> 13)) % 251).unwrap()));
        blake3.update(&piece);
    }
    blake3.finalize().to_hex().to_string()
}

#[tokio::test]
async fn a_page_of_another_origin_uploads_100_mib_over_a_network_that_goes_away_and_comes_back() {
    let mut page = Page::open().await;
    let config = format!("[server]\ncors_origins = [\"{}\"]\n", page.origin);
    let daemon = Daemon::builder().config(&config).start().await;
    let proxy = Proxy::to(daemon.address()).await;
    let profile = TempDir::with_prefix("cairn-").unwrap();
    let endpoint = format!("http://{}/files/", proxy.address());
    let address = format!("{}/?endpoint={endpoint}&name=page.bin&length={LENGTH}", page.origin);
    let browser = chromium(&profile, &address);

    // The network goes away in the middle, for as long as three attempts.
    proxy.cut_after(Way::ToServer, 40 * MIB);
    until(|| proxy.passed().to_server >= 40 * MIB).await;
    proxy.refuse(true);
    proxy.cut();
    let before = proxy.passed();
    until(|| proxy.passed().connections >= before.connections + 3).await;
    assert!(proxy.passed().to_server < 60 * MIB, "{:?}", proxy.passed());
    proxy.refuse(false);

    let told = page.told().await;
    assert!(told.starts_with(&format!("uploaded {endpoint}")), "{told}");
    drop(browser);
    let stored = daemon.client().download("/v1/files/page.bin").await;
    assert_eq!((stored.status, stored.length, stored.blake3), (200, LENGTH, digest_of_the_page()));
    // What had arrived before was not sent again, but for the chunk that was on its way.
    let sent = proxy.passed().to_server;
    assert!(sent < LENGTH + 20 * MIB, "{sent} bytes were sent for {LENGTH}");
}

#[tokio::test]
async fn a_page_whose_origin_is_not_allowed_gets_nowhere() {
    let mut page = Page::open().await;
    let config = "[server]\ncors_origins = [\"https://elsewhere.example\"]\n";
    let daemon = Daemon::builder().config(config).start().await;
    let profile = TempDir::with_prefix("cairn-").unwrap();
    let endpoint = format!("http://{}/files/", daemon.address());
    let address = format!("{}/?endpoint={endpoint}&name=page.bin&length=1000&retries=0", page.origin);
    let _browser = chromium(&profile, &address);
    let told = page.told().await;
    assert!(told.starts_with("error ") || told.starts_with("failed "), "{told}");
    let uploads = daemon.client().get("/v1/uploads").await.expect(200).json();
    assert_eq!(uploads["items"], serde_json::json!([]));
}

async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("it comes to that in time");
}
