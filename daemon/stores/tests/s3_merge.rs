//! Merging in S3, against servers that nobody here wrote: what passes through the process, and what is left behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and drops the task that it starts on purpose"
)]

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cairn_engine::contracts::{Failure, Merged, ObjectStore};
use cairn_engine::digest::Checksum;
use cairn_engine::digest::joining::Joiner;
use cairn_engine::testing::object_suite::{pattern, place, read_extent, store_stretch};
use cairn_engine::{Extent, ObjectKey, Timestamp};
use cairn_stores::objects::{Durability, ObjectsConfig, open};
use cairn_tests::Proxy;
use cairn_tests::S3Server;

const MIB: usize = 1 << 20;

fn store(options: BTreeMap<String, String>) -> Arc<dyn ObjectStore> {
    let config = ObjectsConfig {
        scheme: "s3".to_owned(),
        options,
        default_root: PathBuf::new(),
        placement: None,
        durability: Durability::Chunk,
    };
    open(&config).unwrap()
}

/// Stretches of these lengths, one after the other, and the whole that they make.
async fn stretches(store: &dyn ObjectStore, lengths: &[usize]) -> (Vec<Extent>, Vec<u8>) {
    let (mut extents, mut whole) = (Vec::new(), Vec::new());
    for (number, length) in lengths.iter().enumerate() {
        let bytes = pattern(u8::try_from(number % 251).unwrap(), *length);
        let place = place(whole.len() as u64, *length as u64, true, number as u128);
        extents.push(store_stretch(store, &place, &bytes).await.extent);
        whole.extend_from_slice(&bytes);
    }
    (extents, whole)
}

async fn merge(store: &dyn ObjectStore, extents: &[Extent]) -> (Merged, ObjectKey) {
    let mut joiner = Joiner::default();
    let expected = extents.iter().fold(Checksum::default(), |sum, e| joiner.join(sum, e.checksum, e.length));
    let target = ObjectKey::merged(0xfeed);
    (store.merge(extents, &target, expected).await.unwrap().unwrap(), target)
}

/// A moto server with one bucket, on a port of its own; it ends with this.
struct Moto {
    server: Child,
    address: std::net::SocketAddr,
}

