//! `blobs`: list, show; and the long work, merge and verify. Moving has a room of its own.

use std::process::ExitCode;

use cairn_admin_api as api;
use cairn_admin_api::{Blob, BlobDetail, Merged, Verified};

use super::lists::{self, Items};
use crate::Context;
use crate::address;
use crate::arguments::{BlobVerb, Which};
use crate::failure::Failure;
use crate::progress::{self, Work};
use crate::table::{Table, Tone, count, exact_size, moment, number_of, size};

/// Runs a verb.
///
/// # Errors
/// The daemon refused, or is not reachable; or long work was cut short.
pub(crate) async fn run(context: &Context, verb: BlobVerb) -> Result<ExitCode, Failure> {
    match verb {
        BlobVerb::List { min_extents, most } => {
            let filters = [("min_extents", min_extents.map(|number| number.to_string()))];
            let items = lists::all(&context.client, "/blobs", &filters, most).await?;
            list(context, &items)
        }
        BlobVerb::Show { digest } => show(context, &digest).await,
        BlobVerb::Merge(which) => merge(context, which).await,
        BlobVerb::Move { which, to, from, dry_run, yes } => {
            let which = api::Which { ids: which.digests, all: which.all };
            super::moves::run(context, api::Move { which, to, from, dry_run }, yes).await
        }
        BlobVerb::Verify(which) => verify(context, which).await,
    }
}

