//! What a user of cairn may rely on: the real binaries over the wire.
//!
//! The tests lie in `tests/tests/`, one file per promise; this library is what they stand on. Every test starts a
//! [`Daemon`] of its own, in a directory of its own, on a port that the system chooses; so they run side by side.
//! It speaks to it by [`Client`] (well-formed HTTP/1.1 and HTTP/2), by [`RawConnection`] (any bytes at all) or by
//! [`Daemon::cairnctl`], sends [`Content`] that is made as it goes, and looks at what is [`left_behind`]. Between a
//! daemon and its stores a [`Proxy`] makes the network fail.
//!
//! Whatever does not go as it must panics: a panic is how a test fails, and a daemon that is dropped by one prints
//! its log.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "this library serves tests, which fail by panicking"
)]

mod answer;
mod azurite_server;
mod binaries;
mod body;
mod caddy_front;
mod client;
mod conformance;
mod content;
mod daemon;
pub mod left_behind;
mod moto_server;
mod nginx_front;
mod proxy;
mod raw;
mod redis_cluster;
mod redis_server;
mod row;
mod s3_faults;
mod s3_server;
mod secrets;
mod served;
mod start;
mod terminal;
mod transcript;
mod webdav_server;

pub use answer::{Answer, Download};
pub use azurite_server::AzuriteContainer;
pub use binaries::{binary, workspace};
pub use body::Body;
pub use caddy_front::CaddyFront;
pub use client::{Call, Client};
pub use conformance::{Chapter, Rule, check_conformance};
pub use content::Content;
pub use daemon::{Daemon, Ended, LIMIT, Printed};
pub use moto_server::MotoBucket;
pub use nginx_front::NginxFront;
pub use proxy::{Passed, Proxy, Way};
pub use raw::{RawConnection, exchange};
pub use redis_cluster::RedisCluster;
pub use redis_server::RedisServer;
pub use row::{Manner, compare};
pub use s3_faults::{Asked, Fault, S3Faults};
pub use s3_server::S3Server;
pub use secrets::{CANARY, leak};
pub use start::Builder;
pub use terminal::on_a_terminal;
pub use transcript::Transcript;
pub use webdav_server::WebdavServer;
