//! The tutorial's API, `/file/…`: request grammar to engine command, engine answer or refusal to envelope.
//!
//! Parameters come from the query, an urlencoded form or multipart fields alike ([`form`], [`parameters`]). Answers are
//! `{"code", "msg", "data"}` ([`envelope`], [`refusals`]): code 0 is done, a negative one is not, and the status says
//! whose fault it is. The keys are the ones that the tutorial's clients read.

mod envelope;
pub(crate) mod files;
mod form;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod json;
mod parameters;
mod part;
mod refusals;
pub(crate) mod uploads;

pub(crate) use envelope::Fault;
