//! Measures a server between two moments.

use std::time::{Duration, Instant};

use crate::Result;
use crate::content::MIB;
use crate::server::{Server, Usage};

/// A measurement that runs.
pub(crate) struct Meter {
    before: Usage,
    begun: Instant,
}

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// Bytes of all bodies.
    pub(crate) bytes: u64,
    /// From beginning to end.
    pub(crate) wall: Duration,
    /// The server's CPU time.
    pub(crate) cpu: Duration,
    /// The server's peak memory since it started, bytes.
    pub(crate) peak_memory: u64,
    /// What each request took.
    pub(crate) requests: Latencies,
    /// What each `complete` took.
    pub(crate) completes: Latencies,
}

/// How long things took, in order of length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Meter {
    /// Begins.
    pub(crate) fn begin(server: &Server) -> Result<Self> {
        Ok(Self { before: server.usage()?, begun: Instant::now() })
    }

    /// Ends.
    pub(crate) fn end(
        self,
        server: &Server,
        bytes: u64,
        requests: Latencies,
        completes: Latencies,
    ) -> Result<Figures> {
        let wall = self.begun.elapsed();
        let Usage { cpu, peak_memory } = server.usage()?;
        Ok(Figures {
            bytes,
            wall,
            cpu: cpu.saturating_sub(self.before.cpu),
            peak_memory,
            requests,
            completes,
        })
    }
}

impl Figures {
    /// MiB a second.
    pub(crate) fn rate(&self) -> f64 {
        as_f64(self.bytes) / as_f64(MIB) / self.wall.as_secs_f64()
    }

    /// The server's CPU seconds per GiB.
    pub(crate) fn cpu_per_gib(&self) -> f64 {
        self.cpu.as_secs_f64() * as_f64(1024 * MIB) / as_f64(self.bytes)
    }

    /// Requests a second.
    pub(crate) fn requests_per_second(&self) -> f64 {
        as_f64(self.requests.0.len() as u64) / self.wall.as_secs_f64()
    }

    /// The server's CPU milliseconds per request.
    pub(crate) fn cpu_per_request(&self) -> f64 {
        self.cpu.as_secs_f64() * 1000.0 / as_f64(self.requests.0.len() as u64)
    }

    /// The server's peak memory in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        as_f64(self.peak_memory) / as_f64(MIB)
    }
}

impl Latencies {
    /// Of these.
    pub(crate) fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// The one that `percent` of them do not exceed, in milliseconds; nothing if there are none.
    pub(crate) fn percentile(&self, percent: usize) -> Option<f64> {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        Some(self.0.get(rank - 1)?.as_secs_f64() * 1000.0)
    }

    /// The longest, in milliseconds.
    pub(crate) fn longest(&self) -> Option<f64> {
        self.percentile(100)
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people: 53 bits are plenty")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_latencies() {
        let latencies = Latencies::new((1..=200).rev().map(Duration::from_millis).collect());
        assert_eq!(latencies.percentile(50), Some(100.0));
        assert_eq!(latencies.percentile(99), Some(198.0));
        assert_eq!(latencies.longest(), Some(200.0));
        assert_eq!(Latencies::new(vec![Duration::from_millis(3)]).percentile(50), Some(3.0));
        assert_eq!(Latencies::default().percentile(50), None);
    }
}
