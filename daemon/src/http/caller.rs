//! Who is asking: the identity that the layer `identify` found, or, where nobody is asked, whom the request names.

use axum::extract::{FromRequestParts, Request};
use cairn_engine::{Caller, Owner};
use http::header::HeaderMap;
use http::request::Parts;
use http::{StatusCode, Uri};

use super::door::Door;
use super::problem::Problem;
use crate::audit::Trail;
use crate::auth::{By, Identity};

/// The field that names the user.
const X_CAIRN_USER: &str = "x-cairn-user";

/// Who is asking. A request may name them, by the `user` parameter or else the `X-Cairn-User` field. Whoever is known
/// otherwise must be of that name; where nobody is asked they are whom it names, or `default`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asker(pub(crate) Owner);

/// Why nobody of that name is asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadUser {
    /// It cannot be a user's.
    NoName,
    /// It is not the one of whoever asks: nobody learns whether there is such a user.
    Unknown,
}

impl Asker {
    /// The engine's word for them.
    pub(crate) fn caller(&self) -> Caller {
        Caller::User(self.0.clone())
    }

    /// Who is asking, where the protocol gave its own parameter or found the one of that name in the query.
    pub(crate) fn named(parameter: Option<&str>, head: &Head) -> Result<Self, BadUser> {
        let name = named(parameter, &head.headers)?;
        let asker = Self::of(head.identity.as_ref(), name)?;
        Trail::asked_as(&asker.0);
        Ok(asker)
    }

    fn of(identity: Option<&Identity>, name: Option<Owner>) -> Result<Self, BadUser> {
        match (identity, name) {
            (Some(known), Some(name)) if !known.answers_to(&name) => Err(BadUser::Unknown),
            (Some(known), None) => Ok(Self(known.owner.clone())),
            (Some(_), Some(name)) => Ok(Self(name)),
            // The layer is around every route; past it nobody is known, and nobody believed.
            (None, _) => Err(BadUser::Unknown),
        }
    }

    /// Whom a request names in its head, where nobody is asked; `default` if it names nobody, or nothing that can be a
    /// name: the route says what is wrong with that, in its own words.
    pub(crate) fn believed(uri: &Uri, headers: &HeaderMap) -> Owner {
        let said = named(parameter(uri, "user").as_deref(), headers).ok().flatten();
        said.unwrap_or_default()
    }
}

/// The name that a request tells.
fn named(parameter: Option<&str>, headers: &HeaderMap) -> Result<Option<Owner>, BadUser> {
    let field = || headers.get(X_CAIRN_USER).map(|value| std::str::from_utf8(value.as_bytes()));
    let name = match parameter {
        Some(name) => Some(name),
        None => field().transpose().map_err(|_| BadUser::NoName)?,
    };
    name.map(|name| name.parse().map_err(|_| BadUser::NoName)).transpose()
}

/// What the head of a request says of who asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    /// Its fields.
    pub(crate) headers: HeaderMap,
    /// Who they are known to be.
    pub(crate) identity: Option<Identity>,
}

impl Head {
    /// The head of a request.
    pub(crate) fn of(request: &Request) -> Self {
        Self { headers: request.headers().clone(), identity: request.extensions().get().cloned() }
    }

    /// Whether somebody is named, by the head or by what is known.
    pub(crate) fn names_somebody(&self) -> bool {
        let known = self.identity.as_ref().is_some_and(|identity| identity.by != By::Nobody);
        known || self.headers.contains_key(X_CAIRN_USER)
    }
}

impl FromRequestParts<Door> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Door) -> Result<Self, Problem> {
        let user = parameter(&parts.uri, "user");
        let head = Head { headers: parts.headers.clone(), identity: parts.extensions.get().cloned() };
        Self::named(user.as_deref(), &head).map_err(Problem::from)
    }
}

impl From<BadUser> for Problem {
    fn from(bad: BadUser) -> Self {
        match bad {
            BadUser::NoName => {
                Self::bad("bad_user", "Not a user's name").detail(cairn_engine::owner::BadOwner)
            }
            BadUser::Unknown => Self::new(StatusCode::NOT_FOUND, "no_user", "No such user"),
        }
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

    use crate::auth::Rights;

    use super::*;

    fn head(name: Option<&[u8]>, by: By) -> Head {
        let mut head = Head::default();
        if let Some(name) = name {
            head.headers.insert(X_CAIRN_USER, HeaderValue::from_bytes(name).unwrap());
        }
        let owner = "ann".parse().unwrap();
        let owner = if by == By::Nobody { Asker::believed(&Uri::default(), &head.headers) } else { owner };
        head.identity = Some(Identity { owner, rights: Rights::ALL, by, until: None });
        head
    }

    #[test]
    fn the_parameter_comes_before_the_field_and_the_field_before_the_default() {
        let named = |parameter, head: &Head| Asker::named(parameter, head).unwrap().0.to_string();
        assert_eq!(named(None, &head(None, By::Nobody)), "default");
        let zoe = head(Some("зоя".as_bytes()), By::Nobody);
        assert_eq!(named(None, &zoe), "зоя");
        assert_eq!(named(Some("ann"), &zoe), "ann");
    }

    #[test]
    fn a_name_that_is_none_is_refused() {
        for bad in ["", "a\nb", &"x".repeat(256)] {
            assert_eq!(Asker::named(Some(bad), &head(None, By::Nobody)), Err(BadUser::NoName));
        }
        assert_eq!(Asker::named(None, &head(Some(b"\xff\xfe"), By::Nobody)), Err(BadUser::NoName));
    }

    #[test]
    fn who_is_known_is_named_rightly_or_not_at_all() {
        let by = || By::Token("t".to_owned());
        assert_eq!(Asker::named(None, &head(None, by())).unwrap().0.as_str(), "ann");
        assert_eq!(Asker::named(Some("ann"), &head(None, by())).unwrap().0.as_str(), "ann");
        assert_eq!(Asker::named(Some("bob"), &head(None, by())), Err(BadUser::Unknown));
        assert_eq!(Asker::named(None, &head(Some(b"bob"), by())), Err(BadUser::Unknown));
        assert_eq!(Asker::named(None, &Head::default()), Err(BadUser::Unknown));
        assert_eq!(Asker::named(Some("ann"), &Head::default()), Err(BadUser::Unknown));
    }

    #[test]
    fn parameters_are_decoded() {
        let uri: Uri = "/v1/files?prefix=a%2Fb+c&limit=5&prefix=z".parse().unwrap();
        assert_eq!(parameter(&uri, "prefix").as_deref(), Some("a/b c"));
        assert_eq!(parameter(&uri, "none"), None);
    }
}
