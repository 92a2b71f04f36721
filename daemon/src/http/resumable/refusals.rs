//! What the draft answers to each refusal of the engine: what every protocol of appends does, and problem documents of
//! its own for some. Its clients try again after 409, 413 (with less), 429 and every 5xx, and give up at any other 4xx.

use axum::response::{IntoResponse, Response};
use cairn_engine::Refusal;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};

use super::fields::{MORE, UPLOAD_COMPLETE};
use crate::http::appending;
use crate::http::problem::Problem;

const MISMATCHING_OFFSET: &str = "https://iana.org/assignments/http-problem-types#mismatching-upload-offset";
const INCONSISTENT_LENGTH: &str =
    "https://iana.org/assignments/http-problem-types#inconsistent-upload-length";

/// Why the draft says no. Every refusal of an upload says that it is not complete.
#[derive(Debug)]
pub(crate) struct No(Problem);

impl From<Problem> for No {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        let status = appending::status(&refusal);
        let problem = match &refusal {
            Refusal::Offset { expected, provided } => {
                let (expected, provided) = (*expected, *provided);
                let problem = Problem::from(refusal).about(MISMATCHING_OFFSET);
                problem.fact("expected-offset", expected).fact("provided-offset", provided)
            }
            Refusal::LengthConflict { .. } => Problem::from(refusal).about(INCONSISTENT_LENGTH),
            _ => Problem::from(refusal),
        };
        Self(problem.status(status))
    }
}

impl No {
    /// The same with a field.
    pub(super) fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        Self(self.0.header(name, value))
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        self.0.header(UPLOAD_COMPLETE, MORE).into_response()
    }
}

/// Whether less of it would be taken, so that the limits are told.
pub(super) fn is_of_limits(refusal: &Refusal) -> bool {
    appending::status(refusal) == StatusCode::PAYLOAD_TOO_LARGE
}

#[cfg(test)]
mod tests {
    use cairn_engine::State;
    use cairn_engine::refusal::BodyError;

    use super::*;

    #[test]
    fn the_table_is_what_clients_rely_on() {
        let body = |error| Refusal::Body { error, kept: 5 };
        for (refusal, expected) in [
            (Refusal::NoUpload, 404),
            (Refusal::NotOpen { state: State::Expired }, 404),
            (Refusal::Offset { expected: 5, provided: 4 }, 409),
            (Refusal::Superseded { offset: 5 }, 409),
            (Refusal::LengthConflict { known: 5, declared: 4 }, 400),
            (Refusal::TooLong { asked: 2, limit: 1 }, 413),
            (body(BodyError::Broken), 409),
            (body(BodyError::Stalled), 409),
        ] {
            let text = refusal.to_string();
            let response = No::from(refusal).into_response();
            assert_eq!(response.status().as_u16(), expected, "{text}");
        }
    }
}
