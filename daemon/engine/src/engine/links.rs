//! Links that are good for one use: which of them were used.

use super::Engine;
use crate::contracts::StoreError;
use crate::time::Timestamp;

impl Engine {
    /// An id for a link that nobody can guess: 32 hexadecimal digits.
    pub fn make_link_id(&self) -> String {
        format!("{:032x}", self.ground.chance.bits())
    }

    /// Uses up the link of that id. Of many that do so at once, one is told `true`; nobody is again, for as long as the
    /// link lasts.
    ///
    /// # Errors
    /// The store failed.
    pub async fn spend_link(&self, id: &str, expires_at: Timestamp) -> Result<bool, StoreError> {
        self.ground.accounts.spend_link(id, expires_at, self.now()).await
    }
}
