//! `sweep`: the sweeper's work, now.

use std::process::ExitCode;

use cairn_admin_api::{Sweep, SweepReport};

use crate::Context;
use crate::failure::Failure;
use crate::table::{Table, Tone, count, number_of, size};

/// Sweeps, or tells what a sweep would remove.
///
/// # Errors
/// The daemon refused, or is not reachable.
pub(crate) async fn run(context: &Context, dry_run: bool, force: bool) -> Result<ExitCode, Failure> {
    let report: SweepReport = context.client.post("/sweep", &Sweep { dry_run, force }).await?;
    context.output.print(&report, |report| text(report, context.output.colored()))?;
    Ok(ExitCode::SUCCESS)
}

fn text(report: &SweepReport, colored: bool) -> String {
    let mut text = String::new();
    if !report.items.is_empty() {
        text = table(report).render(colored) + "\n";
    }
    let verb = if report.dry_run { "would be removed" } else { "removed" };
    let bytes = report.items.iter().map(|swept| swept.length).fold(0, u64::saturating_add);
    text += &match report.items.len() {
        0 => "Nothing to remove.\n".to_owned(),
        _ => format!("{} {verb} ({}).\n", count(number_of(&report.items), "thing"), size(bytes)),
    };
    if report.waiting > 0 {
        text += &format!("{} not old enough to be removed yet.\n", count(report.waiting, "orphan"));
    }
    for storage in &report.away {
        text += &format!(
            "The storage {} does not answer: what lies there was left alone.\n",
            crate::table::escaped(storage)
        );
    }
    if let Some(held) = &report.held {
        text += &format!("Orphans were left alone: {}\n", crate::table::escaped(held));
    }
    text
}

fn table(report: &SweepReport) -> Table {
    let mut table = Table::new(&["REASON", "WHAT", ">LENGTH"]);
    for swept in &report.items {
        table.row(Tone::Plain, [swept.reason.clone(), swept.what.clone(), size(swept.length)]);
    }
    table
}

#[cfg(test)]
mod tests {
    use cairn_admin_api::Swept;

    use super::*;

    #[test]
    fn orphans_that_were_left_alone_are_told() {
        let swept = Swept { reason: "unnamed_blob".to_owned(), what: "blake3:1".to_owned(), length: 1 << 20 };
        let held = Some("there are many".to_owned());
        let report = SweepReport {
            items: vec![swept],
            waiting: 2,
            held,
            away: vec!["cold".to_owned()],
            dry_run: true,
        };
        let expected = "\
            REASON        WHAT       LENGTH\n\
            unnamed_blob  blake3:1  1.0 MiB\n\
            \n\
            1 thing would be removed (1.0 MiB).\n\
            2 orphans not old enough to be removed yet.\n\
            The storage cold does not answer: what lies there was left alone.\n\
            Orphans were left alone: there are many\n";
        assert_eq!(text(&report, false), expected);
    }
}
