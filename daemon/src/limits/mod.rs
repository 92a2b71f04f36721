//! Limits that are kept by counting while the daemon runs, and forgotten when it stops.

mod requests;

pub(crate) use requests::{Client, Requests, Turn};
