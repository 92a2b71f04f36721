//! `POST /v1/links`: a link that carries a right of the caller's.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use cairn_engine::Owner;
use http::header::{CACHE_CONTROL, HeaderMap, HeaderValue};
use http::{StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::json::rfc3339;
use super::members::Members;
use crate::audit::Trail;
use crate::auth::{Grant, Identity, Link, Needed};
use crate::http::body;
use crate::http::caller::Asker;
use crate::http::door::Door;
use crate::http::links;
use crate::http::peer::Peer;
use crate::http::problem::Problem;
use crate::http::tus::location;

/// What is written as it is in a path; everything else is percent-encoded.
const SAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// How long a link lasts if nothing is said.
const DEFAULT_TTL: Duration = Duration::from_secs(3600);

/// `POST /v1/links`
pub(crate) async fn create(
    State(door): State<Door>,
    Asker(owner): Asker,
    Extension(identity): Extension<Identity>,
    Extension(peer): Extension<Peer>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if !door.house.links.are_there() {
        return Err(links::off());
    }
    let members = Members(body::object(&body::small(&headers, body, &door.limits()).await?)?);
    let grant = grant(&members, door.engine.policy().max_length)?;
    may(&identity, &grant)?;
    let expires_in = ttl(&members, door.house.config().links.max_ttl)?;
    let config = door.house.config();
    let base = |path: &str| location::base(&config, path, &uri, &headers, &peer);
    let told = make(&door, owner, grant, expires_in, base)?;
    let no_store = HeaderValue::from_static("no-store");
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, no_store)], Json(told)).into_response())
}

/// A link of an owner's files, as an object asks for it, made and told by the operator, who has every right. The
/// addresses are those of `server.public_url`, or paths alone.
///
/// # Errors
/// There are no keys; the object asks for no link.
pub(crate) fn operate(door: &Door, owner: Owner, members: &Members) -> Result<Value, Problem> {
    if !door.house.links.are_there() {
        return Err(links::off());
    }
    let config = door.house.config();
    let grant = grant(members, door.engine.policy().max_length)?;
    let expires_in = ttl(members, config.links.max_ttl)?;
    let public = config.server.public_url.as_ref().map(ToString::to_string).unwrap_or_default();
    make(door, owner, grant, expires_in, |path| format!("{public}{path}"))
}

fn make(
    door: &Door,
    owner: Owner,
    grant: Grant,
    expires_in: Duration,
    base: impl Fn(&str) -> String,
) -> Result<Value, Problem> {
    let now = door.engine.now();
    let link = Link {
        id: door.engine.make_link_id(),
        owner,
        made_at: now,
        expires_at: now.after(expires_in),
        grant,
    };
    let path = match &link.grant {
        Grant::Upload { path, .. } | Grant::Download { path, .. } => Some(path),
        Grant::Sending { .. } => None,
    };
    Trail::made(&link.id, path);
    let text = door.house.links.sign(&link).ok_or_else(links::off)?;
    let tus = base(&door.house.config().protocols.tus_path);
    Ok(told(&link, &text, &base("/v1/files/"), &tus))
}

fn grant(members: &Members, longest: u64) -> Result<Grant, Problem> {
    let path = members.path("path")?;
    let path = path.ok_or_else(|| Problem::bad("bad_path", "Not a path").detail("\"path\" is missing"))?;
    let once = match members.0.get("once") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(once)) => *once,
        Some(_) => {
            return Err(
                Problem::bad("bad_once", "Neither true nor false").detail("\"once\" is true or false")
            );
        }
    };
    match members.0.get("for").and_then(Value::as_str) {
        Some("download") => Ok(Grant::Download { path, once }),
        Some("upload") => Ok(Grant::Upload {
            path,
            max_length: members.length("max_length", "bad_length")?.unwrap_or(longest),
            content_type: members.content_type("content_type")?,
            once,
        }),
        _ => {
            Err(Problem::bad("bad_link", "Not a kind of link")
                .detail("\"for\" is \"upload\" or \"download\""))
        }
    }
}

/// Nobody gives away what they have not.
fn may(identity: &Identity, grant: &Grant) -> Result<(), Problem> {
    let needed = if matches!(grant, Grant::Download { .. }) { Needed::Read } else { Needed::Write };
    if identity.rights.suffice(needed) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "Not with these rights")
        .detail(format!("this needs the right to {}", needed.name()))
        .fact("needed", needed.name()))
}

fn ttl(members: &Members, longest: Duration) -> Result<Duration, Problem> {
    let asked =
        members.length("expires_in", "bad_expiry")?.map_or(DEFAULT_TTL.min(longest), Duration::from_secs);
    if asked.is_zero() || asked > longest {
        return Err(Problem::bad("bad_expiry", "Not how long a link may last")
            .detail(format!("\"expires_in\" is 1 to {} seconds", longest.as_secs()))
            .fact("limit", longest.as_secs()));
    }
    Ok(asked)
}

fn told(link: &Link, text: &str, files: &str, tus: &str) -> Value {
    let url = |path: &str| {
        let encoded = path.split('/').map(|part| utf8_percent_encode(part, SAFE).to_string());
        format!("{files}{}?link={text}", encoded.collect::<Vec<_>>().join("/"))
    };
    let expires_at = rfc3339(link.expires_at);
    match &link.grant {
        Grant::Download { path, once } => json!({
            "id": link.id, "for": "download", "path": path, "once": once, "expires_at": expires_at, "url": url(path.as_str()),
        }),
        Grant::Upload { path, max_length, content_type, once } => json!({
            "id": link.id, "for": "upload", "path": path, "max_length": max_length, "content_type": content_type,
            "once": once, "expires_at": expires_at, "url": url(path.as_str()), "tus_url": format!("{tus}?link={text}"),
        }),
        // Only tus's answer makes these.
        Grant::Sending { .. } => Value::Null,
    }
}
