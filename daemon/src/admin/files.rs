//! Files, as the operator sees and removes them.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use cairn_admin_api as api;
use cairn_engine::contracts::FileFilter;
use cairn_engine::{FilePath, Owner};

use super::asking::{self, bad, run};
use super::words;
use crate::house::House;
use crate::http::problem::Problem;

pub(super) async fn list(
    State(house): State<Arc<House>>,
    query: Result<Query<api::FileQuery>, QueryRejection>,
) -> Result<Json<api::List<api::File>>, Problem> {
    let query = asking::query(query)?;
    let filter = FileFilter {
        owner: query.user.as_deref().map(asking::owner).transpose()?,
        prefix: query.prefix.unwrap_or_default(),
        ..FileFilter::default()
    };
    let page = asking::page(query.cursor, query.limit)?;
    let engine = Arc::clone(&house.engine);
    let found = run(&house, "list files", async move { engine.list_files(&filter, &page).await }).await?;
    Ok(Json(api::List {
        items: found.items.into_iter().map(words::file).collect(),
        next_cursor: found.next_cursor,
    }))
}

pub(super) async fn show(
    State(house): State<Arc<House>>,
    Path((owner, path)): Path<(String, String)>,
) -> Result<Json<api::File>, Problem> {
    let (owner, path) = named(&owner, &path)?;
    let engine = Arc::clone(&house.engine);
    let file = run(&house, "show a file", async move { engine.find_file(&owner, &path).await }).await?;
    Ok(Json(words::file(file)))
}

pub(super) async fn remove(
    State(house): State<Arc<House>>,
    Path((owner, path)): Path<(String, String)>,
) -> Result<Json<api::File>, Problem> {
    let (owner, path) = named(&owner, &path)?;
    let engine = Arc::clone(&house.engine);
    let file = run(&house, "remove a file", async move { engine.remove_file(&owner, &path).await }).await?;
    Ok(Json(words::file(file)))
}

fn named(owner: &str, path: &str) -> Result<(Owner, FilePath), Problem> {
    let path = path.parse().map_err(|why| bad("bad_path", "Not a path", why))?;
    Ok((asking::owner(owner)?, path))
}
