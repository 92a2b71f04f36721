//! What the tutorial's API answers to each refusal of the engine: one exhaustive table.

use cairn_engine::Refusal;
use cairn_engine::refusal::BodyError;
use http::StatusCode;
use serde_json::{Value, json};

use super::envelope::{CONTRADICTION, Fault};
use crate::http::problem::{OUR_FAULT, numbers};

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = status_and_code(&refusal);
        let message = if status.is_server_error() { OUR_FAULT.to_owned() } else { refusal.to_string() };
        let fault = Self { data: facts(&refusal), ..Self::new(status, code, message) };
        match refusal.failed_store() {
            Some(_) => fault.because(refusal),
            None => fault,
        }
    }
}

fn status_and_code(refusal: &Refusal) -> (StatusCode, i32) {
    use StatusCode as S;
    match refusal {
        Refusal::NoUpload => (S::NOT_FOUND, -3),
        Refusal::NoFile => (S::NOT_FOUND, -4),
        Refusal::NotOpen { .. } => (S::CONFLICT, -5),
        Refusal::ChunkNumber { .. } => (S::BAD_REQUEST, -6),
        Refusal::ChunkLength { .. } => (S::BAD_REQUEST, -7),
        Refusal::Digest { .. } | Refusal::BodyDigest { .. } => (S::UNPROCESSABLE_ENTITY, -8),
        Refusal::Incomplete { .. } => (S::CONFLICT, -9),
        Refusal::LengthConflict { .. } | Refusal::DigestConflict { .. } => (S::CONFLICT, CONTRADICTION),
        Refusal::TooLong { .. } => (S::PAYLOAD_TOO_LARGE, -11),
        Refusal::ChunkSize { .. } | Refusal::TooManyChunks { .. } | Refusal::Metadata { .. } => {
            (S::BAD_REQUEST, -11)
        }
        Refusal::TooManyUploads { .. } => (S::TOO_MANY_REQUESTS, -12),
        Refusal::TooManyFiles { .. } => (S::FORBIDDEN, -12),
        Refusal::Quota { .. } => (S::PAYLOAD_TOO_LARGE, -12),
        Refusal::FileExists { .. } => (S::CONFLICT, -13),
        Refusal::Body { error: BodyError::Broken | BodyError::Trailer, .. } => (S::BAD_REQUEST, -14),
        Refusal::Body {
            error: BodyError::Stalled | BodyError::TooSlow { .. } | BodyError::TookTooLong { .. },
            ..
        } => (S::REQUEST_TIMEOUT, -14),
        Refusal::Body { error: BodyError::TooLong { .. }, .. } => (S::PAYLOAD_TOO_LARGE, -14),
        Refusal::Offset { .. } | Refusal::Superseded { .. } => (S::CONFLICT, -15),
        Refusal::Precondition => (S::PRECONDITION_FAILED, -16),
        Refusal::Range { .. } => (S::RANGE_NOT_SATISFIABLE, -16),
        Refusal::NoChallenge => (S::NOT_FOUND, -20),
        Refusal::ChallengeExpired => (S::GONE, -20),
        Refusal::ProofFailed => (S::FORBIDDEN, -20),
        Refusal::Damaged => (S::GONE, -20),
        Refusal::Floor { .. } | Refusal::NoRoom(_) => (S::INSUFFICIENT_STORAGE, -30),
        Refusal::Unavailable { .. } => (S::SERVICE_UNAVAILABLE, -31),
        Refusal::Interrupted => (S::SERVICE_UNAVAILABLE, -31),
        Refusal::Failed(_) => (S::INTERNAL_SERVER_ERROR, -32),
    }
}

/// What a client needs to go on: the chunks to send, or to send again.
fn facts(refusal: &Refusal) -> Value {
    match refusal {
        Refusal::Incomplete { missing, missing_bytes } => {
            let missing = numbers(missing.iter().map(|range| (*range.start(), *range.end())));
            json!({ "ChunkMissing": missing, "MissingBytes": missing_bytes })
        }
        Refusal::Digest { expected, computed, suspect_chunks } => {
            json!({ "Expected": expected, "Computed": computed, "ChunkSuspect": suspect_chunks })
        }
        Refusal::Floor { asked, free, floor } => {
            json!({ "Asked": asked, "Available": free.saturating_sub(*floor) })
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incomplete_upload_names_the_chunks_to_send() {
        let fault = Fault::from(Refusal::Incomplete { missing: vec![2..=3], missing_bytes: 10 });
        assert_eq!((fault.status.as_u16(), fault.code), (409, -9));
        assert_eq!(fault.data, json!({ "ChunkMissing": [2, 3], "MissingBytes": 10 }));
    }

    #[test]
    fn a_failure_of_ours_tells_nothing_of_itself() {
        use cairn_engine::contracts::{Failure, Store, StoreError};
        let error = StoreError::new(Store::Objects, "write", Failure::Failed, "the disk at /secret");
        let fault = Fault::from(Refusal::from(error));
        assert_eq!((fault.status.as_u16(), fault.code, fault.message.as_str()), (500, -32, OUR_FAULT));
        assert!(fault.cause.is_some());
    }
}
