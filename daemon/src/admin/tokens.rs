//! Tokens, as the operator makes, lists and revokes them.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use cairn_admin_api as api;
use cairn_engine::account::Scopes;

use super::asking::{self, bad, run_accounts};
use super::words;
use crate::house::House;
use crate::http::problem::Problem;

pub(super) async fn list(
    State(house): State<Arc<House>>,
    query: Result<Query<api::TokenQuery>, QueryRejection>,
) -> Result<Json<api::List<api::Token>>, Problem> {
    let query = asking::query(query)?;
    let user = query.user.as_deref().map(asking::owner).transpose()?;
    let page = asking::page(query.cursor, query.limit)?;
    let engine = Arc::clone(&house.engine);
    let now = engine.now();
    let found =
        run_accounts(&house, "list tokens", async move { engine.list_tokens(user.as_ref(), &page).await });
    let found = found.await?;
    Ok(Json(api::List {
        items: found.items.iter().map(|token| words::token(token, now)).collect(),
        next_cursor: found.next_cursor,
    }))
}

pub(super) async fn add(
    State(house): State<Arc<House>>,
    request: Result<Json<api::NewToken>, JsonRejection>,
) -> Result<Json<api::MadeToken>, Problem> {
    let request = asking::body(request)?;
    let user = asking::owner(&request.user)?;
    let scopes: Scopes =
        request.scopes.join(",").parse().map_err(|why| bad("bad_scopes", "Not scopes", why))?;
    let engine = Arc::clone(&house.engine);
    let now = engine.now();
    let expires_at = request.expires_in.map(|seconds| now.after(Duration::from_secs(seconds)));
    let made =
        run_accounts(&house, "add a token", async move { engine.add_token(&user, scopes, expires_at).await });
    let (token, text) = made.await?;
    Ok(Json(api::MadeToken { text: text.reveal(), token: words::token(&token, now) }))
}

pub(super) async fn revoke(
    State(house): State<Arc<House>>,
    Path(id): Path<String>,
) -> Result<Json<api::Token>, Problem> {
    let id = id.parse().map_err(|_| asking::no_token())?;
    let engine = Arc::clone(&house.engine);
    let now = engine.now();
    let revoked = run_accounts(&house, "revoke a token", async move { engine.revoke_token(id).await });
    Ok(Json(words::token(&revoked.await?, now)))
}
