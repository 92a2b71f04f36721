//! Blobs, as the operator sees, merges and verifies them.
//!
//! Merging and verifying go on for as long as somebody reads their lines. Whoever hangs up interrupts them between two
//! blobs; what is done is done, and asking again goes on with the rest.

use std::future::Future;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use bytes::Bytes;
use cairn_admin_api as api;
use cairn_engine::contracts::{BlobFilter, PageRequest};
use cairn_engine::{Blob, Engine, Refusal};
use futures_util::stream;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use tokio::sync::mpsc;

use super::asking::{self, bad, run};
use super::words;
use crate::house::House;
use crate::http::problem::Problem;

/// Blobs listed in one call.
const BATCH: usize = 1_000;
/// Lines that wait for a slow reader.
const LINES: usize = 16;

pub(super) async fn list(
    State(house): State<Arc<House>>,
    query: Result<Query<api::BlobQuery>, QueryRejection>,
) -> Result<Json<api::List<api::Blob>>, Problem> {
    let query = asking::query(query)?;
    let filter = BlobFilter { min_extents: query.min_extents.unwrap_or(0) };
    let page = asking::page(query.cursor, query.limit)?;
    let engine = Arc::clone(&house.engine);
    let found = run(&house, "list blobs", async move { engine.list_blobs(&filter, &page).await }).await?;
    Ok(Json(api::List {
        items: found.items.iter().map(words::blob).collect(),
        next_cursor: found.next_cursor,
    }))
}

pub(super) async fn show(
    State(house): State<Arc<House>>,
    Path(digest): Path<String>,
) -> Result<Json<api::BlobDetail>, Problem> {
    let digest = asking::digest(&digest)?;
    let engine = Arc::clone(&house.engine);
    let blob = run(&house, "show a blob", async move { engine.find_blob(&digest).await }).await?;
    Ok(Json(words::blob_detail(&blob)))
}

pub(super) async fn merge(
    State(house): State<Arc<House>>,
    request: Result<Json<api::Which>, JsonRejection>,
) -> Result<Response, Problem> {
    let blobs = chosen(&house, asking::body(request)?, BlobFilter { min_extents: 2 }).await?;
    Ok(lines(&house, "merge blobs", blobs, merge_one))
}

async fn merge_one(house: Arc<House>, blob: Blob) -> Result<api::Merged, Refusal> {
    match house.merge(&blob.id).await {
        Ok(outcome) => Ok(words::merged(&blob, &outcome)),
        Err(refusal) if refusal.failed_store().is_some() => Err(refusal),
        Err(refusal) => Ok(api::Merged {
            blob: blob.id.to_string(),
            length: blob.length,
            outcome: "failed".to_owned(),
            extents: blob.content.extents().len(),
            moved_bytes: 0,
            detail: Some(refusal.to_string()),
        }),
    }
}

pub(super) async fn verify(
    State(house): State<Arc<House>>,
    request: Result<Json<api::Which>, JsonRejection>,
) -> Result<Response, Problem> {
    let blobs = chosen(&house, asking::body(request)?, BlobFilter::default()).await?;
    Ok(lines(&house, "verify blobs", blobs, verify_one))
}

async fn verify_one(house: Arc<House>, blob: Blob) -> Result<api::Verified, Refusal> {
    match house.engine.verify(&blob.id).await {
        Ok(verified) => Ok(words::verified(&verified)),
        Err(refusal) if refusal.failed_store().is_some() => Err(refusal),
        Err(refusal) => Ok(api::Verified {
            blob: blob.id.to_string(),
            length: 0,
            identical: false,
            damaged: Vec::new(),
            detail: Some(refusal.to_string()),
        }),
    }
}

/// The blobs that the request names, or all that the filter finds.
async fn chosen(house: &House, which: api::Which, all: BlobFilter) -> Result<Vec<Blob>, Problem> {
    if which.ids.is_empty() != which.all {
        return Err(bad("bad_choice", "Which blobs?", "name the blobs, or ask for all of them"));
    }
    let digests = which.ids.iter().map(|id| asking::digest(id)).collect::<Result<Vec<_>, _>>()?;
    let engine = Arc::clone(&house.engine);
    run(house, "find blobs", async move {
        let mut blobs = Vec::with_capacity(digests.len());
        for digest in &digests {
            blobs.push(engine.find_blob(digest).await?);
        }
        if digests.is_empty() {
            blobs = every(&engine, &all).await?;
        }
        Ok(blobs)
    })
    .await
}

async fn every(engine: &Engine, filter: &BlobFilter) -> Result<Vec<Blob>, Refusal> {
    let mut blobs = Vec::new();
    let mut page = PageRequest::first(BATCH);
    loop {
        let found = engine.list_blobs(filter, &page).await?;
        blobs.extend(found.items);
        match found.next_cursor {
            Some(cursor) => page.cursor = Some(cursor),
            None => return Ok(blobs),
        }
    }
}

/// Does one blob after the other and answers with a line for each.
fn lines<T, F>(
    house: &Arc<House>,
    name: &'static str,
    blobs: Vec<Blob>,
    one: impl Fn(Arc<House>, Blob) -> F + Send + 'static,
) -> Response
where
    T: Serialize + Send + 'static,
    F: Future<Output = Result<T, Refusal>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel::<Bytes>(LINES);
    let (of, stopping) = (Arc::clone(house), house.supervisor.stopping().clone());
    house.supervisor.start(name, async move {
        let length = blobs.iter().map(|blob| blob.length).sum();
        let mut next = line(&api::Event::<T>::Begin { blobs: blobs.len() as u64, length });
        for blob in blobs {
            if sender.send(next).await.is_err() {
                return;
            }
            if stopping.is_cancelled() {
                let detail = "the daemon is told to stop".to_owned();
                // The last line: whoever does not read it any more does not need it.
                let _ = sender.send(line(&api::Event::<T>::Stopped { detail })).await;
                return;
            }
            next = match one(Arc::clone(&of), blob).await {
                Ok(item) => line(&api::Event::Item(item)),
                Err(refusal) => {
                    tracing::error!(
                        work = name,
                        error = &refusal as &dyn std::error::Error,
                        "stopped half-way"
                    );
                    let _ =
                        sender.send(line(&api::Event::<T>::Stopped { detail: refusal.to_string() })).await;
                    return;
                }
            };
        }
        if sender.send(next).await.is_ok() {
            let _ = sender.send(line(&api::Event::<T>::End)).await;
        }
    });
    answer(receiver)
}

fn line<T: Serialize>(event: &api::Event<T>) -> Bytes {
    let mut text = serde_json::to_vec(event).unwrap_or_default();
    text.push(b'\n');
    text.into()
}

fn answer(receiver: mpsc::Receiver<Bytes>) -> Response {
    let body = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|line| (Ok::<_, std::convert::Infallible>(line), receiver))
    });
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}
