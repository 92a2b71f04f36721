//! The native API, `/v1`: request grammar to engine command, engine answer or refusal to response.
//!
//! [`grammar`] and [`members`] are the one table, [`json`] and [`refusals`] the other; [`uploads`], [`files`], [`links`] and
//! [`account`] are the lines between them, one function per route.

pub(crate) mod account;
pub(crate) mod files;
pub(crate) mod grammar;
pub(crate) mod json;
pub(crate) mod links;
pub(crate) mod members;
pub(crate) mod refusals;
pub(crate) mod uploads;
