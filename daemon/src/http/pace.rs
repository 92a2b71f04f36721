//! How long a body may keep the daemon waiting: silent for so long, on the whole not slower than so many bytes a second,
//! and at its end after so long in all.
//!
//! For the first two only time that is spent waiting for the client counts: a storage that is slow makes no client slow.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use cairn_engine::refusal::BodyError;
use tokio::time::{Instant, timeout, timeout_at};

use super::door::Limits;

/// The slowest that a body may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Bytes a second.
    pub(crate) rate: u64,
    /// The waiting over which they are averaged.
    pub(crate) window: Duration,
}

/// Looks at the time while a body comes.
#[derive(Debug)]
pub(super) struct Watch {
    idle: Duration,
    pace: Option<Pace>,
    /// When it must be at its end, and how long that was from its beginning.
    end: Option<(Instant, Duration)>,
    /// In this window.
    waited: Duration,
    /// In this window.
    came: u64,
}

impl Watch {
    /// Of a body that begins now.
    pub(super) fn of(limits: &Limits) -> Self {
        let end = limits.body_time.map(|limit| (Instant::now() + limit, limit));
        Self { end, ..Self::new(limits.body_idle_timeout, limits.pace) }
    }

    /// Of a body that may be silent for `idle` and no slower than `pace`.
    fn new(idle: Duration, pace: Option<Pace>) -> Self {
        Self { idle, pace, end: None, waited: Duration::ZERO, came: 0 }
    }

    /// Waits for what comes next.
    ///
    /// # Errors
    /// [`BodyError::Stalled`], [`BodyError::TooSlow`], [`BodyError::TookTooLong`]
    pub(super) async fn wait<T>(&mut self, coming: impl Future<Output = T>) -> Result<T, BodyError> {
        let Some((end, limit)) = self.end else { return self.wait_for_more(coming).await };
        let too_long = Err(BodyError::TookTooLong { limit });
        if Instant::now() >= end {
            return too_long;
        }
        timeout_at(end, self.wait_for_more(coming)).await.unwrap_or(too_long)
    }

    async fn wait_for_more<T>(&mut self, coming: impl Future<Output = T>) -> Result<T, BodyError> {
        let Some(pace) = self.pace else {
            return timeout(self.idle, coming).await.map_err(|_| BodyError::Stalled);
        };
        let begun = Instant::now();
        let mut coming = pin!(coming);
        loop {
            let silence = self.idle.saturating_sub(begun.elapsed());
            let looked = Instant::now();
            let waited = timeout(silence.min(pace.window.saturating_sub(self.waited)), &mut coming).await;
            self.waited += looked.elapsed();
            match waited {
                Ok(came) => return Ok(came),
                Err(_) if begun.elapsed() >= self.idle => return Err(BodyError::Stalled),
                Err(_) => self.look()?,
            }
        }
    }

    /// So many bytes came.
    ///
    /// # Errors
    /// [`BodyError::TooSlow`]
    pub(super) fn took(&mut self, bytes: usize) -> Result<(), BodyError> {
        self.came = self.came.saturating_add(bytes as u64);
        self.look()
    }

    /// Looks how much came, at the end of a window, and begins the next.
    fn look(&mut self) -> Result<(), BodyError> {
        let Some(pace) = self.pace.filter(|pace| self.waited >= pace.window) else { return Ok(()) };
        let least = u128::from(pace.rate) * pace.window.as_millis() / 1000;
        if u128::from(self.came) < least {
            return Err(BodyError::TooSlow { rate: pace.rate });
        }
        (self.waited, self.came) = (Duration::ZERO, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(5);
    const PACE: Pace = Pace { rate: 10, window: Duration::from_secs(4) };

    /// A body of which so many bytes come every second.
    async fn every_second(bytes: usize, seconds: u32) -> Result<(), BodyError> {
        let mut watch = Watch::new(IDLE, Some(PACE));
        for _ in 0..seconds {
            watch.wait(tokio::time::sleep(Duration::from_secs(1))).await?;
            watch.took(bytes)?;
        }
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_as_fast_as_the_least_or_is_stopped_at_the_end_of_a_window() {
        assert_eq!(every_second(9, 3).await, Ok(()));
        assert_eq!(every_second(9, 5).await, Err(BodyError::TooSlow { rate: 10 }));
        assert_eq!(every_second(11, 60).await, Ok(()));
        assert_eq!(every_second(14, 60).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_the_daemon_takes_itself_does_not_count() {
        let mut watch = Watch::new(IDLE, Some(PACE));
        for _ in 0..10 {
            watch.wait(std::future::ready(())).await.unwrap();
            watch.took(1).unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_at_its_end_in_time_or_is_stopped_however_fast_it_comes() {
        let limits = Limits { body_time: Some(Duration::from_secs(10)), ..Limits::default() };
        let come = async |watch: &mut Watch, milliseconds| {
            watch.wait(tokio::time::sleep(Duration::from_millis(milliseconds))).await
        };
        let mut watch = Watch::of(&limits);
        assert_eq!(come(&mut watch, 9_999).await, Ok(()));
        let too_long = Err(BodyError::TookTooLong { limit: Duration::from_secs(10) });
        assert_eq!(come(&mut watch, 2).await, too_long);
        assert_eq!(watch.wait(std::future::ready(())).await, too_long);
        let mut watch = Watch::of(&Limits::default());
        for _ in 0..100 {
            assert_eq!(come(&mut watch, 10_000).await, Ok(()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_body_has_stalled_and_without_a_pace_that_is_all() {
        let mut watch = Watch::new(IDLE, None);
        assert_eq!(watch.wait(std::future::pending::<()>()).await, Err(BodyError::Stalled));
        let slow_enough = Pace { rate: 0, window: Duration::from_secs(1) };
        let mut watch = Watch::new(IDLE, Some(slow_enough));
        assert_eq!(watch.wait(std::future::pending::<()>()).await, Err(BodyError::Stalled));
    }
}
