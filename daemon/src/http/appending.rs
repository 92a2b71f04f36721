//! What protocols share that send an upload by appending: what is over, what is finished, and the table of statuses that
//! each of them has exceptions to.

use cairn_engine::engine::Incoming;
use cairn_engine::refusal::BodyError;
use cairn_engine::{Refusal, State, Upload, UploadId};
use futures_util::StreamExt as _;
use http::StatusCode;

use super::caller::Asker;
use super::door::Door;

/// What is over is gone.
pub(crate) fn must_be_there(upload: &Upload) -> Result<(), Refusal> {
    match upload.state {
        State::Aborted | State::Expired => Err(Refusal::NoUpload),
        State::Open | State::Completing | State::Complete => Ok(()),
    }
}

/// Ends an upload, whatever is running on it. A file that came of it stays.
pub(crate) async fn dismiss(
    door: &Door,
    name: &'static str,
    asker: Asker,
    id: UploadId,
) -> Result<(), Refusal> {
    let engine = door.engine.clone();
    let work = async move {
        must_be_there(&engine.find_upload(&asker.caller(), id).await?)?;
        engine.dismiss(&asker.caller(), id).await
    };
    door.run(name, work).await
}

/// At least how many bytes a body has that a finished upload cannot take: as many as are announced, or as came first.
/// More than that is not read.
pub(crate) async fn bytes_of(incoming: &mut Incoming) -> Result<u64, Refusal> {
    if let Some(announced) = incoming.length {
        return Ok(announced);
    }
    match incoming.body.next().await {
        Some(Ok(bytes)) => Ok(bytes.len() as u64),
        Some(Err(error)) => Err(Refusal::Body { error, kept: 0 }),
        None => Ok(0),
    }
}

/// The status of each refusal: one exhaustive table. Clients of these protocols try again after 409 and every 5xx, and
/// give up at most other 4xx.
pub(crate) fn status(refusal: &Refusal) -> StatusCode {
    use StatusCode as S;
    match refusal {
        Refusal::NoUpload | Refusal::NoFile | Refusal::NoChallenge => S::NOT_FOUND,
        Refusal::NotOpen { state } => match state {
            State::Aborted | State::Expired => S::NOT_FOUND,
            // Soon it is complete, or open again.
            State::Completing => S::SERVICE_UNAVAILABLE,
            State::Open | State::Complete => S::CONFLICT,
        },
        Refusal::BodyDigest { .. } | Refusal::Digest { .. } => S::UNPROCESSABLE_ENTITY,
        Refusal::LengthConflict { .. }
        | Refusal::ChunkNumber { .. }
        | Refusal::ChunkLength { .. }
        | Refusal::ChunkSize { .. }
        | Refusal::TooManyChunks { .. }
        | Refusal::Metadata { .. } => S::BAD_REQUEST,
        Refusal::Offset { .. }
        | Refusal::Superseded { .. }
        | Refusal::Incomplete { .. }
        | Refusal::DigestConflict { .. }
        | Refusal::FileExists { .. } => S::CONFLICT,
        // What arrived is kept: the client asks for the offset and goes on.
        Refusal::Body {
            error:
                BodyError::Broken | BodyError::Stalled | BodyError::TooSlow { .. } | BodyError::TookTooLong { .. },
            ..
        } => S::CONFLICT,
        Refusal::Body { error: BodyError::Trailer, .. } => S::BAD_REQUEST,
        Refusal::Body { error: BodyError::TooLong { .. }, .. } => S::PAYLOAD_TOO_LARGE,
        Refusal::TooLong { .. } | Refusal::Quota { .. } => S::PAYLOAD_TOO_LARGE,
        Refusal::TooManyUploads { .. } => S::TOO_MANY_REQUESTS,
        Refusal::TooManyFiles { .. } => S::FORBIDDEN,
        Refusal::Precondition => S::PRECONDITION_FAILED,
        Refusal::Range { .. } => S::RANGE_NOT_SATISFIABLE,
        Refusal::ProofFailed => S::FORBIDDEN,
        Refusal::Damaged | Refusal::ChallengeExpired => S::GONE,
        Refusal::Floor { .. } | Refusal::NoRoom(_) => S::INSUFFICIENT_STORAGE,
        Refusal::Unavailable { .. } | Refusal::Interrupted => S::SERVICE_UNAVAILABLE,
        Refusal::Failed(_) => S::INTERNAL_SERVER_ERROR,
    }
}
