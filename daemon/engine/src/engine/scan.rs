//! Computing something of stored bytes.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::Engine;
use crate::contracts::{Failure, Store, StoreError};
use crate::id::ObjectKey;

impl Engine {
    /// Gives the bytes of a range to a state; the state that has taken all of them.
    ///
    /// # Errors
    /// The store's; then the state is gone, because nobody knows how much of the range it took.
    pub(super) async fn scan<S: Send + 'static>(
        &self,
        object: &ObjectKey,
        range: Range<u64>,
        state: S,
        take: fn(&mut S, &[u8]),
    ) -> Result<S, StoreError> {
        let state = Arc::new(Mutex::new(state));
        let taking = Arc::clone(&state);
        let taker =
            move |bytes: &[u8]| take(&mut taking.lock().unwrap_or_else(PoisonError::into_inner), bytes);
        self.ground.objects.scan(object, range, Box::new(taker)).await?;
        let state = Arc::into_inner(state)
            .ok_or_else(|| StoreError::new(Store::Objects, "scan", Failure::Failed, "the taker was kept"))?;
        Ok(state.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}
