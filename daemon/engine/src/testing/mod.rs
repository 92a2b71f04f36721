//! The engine's own bench: memory adapters, a fault adapter, and the contract suites.

pub mod bench;
mod catalog_file_rules;
pub mod catalog_suite;
mod catalog_words;
pub mod faults;
pub mod memory_catalog;
pub mod memory_objects;
pub mod memory_sessions;
pub mod object_suite;
pub mod oracle;
pub mod session_suite;
pub mod world;
