//! Sessions in Redis keep every rule of their contract.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use cairn_stores::{RedisConfig, RedisSessions};
use cairn_tests::RedisServer;

async fn redis() -> (RedisSessions, RedisServer) {
    let server = RedisServer::start();
    let config = RedisConfig { url: server.url(), ..RedisConfig::default() };
    (RedisSessions::open(&config).unwrap(), server)
}

cairn_engine::session_suite!(redis);
