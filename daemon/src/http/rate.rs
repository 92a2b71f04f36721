//! Clients that ask too often are made to wait, or are refused: 429 `too_many_requests` with `Retry-After`.
//!
//! The layer `identify` asks for a turn when it knows who asks, or that nobody knows. Where a load balancer looks how the
//! daemon is, nobody is made to wait.

use std::time::Duration;

use http::header::{HeaderValue, RETRY_AFTER};
use http::{StatusCode, Uri};

use super::bandwidth::Share;
use super::door::Door;
use super::peer::Peer;
use super::problem::Problem;
use crate::auth::{By, Identity};
use crate::limits::{Client, Turn};

/// Paths that nobody is made to wait for.
const FREE: [&str; 2] = ["/healthz", "/readyz"];

/// A client asked too often. It may come again after that many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooOften {
    /// Whole seconds, at least one.
    pub(crate) retry_after: u64,
}

/// Whose request it is: a user's if somebody had to prove that, else an address's.
pub(super) fn client(identity: Option<&Identity>, target: &Uri, peer: &Peer) -> Option<Client> {
    if FREE.contains(&target.path()) {
        return None;
    }
    match identity {
        Some(identity) if identity.by != By::Nobody => Some(Client::User(identity.owner.clone())),
        _ => peer.address.map(Client::at),
    }
}

/// Waits for a client's turn; what its bodies are counted as.
///
/// # Errors
/// It would have to wait too long.
pub(super) async fn turn(door: &Door, client: Option<Client>) -> Result<Option<Share>, TooOften> {
    let Some(client) = client else { return Ok(None) };
    let mut limits = door.house.config().limits.clone();
    if let Client::User(user) = &client
        && let Ok(own) = door.engine.overrides_of(user).await
    {
        limits.requests_per_minute = own.requests_per_minute.unwrap_or(limits.requests_per_minute);
    }
    let share = Share::of(door, client.clone()).await;
    match door.house.requests.ask(client, &limits) {
        Turn::After(Duration::ZERO) => Ok(Some(share)),
        Turn::After(wait) => {
            tokio::time::sleep(wait).await;
            Ok(Some(share))
        }
        Turn::Refused(wait) => Err(TooOften::until(wait)),
    }
}

impl TooOften {
    /// Whole seconds, rounded up: whoever waits as long is let through.
    fn until(wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        Self { retry_after: u64::try_from(seconds).unwrap_or(u64::MAX) }
    }

    /// The field that tells it.
    pub(crate) fn field(self) -> HeaderValue {
        self.retry_after.into()
    }

    /// The sentence that tells it.
    pub(crate) fn sentence(self) -> String {
        format!("too many requests; ask again in {} s", self.retry_after)
    }
}

impl From<TooOften> for Problem {
    fn from(too_often: TooOften) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests")
            .detail(too_often.sentence())
            .fact("retry_after", too_often.retry_after)
            .header(RETRY_AFTER, too_often.field())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seconds_are_rounded_up_and_at_least_one() {
        let told = |ms| TooOften::until(Duration::from_millis(ms)).retry_after;
        assert_eq!([1, 999, 1000, 1001, 2000].map(told), [1, 1, 1, 2, 2]);
    }

    #[test]
    fn who_is_known_is_counted_as_a_user_and_anybody_else_by_address() {
        let peer = Peer::direct(Some(std::net::Ipv4Addr::LOCALHOST.into()));
        let of = |identity, path: &'static str, peer| client(identity, &Uri::from_static(path), peer);
        let ann = Identity::believed("ann".parse().unwrap());
        let known = Identity { by: By::Token("t".to_owned()), ..ann.clone() };
        let address = Some(Client::at(std::net::Ipv4Addr::LOCALHOST.into()));
        assert_eq!(of(None, "/v1/me", &peer), address);
        assert_eq!(of(Some(&ann), "/v1/me?user=ann", &peer), address);
        assert_eq!(of(Some(&known), "/v1/me", &peer), Some(Client::User(ann.owner.clone())));
        assert_eq!(of(None, "/healthz", &peer), None);
        assert_eq!(of(None, "/v1/me", &Peer::direct(None)), None);
    }
}
