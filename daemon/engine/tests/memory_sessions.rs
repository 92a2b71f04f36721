//! Sessions in memory keep every rule of their contract.

use cairn_engine::testing::memory_sessions::MemorySessions;

async fn memory() -> (MemorySessions, ()) {
    (MemorySessions::default(), ())
}

cairn_engine::session_suite!(memory);
