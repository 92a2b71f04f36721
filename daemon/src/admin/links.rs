//! Signed links, as the operator makes them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use cairn_admin_api as api;
use cairn_engine::engine::AccountError;
use serde_json::{Value, json};

use super::asking::{self, run_accounts};
use crate::config::AuthMode;
use crate::house::House;
use crate::http::door::Door;
use crate::http::native::links;
use crate::http::native::members::Members;
use crate::http::problem::Problem;

/// Answers with what [`api::MadeLink`] says.
pub(super) async fn add(
    State(house): State<Arc<House>>,
    request: Result<Json<api::NewLink>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let request = asking::body(request)?;
    let owner = asking::owner(&request.user)?;
    if house.config().auth.mode == AuthMode::Tokens {
        let (engine, user) = (Arc::clone(&house.engine), owner.clone());
        let found = async move { engine.user(&user).await?.ok_or(AccountError::NoUser) };
        run_accounts(&house, "find a user", found).await?;
    }
    let asked = json!({
        "for": request.purpose,
        "path": request.path,
        "expires_in": request.expires_in,
        "once": request.once,
        "max_length": request.max_length,
        "content_type": request.content_type,
    });
    let members = Members(asked.as_object().cloned().unwrap_or_default());
    links::operate(&Door::new(house), owner, &members).map(Json)
}
