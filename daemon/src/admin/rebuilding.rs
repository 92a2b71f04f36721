//! Records of uploads that the session store lost, or may have lost a part of, made whole at once instead of one by one
//! as they are asked for.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::Response;
use cairn_admin_api as api;
use cairn_engine::engine::Rebuilt;
use cairn_engine::{Refusal, UploadId};
use futures_util::{TryStreamExt, stream};

use super::asking::{self, bad, run};
use super::lines;
use crate::house::House;
use crate::http::problem::Problem;

/// Rebuilds the uploads that are named, or all that have a manifest.
pub(super) async fn rebuild(
    State(house): State<Arc<House>>,
    request: Result<Json<api::Which>, JsonRejection>,
) -> Result<Response, Problem> {
    let which = asking::body(request)?;
    if which.ids.is_empty() != which.all {
        return Err(bad("bad_choice", "Which uploads?", "name the uploads, or ask for all of them"));
    }
    let named = which.ids.iter().map(|id| asking::upload_id(id)).collect::<Result<Vec<_>, _>>()?;
    let ids = if which.all { all(&house).await? } else { named };
    let begin = lines::Begin { items: ids.len() as u64, length: 0 };
    let ids = stream::iter(ids.into_iter().map(Ok));
    Ok(lines::answer(&house, "rebuild uploads", begin, ids, one))
}

/// The ids alone: sixteen bytes each, however many there are.
async fn all(house: &House) -> Result<Vec<UploadId>, Problem> {
    let engine = Arc::clone(&house.engine);
    run(house, "find uploads", async move {
        let mut ids: Vec<UploadId> = engine.manifests().await?.try_collect().await?;
        ids.sort_unstable();
        Ok(ids)
    })
    .await
}

/// One upload whose manifest or bytes cannot be read stops nobody else; a store that is away stops all.
async fn one(house: Arc<House>, id: UploadId) -> Result<api::RebuiltUpload, Refusal> {
    let told = |outcome: &str, extents, detail| api::RebuiltUpload {
        upload_id: id.to_string(),
        outcome: outcome.to_owned(),
        extents,
        detail,
    };
    Ok(match house.engine.rebuild(id).await {
        Ok(Rebuilt::There) => told("there", 0, None),
        Ok(Rebuilt::PutBack { extents }) => told("rebuilt", extents, None),
        Ok(Rebuilt::Vouched { extents }) => told("vouched", extents, None),
        Ok(Rebuilt::Finished) => told("finished", 0, None),
        Err(Refusal::NoUpload) => told("absent", 0, None),
        Err(refusal @ (Refusal::Unavailable { .. } | Refusal::NoRoom(_))) => return Err(refusal),
        Err(refusal) => {
            tracing::error!(upload.id = %id, error = &refusal as &dyn std::error::Error, "an upload cannot be rebuilt");
            told("failed", 0, Some(refusal.to_string()))
        }
    })
}
