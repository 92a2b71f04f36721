//! Requests that begin an upload, on resources that have another meaning without it.

use axum::body::{Body, HttpBody as _};
use axum::extract::rejection::ExtensionRejection;
use axum::extract::{Extension, FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use cairn_engine::engine::{Append, Incoming, Progress};
use cairn_engine::{Caller, File, FilePath, Owner, Refusal, Upload};
use http::StatusCode;
use http::header::{HeaderMap, HeaderValue, LOCATION};
use http::request::Parts;

use super::answers;
use super::creation::{self, Begins};
use super::fields::{UPLOAD_COMPLETE, UPLOAD_DRAFT_INTEROP_VERSION, UPLOAD_OFFSET};
use super::refusals::No;
use super::uploads::{Filled, fill, overrun, refused};
use crate::audit::Trail;
use crate::http::body;
use crate::http::caller::Asker;
use crate::http::door::Door;
use crate::http::native::files;
use crate::http::native::grammar::PathInPath;
use crate::http::peer::Peer;
use crate::http::tus::location;

/// Whether a request begins a resumable upload: how, and the address of uploads as the client will use it.
pub(crate) struct Beginning(Option<(Begins, String)>);

impl FromRequestParts<Door> for Beginning {
    type Rejection = ExtensionRejection;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, ExtensionRejection> {
        let config = door.house.config();
        let Some(begins) = creation::begins(&parts.headers, &config.protocols) else { return Ok(Self(None)) };
        let Extension(peer): Extension<Peer> = Extension::from_request_parts(parts, door).await?;
        let base =
            location::base(&config, &config.protocols.resumable_path, &parts.uri, &parts.headers, &peer);
        Ok(Self(Some((begins, base))))
    }
}

/// `POST` to the path of uploads. Without the draft's fields it is an upload of the whole body, at once or not at all.
pub(crate) async fn create(
    State(door): State<Door>,
    Asker(owner): Asker,
    beginning: Beginning,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, No> {
    match beginning.0 {
        Some((begins, base)) => begin(door, owner, None, base, headers, body, begins).await,
        None => at_once(door, owner, &headers, body).await,
    }
}

/// `PUT` of a file: resumable if it says so.
pub(crate) async fn put(
    state: State<Door>,
    asker: Asker,
    path: PathInPath,
    beginning: Beginning,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match beginning.0 {
        Some(how) => begin_file(state.0, asker.0, path.0, how, headers, body).await,
        None => files::put(state, asker, path, headers, body).await.into_response(),
    }
}

/// `POST` to a file: an upload of it if it says so, as by `PUT`.
pub(crate) async fn post(
    state: State<Door>,
    asker: Asker,
    path: PathInPath,
    beginning: Beginning,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match beginning.0 {
        Some(how) => begin_file(state.0, asker.0, path.0, how, headers, body).await,
        None => files::rename_or_copy(state, asker, path, headers, body).await.into_response(),
    }
}

async fn begin_file(
    door: Door,
    owner: Owner,
    path: FilePath,
    (begins, base): (Begins, String),
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut response = begin(door, owner, Some(path), base, headers, body, begins).await.into_response();
    if let Some(version) = begins.version {
        response.headers_mut().insert(UPLOAD_DRAFT_INTEROP_VERSION, version.into());
    }
    response
}

/// Begins an upload, and fills it with the body that came along.
async fn begin(
    door: Door,
    owner: Owner,
    path: Option<FilePath>,
    base: String,
    headers: HeaderMap,
    body: Body,
    begins: Begins,
) -> Result<Response, No> {
    let wish = creation::wish(&headers, path, begins.completes)?;
    let empty = body.is_end_stream();
    let mut incoming = body::incoming(&headers, body, &door.limits())?;
    incoming.digests.extend(wish.digests);
    let verified = !incoming.digests.is_empty();
    let here = door.clone();
    let work = async move {
        if begins.completes && here.engine.is_short(&owner, &wish.new, &incoming) {
            let (upload, file) = here.house.upload_short(&owner, wish.new, here.counted(incoming)).await?;
            return Ok((upload, Ok(Filled::File(file)), false));
        }
        let upload = here.engine.begin_upload(&owner, wish.new).await?;
        Trail::begun(&upload);
        // Here an interim answer could tell the address.
        let filled = match (empty && !verified, begins.completes) {
            (true, false) => Ok(Filled::More(Progress { upload: upload.clone(), offset: 0 })),
            _ => fill(&here, &owner, &upload, whole(&upload, incoming), begins.completes).await,
        };
        let gone = matches!(&filled, Err(refusal) if is_worthless(refusal, &upload));
        if gone {
            here.engine.dismiss(&Caller::User(owner), upload.id).await?;
        }
        Ok((upload, filled, gone))
    };
    let (upload, filled, gone) =
        door.run("resumable_create", work).await.map_err(|refusal| refused(&door, refusal, None, 0))?;
    let address = HeaderValue::from_str(&format!("{base}{}", upload.id)).ok();
    let located = address.clone().filter(|_| !gone);
    let mut response = match filled {
        Ok(Filled::More(progress)) => {
            let fields = answers::begun(&progress, &door.engine.policy(), door.engine.now());
            (StatusCode::CREATED, fields).into_response()
        }
        Ok(Filled::File(file)) => answers::of_target(file),
        Err(refusal) => refused(&door, refusal, Some(&upload), 0).into_response(),
    };
    if let Some(address) = located {
        response.headers_mut().insert(LOCATION, address);
    }
    Ok(response)
}

fn whole(upload: &Upload, incoming: Incoming) -> Append {
    Append { offset: 0, length: upload.length, incoming, late: None }
}

/// Whether nothing of an upload is worth going on with: its address is not told then.
fn is_worthless(refusal: &Refusal, upload: &Upload) -> bool {
    matches!(refusal, Refusal::BodyDigest { .. } | Refusal::Digest { .. }) || overrun(refusal, upload, None)
}

/// A whole file, named by its sender; nothing of it is kept if it does not arrive.
async fn at_once(door: Door, owner: Owner, headers: &HeaderMap, body: Body) -> Result<Response, No> {
    let wish = creation::wish(headers, None, true)?;
    let mut incoming = body::incoming(headers, body, &door.limits())?;
    incoming.digests.extend(wish.digests);
    let here = door.clone();
    let work = async move {
        if here.engine.is_short(&owner, &wish.new, &incoming) {
            let short = here.house.upload_short(&owner, wish.new, here.counted(incoming)).await?;
            return Ok(short.1);
        }
        let upload = here.engine.begin_upload(&owner, wish.new).await?;
        match fill(&here, &owner, &upload, whole(&upload, incoming), true).await {
            Ok(Filled::File(file)) => Ok(file),
            Ok(Filled::More(_)) => Err(Refusal::Interrupted),
            Err(refusal) => {
                here.engine.dismiss(&Caller::User(owner), upload.id).await?;
                Err(refusal)
            }
        }
    };
    let file: File = door.run("post_file", work).await.map_err(|refusal| refused(&door, refusal, None, 0))?;
    let location = HeaderValue::from_str(&address_of(&file.path)).ok();
    let mut response = answers::of_target(file);
    let fields = response.headers_mut();
    fields.remove(UPLOAD_OFFSET);
    fields.remove(UPLOAD_COMPLETE);
    fields.extend(location.map(|location| (LOCATION, location)));
    Ok(response)
}

/// Where a file is under its name.
fn address_of(path: &FilePath) -> String {
    let segments = path.as_str().split('/');
    let encode = |segment| percent_encoding::utf8_percent_encode(segment, percent_encoding::NON_ALPHANUMERIC);
    let encoded: Vec<String> = segments.map(|segment| encode(segment).to_string()).collect();
    format!("/v1/files/{}", encoded.join("/"))
}
