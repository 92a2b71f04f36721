//! The daemon's clock and its source of chance: the only places that ask the system for time and randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use cairn_engine::{Chance, Clock, Timestamp};

/// The clock of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the daemon's clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The chance of the system. There is one only where the system could give some.
#[derive(Clone, Copy, Debug)]
pub struct SystemChance(());

impl SystemChance {
    /// Asks the system once.
    ///
    /// # Errors
    /// The system has no source of chance.
    pub fn new() -> Result<Self, getrandom::Error> {
        random().map(|_| Self(()))
    }
}

impl Chance for SystemChance {
    /// A system that gave chance once does not stop giving it. If it did, ids could be guessed: the daemon ends at
    /// once instead, as after a crash.
    fn bits(&self) -> u128 {
        random().unwrap_or_else(|error| {
            tracing::error!(%error, "the system gives no chance any more");
            std::process::abort()
        })
    }
}

fn random() -> Result<u128, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(u128::from_ne_bytes(bytes))
}
