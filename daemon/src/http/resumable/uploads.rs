//! An upload at its own address: requests to commands, answers to responses.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cairn_engine::engine::{Append, Completion, Progress};
use cairn_engine::{Caller, File, Owner, Refusal, State as UploadState, Upload, UploadId};
use http::StatusCode;
use http::header::HeaderMap;

use super::answers;
use super::fields::{self, Asked, UPLOAD_LIMIT, UPLOAD_OFFSET};
use super::refusals::{No, is_of_limits};
use crate::http::appending::{bytes_of, dismiss, must_be_there};
use crate::http::body;
use crate::http::caller::Asker;
use crate::http::door::Door;
use crate::http::native::grammar::UploadInPath;

/// What became of bytes.
pub(super) enum Filled {
    /// More of them follow.
    More(Progress),
    /// They were the last ones.
    File(File),
}

/// `HEAD` and `GET` of an upload. A running append is stopped, so that the next one is granted where this says.
pub(crate) async fn head(
    State(door): State<Door>,
    asker: Asker,
    UploadInPath(id): UploadInPath,
) -> Result<Response, No> {
    let engine = door.engine.clone();
    let work = async move {
        let progress = engine.progress(&asker.caller(), id).await?;
        must_be_there(&progress.upload)?;
        Ok(progress)
    };
    let progress = door.run("resumable_head", work).await?;
    let fields = answers::whole(&progress, &door.engine.policy(), door.engine.now());
    Ok((StatusCode::NO_CONTENT, fields).into_response())
}

/// `PATCH` of an upload: an append.
pub(crate) async fn patch(
    State(door): State<Door>,
    Asker(owner): Asker,
    UploadInPath(id): UploadInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, No> {
    let asked = fields::append(&headers)?;
    let incoming = body::incoming(&headers, body, &door.limits())?;
    // The end of the last append is the end of the whole.
    let end = incoming.length.filter(|_| asked.completes).map(|length| asked.offset.saturating_add(length));
    let append = Append { offset: asked.offset, length: asked.length.or(end), incoming, late: None };
    let caller = Caller::User(owner.clone());
    let (engine, seeker) = (door.engine.clone(), caller.clone());
    let found = door.run("resumable_find", async move { engine.find_upload(&seeker, id).await }).await;
    let upload = found.and_then(|upload| must_be_there(&upload).map(|()| upload))?;
    let (here, known) = (door.clone(), upload.clone());
    let work = async move {
        if known.state == UploadState::Complete {
            return at_its_end(&here, &caller, known, append).await.map(Filled::File);
        }
        must_agree(&here, &caller, id, asked, end).await?;
        let filled = fill(&here, &owner, &known, append, asked.completes).await;
        if matches!(&filled, Err(refusal) if overrun(refusal, &known, asked.length)) {
            here.engine.dismiss(&caller, id).await?;
        }
        filled
    };
    match door.run("resumable_append", work).await {
        Ok(Filled::More(progress)) => {
            let fields = answers::begun(&progress, &door.engine.policy(), door.engine.now());
            Ok((StatusCode::NO_CONTENT, fields).into_response())
        }
        Ok(Filled::File(file)) => Ok(answers::of_target(file)),
        Err(refusal) => Err(refused(&door, refusal, Some(&upload), asked.offset)),
    }
}

/// A length that is told and the end of a last append are the same. Where the append begins counts first.
async fn must_agree(
    door: &Door,
    caller: &Caller,
    id: UploadId,
    asked: Asked,
    end: Option<u64>,
) -> Result<(), Refusal> {
    let (Some(known), Some(declared)) = (asked.length, end) else { return Ok(()) };
    if known == declared {
        return Ok(());
    }
    let expected = door.engine.status(caller, id).await?.offset;
    if expected != asked.offset {
        return Err(Refusal::Offset { expected, provided: asked.offset });
    }
    Err(Refusal::LengthConflict { known, declared })
}

/// Stores bytes, and makes a file of the upload if they are said to be the last ones, and are.
pub(super) async fn fill(
    door: &Door,
    owner: &Owner,
    upload: &Upload,
    append: Append,
    completes: bool,
) -> Result<Filled, Refusal> {
    let append = Append { incoming: door.counted(append.incoming), ..append };
    let progress = door.engine.append_with(owner, upload.id, append).await?;
    if !completes {
        return Ok(Filled::More(progress));
    }
    let end = progress.offset;
    if let Some(known) = progress.upload.length.filter(|known| *known != end) {
        return Err(Refusal::LengthConflict { known, declared: end });
    }
    // The path is treated as was said when the upload began, in whichever protocol.
    let completion = Completion { length: Some(end), ..Completion::default() };
    door.house.complete(&Caller::User(owner.clone()), upload.id, completion).await.map(Filled::File)
}

/// A finished upload takes nothing, at its end, and tells its answer again.
async fn at_its_end(
    door: &Door,
    caller: &Caller,
    upload: Upload,
    mut append: Append,
) -> Result<File, Refusal> {
    let end = upload.length.unwrap_or(upload.received_bytes);
    if append.offset != end {
        return Err(Refusal::Offset { expected: end, provided: append.offset });
    }
    let more = bytes_of(&mut append.incoming).await?;
    let declared = append.length.unwrap_or(end).max(end.saturating_add(more));
    if declared != end || append.length.is_some_and(|length| length != end) {
        return Err(Refusal::LengthConflict { known: end, declared });
    }
    door.engine.file_of(caller, upload.id).await
}

/// `DELETE` of an upload. A file that came of it stays.
pub(crate) async fn remove(
    State(door): State<Door>,
    asker: Asker,
    UploadInPath(id): UploadInPath,
) -> Result<StatusCode, No> {
    dismiss(&door, "resumable_delete", asker, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether more bytes came than a length that is known, or `told` now, lets the upload have: nobody knows then which
/// of both is right, and the upload is over.
pub(super) fn overrun(refusal: &Refusal, upload: &Upload, told: Option<u64>) -> bool {
    let known = upload.length.or(told);
    match refusal {
        Refusal::TooLong { limit, .. } => known == Some(*limit),
        Refusal::LengthConflict { known: length, declared } => {
            told.is_none() && known == Some(*length) && declared > length
        }
        _ => false,
    }
}

/// A refusal of a body that began at `begun`: where the upload stands now is told with it, or what it may be.
pub(super) fn refused(door: &Door, refusal: Refusal, upload: Option<&Upload>, begun: u64) -> No {
    let refusal = match refusal {
        Refusal::TooLong { asked, limit } if upload.is_some_and(|upload| upload.length == Some(limit)) => {
            Refusal::LengthConflict { known: limit, declared: asked }
        }
        other => other,
    };
    let kept = match &refusal {
        Refusal::Body { kept, .. } if upload.is_some() => Some(begun.saturating_add(*kept)),
        _ => None,
    };
    let limits = is_of_limits(&refusal).then(|| answers::limits(&door.engine.policy()));
    let no = kept.into_iter().fold(No::from(refusal), |no, kept| no.header(UPLOAD_OFFSET, kept.into()));
    limits.into_iter().fold(no, |no, limits| no.header(UPLOAD_LIMIT, limits))
}
