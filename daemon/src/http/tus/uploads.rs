//! tus's uploads: requests to commands, answers to responses.

use axum::body::{Body, HttpBody as _};
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use cairn_engine::contracts::IfExists;
use cairn_engine::engine::{Append, Completion, Incoming, NewUpload, Progress};
use cairn_engine::{Caller, Owner, Refusal, State as UploadState, Upload, UploadId};
use futures_util::StreamExt as _;
use http::header::{HeaderMap, HeaderValue, LOCATION};
use http::{Method, StatusCode, Uri};

use super::concat::Role;
use super::creation::Wish;
use super::fields::{METHOD_OVERRIDE, UPLOAD_LENGTH, UPLOAD_OFFSET, bytes, has_body_type, offset, single};
use super::refusals::No;
use super::{answers, checksum, creation, location, metadata};
use crate::audit::{Deed, Trail};
use crate::auth::{By, Identity};
use crate::http::appending::{bytes_of, dismiss, must_be_there};
use crate::http::body;
use crate::http::caller::Asker;
use crate::http::content;
use crate::http::door::{Door, Limits};
use crate::http::native::grammar::UploadInPath;
use crate::http::peer::Peer;
use crate::http::problem::Problem;

/// `OPTIONS`: what there is to tell is told by the layer around.
pub(crate) async fn options() -> StatusCode {
    StatusCode::OK
}

