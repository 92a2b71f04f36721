//! What went wrong in Redis, in the words of the contracts.

use cairn_engine::contracts::{Failure, Store, StoreError};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// A failure: what it means, and why, in a sentence that holds no secret.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// What it means to whoever asked.
    pub(super) failure: Failure,
    /// Why.
    pub(super) why: String,
    /// What became of the connection.
    pub(super) connection: Connection,
}

/// What a failure says of the connection it came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// It is as good as before.
    Good,
    /// It is gone, or leads to a server that is not the right one any more: the next request makes another.
    Lost,
    /// Nothing came over it in time: the server is taken to be down.
    Silent,
}

/// A failure, told in a sentence: the library's errors may hold what was sent, a password included.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Sentence(String);

impl Fault {
    /// A failure of a kind, told in a sentence.
    pub(super) fn told(failure: Failure, why: impl Into<String>) -> Self {
        Self { failure, why: why.into(), connection: Connection::Good }
    }

    /// What is kept there is not what cairn put there.
    pub(super) fn corrupt(why: impl Into<String>) -> Self {
        Self::told(Failure::Corrupt, why)
    }

    /// No answer came in time.
    pub(super) fn silent() -> Self {
        Self { connection: Connection::Silent, ..Self::told(Failure::Unavailable, "no answer in time") }
    }

    /// The same without these secrets: a server may repeat what it was sent, and did not understand.
    pub(super) fn without(mut self, secrets: &[String]) -> Self {
        for secret in secrets {
            self.why = self.why.replace(secret.as_str(), "(hidden)");
        }
        self
    }

    /// The same as the contracts tell it.
    pub(super) fn into_store_error(self, operation: &'static str) -> StoreError {
        StoreError::new(Store::Sessions, operation, self.failure, Sentence(self.why))
    }
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        let (failure, connection) = meaning(&error);
        Self { failure, connection, why: error.to_string() }
    }
}

/// What an error means, and what it says of the connection.
fn meaning(error: &RedisError) -> (Failure, Connection) {
    if error.is_timeout() {
        return (Failure::Unavailable, Connection::Silent);
    }
    match error.kind() {
        ErrorKind::Io
        | ErrorKind::Parse
        | ErrorKind::AuthenticationFailed
        | ErrorKind::ClusterConnectionNotFound
        | ErrorKind::MasterNameNotFoundBySentinel
        | ErrorKind::NoValidReplicasFoundBySentinel
        | ErrorKind::EmptySentinelList
        | ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown) => {
            (Failure::Unavailable, Connection::Lost)
        }
        ErrorKind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::TryAgain
            | ServerErrorKind::Moved
            | ServerErrorKind::Ask
            | ServerErrorKind::NoPerm,
        ) => (Failure::Unavailable, Connection::Good),
        ErrorKind::UnexpectedReturnType => (Failure::Corrupt, Connection::Good),
        _ => (by_code(error), Connection::Good),
    }
}

/// What the code of a server's error means that the library does not name.
fn by_code(error: &RedisError) -> Failure {
    match error.code() {
        Some("OOM") => Failure::Full,
        // The disk under Redis is full or broken, a script of somebody else's runs for ever, or too few replicas follow.
        Some("MISCONF" | "BUSY" | "NOREPLICAS" | "NOAUTH" | "WRONGPASS") => Failure::Unavailable,
        Some("WRONGTYPE") => Failure::Corrupt,
        // A script of ours stumbles only over what it did not write.
        _ if error.to_string().contains("user_script") => Failure::Corrupt,
        _ => Failure::Failed,
    }
}
