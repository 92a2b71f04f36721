//! The suite, on a local file system and in memory; and what is true of this way of writing alone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cairn_engine::contracts::Placement;
use cairn_engine::testing::object_suite::{Subject, pattern, place, store_stretch};

use super::super::{Durability, ObjectsConfig, OpenError, Patience, open};

fn config(scheme: &str, default_root: PathBuf) -> ObjectsConfig {
    ObjectsConfig {
        scheme: scheme.to_owned(),
        options: BTreeMap::new(),
        default_root,
        placement: Some(Placement::Objects),
        durability: Durability::Chunk,
        patience: Patience::default(),
    }
}

mod on_fs {
    use super::*;

    async fn make() -> Subject {
        let directory = tempfile::tempdir().unwrap();
        let config = config("fs", directory.path().join("objects"));
        let store = open(&config).unwrap();
        let reopen = Box::new(move || open(&config).unwrap());
        Subject { store, reopen, keep: Box::new(directory) }
    }

    cairn_engine::object_suite!(make);
}

mod in_memory {
    use super::*;

    async fn make() -> Subject {
        let store = open(&config("memory", PathBuf::new())).unwrap();
        let same = Arc::clone(&store);
        Subject { store, reopen: Box::new(move || Arc::clone(&same)), keep: Box::new(()) }
    }

    cairn_engine::object_suite!(make);
}

#[tokio::test(flavor = "multi_thread")]
async fn attempt_that_is_given_up_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&config("fs", directory.path().to_owned())).unwrap();
    let temporary = directory.path().join("tmp");
    let is_empty = || std::fs::read_dir(&temporary).unwrap().next().is_none();
    for discarded in [true, false] {
        let mut attempt = store.begin(&place(0, 2000, true, 1)).await.unwrap();
        attempt.write(&mut vec![pattern(1, 1000)]).await.unwrap();
        attempt.write(&mut vec![pattern(2, 1000)]).await.unwrap();
        assert!(!is_empty(), "it is written as it arrives");
        if discarded {
            attempt.discard().await;
            assert!(is_empty());
        } else {
            drop(attempt);
        }
    }
    let limit = Instant::now() + Duration::from_secs(20);
    while !is_empty() {
        assert!(Instant::now() < limit, "a dropped attempt was not aborted");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_written_files_are_cleared_at_the_next_start_and_whole_ones_stay() {
    let directory = tempfile::tempdir().unwrap();
    let config = config("fs", directory.path().to_owned());
    let store = open(&config).unwrap();
    let bytes = pattern(3, 500);
    let kept = store_stretch(&*store, &place(0, 500, true, 1), &bytes).await.extent;
    std::fs::write(directory.path().join("tmp/half"), b"half").unwrap();
    let store = open(&config).unwrap();
    assert!(std::fs::read_dir(directory.path().join("tmp")).unwrap().next().is_none());
    assert_eq!(store.stat(&kept.object).await.unwrap(), Some(500));
    store.remove(std::slice::from_ref(&kept.object)).await.unwrap();
    assert!(!directory.path().join(kept.object.as_str()).parent().unwrap().exists());
}

#[test]
fn unknown_scheme_is_refused_by_naming_those_that_there_are() {
    let error = open(&config("floppy", PathBuf::new())).map(|_| ()).unwrap_err();
    let OpenError::Scheme { scheme, available } = &error else { panic!("{error:?}") };
    assert_eq!(scheme, "floppy");
    for known in ["fs", "memory"] {
        assert!(available.iter().any(|scheme| scheme == known));
        assert!(error.to_string().contains(known), "{error}");
    }
}

#[test]
fn only_a_local_file_system_is_written_in_place() {
    let config = ObjectsConfig { placement: Some(Placement::InPlace), ..config("memory", PathBuf::new()) };
    let error = open(&config).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Placement { .. }), "{error:?}");
}

#[test]
fn root_that_is_a_file_is_refused_by_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for placement in [Placement::InPlace, Placement::Objects] {
        let config =
            ObjectsConfig { placement: Some(placement), ..config("fs", file.path().join("objects")) };
        let error = open(&config).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("objects"), "{error}");
    }
}
