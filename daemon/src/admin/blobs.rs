//! Blobs, as the operator sees, merges and verifies them.
//!
//! Merging, moving and verifying are long work, told line by line.

use std::future::Future;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use cairn_admin_api as api;
use cairn_engine::contracts::BlobFilter;
use cairn_engine::file::Content;
use cairn_engine::{Blob, Refusal, StorageName};
use futures_util::stream;
use serde::Serialize;

use super::asking::{self, bad, run};
use super::{lines, walk, words};
use crate::house::House;
use crate::http::problem::Problem;

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

/// Moves blobs from one storage to another.
pub(super) async fn relocate(
    State(house): State<Arc<House>>,
    request: Result<Json<api::Move>, JsonRejection>,
) -> Result<Response, Problem> {
    let request = asking::body(request)?;
    let to = storage(&house, &request.to)?;
    let from = request.from.as_deref().map(|name| storage(&house, name)).transpose()?;
    let (chosen, tally) = chosen(&house, request.which, BlobFilter::default()).await?;
    let dry_run = request.dry_run;
    let one = move |house, blob| move_one(house, blob, from.clone(), to.clone(), dry_run);
    Ok(lines(&house, "move blobs", chosen, tally, one))
}

/// A storage that is configured.
fn storage(house: &House, name: &str) -> Result<StorageName, Problem> {
    let known = house.engine.storages();
    known.iter().find(|known| known.as_str() == name).cloned().ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(StorageName::as_str).collect();
        let why = format!("there is no storage `{name}`; there are {}", names.join(", "));
        bad("bad_storage", "Not a storage", why)
    })
}

async fn move_one(
    house: Arc<House>,
    blob: Blob,
    from: Option<StorageName>,
    to: StorageName,
    dry_run: bool,
) -> Result<api::Moved, Refusal> {
    let lies_in = |name: &StorageName| {
        let mut extents = blob.content.extents().iter();
        extents.any(|extent| extent.object.storage() == *name)
    };
    let outcome = match &blob.content {
        Content::Inline(_) => "in_catalog",
        Content::Extents(_) if !from.as_ref().is_none_or(lies_in) => "elsewhere",
        Content::Extents(extents) if extents.iter().all(|extent| extent.object.storage() == to) => {
            "already_there"
        }
        Content::Extents(_) if dry_run => "would_move",
        Content::Extents(_) => return really_move(&house, &blob, &to).await,
    };
    Ok(words::moved(&blob, outcome, None))
}

async fn really_move(house: &House, blob: &Blob, to: &StorageName) -> Result<api::Moved, Refusal> {
    match house.engine.move_blob(&blob.id, to).await {
        Ok(outcome) => Ok(words::moved(blob, words::move_outcome(&outcome), None)),
        Err(refusal) if refusal.failed_store().is_some() => Err(refusal),
        Err(refusal) => Ok(words::moved(blob, "failed", Some(refusal.to_string()))),
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
    let walk = walk::Walk::new(Arc::clone(&house.engine), chosen);
    let blobs =
        stream::try_unfold(walk, |mut walk| async move { Ok(walk.next().await?.map(|blob| (blob, walk))) });
    lines::answer(house, name, lines::Begin { items: tally.blobs, length: tally.length }, blobs, one)
}
