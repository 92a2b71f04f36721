//! Users and tokens in memory keep every rule of their contract.

use cairn_engine::testing::memory_accounts::MemoryAccounts;

async fn memory() -> (MemoryAccounts, ()) {
    (MemoryAccounts::default(), ())
}

cairn_engine::account_suite!(memory);
