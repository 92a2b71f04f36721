//! `uploads`: list, show, complete; and, in files of their own, purge and rebuild.

mod purge;
mod rebuild;

use std::process::ExitCode;

use cairn_admin_api::{Completed, Upload, UploadDetail};

use super::blobs::{merge_code, merged_table};
use super::files;
use super::lists::{self, Items};
use crate::Context;
use crate::address;
use crate::arguments::UploadVerb;
use crate::failure::Failure;
use crate::table::{Table, Tone, exact_size, maybe_size, moment, size, unknown};

/// Runs a verb.
///
/// # Errors
/// The daemon refused, or is not reachable.
pub(crate) async fn run(context: &Context, verb: UploadVerb) -> Result<ExitCode, Failure> {
    match verb {
        UploadVerb::List { user, state, older_than, most } => {
            let older_than = older_than.map(|age| age.as_secs().to_string());
            let filters = [("user", user), ("state", state), ("older_than", older_than)];
            let items = lists::all(&context.client, "/uploads", &filters, most).await?;
            list(context, &items)
        }
        UploadVerb::Show { id } => show(context, &id).await,
        UploadVerb::Complete { id } => complete(context, &id).await,
        UploadVerb::Rebuild(which) => rebuild::run(context, which).await,
        UploadVerb::Purge { which, dry_run, yes } => purge::run(context, which, dry_run, yes).await,
    }
}

fn list(context: &Context, items: &Items<Upload>) -> Result<ExitCode, Failure> {
    context.output.print(items, |Items { items }| {
        if items.is_empty() {
            "No uploads.\n".to_owned()
        } else {
            table(items).render(context.output.colored())
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn show(context: &Context, id: &str) -> Result<ExitCode, Failure> {
    let detail: UploadDetail = context.client.get(&address::item("/uploads", id)).await?;
    context.output.print(&detail, |detail| {
        let extents = super::extents_text(&detail.extents, context.output.colored());
        facts(detail).render(context.output.colored()) + &extents
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn complete(context: &Context, id: &str) -> Result<ExitCode, Failure> {
    let path = address::item("/uploads", id) + "/complete";
    let completed: Completed = context.client.post(&path, &serde_json::json!({})).await?;
    context.output.print(&completed, |Completed { file, merge }| {
        let file = files::facts(file).render(context.output.colored());
        let merge = merged_table(std::slice::from_ref(merge)).render(context.output.colored());
        format!("{file}\n{merge}")
    })?;
    Ok(merge_code(&[completed.merge]))
}

/// Uploads, one per line.
fn table(uploads: &[Upload]) -> Table {
    let heads = ["UPLOAD", "OWNER", "PATH", "STATE", ">RECEIVED", ">LENGTH", "CREATED", "EXPIRES"];
    let mut table = Table::new(&heads);
    for upload in uploads {
        let cells = [
            upload.upload_id.clone(),
            upload.owner.clone(),
            upload.path.clone(),
            upload.state.clone(),
            size(upload.received_bytes),
            maybe_size(upload.length),
            moment(&upload.created_at),
            moment(&upload.expires_at),
        ];
        table.row(tone(&upload.state), cells);
    }
    table
}

fn tone(state: &str) -> Tone {
    match state {
        "complete" => Tone::Good,
        "aborted" | "expired" => Tone::Notable,
        _ => Tone::Plain,
    }
}

fn facts(detail: &UploadDetail) -> Table {
    let upload = &detail.upload;
    let mut table = Table::of_facts();
    table.fact("upload", &upload.upload_id);
    table.fact("owner", &upload.owner);
    table.fact("path", &upload.path);
    table.row(tone(&upload.state), ["state".to_owned(), upload.state.clone()]);
    table.fact("length", upload.length.map_or_else(unknown, exact_size));
    table.fact("received", exact_size(upload.received_bytes));
    table.fact("without a gap", exact_size(detail.offset));
    table.fact("chunk size", exact_size(upload.chunk_size));
    table.fact("chunks", upload.chunk_count.map_or_else(unknown, |count| count.to_string()));
    table.fact("received chunks", ranges(&detail.received));
    table.fact("missing chunks", ranges(&detail.missing));
    table.fact("digest", upload.digest.clone().unwrap_or_else(unknown));
    table.fact("created at", moment(&upload.created_at));
    table.fact("expires at", moment(&upload.expires_at));
    if let Some(file) = &detail.file {
        table.fact("file", format!("{} of {}", file.path, file.owner));
        table.fact("blob", &file.blob);
    }
    table
}

/// Inclusive ranges of chunk numbers: `1-4, 6`.
fn ranges(ranges: &[(u64, u64)]) -> String {
    if ranges.is_empty() {
        return "none".to_owned();
    }
    let one = |(first, last): &(u64, u64)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    ranges.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_short() {
        assert_eq!(ranges(&[]), "none");
        assert_eq!(ranges(&[(1, 4), (6, 6)]), "1-4, 6");
    }

    #[test]
    fn an_upload_of_unknown_length_is_a_line_like_the_others() {
        let upload = Upload {
            upload_id: "0f".to_owned(),
            owner: "ann".to_owned(),
            path: "a\nb".to_owned(),
            state: "open".to_owned(),
            length: None,
            received_bytes: 5 << 20,
            chunk_size: 5 << 20,
            chunk_count: None,
            digest: None,
            created_at: "2026-01-01T00:00:00Z".to_owned(),
            expires_at: "2026-01-02T00:00:00Z".to_owned(),
        };
        let expected = "\
            UPLOAD  OWNER  PATH  STATE  RECEIVED  LENGTH  CREATED               EXPIRES\n\
            0f      ann    a\\nb  open    5.0 MiB       -  2026-01-01T00:00:00Z  2026-01-02T00:00:00Z\n";
        assert_eq!(table(&[upload]).render(false), expected);
    }
}
