#![doc = include_str!("../ARCHITECTURE.md")]

pub mod admin;
pub mod audit;
pub mod auth;
pub mod background;
pub mod config;
pub mod data_dir;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod house;
pub mod http;
mod limits;
pub mod logging;
pub mod metered;
pub mod metrics;
pub mod run;
pub mod signals;
mod stamp;
pub mod supervisor;
pub mod system;
pub mod systemd;
pub mod tls;
