//! What the databases of SQLite are as files: made, refused, crashed, copied, closed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

use cairn_engine::contracts::*;
use cairn_engine::file::Content;
use cairn_engine::{Checksum, Digest, Extent, ObjectKey, Receipt, State, Timestamp, Upload, UploadId};
use cairn_stores::{OpenError, SqliteCatalog, SqliteSessions};
use futures_util::future::join_all;
use rusqlite::Connection;
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_000);

struct Bench {
    directory: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn sessions(&self) -> SqliteSessions {
        SqliteSessions::open(&self.path("sessions.sqlite")).unwrap()
    }

    fn catalog(&self) -> SqliteCatalog {
        SqliteCatalog::open(&self.path("catalog.sqlite"), NOW, 7).unwrap()
    }

    /// The files as a crash at this moment would leave them, without what the memory shared between processes has.
    fn crash(&self) -> Self {
        let copy = Self::new();
        for name in self.names() {
            if !name.ends_with("-shm") {
                fs::copy(self.path(&name), copy.path(&name)).unwrap();
            }
        }
        copy
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn id(n: u128) -> UploadId {
    format!("{n:032x}").parse().unwrap()
}

fn upload(n: u128) -> Upload {
    Upload {
        id: id(n),
        owner: "ann".parse().unwrap(),
        path: "a".parse().unwrap(),
        length: Some(1_000),
        digest: None,
        chunk_size: 10,
        storage: Default::default(),
        content_type: None,
        metadata: Default::default(),
        naming: Default::default(),
        idempotency_key: None,
        created_at: NOW,
        expires_at: NOW,
        state: State::Open,
        epoch: 0,
        received_bytes: 0,
        rewrites: 0,
    }
}

fn receipt(n: u64) -> Receipt {
    let extent = Extent {
        offset: n * 10,
        length: 10,
        object: ObjectKey::data(id(1)),
        object_offset: n * 10,
        checksum: Checksum(n),
    };
    Receipt { extent, subtrees: Default::default() }
}

fn publication(n: u8) -> Publication {
    let blob = Digest::blake3([n; 32]);
    Publication {
        upload: Some(id(n.into())),
        owner: "ann".parse().unwrap(),
        path: format!("files/{n}").parse().unwrap(),
        if_exists: IfExists::Fail,
        precondition: None,
        length: 3,
        blob: blob.clone(),
        digests: vec![blob.clone()],
        content: Content::Inline(vec![n; 3].into()),
        digest: blob,
        content_type: None,
        metadata: Default::default(),
        now: NOW,
        max_used_bytes: None,
        max_files: None,
    }
}

async fn create(sessions: &SqliteSessions, n: u128) {
    let free = Admission { max_open: 1_000, max_staged_bytes: None };
    assert_eq!(sessions.create(&upload(n), &free).await.unwrap(), Creation::Created);
}

#[tokio::test]
async fn what_a_session_store_acknowledged_survives_a_crash_at_any_moment() {
    let bench = Bench::new();
    let sessions = bench.sessions();
    create(&sessions, 1).await;
    for batch in 0..5_u64 {
        let records = (0..20).map(|n| {
            let (sessions, receipt) = (&sessions, receipt(batch * 20 + n));
            async move { sessions.record(id(1), &receipt, None, Timestamp(5_000)).await.unwrap() }
        });
        join_all(records).await;
        let told = sessions.load(id(1), View::All).await.unwrap().unwrap();
        let found = bench.crash().sessions().load(id(1), View::All).await.unwrap().unwrap();
        assert_eq!(found, told);
        assert_eq!(found.receipts.len() as u64, (batch + 1) * 20);
    }
}

#[tokio::test]
async fn what_a_catalog_acknowledged_survives_a_crash_at_any_moment() {
    let bench = Bench::new();
    let catalog = bench.catalog();
    for batch in 0..4_u8 {
        let publications: Vec<_> = (0..16).map(|n| publication(batch * 16 + n)).collect();
        let answers = join_all(publications.iter().map(|publication| catalog.publish(publication))).await;
        let crashed = bench.crash();
        let after = crashed.catalog();
        for (publication, answer) in publications.iter().zip(answers) {
            assert_eq!(after.publish(publication).await.unwrap(), answer.unwrap());
        }
        let usage = Usage { files: u64::from(batch + 1) * 16, bytes: u64::from(batch + 1) * 48 };
        assert_eq!(after.usage(&"ann".parse().unwrap()).await.unwrap(), usage);
    }
}

#[tokio::test]
async fn a_database_that_is_closed_is_one_file_and_opens_as_it_was() {
    let bench = Bench::new();
    let sessions = bench.sessions();
    create(&sessions, 1).await;
    sessions.save_prefix(id(1), &SavedPrefix { length: 9, rewrites: 0, state: vec![1] }).await.unwrap();
    let catalog = bench.catalog();
    catalog.publish(&publication(1)).await.unwrap();
    let identity = catalog.advance().await.unwrap();
    drop((sessions, catalog));
    assert_eq!(bench.names(), ["catalog.sqlite", "sessions.sqlite"]);

    assert_eq!(bench.sessions().load(id(1), View::Head).await.unwrap().unwrap().upload, upload(1));
    assert_eq!(bench.sessions().load_prefix(id(1)).await.unwrap().map(|prefix| prefix.length), Some(9));
    let again = SqliteCatalog::open(&bench.path("catalog.sqlite"), Timestamp(9), 99).unwrap();
    assert_eq!(again.identity().await.unwrap(), identity);
    assert_eq!(identity, CatalogIdentity { id: format!("{:032x}", 7), generation: 1 });
    assert!(again.origin(id(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_change_that_was_handed_in_is_made_before_the_database_closes() {
    let bench = Bench::new();
    let sessions = bench.sessions();
    for n in 0..50 {
        let (upload, free) = (upload(n), Admission { max_open: 1_000, max_staged_bytes: None });
        let mut creation = Box::pin(sessions.create(&upload, &free));
        let _ = futures_util::poll!(&mut creation);
    }
    drop(sessions);
    let found = bench.sessions().list(&UploadFilter::default(), &PageRequest::first(100)).await.unwrap();
    assert_eq!(found.items, (0..50).map(upload).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_change_waits_for_another_process_that_holds_the_database() {
    let bench = Bench::new();
    let sessions = bench.sessions();
    let other = Connection::open(bench.path("sessions.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut creation = Box::pin(create(&sessions, 1));
    assert!(futures_util::poll!(&mut creation).is_pending());
    assert_eq!(sessions.load(id(1), View::Head).await.unwrap(), None);
    other.execute_batch("COMMIT").unwrap();
    creation.await;
    assert!(sessions.load(id(1), View::Head).await.unwrap().is_some());
}

#[tokio::test]
async fn sessions_from_before_a_path_was_spoken_of_are_read_as_if_nothing_was_said() {
    let bench = Bench::new();
    create(&bench.sessions(), 1).await;
    let before = Connection::open(bench.path("sessions.sqlite")).unwrap();
    before.execute_batch("ALTER TABLE uploads DROP COLUMN naming; PRAGMA user_version = 3;").unwrap();
    before.close().unwrap();
    let found = bench.sessions().load(id(1), View::Head).await.unwrap().unwrap();
    assert_eq!(found.upload, upload(1));
}

#[test]
fn a_database_of_a_newer_schema_is_refused_and_left_alone() {
    let bench = Bench::new();
    drop((bench.sessions(), bench.catalog()));
    for (name, newest) in [("sessions.sqlite", 4), ("catalog.sqlite", 3)] {
        let path = bench.path(name);
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        connection.close().unwrap();
        let before = fs::read(&path).unwrap();
        let error = open(&path, name);
        let OpenError::NewerSchema { path: told, found: 99, known } = &error else {
            panic!("{error:?}");
        };
        assert_eq!((told, *known), (&path, newest));
        let end = format!("has schema 99; this cairn knows schemas up to {newest}");
        assert!(error.to_string().ends_with(&end), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

/// Why a database does not open.
fn open(path: &Path, name: &str) -> OpenError {
    if name.starts_with("sessions") {
        SqliteSessions::open(path).err().unwrap()
    } else {
        SqliteCatalog::open(path, NOW, 7).err().unwrap()
    }
}

#[test]
fn a_file_that_is_no_database_is_refused_as_corrupt_and_left_alone() {
    let bench = Bench::new();
    for name in ["sessions.sqlite", "catalog.sqlite"] {
        let text = "not a database, but somebody's only copy of something\n".repeat(100);
        fs::write(bench.path(name), &text).unwrap();
        let error = open(&bench.path(name), name);
        assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
        assert_eq!(error.failure(), Failure::Corrupt);
        assert_eq!(fs::read_to_string(bench.path(name)).unwrap(), text);
    }
    assert_eq!(bench.names(), ["catalog.sqlite", "sessions.sqlite"]);
}

#[test]
fn a_database_of_something_else_is_refused_and_left_alone() {
    let bench = Bench::new();
    drop((bench.sessions(), bench.catalog()));
    let other = Connection::open(bench.path("other.sqlite")).unwrap();
    other.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    other.close().unwrap();
    for (path, name) in [
        ("other.sqlite", "sessions"),
        ("other.sqlite", "catalog"),
        ("sessions.sqlite", "catalog"),
        ("catalog.sqlite", "sessions"),
    ] {
        let before = fs::read(bench.path(path)).unwrap();
        let error = open(&bench.path(path), name);
        assert!(matches!(error, OpenError::Foreign { store, .. } if store == name), "{path}: {error:?}");
        assert_eq!(error.failure(), Failure::Corrupt);
        assert_eq!(fs::read(bench.path(path)).unwrap(), before);
    }
}

#[test]
fn a_place_that_cannot_be_written_is_refused() {
    let bench = Bench::new();
    fs::create_dir(bench.path("directory")).unwrap();
    for path in ["absent/sessions.sqlite", "directory"] {
        let error = open(&bench.path(path), "sessions");
        assert!(matches!(error, OpenError::Unwritable { .. }), "{path}: {error:?}");
        assert!(error.to_string().contains(path), "{error}");
    }
    assert_eq!(bench.names(), ["directory"]);
}

#[tokio::test]
async fn damaged_pages_are_told_as_corrupt_and_never_as_nothing() {
    let bench = Bench::new();
    let catalog = bench.catalog();
    join_all((0..100).map(|n| {
        let catalog = &catalog;
        async move { catalog.publish(&publication(n)).await.unwrap() }
    }))
    .await;
    drop(catalog);
    let path = bench.path("catalog.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    bytes[4_096..].fill(0x5a);
    fs::write(&path, &bytes).unwrap();
    match SqliteCatalog::open(&path, NOW, 7) {
        Err(error) => assert_eq!(error.failure(), Failure::Corrupt, "{error:?}"),
        Ok(catalog) => {
            let found = catalog.find_file(&"ann".parse().unwrap(), &"files/1".parse().unwrap()).await;
            assert_eq!(found.unwrap_err().failure, Failure::Corrupt);
            assert_eq!(catalog.publish(&publication(200)).await.unwrap_err().failure, Failure::Corrupt);
        }
    }
}

#[tokio::test]
async fn a_copy_is_a_catalog_of_its_own_and_replaces_nothing() {
    let bench = Bench::new();
    let catalog = bench.catalog();
    catalog.publish(&publication(1)).await.unwrap();
    catalog.backup_to(&bench.path("copy.sqlite")).await.unwrap();
    catalog.publish(&publication(2)).await.unwrap();
    let before = fs::read(bench.path("copy.sqlite")).unwrap();
    let again = catalog.backup_to(&bench.path("copy.sqlite")).await.unwrap_err();
    assert_eq!((again.store, again.operation), (Store::Catalog, "copy"));
    assert_eq!(fs::read(bench.path("copy.sqlite")).unwrap(), before);
    let copy = SqliteCatalog::open(&bench.path("copy.sqlite"), NOW, 99).unwrap();
    assert_eq!(copy.identity().await.unwrap(), catalog.identity().await.unwrap());
    assert!(copy.origin(id(1)).await.unwrap().is_some());
    assert_eq!(copy.origin(id(2)).await.unwrap(), None);
}

#[tokio::test]
async fn a_number_that_no_table_holds_is_refused_and_changes_nothing() {
    let bench = Bench::new();
    let sessions = bench.sessions();
    create(&sessions, 1).await;
    let free = Admission { max_open: 1_000, max_staged_bytes: None };
    let huge = Upload { length: Some(1 << 63), ..upload(2) };
    assert_eq!(sessions.create(&huge, &free).await.unwrap_err().failure, Failure::Failed);
    let mut far = receipt(0);
    far.extent.offset = (1 << 63) - 5;
    assert_eq!(sessions.record(id(1), &far, None, NOW).await.unwrap_err().failure, Failure::Failed);
    let session = sessions.load(id(1), View::All).await.unwrap().unwrap();
    assert_eq!(session, Session::whole(upload(1), vec![]));
    let catalog = bench.catalog();
    let huge = Publication { length: u64::MAX, ..publication(1) };
    assert_eq!(catalog.publish(&huge).await.unwrap_err().failure, Failure::Failed);
    assert_eq!(catalog.totals().await.unwrap(), Totals::default());
}
