//! `files`: list, show, remove.

use std::process::ExitCode;

use cairn_admin_api::File;

use super::lists::{self, Items};
use crate::Context;
use crate::address;
use crate::arguments::FileVerb;
use crate::ask;
use crate::failure::Failure;
use crate::table::{Table, Tone, exact_size, moment, size, unknown};

/// Runs a verb.
///
/// # Errors
/// The daemon refused, or is not reachable; or nobody can be asked.
pub(crate) async fn run(context: &Context, verb: FileVerb) -> Result<ExitCode, Failure> {
    match verb {
        FileVerb::List { user, prefix, most } => {
            let filters = [("user", user), ("prefix", prefix)];
            let items = lists::all(&context.client, "/files", &filters, most).await?;
            list(context, &items)
        }
        FileVerb::Show { owner, path } => {
            let file: File = context.client.get(&address::file(&owner, &path)).await?;
            context.output.print(&file, |file| facts(file).render(context.output.colored()))?;
            Ok(ExitCode::SUCCESS)
        }
        FileVerb::Remove { owner, path, yes } => remove(context, &address::file(&owner, &path), yes).await,
    }
}

fn list(context: &Context, items: &Items<File>) -> Result<ExitCode, Failure> {
    context.output.print(items, |Items { items }| {
        if items.is_empty() {
            "No files.\n".to_owned()
        } else {
            table(items).render(context.output.colored())
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn remove(context: &Context, address: &str, yes: bool) -> Result<ExitCode, Failure> {
    let file: File = context.client.get(address).await?;
    if !yes && !agreed(context, &file).await? {
        context.output.print(&None::<File>, |_| "Nothing was removed.\n".to_owned())?;
        return Ok(ExitCode::SUCCESS);
    }
    let removed: File = context.client.delete(address).await?;
    context.output.print(&removed, |removed| {
        format!(
            "{}\n{} removed.\n",
            table(std::slice::from_ref(removed)).render(context.output.colored()),
            "1 file"
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Shows what would go and asks.
async fn agreed(context: &Context, file: &File) -> Result<bool, Failure> {
    if !ask::somebody_is_there() {
        let what = format!("the file {} of {} ({})", file.path, file.owner, size(file.length));
        return Err(Failure::NobodyToAsk { verb: "remove", what });
    }
    eprint!("{}", facts(file).render(context.output.colored()));
    ask::remove_these().await
}

/// Files, one per line.
fn table(files: &[File]) -> Table {
    let mut table = Table::new(&["OWNER", "PATH", ">LENGTH", "MODIFIED", "DIGEST"]);
    for file in files {
        let cells = [
            file.owner.clone(),
            file.path.clone(),
            size(file.length),
            moment(&file.modified_at),
            file.digest.clone(),
        ];
        table.row(Tone::Plain, cells);
    }
    table
}

/// One file.
pub(super) fn facts(file: &File) -> Table {
    let mut table = Table::of_facts();
    table.fact("owner", &file.owner);
    table.fact("path", &file.path);
    table.fact("length", exact_size(file.length));
    table.fact("digest", &file.digest);
    table.fact("blob", &file.blob);
    table.fact("content type", file.content_type.clone().unwrap_or_else(unknown));
    table.fact("created at", moment(&file.created_at));
    table.fact("modified at", moment(&file.modified_at));
    for (name, value) in &file.metadata {
        let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        table.fact(&format!("metadata {name}"), value);
    }
    table
}
