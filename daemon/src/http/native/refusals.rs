//! What the native API answers to each refusal of the engine: one exhaustive table.

use cairn_engine::Refusal;
use cairn_engine::State;
use cairn_engine::refusal::BodyError;
use http::StatusCode;
use http::header::{CONTENT_RANGE, HeaderName, HeaderValue, RETRY_AFTER};

use crate::http::problem::{Problem, numbers, ranges};

/// The offset at which an upload stands, or at which a body begins.
pub(crate) const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let problem = with_facts(kind(&refusal), &refusal).detail(&refusal);
        match refusal.failed_store() {
            Some(_) => problem.because(refusal),
            None => problem,
        }
    }
}

/// Status, kind and title.
fn kind(refusal: &Refusal) -> Problem {
    use StatusCode as S;
    let (status, kind, title) = match refusal {
        Refusal::NoUpload => (S::NOT_FOUND, "no_upload", "No such upload"),
        Refusal::NoFile => (S::NOT_FOUND, "no_file", "No such file"),
        Refusal::NotOpen { state } => return not_open(*state),
        Refusal::ChunkNumber { .. } => (S::BAD_REQUEST, "chunk_number", "No such chunk"),
        Refusal::ChunkLength { .. } => (S::BAD_REQUEST, "chunk_length", "Not the chunk's length"),
        Refusal::Digest { .. } => (S::UNPROCESSABLE_ENTITY, "digest_mismatch", "Not the declared content"),
        Refusal::BodyDigest { .. } => (S::UNPROCESSABLE_ENTITY, "digest_mismatch", "Not the declared body"),
        Refusal::Incomplete { .. } => (S::CONFLICT, "incomplete", "Bytes are missing"),
        Refusal::LengthConflict { .. } => (S::CONFLICT, "length_conflict", "Another length is known"),
        Refusal::DigestConflict { .. } => (S::CONFLICT, "digest_conflict", "Another digest was declared"),
        Refusal::Offset { .. } => (S::CONFLICT, "offset_mismatch", "Not the upload's offset"),
        Refusal::TooLong { .. } => (S::PAYLOAD_TOO_LARGE, "too_long", "Too long"),
        Refusal::ChunkSize { .. } => (S::BAD_REQUEST, "chunk_size", "Not an allowed chunk size"),
        Refusal::TooManyChunks { .. } => (S::BAD_REQUEST, "too_many_chunks", "Too many chunks"),
        Refusal::Metadata { .. } => (S::BAD_REQUEST, "metadata_too_long", "The metadata are too long"),
        Refusal::TooManyUploads { .. } => (S::TOO_MANY_REQUESTS, "too_many_uploads", "Too many open uploads"),
        Refusal::TooManyFiles { .. } => (S::FORBIDDEN, "too_many_files", "Too many files"),
        Refusal::Quota { .. } => (S::PAYLOAD_TOO_LARGE, "quota", "The quota does not hold it"),
        Refusal::FileExists { .. } => (S::CONFLICT, "file_exists", "The path is taken"),
        Refusal::Precondition => {
            (S::PRECONDITION_FAILED, "precondition_failed", "The precondition does not hold")
        }
        Refusal::NoChallenge => (S::NOT_FOUND, "no_challenge", "No challenge stands"),
        Refusal::ChallengeExpired => (S::GONE, "challenge_expired", "The challenge is over"),
        Refusal::ProofFailed => (S::FORBIDDEN, "proof_failed", "Not the answer"),
        Refusal::Range { .. } => (S::RANGE_NOT_SATISFIABLE, "range", "No such bytes"),
        Refusal::Superseded { .. } => (S::CONFLICT, "superseded", "A newer request took over"),
        Refusal::Body { error: BodyError::Broken, .. } => {
            (S::BAD_REQUEST, "body_broken", "The body broke off")
        }
        Refusal::Body { error: BodyError::Stalled, .. } => {
            (S::REQUEST_TIMEOUT, "body_stalled", "The body stalled")
        }
        Refusal::Body { error: BodyError::TookTooLong { .. }, .. } => {
            (S::REQUEST_TIMEOUT, "body_took_too_long", "The body took too long")
        }
        Refusal::Body { error: BodyError::TooSlow { .. }, .. } => {
            (S::REQUEST_TIMEOUT, "body_too_slow", "The body came too slowly")
        }
        Refusal::Body { error: BodyError::TooLong { .. }, .. } => {
            (S::PAYLOAD_TOO_LARGE, "too_long", "The body is too long")
        }
        Refusal::Body { error: BodyError::Trailer, .. } => {
            (S::BAD_REQUEST, "bad_trailer", "Not the trailer that was announced")
        }
        Refusal::Damaged => (S::GONE, "upload_damaged", "The upload ended: stored bytes are damaged"),
        Refusal::Floor { .. } => {
            (S::INSUFFICIENT_STORAGE, "insufficient_storage", "There is not room enough")
        }
        Refusal::NoRoom(_) => (S::INSUFFICIENT_STORAGE, "no_room", "There is no room"),
        Refusal::Unavailable { .. } => (S::SERVICE_UNAVAILABLE, "unavailable", "A store does not answer now"),
        Refusal::Failed(_) => (S::INTERNAL_SERVER_ERROR, "internal", "Internal failure"),
        Refusal::Interrupted => (S::SERVICE_UNAVAILABLE, "interrupted", "The operation was interrupted"),
    };
    Problem::new(status, kind, title)
}

