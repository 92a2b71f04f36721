//! The catalog in memory keeps every rule of its contract.

use cairn_engine::testing::memory_catalog::MemoryCatalog;

async fn memory() -> (MemoryCatalog, ()) {
    (MemoryCatalog::new(7), ())
}

cairn_engine::catalog_suite!(memory);
