//! How often a client may ask.
//!
//! Every client has an account of requests: it may ask `request_burst` times at once, and after that
//! `requests_per_minute` times a minute. Who asks more often waits for its turn, at most `request_delay`; who would have
//! to wait longer is refused and told when to come back. So a client that never tries a 429 again (those of tus do not)
//! becomes slow before it meets one. Bodies that are running are never touched.
//!
//! A client is a user once that is known, and an address until then, or where nobody is asked who they are. The addresses of one
//! IPv6 network of 64 bits are one client; a unix socket for which no proxy names an address is not counted.
//!
//! At most [`MAX_CLIENTS`] accounts are kept. One that is balanced is forgotten; while all of them are in use, newcomers
//! share one.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cairn_engine::Owner;
use tokio::time::Instant;

use crate::config::Limits;

/// Accounts that are kept at most.
const MAX_CLIENTS: usize = 1 << 16;
/// Between two looks for accounts that can be forgotten.
const TIDY: Duration = Duration::from_secs(1);
/// Bits of an IPv6 address that tell clients apart.
const NETWORK: u128 = !0 << 64;

/// Who has an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    /// A user who is known.
    User(Owner),
    /// Whoever asks from there.
    Address(IpAddr),
    /// All newcomers while there are too many others.
    Newcomers,
}

impl Client {
    /// Whoever asks from there.
    pub(crate) fn at(address: IpAddr) -> Self {
        Self::Address(network(address))
    }
}

/// Whether a request may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// After that long; mostly at once.
    After(Duration),
    /// Not now: one that comes after that long will be let through at once, if nobody else comes in between.
    Refused(Duration),
}

/// Every client's account.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    accounts: Mutex<Accounts>,
}

/// What clients asked for, and have not paid for yet.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    /// When all that a client asked for until now will have been paid for.
    paid_at: HashMap<Client, Instant>,
    tidied_at: Option<Instant>,
}

impl Requests {
    /// A client asks.
    pub(crate) fn ask(&self, client: Client, limits: &Limits) -> Turn {
        if limits.requests_per_minute == 0 {
            return Turn::After(Duration::ZERO);
        }
        let now = Instant::now();
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let client = accounts.counted_as(client, now);
        let price = Duration::from_secs(60) / limits.requests_per_minute;
        let ahead = price.saturating_mul(limits.request_burst.saturating_sub(1));
        let owed = accounts.paid_at.get(&client).map_or(now, |paid_at| now.max(*paid_at));
        let wait = owed.duration_since(now).saturating_sub(ahead);
        if wait > limits.request_delay {
            return Turn::Refused(wait);
        }
        accounts.paid_at.insert(client, owed + price);
        Turn::After(wait)
    }
}

impl Accounts {
    /// Puts a price on a client's account; how long it takes until all of it is paid for.
    pub(super) fn charge(&mut self, client: Client, price: Duration, now: Instant) -> Duration {
        let client = self.counted_as(client, now);
        let owed = self.paid_at.get(&client).map_or(now, |paid_at| now.max(*paid_at));
        let paid_at = owed.checked_add(price).unwrap_or(owed);
        self.paid_at.insert(client, paid_at);
        paid_at.duration_since(now)
    }

    /// The account that counts for a client.
    fn counted_as(&mut self, client: Client, now: Instant) -> Client {
        if self.paid_at.contains_key(&client) {
            return client;
        }
        let tidied_lately = self.tidied_at.is_some_and(|tidied_at| now.duration_since(tidied_at) < TIDY);
        if self.paid_at.len() >= MAX_CLIENTS && !tidied_lately {
            self.paid_at.retain(|_, paid_at| *paid_at > now);
            self.tidied_at = Some(now);
        }
        if self.paid_at.len() < MAX_CLIENTS { client } else { Client::Newcomers }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Client = Client::Address(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    fn limits(requests_per_minute: u32, request_burst: u32, delay_ms: u64) -> Limits {
        Limits {
            requests_per_minute,
            request_burst,
            request_delay: Duration::from_millis(delay_ms),
            ..Limits::default()
        }
    }

    fn after(ms: u64) -> Turn {
        Turn::After(Duration::from_millis(ms))
    }

    fn refused(ms: u64) -> Turn {
        Turn::Refused(Duration::from_millis(ms))
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_at_once_one_more_waits_and_what_would_wait_too_long_is_refused() {
        let (requests, limits) = (Requests::default(), limits(240, 3, 500));
        let asked: Vec<Turn> = (0..7).map(|_| requests.ask(CLIENT, &limits)).collect();
        assert_eq!(asked, [after(0), after(0), after(0), after(250), after(500), refused(750), refused(750)]);
        tokio::time::advance(Duration::from_millis(749)).await;
        assert_eq!(requests.ask(CLIENT, &limits), after(1));
        tokio::time::advance(Duration::from_millis(251)).await;
        assert_eq!(requests.ask(CLIENT, &limits), after(0));
        tokio::time::advance(Duration::from_secs(60)).await;
        let again: Vec<Turn> = (0..4).map(|_| requests.ask(CLIENT, &limits)).collect();
        assert_eq!(again, [after(0), after(0), after(0), after(250)]);
    }

    #[tokio::test(start_paused = true)]
    async fn clients_are_told_apart_by_address_and_by_network() {
        let (requests, limits) = (Requests::default(), limits(60, 1, 0));
        let ask = |address: &str| requests.ask(Client::at(address.parse().unwrap()), &limits);
        assert_eq!((ask("192.0.2.1"), ask("192.0.2.2")), (after(0), after(0)));
        assert_eq!(ask("::ffff:192.0.2.1"), refused(1000));
        assert_eq!((ask("2001:db8::1"), ask("2001:db8::ffff:2")), (after(0), refused(1000)));
        assert_eq!(ask("2001:db8:0:1::1"), after(0));
        let user = |name: &str| requests.ask(Client::User(name.parse().unwrap()), &limits);
        assert_eq!((user("ann"), user("bob"), user("ann")), (after(0), after(0), refused(1000)));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_nobody_is_counted() {
        let (requests, limits) = (Requests::default(), limits(0, 1, 0));
        assert!((0..1000).all(|_| requests.ask(CLIENT, &limits) == after(0)));
        assert!(requests.accounts.lock().unwrap().paid_at.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn accounts_are_bounded_and_forgotten_when_they_are_balanced() {
        let (requests, limits) = (Requests::default(), limits(60, 1, 0));
        let ask = |n: usize| {
            let bits = u32::try_from(n).unwrap();
            requests.ask(Client::at(IpAddr::V4(std::net::Ipv4Addr::from_bits(bits))), &limits)
        };
        let kept = || requests.accounts.lock().unwrap().paid_at.len();
        assert!((0..MAX_CLIENTS).all(|n| ask(n) == after(0)));
        // All are in use: the newcomers are one client.
        assert_eq!((ask(MAX_CLIENTS), ask(MAX_CLIENTS + 1)), (after(0), refused(1000)));
        assert_eq!(kept(), MAX_CLIENTS + 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(ask(MAX_CLIENTS), after(0));
        assert_eq!(kept(), 1);
    }
}