fn not_open(state: State) -> Problem {
    let (status, kind, title) = match state {
        State::Complete => (StatusCode::CONFLICT, "upload_complete", "The upload is complete"),
        State::Completing => (StatusCode::CONFLICT, "upload_completing", "The upload is being completed"),
        State::Aborted => (StatusCode::GONE, "upload_aborted", "The upload was aborted"),
        State::Expired => (StatusCode::GONE, "upload_expired", "The upload's time ran out"),
        State::Open => (StatusCode::CONFLICT, "upload_open", "The upload is open"),
    };
    Problem::new(status, kind, title)
}

/// The facts as members, and the fields that go with them.
fn with_facts(problem: Problem, refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::NotOpen { state } => problem.fact("state", state.name()),
        Refusal::ChunkNumber { number, chunk_count } => {
            problem.fact("chunk", *number).fact("chunk_count", *chunk_count)
        }
        Refusal::ChunkLength { number, expected, received } => {
            problem.fact("chunk", *number).fact("expected", *expected).fact("received", *received)
        }
        Refusal::Digest { expected, computed, suspect_chunks } => problem
            .fact("expected", expected.to_string())
            .fact("computed", computed.to_string())
            .fact("suspect_chunks", suspect_chunks.clone()),
        Refusal::BodyDigest { algorithm, expected, computed } => problem
            .fact("algorithm", *algorithm)
            .fact("expected", expected.as_str())
            .fact("computed", computed.as_str()),
        Refusal::Incomplete { missing, missing_bytes } => {
            let pairs = || missing.iter().map(|range| (*range.start(), *range.end()));
            problem
                .fact("missing", numbers(pairs()))
                .fact("missing_ranges", ranges(pairs()))
                .fact("missing_bytes", *missing_bytes)
        }
        Refusal::LengthConflict { known, declared } => {
            problem.fact("known", *known).fact("declared", *declared)
        }
        Refusal::DigestConflict { known, declared } => {
            problem.fact("known", known.to_string()).fact("declared", declared.to_string())
        }
        Refusal::Offset { expected, provided } => problem
            .fact("expected", *expected)
            .fact("provided", *provided)
            .header(UPLOAD_OFFSET, (*expected).into()),
        Refusal::FileExists { existing } => problem.fact("path", existing.path.as_str()),
        Refusal::Range { length } => with_range(problem, *length),
        Refusal::Superseded { offset } => {
            problem.fact("offset", *offset).header(UPLOAD_OFFSET, (*offset).into())
        }
        Refusal::Body { error, kept } => with_body_facts(problem, error).fact("kept", *kept),
        Refusal::Unavailable { .. } => problem.header(RETRY_AFTER, HeaderValue::from_static("5")),
        Refusal::Interrupted => problem.header(RETRY_AFTER, HeaderValue::from_static("1")),
        Refusal::TooLong { .. }
        | Refusal::ChunkSize { .. }
        | Refusal::TooManyChunks { .. }
        | Refusal::Metadata { .. }
        | Refusal::TooManyUploads { .. }
        | Refusal::TooManyFiles { .. }
        | Refusal::Floor { .. }
        | Refusal::Quota { .. } => with_limits(problem, refusal),
        Refusal::NoUpload
        | Refusal::NoFile
        | Refusal::Precondition
        | Refusal::NoChallenge
        | Refusal::ChallengeExpired
        | Refusal::ProofFailed
        | Refusal::Damaged
        | Refusal::NoRoom(_)
        | Refusal::Failed(_) => problem,
    }
}

