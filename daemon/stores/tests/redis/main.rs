//! Sessions in Redis keep every rule of their contract, and what the adapter promises beyond them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod away;
mod forgetful;
mod hostile;
mod shape;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cairn_stores::{RedisConfig, RedisSessions};
use cairn_tests::{RedisCluster, RedisServer};

mod on_one_server {
    use super::*;

    async fn redis() -> (RedisSessions, RedisServer) {
        let server = RedisServer::start();
        (words::open(&server), server)
    }

    cairn_engine::session_suite!(redis);
}

mod in_a_cluster {
    use super::*;

    async fn redis() -> (RedisSessions, Arc<RedisCluster>) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let cluster = RedisCluster::shared();
        let prefix = format!("test {}:", NEXT.fetch_add(1, Ordering::Relaxed));
        let config = RedisConfig { url: cluster.url(), prefix, ..words::config() };
        (RedisSessions::open(&config).unwrap(), cluster)
    }

    cairn_engine::session_suite!(redis);
}
