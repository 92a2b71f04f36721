//! The rules of the object store, in S3.
#![cfg(feature = "services-s3")]

use std::path::PathBuf;
use std::sync::Arc;

use cairn_engine::testing::object_suite::Subject;
use cairn_stores::objects::{Durability, ObjectsConfig, open};
use cairn_tests::S3Server;

/// On `s3s-fs`, each rule on a server of its own.
async fn make() -> Subject {
    let server = S3Server::start();
    let config = ObjectsConfig {
        scheme: "s3".to_owned(),
        options: server.options(),
        default_root: PathBuf::new(),
        placement: None,
        durability: Durability::Chunk,
    };
    let store = open(&config).unwrap();
    let reopen = Box::new(move || open(&config).unwrap());
    Subject { store: Arc::clone(&store), reopen, keep: Box::new(server) }
}

cairn_engine::object_suite!(make);
