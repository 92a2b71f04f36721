//! The three stores with every call timed and every failure counted. They change nothing of what they wrap; the
//! sessions can be closed off as a whole.

mod accounts;
mod catalog;
mod objects;
mod sessions;

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use cairn_engine::contracts::{Accounts, Catalog, ObjectStore, SessionStore, Store, StoreError};

use crate::metrics::Metrics;
pub use sessions::Gate;

/// The session store, timed, behind a gate.
pub fn sessions(metrics: &Arc<Metrics>, inner: Arc<dyn SessionStore>, gate: Gate) -> Arc<dyn SessionStore> {
    Arc::new(sessions::MeteredSessions { metrics: Arc::clone(metrics), inner, gate })
}

/// The catalog, timed.
pub fn catalog(metrics: &Arc<Metrics>, inner: Arc<dyn Catalog>) -> Arc<dyn Catalog> {
    Arc::new(catalog::MeteredCatalog { metrics: Arc::clone(metrics), inner })
}

/// Users and tokens, timed.
pub fn accounts(metrics: &Arc<Metrics>, inner: Arc<dyn Accounts>) -> Arc<dyn Accounts> {
    Arc::new(accounts::MeteredAccounts { metrics: Arc::clone(metrics), inner })
}

/// The object store, timed under the name of its storage.
pub fn objects(metrics: &Arc<Metrics>, storage: &str, inner: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
    let storage = Arc::new(storage.to_owned());
    Arc::new(objects::MeteredObjects { metrics: Arc::clone(metrics), storage, inner })
}

/// Waits for a call of a store and counts it.
async fn timed<T>(
    metrics: &Metrics,
    store: Store,
    storage: Option<&Arc<String>>,
    operation: &'static str,
    call: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    let begun = Instant::now();
    let answer = call.await;
    let failure = answer.as_ref().err().map(|error| error.failure);
    metrics.store_call(store, storage, operation, begun.elapsed(), failure);
    answer
}

#[cfg(test)]
mod tests;