fn with_range(problem: Problem, length: u64) -> Problem {
    match HeaderValue::from_str(&format!("bytes */{length}")) {
        Ok(value) => problem.fact("length", length).header(CONTENT_RANGE, value),
        Err(_) => problem,
    }
}

/// The limits that were passed, as members.
fn with_limits(problem: Problem, refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::TooLong { asked, limit } => problem.fact("asked", *asked).fact("limit", *limit),
        Refusal::ChunkSize { asked, min, max } => {
            problem.fact("asked", *asked).fact("min", *min).fact("max", *max)
        }
        Refusal::TooManyChunks { asked, limit, smallest_chunk_size } => problem
            .fact("asked", *asked)
            .fact("limit", *limit)
            .fact("smallest_chunk_size", *smallest_chunk_size),
        Refusal::Metadata { length, limit } => {
            problem.fact("length", *length as u64).fact("limit", *limit as u64)
        }
        Refusal::TooManyUploads { open, limit } => problem
            .fact("open", *open)
            .fact("limit", *limit)
            .header(RETRY_AFTER, HeaderValue::from_static("60")),
        Refusal::TooManyFiles { files, limit } => problem.fact("files", *files).fact("limit", *limit),
        Refusal::Floor { asked, free, floor } => problem
            .fact("asked", *asked)
            .fact("available", free.saturating_sub(*floor))
            .header(RETRY_AFTER, HeaderValue::from_static("60")),
        Refusal::Quota { asked, used, quota } => {
            problem.fact("asked", *asked).fact("used", *used).fact("quota", *quota)
        }
        _ => problem,
    }
}

fn with_body_facts(problem: Problem, error: &BodyError) -> Problem {
    match error {
        BodyError::Broken | BodyError::Stalled | BodyError::Trailer => problem,
        BodyError::TookTooLong { limit } => problem.fact("limit_seconds", limit.as_secs_f64()),
        BodyError::TooSlow { rate } => problem.fact("bytes_per_second", *rate),
        BodyError::TooLong { limit } => problem.fact("limit", *limit),
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use cairn_engine::contracts::{Failure, Store, StoreError};

    use super::*;

    fn status(refusal: Refusal) -> u16 {
        Problem::from(refusal).into_response().status().as_u16()
    }

    #[test]
    fn the_table_is_what_clients_rely_on() {
        let broken = |failure| Refusal::from(StoreError::new(Store::Objects, "write", failure, "x"));
        for (refusal, expected) in [
            (Refusal::NoUpload, 404),
            (Refusal::NotOpen { state: State::Complete }, 409),
            (Refusal::NotOpen { state: State::Aborted }, 410),
            (Refusal::ChunkNumber { number: 0, chunk_count: Some(3) }, 400),
            (Refusal::ChunkLength { number: 1, expected: 5, received: 4 }, 400),
            (Refusal::Incomplete { missing: vec![3..=3], missing_bytes: 5 }, 409),
            (Refusal::TooLong { asked: 2, limit: 1 }, 413),
            (Refusal::Body { error: BodyError::Stalled, kept: 0 }, 408),
            (Refusal::Precondition, 412),
            (Refusal::Range { length: 5 }, 416),
            (broken(Failure::Full), 507),
            (broken(Failure::Unavailable), 503),
            (broken(Failure::Corrupt), 500),
        ] {
            let text = refusal.to_string();
            assert_eq!(status(refusal), expected, "{text}");
        }
    }
}
