//! The layer that finds out who asks and whether they may, before anything of the body is read.
//!
//! | who asks | answer |
//! |---|---|
//! | has the right that stands beside the route | the route's, which finds an [`Identity`] in the extensions |
//! | is known, and has not that right | 403 `forbidden` |
//! | presents nothing, or nothing valid | 401 `unauthenticated`, with a challenge for each way to say who asks |
//! | presents what cannot be looked up now | 503 `unavailable` |
//! | asks too often, known or not | 429 `too_many_requests` |
//! | is not believed any more while the request runs | 401, its body cut off: see [`standing`](super::standing) |
//!
//! What a signed link in the target may is said by [`links`](super::links). A route that is open asks nobody who they are. The tutorial's API has the same answers in its own envelope.

use std::fmt;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

use super::bandwidth::Share;
use super::caller::Asker;
use super::compat::Fault;
use super::door::Door;
use super::links;
use super::peer::Peer;
use super::problem::Problem;
use super::rate::{self, TooOften};
use super::routing::{Table, needed};
use super::standing::Standing;
use crate::audit::Trail;
use crate::auth::{By, Identity, Needed, Presented, Unknown};

/// How one may say who asks: one field of the answer for each.
const CHALLENGES: [HeaderValue; 2] = [
    HeaderValue::from_static("Bearer realm=\"cairn\""),
    HeaderValue::from_static("Basic realm=\"cairn\", charset=\"UTF-8\""),
];

/// Why a request got no further than this layer.
#[derive(Debug)]
pub(crate) enum Turned {
    /// It is not known who asks.
    Unknown(Unknown),
    /// They may not do what needs this.
    Forbidden(Needed),
    /// They ask too often.
    TooOften(TooOften),
}

/// The layer.
pub(crate) async fn identify(
    State((door, table)): State<(Door, Arc<Table>)>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let needed = needed(&table, route, request.method());
    let in_envelope = request.uri().path().starts_with("/file/");
    match answer(&door, needed, request, next).await {
        Ok(response) => response,
        Err(turned) if in_envelope => Fault::from(turned).into_response(),
        Err(turned) => Problem::from(turned).into_response(),
    }
}

async fn answer(door: &Door, needed: Needed, mut request: Request, next: Next) -> Result<Response, Turned> {
    let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
    if needed == Needed::Open {
        let client = rate::client(None, request.uri(), &peer);
        let share = rate::turn(door, client).await.map_err(Turned::TooOften)?;
        return Ok(Share::pays(share, next.run(request)).await);
    }
    if let Some(shown) = links::shown(request.uri()) {
        let client = rate::client(None, request.uri(), &peer);
        let share = rate::turn(door, client).await.map_err(Turned::TooOften)?;
        return Ok(Share::pays(share, links::pass(door, request, next, &shown)).await);
    }
    let presented = Presented::of(request.headers());
    let standing = Standing::of(&door.house.gate, presented, peer.clone(), door.engine.account_changes());
    let identified = standing.look().await;
    let client = rate::client(identified.as_ref().ok(), request.uri(), &peer);
    let share = rate::turn(door, client).await.map_err(Turned::TooOften)?;
    let identity = admit(identified, &request, needed)?;
    request.extensions_mut().insert(identity.clone());
    match identity.by {
        By::Nobody | By::Link(_) => Ok(Share::pays(share, next.run(request)).await),
        By::Token(_) | By::Jwt | By::Certificate => {
            Share::pays(share, standing.run(request, next, identity)).await
        }
    }
}

/// Who asks, if they may.
fn admit(
    identified: Result<Identity, Unknown>,
    request: &Request,
    needed: Needed,
) -> Result<Identity, Turned> {
    let identity = identified.map_err(Turned::Unknown)?;
    let identity = if identity.by == By::Nobody { believed(request) } else { identity };
    Trail::asked_by(&identity);
    may(&identity, needed)?;
    Ok(identity)
}

