//! The layer that finds out who asks and whether they may, before anything of the body is read.
//!
//! | who asks | answer |
//! |---|---|
//! | has the right that stands beside the route | the route's, which finds an [`Identity`] in the extensions |
//! | is known, and has not that right | 403 `forbidden` |

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::caller::Asker;
use super::problem::Problem;
use super::routing::{Table, needed};
use crate::auth::{Identity, Needed};

/// The layer.
pub(crate) async fn identify(State(table): State<Arc<Table>>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let needed = needed(&table, route, request.method());
    let identity = believed(&request);
    if let Err(problem) = may(&identity, needed) {
        return problem.into_response();
    }
    request.extensions_mut().insert(identity);
    next.run(request).await
}

/// Where nobody is asked, everybody may do everything, as whoever they say they are.
fn believed(request: &Request) -> Identity {
    Identity::believed(Asker::believed(request.uri(), request.headers()))
}

fn may(identity: &Identity, needed: Needed) -> Result<(), Problem> {
    if identity.rights.suffice(needed) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "Not with these rights")
        .detail(format!("this needs the right to {}", needed.name()))
        .fact("needed", needed.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{By, Rights};

    #[test]
    fn who_lacks_a_right_is_told_which_one() {
        let read = Rights { read: true, ..Rights::default() };
        let identity = Identity { owner: "ann".parse().unwrap(), rights: read, by: By::Nobody };
        assert!(may(&identity, Needed::Read).is_ok());
        assert!(may(&identity, Needed::Either).is_ok());
        assert!(may(&identity, Needed::Open).is_ok());
        let refused = |needed| may(&identity, needed).unwrap_err().into_response().status();
        assert_eq!(refused(Needed::Write), StatusCode::FORBIDDEN);
        assert_eq!(refused(Needed::Admin), StatusCode::FORBIDDEN);
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
