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

mod with_least_rights {
    use cairn_engine::contracts::SessionStore as _;

    use super::*;

    /// What README gives the daemon's user of Redis, and no more.
    const RIGHTS: &str = "on >hunter2 resetkeys ~MP_* ~{MP_* ~{cairn}:* -@all +@hash +@set +@sortedset +@connection \
        +@scripting +exists +get +set +incr +del +rename +pexpire +pexpireat +time +info +config|get";

    async fn redis() -> (RedisSessions, RedisServer) {
        let server = RedisServer::start();
        let rights: Vec<_> =
            ["ACL", "SETUSER", "cairn"].into_iter().chain(RIGHTS.split_whitespace()).collect();
        assert_eq!(server.ask(&rights), "OK");
        let url = server.url().replace("redis://", "redis://cairn:hunter2@");
        let config = RedisConfig { url, ..words::config() };
        (RedisSessions::open(&config).unwrap(), server)
    }

    cairn_engine::session_suite!(redis);

    #[tokio::test]
    async fn how_redis_stands_may_be_asked() {
        let (sessions, _server) = redis().await;
        let standing = sessions.standing().await.unwrap();
        assert!(standing.facts.iter().all(|(_, value)| value != "unknown"), "{standing:?}");
    }
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
