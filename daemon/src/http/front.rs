//! The check in front of every route: heads that two parsers could read in two ways are refused before anything else
//! looks at them, and the connection is closed.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, Version};

use super::door::Door;
use super::problem::Problem;

/// The layer.
pub(crate) async fn front(State(door): State<Door>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if let Err(problem) = check(&parts, door.house.config().server.max_header_bytes) {
        return problem.header(header::CONNECTION, HeaderValue::from_static("close")).into_response();
    }
    next.run(Request::from_parts(parts, body)).await
}

fn check(head: &Parts, max_header_bytes: u64) -> Result<(), Problem> {
    check_size(head, max_header_bytes)?;
    check_target(head)?;
    check_host(head)?;
    check_framing(&head.headers)?;
    check_encoding(head)
}

fn check_size(head: &Parts, limit: u64) -> Result<(), Problem> {
    let fields = head.headers.iter();
    let fields: usize = fields.map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let target = head.uri.path().len() + head.uri.query().map_or(0, str::len);
    let bytes = (head.method.as_str().len() + target + fields) as u64;
    if bytes <= limit {
        return Ok(());
    }
    Err(Problem::plain(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
        .detail(format!("the head has {bytes} bytes; {limit} are allowed"))
        .fact("limit", limit))
}

/// A path, or a whole address of the host that `Host` names (RFC 9112, 3.2). A host alone is for proxies.
fn check_target(head: &Parts) -> Result<(), Problem> {
    let Some(authority) = head.uri.authority() else { return Ok(()) };
    if head.uri.scheme().is_none() {
        return Err(Problem::bad("bad_target", "The target is neither a path nor an address"));
    }
    let host = head.headers.get(header::HOST).map(HeaderValue::as_bytes);
    if host.is_none_or(|host| host.eq_ignore_ascii_case(authority.as_str().as_bytes())) {
        return Ok(());
    }
    Err(Problem::bad("bad_host", "The target names another host than the field Host"))
}

/// Exactly one host: the `Host` field, or the authority of HTTP/2. HTTP/1.0 may have none.
fn check_host(head: &Parts) -> Result<(), Problem> {
    let fields = head.headers.get_all(header::HOST).iter().count();
    let one = match head.version {
        Version::HTTP_10 | Version::HTTP_09 => fields <= 1,
        Version::HTTP_2 | Version::HTTP_3 => fields == 1 || (fields == 0 && head.uri.authority().is_some()),
        _ => fields == 1,
    };
    if one {
        return Ok(());
    }
    Err(Problem::bad("bad_host", "Exactly one host is needed").fact("hosts", fields as u64))
}

fn check_framing(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    let chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
    if chunked && !headers.contains_key(header::CONTENT_LENGTH) {
        return Ok(());
    }
    Err(Problem::bad("bad_framing", "The body's framing is ambiguous")
        .detail("Transfer-Encoding must be exactly \"chunked\", without Content-Length"))
}

/// Bytes are stored as they come: an encoded body is not the content that its digest speaks of.
fn check_encoding(head: &Parts) -> Result<(), Problem> {
    let uploads = matches!(head.method, Method::PUT | Method::PATCH | Method::POST);
    let mut encodings = head.headers.get_all(header::CONTENT_ENCODING).iter();
    if !uploads || encodings.all(|e| e.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    Err(Problem::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        .detail("a body must come without Content-Encoding")
        .header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(version: Version, method: Method, fields: &[(&str, &str)]) -> bool {
        let mut request = http::Request::builder().method(method).version(version).uri("/");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap().into_parts().0, 1000).is_ok()
    }

    #[test]
    fn exactly_one_host_is_asked_for() {
        let get = |version, fields: &[(&str, &str)]| passes(version, Method::GET, fields);
        assert!(get(Version::HTTP_11, &[("host", "a")]));
        assert!(!get(Version::HTTP_11, &[]));
        assert!(!get(Version::HTTP_11, &[("host", "a"), ("host", "a")]));
        assert!(get(Version::HTTP_10, &[]));
        assert!(!get(Version::HTTP_2, &[]));
    }

    #[test]
    fn a_target_is_a_path_or_an_address_of_the_same_host() {
        let passes = |target: &str| {
            let request = http::Request::builder().uri(target).header("host", "a:80").body(()).unwrap();
            check(&request.into_parts().0, 1000).is_ok()
        };
        assert!(passes("/a") && passes("*") && passes("http://A:80/x"));
        assert!(!passes("healthz") && !passes("a:80") && !passes("http://b:80/") && !passes("http://a/"));
    }

    #[test]
    fn the_head_may_be_as_long_as_the_limit_and_not_one_byte_longer() {
        let head = |length: usize| {
            let target = format!("/{}", "x".repeat(length - 1 - 3 - 9));
            let request = http::Request::builder().uri(target).header("host", "a").body(()).unwrap();
            check(&request.into_parts().0, 1000).is_ok()
        };
        assert!(head(999) && head(1000) && !head(1001));
    }

    #[test]
    fn a_body_with_two_lengths_or_another_coding_is_refused() {
        let put = |fields: &[(&str, &str)]| {
            passes(Version::HTTP_11, Method::PUT, &[&[("host", "a")], fields].concat())
        };
        assert!(put(&[("content-length", "5")]));
        assert!(put(&[("transfer-encoding", "Chunked")]));
        assert!(!put(&[("transfer-encoding", "chunked"), ("content-length", "5")]));
        assert!(!put(&[("transfer-encoding", "gzip, chunked")]));
        assert!(!put(&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")]));
    }

    #[test]
    fn encoded_bodies_and_long_heads_are_refused() {
        let long = "x".repeat(1000);
        let host = ("host", "a");
        assert!(!passes(Version::HTTP_11, Method::PUT, &[host, ("content-encoding", "gzip")]));
        assert!(passes(Version::HTTP_11, Method::PUT, &[host, ("content-encoding", "identity")]));
        assert!(!passes(Version::HTTP_11, Method::GET, &[host, ("x-long", &long)]));
    }
}
