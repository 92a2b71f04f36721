//! The engine's own bench: memory adapters, a fault adapter, and the contract suites.

pub mod account_suite;
pub mod bench;
mod catalog_blob_rules;
mod catalog_file_rules;
pub mod catalog_suite;
mod catalog_words;
pub mod faults;
pub mod memory_accounts;
pub mod memory_catalog;
pub mod memory_objects;
pub mod memory_sessions;
mod object_keeping_rules;
pub mod object_suite;
pub mod oracle;
mod session_record_rules;
pub mod session_suite;
mod session_words;
pub mod world;