/// Where nobody is asked, everybody may do everything, as whoever they say they are.
fn believed(request: &Request) -> Identity {
    Identity::believed(Asker::believed(request.uri(), request.headers()))
}

fn may(identity: &Identity, needed: Needed) -> Result<(), Turned> {
    if identity.rights.suffice(needed) { Ok(()) } else { Err(Turned::Forbidden(needed)) }
}

/// Puts the challenges on an answer.
pub(crate) fn ask_who(fields: &mut HeaderMap) {
    for challenge in CHALLENGES {
        fields.append(WWW_AUTHENTICATE, challenge);
    }
}

impl fmt::Display for Turned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(Unknown::Nobody) => f.write_str("this needs credentials: a token"),
            Self::Unknown(Unknown::NotValid) => f.write_str("these credentials are not valid"),
            Self::Unknown(Unknown::Away(_)) => f.write_str("the credentials cannot be checked now"),
            Self::Forbidden(needed) => write!(f, "this needs the right to {}", needed.name()),
            Self::TooOften(too_often) => f.write_str(&too_often.sentence()),
        }
    }
}

impl From<Turned> for Problem {
    fn from(turned: Turned) -> Self {
        let detail = turned.to_string();
        match turned {
            Turned::Unknown(Unknown::Nobody | Unknown::NotValid) => {
                let problem =
                    Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "It is not known who asks");
                let challenged =
                    |problem: Self, challenge| problem.another_header(WWW_AUTHENTICATE, challenge);
                CHALLENGES.into_iter().fold(problem.detail(detail), challenged)
            }
            Turned::Unknown(Unknown::Away(refusal)) => refusal.into(),
            Turned::TooOften(too_often) => too_often.into(),
            Turned::Forbidden(needed) => {
                let problem = Self::new(StatusCode::FORBIDDEN, "forbidden", "Not with these rights");
                problem.detail(detail).fact("needed", needed.name())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Rights;

    #[test]
    fn who_lacks_a_right_is_told_which_one() {
        let read = Rights { read: true, ..Rights::default() };
        let identity = Identity { owner: "ann".parse().unwrap(), rights: read, by: By::Nobody, until: None };
        assert!(may(&identity, Needed::Read).is_ok());
        assert!(may(&identity, Needed::Either).is_ok());
        assert!(may(&identity, Needed::Open).is_ok());
        let refused = |needed| Problem::from(may(&identity, needed).unwrap_err()).into_response().status();
        assert_eq!(refused(Needed::Write), StatusCode::FORBIDDEN);
        assert_eq!(refused(Needed::Admin), StatusCode::FORBIDDEN);
    }

    #[test]
    fn who_is_not_known_is_not_told_which_part_was_wrong() {
        let answer = Fault::from(Turned::Unknown(Unknown::NotValid)).into_response();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let challenges: Vec<_> = answer.headers().get_all(WWW_AUTHENTICATE).iter().collect();
        assert_eq!(challenges, CHALLENGES.iter().collect::<Vec<_>>());
    }

    #[test]
    fn who_cannot_be_looked_up_now_may_come_again() {
        use cairn_engine::contracts::{Failure, Store, StoreError};
        let away = || {
            let error = StoreError::new(Store::Catalog, "find_token", Failure::Unavailable, "x");
            Turned::Unknown(Unknown::Away(error.into()))
        };
        for answer in [Problem::from(away()).into_response(), Fault::from(away()).into_response()] {
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        }
    }

    #[test]
    fn who_is_not_asked_is_whom_they_name_and_may_everything() {
        let ask = |uri: &str| {
            let request = http::Request::get(uri).header("x-cairn-user", "ann");
            believed(&request.body(axum::body::Body::empty()).unwrap())
        };
        let identity = ask("/v1/me");
        assert_eq!((identity.owner.as_str(), identity.rights), ("ann", Rights::ALL));
        assert_eq!(ask("/v1/me?user=bob").owner.as_str(), "bob");
        assert_eq!(ask("/v1/me?user=a%00b").owner.as_str(), "default");
    }
}
