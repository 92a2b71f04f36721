//! What tus answers to each refusal of the engine: what every protocol of appends does, but for what it has a status of
//! its own for. Clients of tus try again after 409, 423, and
//! every 5xx, and give up at any other 4xx.

use axum::response::{IntoResponse, Response};
use cairn_engine::{Refusal, State};
use http::StatusCode;
use hyper::ext::ReasonPhrase;

use crate::http::appending;
use crate::http::problem::Problem;

const CHECKSUM_MISMATCH: u16 = 460;

/// Why tus says no.
#[derive(Debug)]
pub(crate) struct No(Problem);

impl From<Problem> for No {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        let status = status(&refusal);
        Self(Problem::from(refusal).status(status))
    }
}

impl No {
    /// The same with a field.
    pub(super) fn header(self, name: http::HeaderName, value: http::HeaderValue) -> Self {
        Self(self.0.header(name, value))
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        if response.status().as_u16() == CHECKSUM_MISMATCH {
            response.extensions_mut().insert(ReasonPhrase::from_static(b"Checksum Mismatch"));
        }
        response
    }
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::NotOpen { state: State::Completing } => StatusCode::LOCKED,
        Refusal::BodyDigest { .. } => {
            StatusCode::from_u16(CHECKSUM_MISMATCH).unwrap_or(StatusCode::BAD_REQUEST)
        }
        _ => appending::status(refusal),
    }
}

#[cfg(test)]
mod tests {
    use cairn_engine::refusal::BodyError;

    use super::*;

    #[test]
    fn the_table_is_what_clients_rely_on() {
        let body = |error| Refusal::Body { error, kept: 5 };
        for (refusal, expected) in [
            (Refusal::NoUpload, 404),
            (Refusal::NotOpen { state: State::Aborted }, 404),
            (Refusal::NotOpen { state: State::Completing }, 423),
            (Refusal::Offset { expected: 5, provided: 4 }, 409),
            (Refusal::Superseded { offset: 5 }, 409),
            (Refusal::LengthConflict { known: 5, declared: 4 }, 400),
            (Refusal::TooLong { asked: 2, limit: 1 }, 413),
            (body(BodyError::Stalled), 409),
            (body(BodyError::Trailer), 400),
        ] {
            let text = refusal.to_string();
            assert_eq!(No::from(refusal).into_response().status().as_u16(), expected, "{text}");
        }
    }

    #[test]
    fn a_checksum_that_disagrees_has_a_status_and_a_reason_of_its_own() {
        let wrong = Refusal::BodyDigest { algorithm: "sha", expected: "00".into(), computed: "01".into() };
        let answer = No::from(wrong).into_response();
        assert_eq!(answer.status().as_u16(), 460);
        assert_eq!(answer.extensions().get::<ReasonPhrase>().unwrap().as_bytes(), b"Checksum Mismatch");
    }
}