impl Moto {
    /// `None`, and a word of it, where moto is not installed.
    fn start() -> Option<Self> {
        let server = Command::new("moto_server")
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut server) = server else {
            eprintln!("not tested: there is no `moto_server`; `pip install 'moto[server]'` brings it");
            return None;
        };
        let lines = std::io::BufReader::new(server.stderr.take().unwrap()).lines();
        let mut told = lines.map_while(Result::ok).filter_map(|line| {
            line.split_once("Running on http://").map(|(_, address)| address.trim().to_owned())
        });
        let address = told.next().expect("moto tells its address").parse().unwrap();
        // What it says from now on is of no interest, but must be read.
        std::thread::spawn(move || told.for_each(drop));
        Some(Self { server, address })
    }

    fn options(&self) -> BTreeMap<String, String> {
        let options = [
            ("bucket", "cairn"),
            ("region", "us-east-1"),
            ("endpoint", &format!("http://{}", self.address)),
            ("root", "/some where/below"),
            ("access_key_id", "cairn-test"),
            ("secret_access_key", "not-a-secret"),
        ];
        options.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    /// Asks with curl, without a name: moto lets everybody in.
    fn ask(&self, method: &str, path: &str) -> String {
        let url = format!("http://{}{path}", self.address);
        let answer = Command::new("curl").args(["-sS", "-X", method, &url]).output().unwrap();
        String::from_utf8(answer.stdout).unwrap()
    }

    fn make_bucket(&self) {
        self.ask("PUT", "/cairn");
    }

    fn unfinished(&self) -> usize {
        self.ask("GET", "/cairn?uploads").matches("<UploadId>").count()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn extents_of_5_mib_never_pass_through_the_process_and_short_ones_do() {
    let server = S3Server::start();
    let direct = store(server.options());
    let mut lengths = vec![5 * MIB; 12];
    lengths.extend([100, 5 * MIB, 7 * MIB, 3]);
    let (extents, whole) = stretches(&*direct, &lengths).await;
    let proxy = Proxy::to(server.address()).await;
    let proxied = store(S3Server::options_at(&format!("http://{}", proxy.address())));
    let (merged, target) = merge(&*proxied, &extents).await;
    // The short one with the one after it, which would have been too short without its head; and the last.
    assert_eq!(merged.moved_bytes, 100 + 5 * MIB as u64 + 3);
    let passed = proxy.passed();
    let (up, down) = (passed.to_server, passed.to_client);
    let limit = merged.moved_bytes + (64 << 10);
    assert!(up >= merged.moved_bytes && up < limit, "{up} bytes went to the server");
    assert!(down >= merged.moved_bytes && down < limit, "{down} bytes came from the server");
    let checksum = Checksum::of(&whole);
    let extent = Extent { offset: 0, length: whole.len() as u64, object: target, object_offset: 0, checksum };
    assert_eq!(merged.extent, extent);
    assert!(read_extent(&*direct, &extent).await.unwrap() == whole, "other bytes came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_the_old_extents_goes_on_through_a_merge() {
    let server = S3Server::start();
    let store = store(server.options());
    let (extents, whole) = stretches(&*store, &[6 * MIB, 6 * MIB]).await;
    let mut reading = store.read(&extents[1].object, 0..6 * MIB as u64).await.unwrap();
    let first: Bytes = futures_util::StreamExt::next(&mut reading).await.unwrap().unwrap();
    let (merged, _) = merge(&*store, &extents).await;
    assert_eq!(merged.moved_bytes, 0);
    let rest = cairn_engine::testing::object_suite::drain(reading).await.unwrap();
    assert!([&first[..], &rest].concat() == whole[6 * MIB..], "other bytes came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_of_an_extent_that_is_gone_is_damage_and_leaves_nothing() {
    let server = S3Server::start();
    let store = store(server.options());
    let (extents, whole) = stretches(&*store, &[5 * MIB, 5 * MIB, 1000]).await;
    store.remove(&[extents[1].object.clone()]).await.unwrap();
    let left = server.keys();
    let outcome = store.merge(&extents, &ObjectKey::merged(1), Checksum::of(&whole)).await;
    assert_eq!(outcome.unwrap_err().failure, Failure::Corrupt);
    assert_eq!(server.keys(), left);
}

#[tokio::test(flavor = "multi_thread")]
async fn multipart_uploads_of_killed_writers_are_found_and_given_up() {
    let Some(moto) = Moto::start() else { return };
    moto.make_bucket();
    let store = store(moto.options());
    let (extents, whole) = stretches(&*store, &[5 * MIB, 5 * MIB, 10]).await;
    let (merged, _) = merge(&*store, &extents).await;
    assert_eq!(merged.moved_bytes, 10);
    assert!(read_extent(&*store, &merged.extent).await.unwrap() == whole, "other bytes came back");
    assert_eq!(store.unfinished().await.unwrap(), []);

    // As a killed process leaves them: begun, and nobody there to end them.
    let target = ObjectKey::merged(9);
    let stretch = ObjectKey::stretch(cairn_engine::testing::object_suite::upload(), 0, 9);
    let root = "/cairn/some%20where/below/";
    for key in [target.as_str(), stretch.as_str(), "uploads/Not-Ours"] {
        moto.ask("POST", &format!("{root}{key}?uploads"));
    }
    moto.ask("POST", &format!("/cairn/elsewhere/{target}?uploads"));
    assert_eq!(moto.unfinished(), 4);
    let found = store.unfinished().await.unwrap();
    let mut objects: Vec<_> = found.iter().map(|found| found.object.clone()).collect();
    objects.sort();
    assert_eq!(objects, [target, stretch]);
    assert!(found.iter().all(|found| found.begun_at > Some(Timestamp(0))));
    store.give_up(&found).await.unwrap();
    store.give_up(&found).await.unwrap();
    assert_eq!(store.unfinished().await.unwrap(), []);
    assert_eq!(moto.unfinished(), 2, "those of others stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_list_multipart_uploads_has_none_to_give_up() {
    let server = S3Server::start();
    assert_eq!(store(server.options()).unfinished().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_is_dropped_leaves_no_multipart_upload() {
    let Some(moto) = Moto::start() else { return };
    moto.make_bucket();
    let store = store(moto.options());
    let (extents, whole) = stretches(&*store, &[5 * MIB; 4]).await;
    let merging = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.merge(&extents, &ObjectKey::merged(3), Checksum::of(&whole)).await })
    };
    let limit = Duration::from_secs(20);
    let seen = async {
        while moto.unfinished() == 0 && !merging.is_finished() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(limit, seen).await.unwrap();
    merging.abort();
    let gone = async {
        while moto.unfinished() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(limit, gone).await.expect("it is aborted in the background");
}
