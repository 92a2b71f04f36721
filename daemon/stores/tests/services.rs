//! The rules of the object store, in services of others: each rule on a server, a bucket or a directory of its own.
#![cfg(all(feature = "services-azblob", feature = "services-s3", feature = "services-webdav"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::any::Any;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cairn_engine::testing::object_suite::Subject;
use cairn_stores::objects::{Durability, ObjectsConfig, Patience, open};
use cairn_tests::{AzuriteContainer, MotoBucket, S3Server, WebdavServer};

fn subject(
    scheme: &str,
    options: BTreeMap<String, String>,
    keep: impl Any + Send + Sync + 'static,
) -> Subject {
    let config = ObjectsConfig {
        scheme: scheme.to_owned(),
        options,
        default_root: PathBuf::new(),
        placement: None,
        durability: Durability::Chunk,
        patience: Patience::default(),
    };
    let store = open(&config).unwrap();
    let reopen = Box::new(move || open(&config).unwrap());
    Subject { store: Arc::clone(&store), reopen, keep: Box::new(keep) }
}

mod s3s {
    use super::*;

    async fn make() -> Subject {
        let server = S3Server::start();
        subject("s3", server.options(), server)
    }

    cairn_engine::object_suite!(make);
}

mod moto {
    use super::*;

    async fn make() -> Subject {
        let bucket = tokio::task::spawn_blocking(MotoBucket::make).await.unwrap();
        subject("s3", bucket.options(), bucket)
    }

    cairn_engine::object_suite!(make);
}

mod webdav {
    use super::*;

    async fn make() -> Subject {
        let server = tokio::task::spawn_blocking(WebdavServer::start).await.unwrap();
        subject("webdav", server.options(), server)
    }

    cairn_engine::object_suite!(make);
}

mod azurite {
    use super::*;

    async fn make() -> Subject {
        let container = tokio::task::spawn_blocking(AzuriteContainer::make).await.unwrap();
        subject("azblob", container.options(), container)
    }

    cairn_engine::object_suite!(make);
}
