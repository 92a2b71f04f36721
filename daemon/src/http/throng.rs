//! How many connections each address has open.
//!
//! Addresses of IPv6 are counted by their network of 64 bits, because whoever has one address of it has all of them.
//! Only addresses that have a connection are held.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The open connections by address. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Throng(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection that counts; dropped, it is gone.
#[derive(Debug)]
pub(super) struct Present {
    throng: Throng,
    address: IpAddr,
}

impl Throng {
    /// Counts one more from there, unless there are `limit` already.
    pub(super) fn enter(&self, address: IpAddr, limit: usize) -> Option<Present> {
        let address = counted_as(address);
        let mut counts = self.lock();
        let count = counts.entry(address).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(Present { throng: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Nothing that holds it can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        let mut counts = self.throng.lock();
        match counts.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&self.address)),
        }
    }
}

fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_the_limit_come_in_and_one_more_when_one_has_gone() {
        let throng = Throng::default();
        let enter = |text: &str| throng.enter(text.parse().unwrap(), 2);
        let one = enter("192.0.2.1");
        let two = enter("::ffff:192.0.2.1");
        assert!(one.is_some() && two.is_some() && enter("192.0.2.1").is_none());
        assert!(enter("192.0.2.2").is_some(), "another address is another matter");
        drop(one);
        let again = enter("192.0.2.1");
        assert!(again.is_some() && enter("192.0.2.1").is_none());
        drop((two, again));
        assert!(throng.lock().is_empty(), "nobody is remembered");
    }

    #[test]
    fn a_network_of_64_bits_is_one_address() {
        let throng = Throng::default();
        let enter = |text: &str| throng.enter(text.parse().unwrap(), 1);
        let one = enter("2001:db8::1");
        assert!(one.is_some() && enter("2001:db8::ffff:2").is_none() && enter("2001:db8:0:1::1").is_some());
    }
}
