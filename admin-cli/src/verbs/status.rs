//! `status`: how the daemon is.

use std::process::ExitCode;
use std::time::Duration;

use cairn_admin_api::{StateCount, Status, StoreHealth};

use crate::Context;
use crate::failure::Failure;
use crate::table::{Table, Tone, count, exact_size, maybe_size, moment, size};

/// Shows how the daemon is.
///
/// # Errors
/// The daemon is not reachable.
pub(crate) async fn show(context: &Context) -> Result<ExitCode, Failure> {
    let status: Status = context.client.get("/status").await?;
    context.output.print(&status, |status| text(status, context.output.colored()))?;
    Ok(ExitCode::SUCCESS)
}

fn text(status: &Status, colored: bool) -> String {
    let (stores, uploads) = (stores(&status.stores), uploads(&status.uploads));
    let warnings = warnings(&status.stores);
    let tables = [facts(status).render(colored), stores.render(colored), uploads.render(colored)];
    format!("{}{warnings}", tables.join("\n"))
}

/// What may be lost, or will not work: a sentence each, under the tables.
fn warnings(stores: &[StoreHealth]) -> String {
    let told =
        stores.iter().flat_map(|store| store.warnings.iter().map(move |warning| (&store.store, warning)));
    let lines: Vec<String> = told.map(|(store, warning)| format!("warning: {store}: {warning}\n")).collect();
    if lines.is_empty() { String::new() } else { format!("\n{}", lines.concat()) }
}

fn facts(status: &Status) -> Table {
    let catalog = &status.catalog;
    let mut table = Table::of_facts();
    table.fact("version", &status.version);
    table.fact("process", status.pid.to_string());
    table.fact("started at", moment(&status.started_at));
    table.fact("up for", humantime::format_duration(Duration::from_secs(status.uptime_seconds)).to_string());
    table.fact("data directory", &status.data_dir);
    table.fact("listens on", &status.listen);
    table.fact("running uploads", status.running_uploads.to_string());
    table.fact("files", format!("{} of {}", catalog.files, count(catalog.owners, "owner")));
    table.fact("blobs", format!("{}, {}", catalog.blobs, exact_size(catalog.blob_bytes)));
    table.fact("scattered blobs", catalog.scattered_blobs.to_string());
    for storage in &status.storages {
        let label = format!("storage {}", storage.storage);
        table.fact(&label, format!("{}, {}", count(storage.blobs, "blob"), exact_size(storage.bytes)));
    }
    table.fact("free", maybe_size(status.free_bytes));
    table
}

fn stores(stores: &[StoreHealth]) -> Table {
    let mut table = Table::new(&["STORE", "ANSWERS", "DETAIL"]);
    for store in stores {
        let (tone, answers) = if store.ok { (Tone::Good, "yes") } else { (Tone::Bad, "no") };
        table.row(tone, [store.store.clone(), answers.to_owned(), detail(store)]);
    }
    table
}

/// Why a store does not answer, or what it is.
fn detail(store: &StoreHealth) -> String {
    if let Some(why) = &store.detail {
        return why.clone();
    }
    let facts: Vec<String> = store.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let kind = store.kind.clone().into_iter();
    kind.chain(Some(facts.join(", ")).filter(|facts| !facts.is_empty())).collect::<Vec<_>>().join(": ")
}

fn uploads(counts: &[StateCount]) -> Table {
    let mut table = Table::new(&["STATE", ">UPLOADS", ">STAGED"]);
    for count in counts {
        table.row(Tone::Plain, [count.state.clone(), count.uploads.to_string(), size(count.staged_bytes)]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_does_not_answer_is_red_and_says_why() {
        let detail = Some("disk I/O error".to_owned());
        let sick = [
            StoreHealth { store: "sessions".to_owned(), ok: true, ..StoreHealth::default() },
            StoreHealth { store: "catalog".to_owned(), ok: false, detail, ..StoreHealth::default() },
        ];
        let rendered = stores(&sick).render(true);
        let lines: Vec<&str> = rendered.lines().collect();
        assert_eq!(lines[1], "\u{1b}[32msessions  yes\u{1b}[0m");
        assert_eq!(lines[2], "\u{1b}[31mcatalog   no       disk I/O error\u{1b}[0m");
    }

    #[test]
    fn a_store_tells_what_it_is_and_what_may_be_lost() {
        let facts = [("version", "7.0.15"), ("appendonly", "no")];
        let redis = StoreHealth {
            store: "sessions".to_owned(),
            ok: true,
            kind: Some("redis".to_owned()),
            facts: facts.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            warnings: vec!["a restart loses everything".to_owned()],
            ..StoreHealth::default()
        };
        assert_eq!(detail(&redis), "redis: appendonly no, version 7.0.15");
        assert_eq!(warnings(&[redis]), "\nwarning: sessions: a restart loses everything\n");
        assert_eq!(warnings(&[]), "");
    }
}
