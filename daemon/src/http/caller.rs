//! Who is asking. With `[auth] mode = "none"` the caller is who they say they are.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use cairn_engine::{Caller, Owner};
use http::Uri;
use http::header::HeaderMap;
use http::request::Parts;

use super::door::Door;
use super::problem::Problem;

/// The field that names the user.
const X_CAIRN_USER: &str = "x-cairn-user";

/// Who is asking: the `user` parameter, else the `X-Cairn-User` field, else `default`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asker(pub(crate) Owner);

/// The name cannot be a user's.
#[derive(Debug)]
pub(crate) struct BadUser;

impl Asker {
    /// The engine's word for them.
    pub(crate) fn caller(&self) -> Caller {
        Caller::User(self.0.clone())
    }

    /// Who is asking, where the protocol gave its own parameter or found the one of that name in the query.
    pub(crate) fn named(parameter: Option<&str>, headers: &HeaderMap) -> Result<Self, BadUser> {
        let field = || headers.get(X_CAIRN_USER).map(|value| std::str::from_utf8(value.as_bytes()));
        let name = match parameter {
            Some(name) => name,
            None => field().unwrap_or(Ok("default")).map_err(|_| BadUser)?,
        };
        name.parse().map(Self).map_err(|_| BadUser)
    }
}

impl FromRequestParts<Door> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Door) -> Result<Self, Problem> {
        let user = parameter(&parts.uri, "user");
        Self::named(user.as_deref(), &parts.headers).map_err(Problem::from)
    }
}

impl From<BadUser> for Problem {
    fn from(_: BadUser) -> Self {
        Self::bad("bad_user", "Not a user's name").detail(cairn_engine::owner::BadOwner)
    }
}

impl IntoResponse for BadUser {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

/// Every parameter of the query, in order.
pub(crate) fn parameters(uri: &Uri) -> Vec<(String, String)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

/// The first parameter of that name.
pub(crate) fn parameter(uri: &Uri, name: &str) -> Option<String> {
    parameters(uri).into_iter().find(|(n, _)| n == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_parameter_comes_before_the_field_and_the_field_before_the_default() {
        let mut headers = HeaderMap::new();
        let named = |parameter, headers: &HeaderMap| Asker::named(parameter, headers).unwrap().0.to_string();
        assert_eq!(named(None, &headers), "default");
        headers.insert(X_CAIRN_USER, HeaderValue::from_bytes("зоя".as_bytes()).unwrap());
        assert_eq!(named(None, &headers), "зоя");
        assert_eq!(named(Some("ann"), &headers), "ann");
    }

    #[test]
    fn a_name_that_is_none_is_refused() {
        let mut headers = HeaderMap::new();
        for bad in ["", "a\nb", &"x".repeat(256)] {
            assert!(Asker::named(Some(bad), &headers).is_err());
        }
        headers.insert(X_CAIRN_USER, HeaderValue::from_bytes(b"\xff\xfe").unwrap());
        assert!(Asker::named(None, &headers).is_err());
    }

    #[test]
    fn parameters_are_decoded() {
        let uri: Uri = "/v1/files?prefix=a%2Fb+c&limit=5&prefix=z".parse().unwrap();
        assert_eq!(parameter(&uri, "prefix").as_deref(), Some("a/b c"));
        assert_eq!(parameter(&uri, "none"), None);
    }
}
