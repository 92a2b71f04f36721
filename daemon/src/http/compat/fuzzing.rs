//! What the fuzzers need of this API's grammar.

pub(crate) use super::form::parameters;
pub(crate) use super::parameters::Parameters;
pub(crate) use super::part::read as part;
