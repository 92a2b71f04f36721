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
use cairn_engine::contracts::BlobFilter;
use cairn_engine::{Blob, Refusal};
use futures_util::stream;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use tokio::sync::mpsc;

use super::asking::{self, bad, run};
use super::{walk, words};
use crate::house::House;
use crate::http::problem::Problem;

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
    let listed = async move { walk::page(&engine, &filter, page, words::blob).await };
    let found = run(&house, "list blobs", listed).await?;
    Ok(Json(api::List { items: found.items, next_cursor: found.next_cursor }))
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
    let (chosen, tally) = chosen(&house, asking::body(request)?, BlobFilter { min_extents: 2 }).await?;
    Ok(lines(&house, "merge blobs", chosen, tally, merge_one))
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
    let (chosen, tally) = chosen(&house, asking::body(request)?, BlobFilter::default()).await?;
    Ok(lines(&house, "verify blobs", chosen, tally, verify_one))
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

/// The blobs that the request names, or all that the filter finds; and how much that is.
async fn chosen(
    house: &House,
    which: api::Which,
    all: BlobFilter,
) -> Result<(walk::Chosen, walk::Tally), Problem> {
    if which.ids.is_empty() != which.all {
        return Err(bad("bad_choice", "Which blobs?", "name the blobs, or ask for all of them"));
    }
    let digests = which.ids.iter().map(|id| asking::digest(id)).collect::<Result<Vec<_>, _>>()?;
    let chosen = if digests.is_empty() { walk::Chosen::All(all) } else { walk::Chosen::Named(digests) };
    let engine = Arc::clone(&house.engine);
    run(house, "find blobs", async move {
        let tally = walk::tally(&engine, &chosen).await?;
        Ok((chosen, tally))
    })
    .await
}

/// Does one blob after the other and answers with a line for each.
pub(super) fn lines<T, F>(
    house: &Arc<House>,
    name: &'static str,
    chosen: walk::Chosen,
    tally: walk::Tally,
    one: impl Fn(Arc<House>, Blob) -> F + Send + 'static,
) -> Response
where
    T: Serialize + Send + 'static,
    F: Future<Output = Result<T, Refusal>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel::<Bytes>(LINES);
    let of = Arc::clone(house);
    house.supervisor.start(name, async move {
        let begin = api::Event::<T>::Begin { blobs: tally.blobs, length: tally.length };
        let Ok(()) = sender.send(line(&begin)).await else { return };
        let last = match each(&of, chosen, &sender, one).await {
            Ok(Ended::Hung) => return,
            Ok(Ended::All) => api::Event::<T>::End,
            Ok(Ended::Stopping) => api::Event::Stopped { detail: "the daemon is told to stop".to_owned() },
            Err(refusal) => {
                let error = &refusal as &dyn std::error::Error;
                tracing::error!(work = name, error, "stopped half-way");
                api::Event::Stopped { detail: refusal.to_string() }
            }
        };
        // The last line: whoever does not read it any more does not need it.
        let _ = sender.send(line(&last)).await;
    });
    answer(receiver)
}

/// Why there are no more lines.
enum Ended {
    /// Every blob is done.
    All,
    /// The daemon goes down.
    Stopping,
    /// Nobody reads them any more.
    Hung,
}

/// Does one blob after the other, and looks between two whether it should go on.
async fn each<T, F>(
    house: &Arc<House>,
    chosen: walk::Chosen,
    sender: &mpsc::Sender<Bytes>,
    one: impl Fn(Arc<House>, Blob) -> F,
) -> Result<Ended, Refusal>
where
    T: Serialize,
    F: Future<Output = Result<T, Refusal>>,
{
    let mut walk = walk::Walk::new(Arc::clone(&house.engine), chosen);
    while let Some(blob) = walk.next().await? {
        if sender.is_closed() {
            return Ok(Ended::Hung);
        }
        if house.supervisor.stopping().is_cancelled() {
            return Ok(Ended::Stopping);
        }
        let item = one(Arc::clone(house), blob).await?;
        if sender.send(line(&api::Event::Item(item))).await.is_err() {
            return Ok(Ended::Hung);
        }
    }
    Ok(Ended::All)
}

fn line<T: Serialize>(event: &api::Event<T>) -> Bytes {
    let mut text = serde_json::to_vec(event).unwrap_or_else(|error| {
        // The words are plain structures, which always become JSON; the client takes an empty line for a broken answer.
        tracing::error!(error = &error as &dyn std::error::Error, "a line cannot be written");
        Vec::new()
    });
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
