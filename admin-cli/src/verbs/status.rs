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
    format!("{}\n{}\n{}", facts(status).render(colored), stores.render(colored), uploads.render(colored))
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
    table.fact("free", maybe_size(status.free_bytes));
    table
}

fn stores(stores: &[StoreHealth]) -> Table {
    let mut table = Table::new(&["STORE", "ANSWERS", "DETAIL"]);
    for store in stores {
        let (tone, answers) = if store.ok { (Tone::Good, "yes") } else { (Tone::Bad, "no") };
        table.row(tone, [store.store.clone(), answers.to_owned(), store.detail.clone().unwrap_or_default()]);
    }
    table
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
            StoreHealth { store: "sessions".to_owned(), ok: true, detail: None },
            StoreHealth { store: "catalog".to_owned(), ok: false, detail },
        ];
        let rendered = stores(&sick).render(true);
        let lines: Vec<&str> = rendered.lines().collect();
        assert_eq!(lines[1], "\u{1b}[32msessions  yes\u{1b}[0m");
        assert_eq!(lines[2], "\u{1b}[31mcatalog   no       disk I/O error\u{1b}[0m");
    }
}
