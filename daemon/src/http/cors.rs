//! Calls from pages of other origins: the origins that the configuration names, and no others.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use http::header::{self, HeaderName, HeaderValue};
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser may keep the answer to a preflight.
const MAX_AGE: Duration = Duration::from_secs(86_400);

/// Fields that a page may send.
const ALLOWED: &[&str] = &[
    "authorization",
    "content-digest",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "origin",
    "range",
    "repr-digest",
    "tus-resumable",
    "upload-checksum",
    "upload-complete",
    "upload-concat",
    "upload-defer-length",
    "upload-draft-interop-version",
    "upload-length",
    "upload-metadata",
    "upload-offset",
    "x-cairn-user",
    "x-http-method-override",
    "x-request-id",
    "x-requested-with",
];

/// Fields of an answer that a page may read.
const EXPOSED: &[&str] = &[
    "accept-ranges",
    "content-disposition",
    "content-length",
    "content-range",
    "etag",
    "last-modified",
    "location",
    "repr-digest",
    "retry-after",
    "tus-checksum-algorithm",
    "tus-extension",
    "tus-max-size",
    "tus-resumable",
    "tus-version",
    "upload-complete",
    "upload-concat",
    "upload-defer-length",
    "upload-draft-interop-version",
    "upload-expires",
    "upload-length",
    "upload-limit",
    "upload-metadata",
    "upload-offset",
    "x-request-id",
];

/// The layer for these origins; `None` if there are none.
pub(crate) fn layer(origins: &[String]) -> Option<CorsLayer> {
    let any = origins.iter().any(|origin| origin == "*");
    let listed: Vec<HeaderValue> = origins.iter().filter_map(|o| HeaderValue::from_str(o).ok()).collect();
    let origins = match listed.is_empty() {
        true => return None,
        false if any => AllowOrigin::mirror_request(),
        false => AllowOrigin::list(listed),
    };
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let names =
        |list: &[&'static str]| list.iter().map(|name| HeaderName::from_static(name)).collect::<Vec<_>>();
    Some(
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods(methods)
            .allow_headers(names(ALLOWED))
            .expose_headers(names(EXPOSED))
            .max_age(MAX_AGE),
    )
}

/// The layer around it: without an allowed origin no answer says anything of CORS.
pub(crate) async fn only_for_allowed(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if !response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        for name in [
            header::ACCESS_CONTROL_ALLOW_METHODS,
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            header::ACCESS_CONTROL_MAX_AGE,
        ] {
            response.headers_mut().remove(name);
        }
    }
    response
}
