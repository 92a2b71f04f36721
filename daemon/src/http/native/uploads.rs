//! `/v1/uploads`: requests to commands, answers to responses.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cairn_engine::State as UploadState;
use cairn_engine::contracts::UploadFilter;
use cairn_engine::engine::{ChunkReceived, Completion, Created, NewUpload, UploadStatus};
use cairn_engine::upload::Naming;
use http::header::{HeaderMap, HeaderValue, LOCATION};
use http::{StatusCode, Uri};
use serde::Serialize;
use serde_json::{Value, json};

use super::grammar::{self, ChunkInPath, UploadInPath};
use super::json::{FileJson, UploadJson};
use super::members::Members;
use super::refusals::UPLOAD_OFFSET;
use crate::audit::Trail;
use crate::http::body;
use crate::http::caller::{Asker, parameter};
use crate::http::door::Door;
use crate::http::problem::Problem;

/// `POST /v1/uploads`
pub(crate) async fn create(
    State(door): State<Door>,
    Asker(owner): Asker,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = body::small(&headers, body, &door.limits()).await?;
    let new = new_upload(&Members(body::object(&bytes)?), &headers)?;
    let engine = door.engine.clone();
    let created = door.run("create", async move { engine.create(&owner, new).await }).await?;
    match &created {
        Created::Upload(status) | Created::Known(status) => Trail::begun(&status.upload),
        Created::Instant(file) => Trail::about_file(file),
    }
    Ok(match created {
        Created::Upload(status) => created_at(StatusCode::CREATED, *status),
        // A repeated creation is told as the first one was.
        Created::Known(status) => created_at(StatusCode::CREATED, *status),
        Created::Instant(file) => {
            Json(json!({ "instant": true, "file": FileJson::from(*file) })).into_response()
        }
    })
}

fn new_upload(members: &Members, headers: &HeaderMap) -> Result<NewUpload, Problem> {
    let path = members.path("path")?.ok_or_else(|| {
        Problem::bad("bad_path", "Not a path").detail("\"path\" is missing: what the file will be called")
    })?;
    Ok(NewUpload {
        path: Some(path),
        length: members.length("length", "bad_length")?,
        digest: members.digest("digest")?,
        chunk_size: members.length("chunk_size", "bad_chunk_size")?,
        content_type: members.content_type("content_type")?,
        metadata: members.metadata("metadata")?,
        naming: Naming::default(),
        idempotency_key: grammar::idempotency_key(headers)?,
    })
}

fn created_at(code: StatusCode, status: UploadStatus) -> Response {
    let location = format!("/v1/uploads/{}", status.upload.id);
    (code, [(LOCATION, location)], Json(UploadJson::from(status))).into_response()
}

/// `GET /v1/uploads/{id}`
pub(crate) async fn show(
    State(door): State<Door>,
    asker: Asker,
    UploadInPath(id): UploadInPath,
) -> Result<Response, Problem> {
    let engine = door.engine.clone();
    let status = door.run("status", async move { engine.status(&asker.caller(), id).await }).await?;
    let offset = HeaderValue::from(status.offset);
    Ok(([(UPLOAD_OFFSET, offset)], Json(UploadJson::from(status))).into_response())
}

/// `GET /v1/uploads`
pub(crate) async fn list(
    State(door): State<Door>,
    Asker(owner): Asker,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let page = grammar::page(&uri)?;
    let state = parameter(&uri, "state").filter(|name| !name.is_empty()).map(|name| {
        UploadState::named(&name).ok_or_else(|| {
            let names = UploadState::ALL.map(UploadState::name).join(", ");
            Problem::bad("bad_state", "Not a state").detail(format!("a state is one of {names}"))
        })
    });
    let filter = UploadFilter { owner: Some(owner), state: state.transpose()?, created_before: None };
    let engine = door.engine.clone();
    let page = door.run("list_uploads", async move { engine.list_uploads(&filter, &page).await }).await?;
    let items: Vec<UploadJson> = page.items.into_iter().map(UploadJson::from).collect();
    Ok(Json(json!({ "items": items, "next_cursor": page.next_cursor })))
}

/// A chunk that is stored.
#[derive(Serialize)]
pub(crate) struct ChunkJson {
    chunk: u64,
    length: u64,
    checksum: String,
    received_bytes: u64,
}

impl From<ChunkReceived> for ChunkJson {
    fn from(chunk: ChunkReceived) -> Self {
        Self {
            chunk: chunk.number,
            length: chunk.length,
            checksum: chunk.checksum.to_string(),
            received_bytes: chunk.received_bytes,
        }
    }
}

/// `PUT /v1/uploads/{id}/chunks/{number}`
pub(crate) async fn put_chunk(
    State(door): State<Door>,
    Asker(owner): Asker,
    UploadInPath(id): UploadInPath,
    ChunkInPath(number): ChunkInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ChunkJson>, Problem> {
    let incoming = door.counted(body::incoming(&headers, body, &door.limits())?);
    let engine = door.engine.clone();
    let work = async move { engine.put_chunk(&owner, id, number, incoming).await };
    Ok(Json(door.run("put_chunk", work).await?.into()))
}

/// `PATCH /v1/uploads/{id}`
pub(crate) async fn append(
    State(door): State<Door>,
    Asker(owner): Asker,
    UploadInPath(id): UploadInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let offset = grammar::append_offset(&headers)?;
    let incoming = door.counted(body::incoming(&headers, body, &door.limits())?);
    let engine = door.engine.clone();
    let work = async move { engine.append(&owner, id, offset, incoming).await };
    let offset = door.run("append", work).await?;
    Ok((StatusCode::NO_CONTENT, [(UPLOAD_OFFSET, HeaderValue::from(offset))]).into_response())
}

/// `POST /v1/uploads/{id}/complete`
pub(crate) async fn complete(
    State(door): State<Door>,
    asker: Asker,
    UploadInPath(id): UploadInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let bytes = body::small(&headers, body, &door.limits()).await?;
    let members = Members(body::object(&bytes)?);
    let completion = Completion {
        digest: members.digest("digest")?,
        length: members.length("length", "bad_length")?,
        if_exists: members.if_exists("if_exists")?,
    };
    let house = door.house.clone();
    let work = async move { house.complete(&asker.caller(), id, completion).await };
    let file = door.run("complete", work).await?;
    Ok(Json(json!({ "file": FileJson::from(file) })))
}

/// `DELETE /v1/uploads/{id}`
pub(crate) async fn abort(
    State(door): State<Door>,
    asker: Asker,
    UploadInPath(id): UploadInPath,
) -> Result<StatusCode, Problem> {
    let engine = door.engine.clone();
    door.run("abort", async move { engine.abort(&asker.caller(), id).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/uploads/{id}/proof`. The answer is checked as long as the connection lasts, and no longer.
pub(crate) async fn prove(
    State(door): State<Door>,
    Asker(owner): Asker,
    UploadInPath(id): UploadInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let bytes = body::small(&headers, body, &door.limits()).await?;
    let members = Members(body::object(&bytes)?);
    let answer = members.0.get("answer").and_then(Value::as_str).and_then(cairn_engine::digest::unhex);
    let answer: [u8; 32] = answer.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        Problem::bad("bad_answer", "Not an answer").detail("\"answer\" is 64 hexadecimal digits")
    })?;
    let possession = door.engine.check_proof(&owner, id, &answer).await?;
    let engine = door.engine.clone();
    let file = door.run("prove", async move { engine.take_possession(possession).await }).await?;
    Trail::about_file(&file);
    Ok(Json(json!({ "file": FileJson::from(file) })))
}
