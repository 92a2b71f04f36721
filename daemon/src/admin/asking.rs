//! What an operator asks for: queries, JSON bodies, ids, pages.

use std::future::Future;
use std::time::Duration;

use axum::Json;
use axum::extract::Query;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use cairn_engine::contracts::{PageRequest, UploadFilter};
use cairn_engine::engine::AccountError;
use cairn_engine::{Digest, Owner, Refusal, State, UploadId};

use http::StatusCode;

use crate::audit::Trail;
use crate::house::House;
use crate::http::problem::Problem;

/// Items of a page if nothing is asked for.
const DEFAULT_LIMIT: usize = 100;
/// Items of a page at most.
const MAX_LIMIT: usize = 1_000;

/// Runs an operation of the engine to its end, whatever becomes of the connection.
pub(super) async fn run<T: Send + 'static>(
    house: &House,
    name: &'static str,
    work: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Problem> {
    house
        .supervisor
        .run(name, Trail::carried(work))
        .await
        .unwrap_or(Err(Refusal::Interrupted))
        .map_err(Problem::from)
}

/// The same for one that is about users or tokens.
pub(super) async fn run_accounts<T: Send + 'static>(
    house: &House,
    name: &'static str,
    work: impl Future<Output = Result<T, AccountError>> + Send + 'static,
) -> Result<T, Problem> {
    match house.supervisor.run(name, Trail::carried(work)).await {
        Err(_) => Err(Refusal::Interrupted.into()),
        Ok(answer) => answer.map_err(account_problem),
    }
}

/// What is answered to each.
fn account_problem(error: AccountError) -> Problem {
    match error {
        AccountError::NoUser => Problem::new(StatusCode::NOT_FOUND, "no_user", "No such user"),
        AccountError::UserExists => {
            Problem::new(StatusCode::CONFLICT, "user_exists", "There is such a user").detail(error)
        }
        AccountError::NoToken => no_token(),
        AccountError::ExpiredFromTheStart => bad("bad_expiry", "Not a time for a token", error),
        AccountError::Store(error) => Refusal::from(error).into(),
    }
}

/// There is no such token.
pub(super) fn no_token() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no_token", "No such token")
}

/// The query, or what is wrong with it.
pub(super) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|Query(query)| query).map_err(|why| bad("bad_query", "Not a query of this route", why))
}

/// The JSON body, or what is wrong with it.
pub(super) fn body<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    body.map(|Json(body)| body).map_err(|why| bad("bad_json", "Not the JSON of this route", why))
}

/// The upload of that id. A text that is no id names none.
pub(super) fn upload_id(text: &str) -> Result<UploadId, Problem> {
    text.parse().map_err(|_| Refusal::NoUpload.into())
}

/// A digest.
pub(super) fn digest(text: &str) -> Result<Digest, Problem> {
    text.parse().map_err(|why| bad("bad_digest", "Not a digest", why))
}

/// An owner.
pub(super) fn owner(text: &str) -> Result<Owner, Problem> {
    text.parse().map_err(|why| bad("bad_user", "Not a user's name", why))
}

/// A page of a listing.
pub(super) fn page(cursor: Option<String>, limit: Option<usize>) -> Result<PageRequest, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(bad("bad_limit", "Not a page's length", format!("a page has 1 to {MAX_LIMIT} items")));
    }
    Ok(PageRequest { cursor, limit })
}

/// Which uploads.
pub(super) fn filter(
    house: &House,
    user: Option<&str>,
    state: Option<&str>,
    older_than: Option<u64>,
) -> Result<UploadFilter, Problem> {
    let state = state.map(|name| {
        State::named(name).ok_or_else(|| {
            let names = State::ALL.map(State::name).join(", ");
            bad("bad_state", "Not a state", format!("`{name}` is none of {names}"))
        })
    });
    Ok(UploadFilter {
        owner: user.map(owner).transpose()?,
        state: state.transpose()?,
        created_before: older_than.map(|seconds| house.engine.now().before(Duration::from_secs(seconds))),
    })
}

/// 400 of a kind, with its facts as a sentence.
pub(super) fn bad(kind: &'static str, title: &'static str, why: impl std::fmt::Display) -> Problem {
    Problem::bad(kind, title).detail(why)
}