/// `POST` to tus's path: a new upload, perhaps with its first bytes.
pub(crate) async fn create(
    State(door): State<Door>,
    Asker(owner): Asker,
    Extension(identity): Extension<Identity>,
    Extension(peer): Extension<Peer>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, No> {
    let config = door.house.config();
    let base = location::base(&config, &config.protocols.tus_path, &uri, &headers, &peer);
    let Wish { mut new, role } = creation::wish(&headers, &base, &config.protocols.tus_path)?;
    if let By::Link(_) = identity.by {
        // A link is good for its own path, and for none beside it.
        new.naming.if_exists = Some(IfExists::Replace);
    }
    let append = first_bytes(&headers, body, &door.limits()).await?;
    if let (Some(limit), Some(asked)) = (new.length, append.as_ref().and_then(|a| a.incoming.length))
        && asked > limit
    {
        return Err(Refusal::TooLong { asked, limit }.into());
    }
    let told = append.is_some();
    let begun = match role {
        Role::Alone | Role::Partial => {
            let alone = role == Role::Alone;
            door.run("tus_create", begin(door.clone(), owner, new, append, alone)).await?
        }
        Role::Final(_) if append.as_ref().is_some_and(|append| append.incoming.length != Some(0)) => {
            return Err(no_bytes_of_its_own());
        }
        Role::Final(parts) => join(&door, owner, new, parts).await?,
    };
    let address = HeaderValue::from_str(&format!("{base}{}", begun.id)).ok();
    match begun.progress {
        Ok(progress) => {
            let mut fields =
                if told { answers::moved(&progress) } else { answers::lasting(&progress.upload) };
            fields.extend(address.map(|address| (LOCATION, address)));
            Ok((StatusCode::CREATED, fields).into_response())
        }
        // The upload is there: who is refused may want to go on with it, or to remove it.
        Err(refusal) => {
            let no = refused(refusal, 0);
            Err(address.into_iter().fold(no, |no, address| no.header(LOCATION, address)))
        }
    }
}

/// The first bytes that come with a `POST`; `None` if it is empty, whatever type it says to have.
async fn first_bytes(headers: &HeaderMap, body: Body, limits: &Limits) -> Result<Option<Append>, No> {
    if has_body_type(headers) {
        return Ok(Some(append(headers, body, 0, limits)?));
    }
    let other = || Problem::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let detail = "bytes of an upload have Content-Type: application/offset+octet-stream";
    match body::content_length(headers) {
        Some(0) => Ok(None),
        Some(_) => Err(other().detail(detail).into()),
        None if body.is_end_stream() => Ok(None),
        None => match body::watched(body, limits, u64::MAX).next().await {
            None => Ok(None),
            Some(_) => Err(other().detail(detail).into()),
        },
    }
}

/// A body as an append, with what is said of it in the head and, perhaps, after it.
fn append(headers: &HeaderMap, body: Body, offset: u64, limits: &Limits) -> Result<Append, Problem> {
    let announced = checksum::of(headers)?;
    let (bytes, late) = match checksum::follows(headers) {
        true => {
            let (bytes, trailer) = body::watched_with_trailer(body, limits);
            (bytes, Some(checksum::late(announced.clone(), trailer)))
        }
        false => (body::watched(body, limits, u64::MAX), None),
    };
    let digests = announced.into_iter().collect();
    let incoming = Incoming { body: bytes, length: body::content_length(headers), digests };
    Ok(Append { offset, length: None, incoming, late })
}

/// An upload that is there, and what became of its first bytes.
struct Begun {
    id: UploadId,
    progress: Result<Progress, Refusal>,
}

async fn begin(
    door: Door,
    owner: Owner,
    wish: NewUpload,
    append: Option<Append>,
    alone: bool,
) -> Result<Begun, Refusal> {
    let append = match append {
        Some(append)
            if alone && append.late.is_none() && door.engine.is_short(&owner, &wish, &append.incoming) =>
        {
            let (upload, _) = door.house.upload_short(&owner, wish, door.counted(append.incoming)).await?;
            return Ok(Begun {
                id: upload.id,
                progress: Ok(Progress { offset: upload.received_bytes, upload }),
            });
        }
        append => append,
    };
    let upload = door.engine.begin_upload(&owner, wish).await?;
    Trail::begun(&upload);
    let id = upload.id;
    let progress = match append {
        Some(append) => store(&door, &owner, id, append).await,
        None => finish(&door, &Caller::User(owner.clone()), Progress { upload, offset: 0 }).await,
    };
    match progress {
        Err(refusal @ (Refusal::BodyDigest { .. } | Refusal::Body { kept: 0, .. })) => {
            // Nobody has heard of it yet, and nothing of it is there.
            door.engine.dismiss(&Caller::User(owner), id).await?;
            Err(refusal)
        }
        progress => Ok(Begun { id, progress }),
    }
}

/// Parts in a row, as one upload: no byte moves.
async fn join(door: &Door, owner: Owner, new: NewUpload, parts: Vec<UploadId>) -> Result<Begun, No> {
    let engine = door.engine.clone();
    let work = async move {
        let caller = Caller::User(owner.clone());
        for part in &parts {
            let upload = engine.find_upload(&caller, *part).await?;
            must_be_there(&upload)?;
            if !metadata::is_partial(&upload) {
                return Err(Refusal::NotOpen { state: upload.state });
            }
        }
        engine.join(&owner, new, &parts).await
    };
    let joined = door.run("tus_join", work).await;
    let upload = joined.map_err(|refusal| match refusal {
        refusal @ (Refusal::NotOpen { .. } | Refusal::Incomplete { .. }) => {
            let problem = Problem::from(refusal).status(StatusCode::BAD_REQUEST);
            No::from(problem.detail("every upload listed must be a partial one, and finished"))
        }
        refusal => refusal.into(),
    })?;
    Trail::begun(&upload);
    Ok(Begun { id: upload.id, progress: Ok(Progress { offset: upload.received_bytes, upload }) })
}

fn no_bytes_of_its_own() -> No {
    let problem = Problem::new(StatusCode::FORBIDDEN, "final_upload", "A final upload takes no bytes");
    problem.detail("its bytes are those of its parts").into()
}

/// Stores bytes, and finishes the upload if they were the last ones.
async fn store(door: &Door, owner: &Owner, id: UploadId, append: Append) -> Result<Progress, Refusal> {
    let append = Append { incoming: door.counted(append.incoming), ..append };
    let progress = door.engine.append_with(owner, id, append).await?;
    finish(door, &Caller::User(owner.clone()), progress).await
}

/// Makes a file of an upload that is whole. One of the same name stays, and the new one is numbered, unless the upload
/// began in a protocol that said otherwise.
async fn finish(door: &Door, caller: &Caller, mut progress: Progress) -> Result<Progress, Refusal> {
    let upload = &progress.upload;
    if progress.is_whole() && upload.state == UploadState::Open && !metadata::is_partial(upload) {
        door.house.complete(caller, upload.id, completion(upload)).await?;
        progress.upload.state = UploadState::Complete;
    }
    Ok(progress)
}

fn completion(upload: &Upload) -> Completion {
    let if_exists = upload.naming.if_exists.unwrap_or(IfExists::Rename);
    Completion { if_exists: Some(if_exists), ..Completion::default() }
}

/// `HEAD` of an upload. A running `PATCH` is stopped, so that the next one is granted where this says.
pub(crate) async fn head(
    State(door): State<Door>,
    asker: Asker,
    UploadInPath(id): UploadInPath,
) -> Result<Response, No> {
    let here = door.clone();
    let work = async move {
        let progress = here.engine.progress(&asker.caller(), id).await?;
        must_be_there(&progress.upload)?;
        // Whole, and no file yet: the daemon died between the two.
        match metadata::is_ours(&progress.upload) {
            true => finish(&here, &asker.caller(), progress).await,
            false => Ok(progress),
        }
    };
    let progress = door.run("tus_head", work).await?;
    Ok((StatusCode::OK, answers::whole(&progress)).into_response())
}

/// `PATCH` of an upload.
pub(crate) async fn patch(
    State(door): State<Door>,
    Asker(owner): Asker,
    UploadInPath(id): UploadInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, No> {
    if !has_body_type(&headers) {
        let detail = "a PATCH has Content-Type: application/offset+octet-stream";
        return Err(Problem::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE).detail(detail).into());
    }
    let offset = offset(&headers)?;
    let length = bytes(&headers, &UPLOAD_LENGTH)?;
    let append = Append { length, ..append(&headers, body, offset, &door.limits())? };
    let (engine, caller) = (door.engine.clone(), Caller::User(owner.clone()));
    let upload = door.run("tus_find", async move { engine.find_upload(&caller, id).await }).await?;
    must_be_there(&upload)?;
    if metadata::is_final(&upload) {
        return Err(no_bytes_of_its_own());
    }
    let here = door.clone();
    let work = async move {
        match upload.state {
            UploadState::Complete => at_its_end(upload, append).await,
            // It was joined with others.
            UploadState::Completing if metadata::is_partial(&upload) => at_its_end(upload, append).await,
            _ => store(&here, &owner, id, append).await,
        }
    };
    let progress = door.run("tus_patch", work).await.map_err(|refusal| refused(refusal, offset))?;
    Ok((StatusCode::NO_CONTENT, answers::moved(&progress)).into_response())
}

/// A finished upload takes nothing, at its end.
async fn at_its_end(upload: Upload, mut append: Append) -> Result<Progress, Refusal> {
    let end = upload.length.unwrap_or(upload.received_bytes);
    if append.offset != end {
        return Err(Refusal::Offset { expected: end, provided: append.offset });
    }
    if let Some(declared) = append.length.filter(|declared| *declared != end) {
        return Err(Refusal::LengthConflict { known: end, declared });
    }
    let more = bytes_of(&mut append.incoming).await?;
    if more > 0 {
        return Err(Refusal::TooLong { asked: end.saturating_add(more), limit: end });
    }
    Ok(Progress { upload, offset: end })
}

/// `DELETE` of an upload. A file that came of it stays.
pub(crate) async fn remove(
    State(door): State<Door>,
    asker: Asker,
    UploadInPath(id): UploadInPath,
) -> Result<StatusCode, No> {
    dismiss(&door, "tus_delete", asker, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET` of a finished upload: its content.
pub(crate) async fn get(
    State(door): State<Door>,
    asker: Asker,
    UploadInPath(id): UploadInPath,
    headers: HeaderMap,
) -> Result<Response, No> {
    let house = door.house.clone();
    let work = async move {
        let upload = house.engine.find_upload(&asker.caller(), id).await?;
        if metadata::is_final(&upload) && upload.state == UploadState::Completing {
            // Its identity is being computed. Whoever asks for its bytes waits for that.
            return house.complete(&asker.caller(), id, completion(&upload)).await;
        }
        house.engine.file_of(&asker.caller(), id).await
    };
    let file = door.run("tus_get", work).await?;
    Ok(content::deliver(&door, &file, file.path.file_name(), &Method::GET, &headers).await?)
}

/// `POST` to an upload: the method that `X-HTTP-Method-Override` names, for clients that can only send this one.
pub(crate) async fn overridden(
    state: State<Door>,
    asker: Asker,
    id: UploadInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, No> {
    match single(&headers, &METHOD_OVERRIDE)? {
        Some(b"PATCH") => patch(state, asker, id, headers, body).await,
        Some(b"HEAD") => head(state, asker, id).await,
        Some(b"DELETE") => {
            Trail::does(Deed::Abort);
            remove(state, asker, id).await.map(IntoResponse::into_response)
        }
        _ => Err(Problem::plain(StatusCode::METHOD_NOT_ALLOWED)
            .detail("a POST to an upload needs X-HTTP-Method-Override: PATCH, HEAD or DELETE")
            .into()),
    }
}

/// A refusal of a body that began at `begun`: where the upload stands now is told with it.
fn refused(refusal: Refusal, begun: u64) -> No {
    let kept = match &refusal {
        Refusal::Body { kept, .. } => Some(begun.saturating_add(*kept)),
        _ => None,
    };
    kept.into_iter().fold(refusal.into(), |no: No, kept| no.header(UPLOAD_OFFSET, kept.into()))
}