fn list(context: &Context, items: &Items<Blob>) -> Result<ExitCode, Failure> {
    context.output.print(items, |Items { items }| {
        if items.is_empty() {
            "No blobs.\n".to_owned()
        } else {
            table(items).render(context.output.colored())
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn show(context: &Context, digest: &str) -> Result<ExitCode, Failure> {
    let detail: BlobDetail = context.client.get(&address::item("/blobs", digest)).await?;
    context.output.print(&detail, |detail| {
        let extents = super::extents_text(&detail.extents, context.output.colored());
        facts(detail).render(context.output.colored()) + &extents
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn merge(context: &Context, which: Which) -> Result<ExitCode, Failure> {
    let which = api::Which { ids: which.digests, all: which.all };
    let Work { items, cut_short } =
        progress::follow(&context.client, "/blobs/merge", &which, |merged: &Merged| merged.length).await?;
    let items = Items { items };
    context.output.print(&items, |Items { items }| {
        let done = count(number_of(items), "blob");
        let merged = items.iter().filter(|merged| merged.outcome == "merged").count();
        with_sum(merged_table(items), items, context, &format!("{done} looked at, {merged} merged."))
    })?;
    cut_short.map_or_else(|| Ok(merge_code(&items.items)), Err)
}

async fn verify(context: &Context, which: Which) -> Result<ExitCode, Failure> {
    let which = api::Which { ids: which.digests, all: which.all };
    let Work { items, cut_short } =
        progress::follow(&context.client, "/blobs/verify", &which, |verified: &Verified| verified.length)
            .await?;
    let items = Items { items };
    let broken = items.items.iter().filter(|verified| !verified.identical).count();
    context.output.print(&items, |Items { items }| {
        let done = count(number_of(items), "blob");
        with_sum(verified_table(items), items, context, &format!("{done} read, {broken} damaged."))
    })?;
    let code = if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    cut_short.map_or(Ok(code), Err)
}

/// A table and what it comes to; the sum alone if there is nothing in it.
pub(super) fn with_sum<T>(table: Table, items: &[T], context: &Context, sum: &str) -> String {
    if items.is_empty() {
        return format!("{sum}\n");
    }
    format!("{}\n{sum}\n", table.render(context.output.colored()))
}

/// 1 if a merge failed.
pub(super) fn merge_code(merged: &[Merged]) -> ExitCode {
    if merged.iter().any(|merged| merged.outcome == "failed") { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Blobs, one per line.
fn table(blobs: &[Blob]) -> Table {
    let mut table = Table::new(&["BLOB", ">LENGTH", ">EXTENTS", "STORAGE", ">FILES", "CREATED"]);
    for blob in blobs {
        let cells = [
            blob.blob.clone(),
            size(blob.length),
            blob.extents.to_string(),
            place(&blob.storages),
            blob.files.to_string(),
            moment(&blob.created_at),
        ];
        table.row(Tone::Plain, cells);
    }
    table
}

/// The storages of a blob; one without lies in the catalog.
fn place(storages: &[String]) -> String {
    if storages.is_empty() { "(catalog)".to_owned() } else { storages.join(", ") }
}

fn facts(detail: &BlobDetail) -> Table {
    let mut table = Table::of_facts();
    table.fact("blob", &detail.blob);
    table.fact("length", exact_size(detail.length));
    for digest in &detail.digests {
        table.fact("digest", digest);
    }
    table.fact("lies in", if detail.inline { "the catalog" } else { "objects" });
    if !detail.inline {
        table.fact("storage", place(&detail.storages));
    }
    table.fact("extents", number_of(&detail.extents).to_string());
    table.fact("files", detail.files.to_string());
    table.fact("created at", moment(&detail.created_at));
    table
}

/// What became of merges, one per line.
pub(super) fn merged_table(merged: &[Merged]) -> Table {
    let mut table = Table::new(&["BLOB", ">LENGTH", ">EXTENTS", "OUTCOME", ">MOVED", "DETAIL"]);
    for merged in merged {
        let tone = match merged.outcome.as_str() {
            "merged" => Tone::Good,
            "failed" => Tone::Bad,
            _ => Tone::Plain,
        };
        let cells = [
            merged.blob.clone(),
            size(merged.length),
            merged.extents.to_string(),
            merged.outcome.clone(),
            size(merged.moved_bytes),
            merged.detail.clone().unwrap_or_default(),
        ];
        table.row(tone, cells);
    }
    table
}

/// What verification found, one blob per line and each damaged extent on one of its own.
fn verified_table(verified: &[Verified]) -> Table {
    let mut table = Table::new(&["BLOB", ">LENGTH", "FOUND", "DETAIL"]);
    for verified in verified {
        let (tone, found) = match (verified.identical, verified.detail.is_some()) {
            (true, _) => (Tone::Good, "identical"),
            (false, true) => (Tone::Bad, "unreadable"),
            (false, false) => (Tone::Bad, "damaged"),
        };
        let detail = verified.detail.clone().unwrap_or_default();
        table.row(tone, [verified.blob.clone(), size(verified.length), found.to_owned(), detail]);
        for extent in &verified.damaged {
            let place =
                format!("at {} of the blob, at {} of {}", extent.offset, extent.object_offset, extent.object);
            table.row(Tone::Bad, [String::new(), size(extent.length), "extent".to_owned(), place]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_says_where_it_lies() {
        let damaged = api::Extent {
            offset: 5,
            length: 10,
            object: "uploads/ab/data".to_owned(),
            object_offset: 5,
            checksum: "crc64nvme:00".to_owned(),
        };
        let found = |identical, damaged, detail: Option<&str>| Verified {
            blob: "blake3:1".to_owned(),
            length: 20,
            identical,
            damaged,
            detail: detail.map(ToOwned::to_owned),
        };
        let found = [
            found(true, vec![], None),
            found(false, vec![damaged], None),
            found(false, vec![], Some("gone")),
        ];
        let expected = "\
            BLOB      LENGTH  FOUND       DETAIL\n\
            blake3:1    20 B  identical\n\
            blake3:1    20 B  damaged\n          \
            \x20 10 B  extent      at 5 of the blob, at 5 of uploads/ab/data\n\
            blake3:1    20 B  unreadable  gone\n";
        assert_eq!(verified_table(&found).render(false), expected);
    }

    #[test]
    fn one_failed_merge_is_a_failure() {
        let merged = |outcome: &str| Merged {
            blob: "blake3:1".to_owned(),
            length: 1,
            outcome: outcome.to_owned(),
            extents: 2,
            moved_bytes: 0,
            detail: None,
        };
        let code = |outcomes: &[&str]| {
            let merged: Vec<Merged> = outcomes.iter().map(|outcome| merged(outcome)).collect();
            format!("{:?}", merge_code(&merged))
        };
        assert_eq!(
            code(&["merged", "already_one", "not_here", "overtaken"]),
            format!("{:?}", ExitCode::SUCCESS)
        );
        assert_eq!(code(&["merged", "failed"]), format!("{:?}", ExitCode::FAILURE));
    }
}
