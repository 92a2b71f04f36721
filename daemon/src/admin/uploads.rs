//! Uploads, as the operator sees and ends them.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use cairn_admin_api as api;
use cairn_engine::contracts::{PageRequest, UploadFilter};
use cairn_engine::engine::{Completion, UploadStatus};
use cairn_engine::{Caller, Refusal, UploadId};

use super::asking::{self, bad, run};
use super::words;
use crate::house::House;
use crate::http::problem::Problem;

/// Uploads looked at in one call while a filter is gone through.
const BATCH: usize = 1_000;

pub(super) async fn list(
    State(house): State<Arc<House>>,
    query: Result<Query<api::UploadQuery>, QueryRejection>,
) -> Result<Json<api::List<api::Upload>>, Problem> {
    let query = asking::query(query)?;
    let filter = asking::filter(&house, query.user.as_deref(), query.state.as_deref(), query.older_than)?;
    let page = asking::page(query.cursor, query.limit)?;
    let engine = Arc::clone(&house.engine);
    let found = run(&house, "list uploads", async move { engine.list_uploads(&filter, &page).await }).await?;
    Ok(Json(api::List {
        items: found.items.iter().map(|status| words::upload(&status.upload, status.chunk_count)).collect(),
        next_cursor: found.next_cursor,
    }))
}

pub(super) async fn show(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
) -> Result<Json<api::UploadDetail>, Problem> {
    let id = asking::upload_id(&id)?;
    let engine = Arc::clone(&house.engine);
    let shown = run(&house, "show an upload", async move {
        Ok((engine.status(&Caller::Operator, id).await?, engine.inspect(id).await?))
    });
    let (status, session) = shown.await?;
    Ok(Json(words::upload_detail(status, &session)))
}

/// Completes an upload whose chunks are all there, and merges its blob.
pub(super) async fn complete(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
) -> Result<Json<api::Completed>, Problem> {
    let id = asking::upload_id(&id)?;
    let of = Arc::clone(&house);
    let completed = run(&house, "complete an upload", async move {
        let file = of.complete(&Caller::Operator, id, Completion::default()).await?;
        let blob = of.engine.blob_of(&file).await?;
        let outcome = of.merge(&blob.id).await?;
        Ok(api::Completed { merge: words::merged(&blob, &outcome), file: words::file(file) })
    });
    completed.await.map(Json)
}

pub(super) async fn purge(
    State(house): State<Arc<House>>,
    request: Result<Json<api::Purge>, JsonRejection>,
) -> Result<Json<api::Purged>, Problem> {
    let request = asking::body(request)?;
    let by_filter = request.expired || request.state.is_some() || request.older_than.is_some();
    if request.ids.is_empty() != by_filter {
        let why = "name the uploads, or say which by expired, state or older_than";
        return Err(bad("bad_purge", "Which uploads?", why));
    }
    let ids = request.ids.iter().map(|id| asking::upload_id(id)).collect::<Result<Vec<_>, _>>()?;
    let filter = asking::filter(&house, None, request.state.as_deref(), request.older_than)?;
    let engine = Arc::clone(&house.engine);
    let (expired, dry_run) = (request.expired, request.dry_run);
    let purged = run(&house, "purge uploads", async move {
        let purging = Purging { engine: &engine, dry_run };
        match ids.is_empty() {
            true => purging.found(&filter, expired).await,
            false => purging.named(&ids).await,
        }
    });
    Ok(Json(api::Purged { items: purged.await?, dry_run }))
}

/// A purge on its way.
struct Purging<'a> {
    engine: &'a cairn_engine::Engine,
    dry_run: bool,
}

impl Purging<'_> {
    /// Looks for all of them before the first is removed, so that a wrong id removes nothing.
    async fn named(&self, ids: &[UploadId]) -> Result<Vec<api::Upload>, Refusal> {
        let mut uploads = Vec::with_capacity(ids.len());
        for id in ids {
            uploads.push(self.engine.status(&Caller::Operator, *id).await?);
        }
        self.remove(uploads).await
    }

    async fn found(&self, filter: &UploadFilter, expired: bool) -> Result<Vec<api::Upload>, Refusal> {
        let mut uploads = Vec::new();
        let mut page = PageRequest::first(BATCH);
        let now = self.engine.now();
        loop {
            let found = self.engine.list_uploads(filter, &page).await?;
            uploads.extend(found.items.into_iter().filter(|s| !expired || s.upload.expires_at <= now));
            match found.next_cursor {
                Some(cursor) => page.cursor = Some(cursor),
                None => return self.remove(uploads).await,
            }
        }
    }

    async fn remove(&self, uploads: Vec<UploadStatus>) -> Result<Vec<api::Upload>, Refusal> {
        let mut removed = Vec::with_capacity(uploads.len());
        for status in uploads {
            if !self.dry_run {
                match self.engine.purge(status.upload.id).await {
                    // Gone by itself meanwhile.
                    Ok(_) | Err(Refusal::NoUpload) => {}
                    Err(refusal) => return Err(refusal),
                }
            }
            removed.push(words::upload(&status.upload, status.chunk_count));
        }
        Ok(removed)
    }
}
