//! The adapters of cairn's three contracts: sessions in SQLite or Redis, the catalog in SQLite, objects through OpenDAL.

pub mod objects;
pub mod redis;
pub mod sqlite;

pub use redis::{RedisConfig, RedisConfigError, RedisSessions};
pub use sqlite::{OpenError, SqliteCatalog, SqliteSessions};
