//! The suite, under both durabilities; and what is true of this way of writing alone.

mod full;
mod lasting;

use std::path::Path;

use cairn_engine::testing::object_suite::Subject;

use super::super::{Durability, ObjectsConfig, Patience, open};

fn config(directory: &Path, durability: Durability) -> ObjectsConfig {
    ObjectsConfig {
        scheme: "fs".to_owned(),
        options: std::collections::BTreeMap::new(),
        default_root: directory.join("objects"),
        placement: None,
        durability,
        patience: Patience::default(),
    }
}

fn subject(durability: Durability) -> Subject {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), durability);
    let reopen = config.clone();
    Subject {
        store: open(&config).unwrap(),
        reopen: Box::new(move || open(&reopen).unwrap()),
        keep: Box::new(directory),
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
