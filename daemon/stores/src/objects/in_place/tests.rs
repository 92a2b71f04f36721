//! What is true of this way of writing alone; and the suite.

use std::sync::Arc;

use cairn_engine::testing::object_suite::Subject;
use tempfile::TempDir;

use super::super::{Durability, ObjectsConfig, open};

fn config(directory: &TempDir, durability: Durability) -> ObjectsConfig {
    ObjectsConfig {
        scheme: "fs".to_owned(),
        options: std::collections::BTreeMap::new(),
        default_root: directory.path().join("objects"),
        placement: None,
        durability,
    }
}

fn subject(durability: Durability) -> Subject {
    let directory = tempfile::tempdir().unwrap();
    let config = config(&directory, durability);
    let reopen = config.clone();
    Subject {
        store: open(&config).unwrap(),
        reopen: Box::new(move || open(&reopen).unwrap()),
        keep: Box::new(Arc::new(directory)),
    }
}

mod durable_by_chunk {
    use super::*;

    async fn make() -> Subject {
        subject(Durability::Chunk)
    }

    cairn_engine::object_suite!(make);
}

mod durable_when_complete {
    use super::*;

    async fn make() -> Subject {
        subject(Durability::Complete)
    }

    cairn_engine::object_suite!(make);
}
