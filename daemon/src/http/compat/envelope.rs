//! The envelope of every answer: `{"code", "msg", "data"}`.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use serde::Serialize;
use serde_json::{Value, json};

use crate::auth::Unknown;
use crate::http::caller::BadUser;
use crate::http::identify::{Turned, ask_who};
use crate::http::problem::Cause;

/// The content is not there, or not for the asking: upload it.
pub(crate) const UPLOAD_IT: i32 = -1;
/// A parameter is missing or is none.
pub(crate) const BAD_PARAMETER: i32 = -2;
/// A parameter contradicts what the upload was begun with.
pub(crate) const CONTRADICTION: i32 = -10;

/// Code 0.
pub(crate) fn done(data: impl Serialize) -> Response {
    told(StatusCode::OK, 0, "OK", &json!(data))
}

/// An answer that is neither done nor a fault.
pub(crate) fn answer(code: i32, message: &str) -> Response {
    told(StatusCode::OK, code, message, &Value::Null)
}

fn told(status: StatusCode, code: i32, message: &str, data: &Value) -> Response {
    (status, Json(json!({ "code": code, "msg": message, "data": data }))).into_response()
}

/// The user who is named is not the one who asks.
const NO_USER: i32 = -17;

/// It is not known who asks.
const NOT_KNOWN: i32 = -18;

/// Whoever asks may not do this.
const FORBIDDEN: i32 = -19;

/// Whoever asks does so too often.
const TOO_OFTEN: i32 = -33;

/// Why a request was not done.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Whose fault it is.
    pub(crate) status: StatusCode,
    /// Negative.
    pub(crate) code: i32,
    /// A sentence.
    pub(crate) message: String,
    /// The facts.
    pub(crate) data: Value,
    /// Seconds after which it may be tried again.
    pub(crate) retry_after: Option<u64>,
    /// What is behind it; for the log only.
    pub(crate) cause: Option<Cause>,
}

impl Fault {
    /// A fault of the client.
    pub(crate) fn new(status: StatusCode, code: i32, message: impl Into<String>) -> Self {
        let retry_after = match status {
            StatusCode::SERVICE_UNAVAILABLE => Some(5),
            StatusCode::TOO_MANY_REQUESTS => Some(60),
            _ => None,
        };
        Self { status, code, message: message.into(), data: Value::Null, retry_after, cause: None }
    }

    /// A parameter is missing or is none.
    pub(crate) fn parameter(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, BAD_PARAMETER, message)
    }

    /// A parameter contradicts what the upload was begun with.
    pub(crate) fn contradiction(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, CONTRADICTION, message)
    }

    /// What is behind it.
    pub(crate) fn because(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Cause(Arc::new(cause)));
        self
    }
}

impl From<BadUser> for Fault {
    fn from(bad: BadUser) -> Self {
        match bad {
            BadUser::NoName => Self::parameter("username is 1 to 255 bytes without control characters"),
            BadUser::Unknown => Self::new(StatusCode::NOT_FOUND, NO_USER, "no such user"),
        }
    }
}

impl From<Turned> for Fault {
    fn from(turned: Turned) -> Self {
        let message = turned.to_string();
        match turned {
            Turned::Unknown(Unknown::Nobody | Unknown::NotValid) => {
                Self::new(StatusCode::UNAUTHORIZED, NOT_KNOWN, message)
            }
            Turned::Unknown(Unknown::Away(refusal)) => refusal.into(),
            Turned::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, FORBIDDEN, message),
            Turned::TooOften(too_often) => Self {
                retry_after: Some(too_often.retry_after),
                data: json!({ "RetryAfter": too_often.retry_after }),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, TOO_OFTEN, message)
            },
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = told(self.status, self.code, &self.message, &self.data);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            ask_who(response.headers_mut());
        }
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(cause);
        }
        response
    }
}
