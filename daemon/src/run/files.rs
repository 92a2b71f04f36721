//! Open files: the soft limit is raised to the hard one, and a limit that is too low for the configuration is told.
//!
//! Many systems start programs with a soft limit of 1024, because old programs cannot count further; the hard limit is
//! what the operator grants. A connection takes one file, and databases, stored chunks and logs take some beside it.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files beside connections: databases with their logs, chunks that are written or read, sockets that listen.
const BESIDE_CONNECTIONS: u64 = 512;

/// Why the limit may be too low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "at most {limit} files may be open, and server.max_connections = {connections} needs {needed}: raise the hard \
     limit of open files (LimitNOFILE= of systemd, ulimit -Hn), or lower server.max_connections"
)]
pub(super) struct TooFew {
    limit: u64,
    connections: usize,
    needed: u64,
}

/// Raises the soft limit to the hard one, and tells the log if even that is too low for so many connections.
pub(super) fn raise(connections: usize) {
    let limits = getrlimit(Resource::Nofile);
    if limits.current != limits.maximum {
        let raised = Rlimit { current: limits.maximum, maximum: limits.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            let error = io::Error::from(error);
            tracing::warn!(%error, "the soft limit of open files could not be raised");
            return warn(check(limits.current, connections));
        }
    }
    warn(check(limits.maximum, connections));
}

/// How many files may be open once the limit is raised, or `None` for any number; and whether that is too few.
pub(super) fn look(connections: usize) -> (Option<u64>, Result<(), TooFew>) {
    let limit = getrlimit(Resource::Nofile).maximum;
    (limit, check(limit, connections))
}

fn warn(checked: Result<(), TooFew>) {
    if let Err(too_few) = checked {
        tracing::warn!("{too_few}");
    }
}

fn check(limit: Option<u64>, connections: usize) -> Result<(), TooFew> {
    let needed = (connections as u64).saturating_add(BESIDE_CONNECTIONS);
    match limit {
        Some(limit) if limit < needed => Err(TooFew { limit, connections, needed }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_what_is_beside_them_must_fit_under_the_limit() {
        assert_eq!(check(Some(612), 100), Ok(()));
        assert_eq!(check(Some(613), 100), Ok(()));
        assert_eq!(check(None, usize::MAX), Ok(()));
        assert_eq!(check(Some(611), 100), Err(TooFew { limit: 611, connections: 100, needed: 612 }));
    }
}
