//! `users`: add, list, show, change, remove.

use std::process::ExitCode;

use cairn_admin_api::{NamedQuota, NewUser, Quota, RemoveUser, RemovedUser, User, UserChange, UserDetail};

use super::lists::{self, Items};
use super::tokens;
use crate::Context;
use crate::account_arguments::{UserVerb, limits};
use crate::address;
use crate::ask;
use crate::failure::Failure;
use crate::table::{Table, Tone, count, exact_size, moment, size};

/// Runs a verb.
///
/// # Errors
/// The daemon refused, or is not reachable; or nobody can be asked.
pub(crate) async fn run(context: &Context, verb: UserVerb) -> Result<ExitCode, Failure> {
    match verb {
        UserVerb::Add { name, quota } => {
            let new = NewUser { name, quota: quota.unwrap_or_default(), ..NewUser::default() };
            let user: User = context.client.post("/users", &new).await?;
            tell(context, &user)
        }
        UserVerb::List { most } => list(context, &lists::all(&context.client, "/users", &[], most).await?),
        UserVerb::Show { name } => show(context, &name).await,
        UserVerb::Disable { name } => {
            change(context, &name, UserChange { disabled: Some(true), ..UserChange::default() }).await
        }
        UserVerb::Enable { name } => {
            change(context, &name, UserChange { disabled: Some(false), ..UserChange::default() }).await
        }
        UserVerb::SetQuota { name, quota } => {
            change(context, &name, UserChange { quota: Some(quota), ..UserChange::default() }).await
        }
        UserVerb::SetLimits { name, limits: pairs } => {
            change(context, &name, UserChange { limits: limits(pairs), ..UserChange::default() }).await
        }
        UserVerb::Remove { name, purge, dry_run, yes } => {
            remove(context, &name, RemoveUser { purge, dry_run }, yes).await
        }
    }
}

async fn change(context: &Context, name: &str, change: UserChange) -> Result<ExitCode, Failure> {
    let user: User = context.client.post(&address::item("/users", name), &change).await?;
    tell(context, &user)
}

async fn show(context: &Context, name: &str) -> Result<ExitCode, Failure> {
    let shown: UserDetail = context.client.get(&address::item("/users", name)).await?;
    context.output.print(&shown, |shown| {
        let tokens = match shown.tokens.is_empty() {
            true => "No tokens.\n".to_owned(),
            false => tokens::table(&shown.tokens).render(context.output.colored()),
        };
        format!("{}\n{tokens}", detail_facts(shown).render(context.output.colored()))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Tells what would go, asks, and removes.
async fn remove(context: &Context, name: &str, how: RemoveUser, yes: bool) -> Result<ExitCode, Failure> {
    let path = format!("{}/remove", address::item("/users", name));
    let dry = RemoveUser { dry_run: true, ..how };
    let found: RemovedUser = context.client.post(&path, &dry).await?;
    if how.dry_run {
        return tell_removed(context, &found, how);
    }
    // Whoever has things is not removed without `--purge`: the daemon says so, and nobody need be asked.
    let refused = !how.purge && (found.files > 0 || found.uploads > 0);
    if !yes && !refused && !agreed(context, &found, how).await? {
        context.output.print(&None::<RemovedUser>, |_| "Nothing was removed.\n".to_owned())?;
        return Ok(ExitCode::SUCCESS);
    }
    let removed: RemovedUser = context.client.post(&path, &how).await?;
    tell_removed(context, &removed, how)
}

/// Shows what would go and asks.
async fn agreed(context: &Context, found: &RemovedUser, how: RemoveUser) -> Result<bool, Failure> {
    if !ask::somebody_is_there() {
        let what = format!("the user {}: {}", found.user.name, what_goes(found, how.purge));
        return Err(Failure::NobodyToAsk { verb: "remove", what });
    }
    eprint!("{}", table(std::slice::from_ref(&found.user)).render(context.output.colored()));
    eprintln!("{}", what_goes(found, how.purge));
    ask::remove_these().await
}

/// What goes with the user: `2 tokens, 3 files (5.0 MiB), 1 upload`.
fn what_goes(found: &RemovedUser, purge: bool) -> String {
    let tokens = count(found.tokens, "token");
    if !purge {
        return tokens;
    }
    let (files, uploads) = (count(found.files, "file"), count(found.uploads, "upload"));
    format!("{tokens}, {files} ({}), {uploads}", size(found.used_bytes))
}

fn tell_removed(context: &Context, removed: &RemovedUser, how: RemoveUser) -> Result<ExitCode, Failure> {
    context.output.print(removed, |removed| {
        let (name, what) = (&removed.user.name, what_goes(removed, how.purge));
        let stays = !how.purge && (removed.files > 0 || removed.uploads > 0);
        let name = crate::table::escaped(name);
        match (removed.dry_run, stays) {
            (false, _) => format!("The user {name} is removed, with {what}.\n"),
            (true, false) => format!("The user {name} would be removed, with {what}.\n"),
            (true, true) => format!(
                "The user {name} would not be removed: {} and {} are theirs. --purge removes them too.\n",
                count(removed.files, "file"),
                count(removed.uploads, "upload"),
            ),
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn tell(context: &Context, user: &User) -> Result<ExitCode, Failure> {
    context.output.print(user, |user| facts(user).render(context.output.colored()))?;
    Ok(ExitCode::SUCCESS)
}

fn list(context: &Context, items: &Items<User>) -> Result<ExitCode, Failure> {
    context.output.print(items, |Items { items }| match items.is_empty() {
        true => "No users.\n".to_owned(),
        false => table(items).render(context.output.colored()),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Users, one per line.
fn table(users: &[User]) -> Table {
    let mut table = Table::new(&["NAME", "STATE", ">QUOTA", "LIMITS", "CREATED"]);
    for user in users {
        let tone = if user.disabled { Tone::Notable } else { Tone::Plain };
        let cells = [
            user.name.clone(),
            state(user).to_owned(),
            quota(user.quota),
            limits_text(user),
            moment(&user.created_at),
        ];
        table.row(tone, cells);
    }
    table
}

fn facts(user: &User) -> Table {
    let mut table = Table::of_facts();
    table.fact("name", &user.name);
    table.fact("state", state(user));
    table.fact("quota", quota(user.quota));
    table.fact("limits", limits_text(user));
    table.fact("created at", moment(&user.created_at));
    table
}

fn detail_facts(shown: &UserDetail) -> Table {
    let mut table = facts(&shown.user);
    table.fact("used", exact_size(shown.used_bytes));
    table.fact(
        "staged",
        format!("{} in {}", exact_size(shown.staged_bytes), count(shown.open_uploads, "open upload")),
    );
    table.fact("may have", shown.quota_bytes.map_or_else(|| "any number of bytes".to_owned(), exact_size));
    table
}

fn state(user: &User) -> &'static str {
    if user.disabled { "disabled" } else { "enabled" }
}

fn quota(quota: Quota) -> String {
    match quota {
        Quota::Bytes(bytes) => size(bytes),
        Quota::Named(NamedQuota::Configured) => "configured".to_owned(),
        Quota::Named(NamedQuota::Unbounded) => "unbounded".to_owned(),
    }
}

fn limits_text(user: &User) -> String {
    if user.limits.is_empty() {
        return "configured".to_owned();
    }
    let pairs = user.limits.iter().map(|(name, value)| match value.as_str() {
        Some(text) => format!("{name}={text}"),
        None => format!("{name}={value}"),
    });
    pairs.collect::<Vec<_>>().join(" ")
}
