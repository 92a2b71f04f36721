//! Users, as the operator adds, changes and removes them.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use cairn_admin_api as api;
use cairn_engine::account::{Limits, Quota, Token};
use cairn_engine::contracts::{PageRequest, UserChange};
use cairn_engine::engine::AccountError;
use cairn_engine::overrides::Overrides;
use cairn_engine::{Engine, Owner};

use super::asking::{self, bad, run_accounts};
use super::leaving::{self, Kept};
use super::words;
use crate::house::House;
use crate::http::problem::Problem;

/// Tokens, files or uploads looked at in one call.
const BATCH: usize = 1_000;

/// The most bytes of a quota, as of the configured one.
const MOST_BYTES: u64 = 1 << 62;

pub(super) async fn list(
    State(house): State<Arc<House>>,
    query: Result<Query<api::PageQuery>, QueryRejection>,
) -> Result<Json<api::List<api::User>>, Problem> {
    let query = asking::query(query)?;
    let page = asking::page(query.cursor, query.limit)?;
    let engine = Arc::clone(&house.engine);
    let found = run_accounts(&house, "list users", async move { engine.list_users(&page).await }).await?;
    Ok(Json(api::List {
        items: found.items.into_iter().map(words::user).collect(),
        next_cursor: found.next_cursor,
    }))
}

pub(super) async fn add(
    State(house): State<Arc<House>>,
    request: Result<Json<api::NewUser>, JsonRejection>,
) -> Result<Json<api::User>, Problem> {
    let request = asking::body(request)?;
    let name = asking::owner(&request.name)?;
    must_be_limits(&request.limits)?;
    let (quota, limits) = (quota(request.quota)?, request.limits);
    let engine = Arc::clone(&house.engine);
    let added = run_accounts(&house, "add a user", async move { engine.add_user(name, quota, limits).await });
    Ok(Json(words::user(added.await?)))
}

pub(super) async fn show(
    State(house): State<Arc<House>>,
    Path(name): Path<String>,
) -> Result<Json<api::UserDetail>, Problem> {
    let name = asking::owner(&name)?;
    let engine = Arc::clone(&house.engine);
    let now = engine.now();
    let shown = run_accounts(&house, "show a user", async move {
        let user = engine.user(&name).await?.ok_or(AccountError::NoUser)?;
        let tokens = all_tokens(&engine, &name).await?;
        Ok((user, tokens, engine.account(&name).await))
    });
    let (user, tokens, account) = shown.await?;
    let account = account?;
    Ok(Json(api::UserDetail {
        user: words::user((*user).clone()),
        used_bytes: account.used_bytes,
        staged_bytes: account.staged_bytes,
        open_uploads: account.open_uploads,
        quota_bytes: account.quota_bytes,
        tokens: tokens.iter().map(|token| words::token(token, now)).collect(),
    }))
}

pub(super) async fn change(
    State(house): State<Arc<House>>,
    Path(name): Path<String>,
    request: Result<Json<api::UserChange>, JsonRejection>,
) -> Result<Json<api::User>, Problem> {
    let request = asking::body(request)?;
    let name = asking::owner(&name)?;
    must_be_limits(&request.limits)?;
    let quota = request.quota.map(quota).transpose()?;
    let engine = Arc::clone(&house.engine);
    let changed = run_accounts(&house, "change a user", async move {
        let user = engine.user(&name).await?.ok_or(AccountError::NoUser)?;
        let change = UserChange {
            disabled: request.disabled,
            quota,
            limits: (!request.limits.is_empty()).then(|| merged(&user.limits, request.limits)),
        };
        engine.change_user(&name, &change).await
    });
    Ok(Json(words::user(changed.await?)))
}

/// Removes a user, if nothing is theirs or all of it may go.
pub(super) async fn remove(
    State(house): State<Arc<House>>,
    Path(name): Path<String>,
    request: Result<Json<api::RemoveUser>, JsonRejection>,
) -> Result<Json<api::RemovedUser>, Problem> {
    let api::RemoveUser { purge, dry_run } = asking::body(request)?;
    let name = asking::owner(&name)?;
    let of = Arc::clone(&house);
    let removed = run_accounts(&house, "remove a user", async move {
        let engine = &of.engine;
        let user = engine.user(&name).await?.ok_or(AccountError::NoUser)?;
        let tokens = all_tokens(engine, &name).await?.len() as u64;
        let kept = match leaving::kept(engine, &name).await {
            Ok(kept) => kept,
            Err(refusal) => return Ok(Err(Problem::from(refusal))),
        };
        if !dry_run {
            if !kept.is_nothing() && !purge {
                return Ok(Err(owns_things(&kept)));
            }
            if let Err(refusal) = leaving::leave(&of, &name).await {
                return Ok(Err(Problem::from(refusal)));
            }
            engine.remove_user(&name).await?;
        }
        let Kept { files, used_bytes, uploads } = kept;
        let user = words::user((*user).clone());
        Ok(Ok(api::RemovedUser { user, tokens, files, used_bytes, uploads, dry_run }))
    });
    removed.await?.map(Json)
}

fn owns_things(kept: &Kept) -> Problem {
    Problem::new(http::StatusCode::CONFLICT, "user_owns_things", "The user has files or uploads")
        .detail("purge removes them too")
        .fact("files", kept.files)
        .fact("used_bytes", kept.used_bytes)
        .fact("uploads", kept.uploads)
}

/// Every token of a user.
async fn all_tokens(engine: &Engine, user: &Owner) -> Result<Vec<Token>, AccountError> {
    let (mut tokens, mut page) = (Vec::new(), PageRequest::first(BATCH));
    loop {
        let found = engine.list_tokens(Some(user), &page).await?;
        tokens.extend(found.items);
        match found.next_cursor {
            Some(cursor) => page.cursor = Some(cursor),
            None => return Ok(tokens),
        }
    }
}

/// The limits there were, with those that are set and without those that are null.
fn merged(before: &Limits, change: Limits) -> Limits {
    let mut limits = before.clone();
    limits.extend(change);
    limits.retain(|_, value| !value.is_null());
    limits
}

fn quota(asked: api::Quota) -> Result<Quota, Problem> {
    match words::quota_of(asked) {
        Quota::Bytes(bytes) if bytes > MOST_BYTES => {
            let why = format!("{bytes} bytes; the most that a quota can be is {MOST_BYTES}, or unbounded");
            Err(bad("bad_quota", "Not a quota", why))
        }
        quota => Ok(quota),
    }
}

/// What nothing heeds is refused; null takes a limit away.
fn must_be_limits(limits: &Limits) -> Result<(), Problem> {
    let known = |name: &str| Overrides::NAMES.contains(&name);
    let set = limits.iter().filter(|(name, value)| !value.is_null() || !known(name));
    let set = set.map(|(name, value)| (name.clone(), value.clone())).collect();
    match Overrides::parse(&set) {
        Ok(_) => Ok(()),
        Err(why) => Err(bad("bad_limits", "Not a limit of a user", why.to_string())),
    }
}
