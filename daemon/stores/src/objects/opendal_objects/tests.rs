//! The suite, on a local file system and in memory; and what is true of this way of writing alone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cairn_engine::contracts::Placement;
use cairn_engine::testing::object_suite::Subject;

use super::super::{Durability, ObjectsConfig, open};

fn config(scheme: &str, default_root: PathBuf) -> ObjectsConfig {
    ObjectsConfig {
        scheme: scheme.to_owned(),
        options: BTreeMap::new(),
        default_root,
        placement: Some(Placement::Objects),
        durability: Durability::Chunk,
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
