//! `uploads purge`: looks what would go, shows it, asks, and removes what was shown and nothing else.

use std::process::ExitCode;

use cairn_admin_api::{ClientError, Purge, Purged, Upload};

use super::table;
use crate::Context;
use crate::arguments::PurgeWhich;
use crate::ask;
use crate::failure::Failure;
use crate::table::{count, number_of, size};

/// The most ids in one request.
const AT_ONCE: usize = 1000;

/// Runs the purge.
///
/// # Errors
/// The daemon refused, or is not reachable; or nobody can be asked.
pub(super) async fn run(
    context: &Context,
    which: PurgeWhich,
    dry_run: bool,
    yes: bool,
) -> Result<ExitCode, Failure> {
    let mut found = look(context, which).await?;
    if dry_run || found.items.is_empty() {
        found.dry_run = dry_run;
        return tell(context, &found);
    }
    if !yes && !agreed(context, &found.items).await? {
        context.output.print(&Purged::default(), |_| "Nothing was removed.\n".to_owned())?;
        return Ok(ExitCode::SUCCESS);
    }
    let purged = remove(context, &found.items).await?;
    tell(context, &purged)
}

/// What would go.
async fn look(context: &Context, which: PurgeWhich) -> Result<Purged, Failure> {
    let request = Purge {
        ids: which.ids,
        expired: which.expired,
        state: which.state,
        older_than: which.older_than.map(|age| age.as_secs()),
        dry_run: true,
    };
    Ok(context.client.post("/uploads/purge", &request).await?)
}

/// Shows what would go and asks.
async fn agreed(context: &Context, uploads: &[Upload]) -> Result<bool, Failure> {
    if !ask::somebody_is_there() {
        return Err(Failure::NobodyToAsk { verb: "remove", what: total(uploads) });
    }
    eprint!("{}", table(uploads).render(context.output.colored()));
    ask::remove_these().await
}

/// Removes these by their ids: what a filter would find in addition by now was not agreed to. What went by itself
/// meanwhile does not keep the others.
async fn remove(context: &Context, uploads: &[Upload]) -> Result<Purged, Failure> {
    let mut purged = Purged::default();
    for uploads in uploads.chunks(AT_ONCE) {
        match remove_named(context, uploads).await {
            Err(failure) if is_gone(&failure) => {
                for upload in uploads {
                    match remove_named(context, std::slice::from_ref(upload)).await {
                        Err(failure) if is_gone(&failure) => {}
                        answer => purged.items.extend(answer?.items),
                    }
                }
            }
            answer => purged.items.extend(answer?.items),
        }
    }
    Ok(purged)
}

async fn remove_named(context: &Context, uploads: &[Upload]) -> Result<Purged, Failure> {
    let ids = uploads.iter().map(|upload| upload.upload_id.clone()).collect();
    Ok(context.client.post("/uploads/purge", &Purge { ids, ..Purge::default() }).await?)
}

/// Whether an upload of the request is not there any more.
fn is_gone(failure: &Failure) -> bool {
    matches!(failure, Failure::Client(ClientError::Refused(problem)) if problem.status == 404)
}

fn tell(context: &Context, purged: &Purged) -> Result<ExitCode, Failure> {
    context.output.print(purged, |purged| text(purged, context.output.colored()))?;
    Ok(ExitCode::SUCCESS)
}

fn text(purged: &Purged, colored: bool) -> String {
    if purged.items.is_empty() {
        return "Nothing to remove.\n".to_owned();
    }
    let verb = if purged.dry_run { "would be removed" } else { "removed" };
    format!("{}\n{} {verb}.\n", table(&purged.items).render(colored), total(&purged.items))
}

/// How many there are, and their bytes: `2 uploads (10.0 MiB)`.
fn total(uploads: &[Upload]) -> String {
    let bytes = uploads.iter().map(|upload| upload.received_bytes).fold(0, u64::saturating_add);
    format!("{} ({})", count(number_of(uploads), "upload"), size(bytes))
}
