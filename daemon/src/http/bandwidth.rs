//! Bodies come no faster than they may: what is too early is not read yet, and nobody is refused.
//!
//! Whose body it is, is known to the layer that lets the request in; the work on it may run in another task. So it
//! goes along with the task, as the trail of the audit log does.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use cairn_engine::refusal::BodyError;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use super::door::Door;
use crate::house::House;
use crate::limits::Client;

tokio::task_local! {
    /// Who pays for the bodies that this task reads.
    static SHARE: Share;
}

/// What one client may send.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    client: Client,
    /// Bytes a second of this client, if not as configured; 0 is without bound.
    own: Option<u64>,
}

impl Share {
    /// The share of a client. What a user has of their own is not looked up where it cannot be.
    pub(crate) async fn of(door: &Door, client: Client) -> Self {
        let own = match &client {
            Client::User(user) => door.engine.overrides_of(user).await.ok(),
            Client::Address(_) | Client::Newcomers => None,
        };
        Self { client, own: own.and_then(|own| own.user_bandwidth) }
    }

    /// Works on a request of a client, if it is one that is counted.
    pub(crate) async fn pays<T>(share: Option<Self>, work: impl Future<Output = T>) -> T {
        match share {
            Some(share) => SHARE.scope(share, work).await,
            None => work.await,
        }
    }

    /// The same work, with the share of this task at hand in whichever task it runs.
    pub(crate) fn carried<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
        Self::pays(SHARE.try_with(Self::clone).ok(), work)
    }

    /// How long nothing more is read after so many bytes.
    fn wait(&self, house: &House, bytes: usize) -> Duration {
        let limits = &house.config().limits;
        let one = self.own.or(limits.user_bandwidth).filter(|rate| *rate > 0);
        let one = one.map(|rate| house.bandwidth.of_one(&self.client, bytes, rate));
        let all = limits.bandwidth.map(|rate| house.bandwidth.of_all(bytes, rate));
        one.max(all).unwrap_or(Duration::ZERO)
    }
}

/// What comes of a body, told when it comes and held back while it comes too fast.
///
/// The time that a sender is made to wait is not the sender's: it is spent between two looks at the body.
pub(crate) fn counted(
    door: &Door,
    body: BoxStream<'static, Result<Bytes, BodyError>>,
) -> BoxStream<'static, Result<Bytes, BodyError>> {
    let share = SHARE.try_with(Share::clone).ok();
    let house = door.house.clone();
    futures_util::stream::unfold((body, Duration::ZERO), move |(mut body, wait)| {
        let (house, share) = (house.clone(), share.clone());
        async move {
            if !wait.is_zero() {
                house.metrics.held_back();
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    // The connections end: what had come is kept.
                    () = house.supervisor.cutting().cancelled() => {}
                }
            }
            let came = body.next().await?;
            let bytes = came.as_ref().map_or(0, Bytes::len);
            house.metrics.received(bytes as u64);
            let wait = share.map_or(Duration::ZERO, |share| share.wait(&house, bytes));
            Some((came, (body, wait)))
        }
    })
    .boxed()
}
