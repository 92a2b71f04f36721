//! `tokens`: add, list, revoke.

use std::process::ExitCode;

use cairn_admin_api::{MadeToken, NewToken, Token};

use super::lists::{self, Items};
use crate::Context;
use crate::account_arguments::{Scope, TokenVerb};
use crate::address;
use crate::failure::Failure;
use crate::table::{Table, Tone, moment, unknown};

/// Runs a verb.
///
/// # Errors
/// The daemon refused, or is not reachable.
pub(crate) async fn run(context: &Context, verb: TokenVerb) -> Result<ExitCode, Failure> {
    match verb {
        TokenVerb::Add { user, scope, expires } => {
            let scopes = scope.into_iter().map(|scope| Scope::name(scope).to_owned()).collect();
            let new = NewToken { user, scopes, expires_in: expires.map(|time| time.as_secs()) };
            add(context, &new).await
        }
        TokenVerb::List { user, most } => {
            let items = lists::all(&context.client, "/tokens", &[("user", user)], most).await?;
            list(context, &items)
        }
        TokenVerb::Revoke { ids } => revoke(context, &ids).await,
    }
}

/// The token alone goes to standard output, so that a script can take it from there.
async fn add(context: &Context, new: &NewToken) -> Result<ExitCode, Failure> {
    let made: MadeToken = context.client.post("/tokens", new).await?;
    if !context.output.json() {
        let until = made
            .token
            .expires_at
            .as_deref()
            .map_or_else(|| "for ever".to_owned(), |end| format!("until {}", moment(end)));
        eprintln!(
            "The token {} of {} is good {until} for {}. Keep it: it is not shown again.",
            made.token.id,
            crate::table::escaped(&made.token.user),
            made.token.scopes.join(","),
        );
    }
    context.output.print(&made, |made| format!("{}\n", made.text))?;
    Ok(ExitCode::SUCCESS)
}

/// Every one that is there, up to the first that is not.
async fn revoke(context: &Context, ids: &[String]) -> Result<ExitCode, Failure> {
    let mut items: Vec<Token> = Vec::with_capacity(ids.len());
    for id in ids {
        let path = format!("{}/revoke", address::item("/tokens", id));
        items.push(context.client.post(&path, &serde_json::json!({})).await?);
    }
    list(context, &Items { items })
}

fn list(context: &Context, items: &Items<Token>) -> Result<ExitCode, Failure> {
    context.output.print(items, |Items { items }| match items.is_empty() {
        true => "No tokens.\n".to_owned(),
        false => table(items).render(context.output.colored()),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Tokens, one per line.
pub(super) fn table(tokens: &[Token]) -> Table {
    let mut table = Table::new(&["ID", "USER", "SCOPES", "STATE", "CREATED", "EXPIRES", "USED"]);
    for token in tokens {
        let tone = if token.state == "valid" { Tone::Plain } else { Tone::Notable };
        let when = |moment_text: &Option<String>| moment_text.as_deref().map_or_else(unknown, moment);
        let cells = [
            token.id.clone(),
            token.user.clone(),
            token.scopes.join(","),
            token.state.clone(),
            moment(&token.created_at),
            when(&token.expires_at),
            when(&token.used_at),
        ];
        table.row(tone, cells);
    }
    table
}
