//! Work that nobody asked for: sweeping and merging, each in a supervised loop that ends soon after the daemon is told
//! to stop. Both may be cut off at any point and begin again.

mod merger;
mod sweeper;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Config;
use crate::house::House;

/// Starts both loops.
pub fn start(house: &Arc<House>) {
    house.supervisor.start("sweeper", sweeper::run(Arc::clone(house)));
    house.supervisor.start("merger", merger::run(Arc::clone(house)));
}

/// Waits until `interval` has passed since `since`, however the configuration changes meanwhile; `false` if the daemon
/// is to stop.
async fn pause(house: &House, since: Instant, interval: impl Fn(&Config) -> Duration) -> bool {
    let mut configs = house.configs();
    loop {
        let wait = interval(&configs.borrow_and_update());
        tokio::select! {
            () = house.supervisor.stopping().cancelled() => return false,
            () = tokio::time::sleep_until(since + wait) => return true,
            changed = configs.changed() => if changed.is_err() { return false },
        }
    }
}

/// Runs one round, unless the daemon is to stop: then the round is dropped where it waits.
async fn unless_stopping(house: &House, round: impl Future<Output = ()>) {
    tokio::select! {
        () = house.supervisor.stopping().cancelled() => {}
        () = round => {}
    }
}

#[cfg(test)]
mod tests;
