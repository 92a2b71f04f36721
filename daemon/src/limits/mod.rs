//! Limits that are kept by counting while the daemon runs, and forgotten when it stops.

mod bandwidth;
mod requests;

pub(crate) use bandwidth::Bandwidth;
pub(crate) use requests::{Client, Requests, Turn};
