//! How fast bodies may come: of one client, and of all of them together.
//!
//! Every byte has a price in time. What came is paid for after it came: until then no more is read of that body, so that
//! the network holds its sender back. [`AHEAD`] of time may be owed: after a silence as many bytes come at once as the
//! rate gives in that time. Bodies of one client pay from one account, in the order in which their bytes come, so they share the rate.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::requests::{Accounts, Client};

/// What may be owed before anybody waits.
const AHEAD: Duration = Duration::from_secs(1);

/// What came of everybody.
#[derive(Debug, Default)]
pub(crate) struct Bandwidth {
    clients: Mutex<Accounts>,
    together: Mutex<Accounts>,
}

impl Bandwidth {
    /// So many bytes came of a client that may send `rate` a second; how long nothing more is read of that body.
    pub(crate) fn of_one(&self, client: &Client, bytes: usize, rate: u64) -> Duration {
        pay(&self.clients, client.clone(), bytes, rate)
    }

    /// The same, where all together may send `rate` a second.
    pub(crate) fn of_all(&self, bytes: usize, rate: u64) -> Duration {
        pay(&self.together, Client::Newcomers, bytes, rate)
    }
}

fn pay(accounts: &Mutex<Accounts>, client: Client, bytes: usize, rate: u64) -> Duration {
    let nanoseconds = bytes as u128 * 1_000_000_000 / u128::from(rate.max(1));
    let price = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
    let mut accounts = accounts.lock().unwrap_or_else(PoisonError::into_inner);
    accounts.charge(client, price, Instant::now()).saturating_sub(AHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Client {
        Client::User("ann".parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_of_bytes_comes_at_once_and_what_is_over_it_waits_as_long_as_it_takes() {
        let bandwidth = Bandwidth::default();
        assert_eq!(bandwidth.of_one(&ann(), 999, 1000), Duration::ZERO);
        assert_eq!(bandwidth.of_one(&ann(), 1, 1000), Duration::ZERO);
        assert_eq!(bandwidth.of_one(&ann(), 1, 1000), Duration::from_millis(1));
        assert_eq!(bandwidth.of_one(&ann(), 2000, 1000), Duration::from_millis(2001));
        tokio::time::advance(Duration::from_millis(3001)).await;
        assert_eq!(bandwidth.of_one(&ann(), 1000, 1000), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn users_have_accounts_of_their_own_and_all_of_them_one_together() {
        let (bandwidth, bob) = (Bandwidth::default(), Client::User("bob".parse().unwrap()));
        assert_eq!(bandwidth.of_one(&ann(), 3000, 1000), Duration::from_secs(2));
        assert_eq!(bandwidth.of_one(&bob, 1000, 1000), Duration::ZERO);
        assert_eq!(bandwidth.of_all(1000, 1000), Duration::ZERO);
        assert_eq!(bandwidth.of_all(1000, 1000), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_that_changes_counts_from_then_on_and_no_price_is_too_high() {
        let bandwidth = Bandwidth::default();
        assert_eq!(bandwidth.of_one(&ann(), 2000, 1000), Duration::from_secs(1));
        assert_eq!(bandwidth.of_one(&ann(), 2000, 2000), Duration::from_secs(2));
        assert!(bandwidth.of_one(&ann(), usize::MAX, 1) > Duration::from_secs(1 << 30));
        assert!(bandwidth.of_one(&ann(), usize::MAX, 1) > Duration::from_secs(1 << 30));
    }
}
