//! `uploads rebuild`: records that the session store lost are made whole.

use std::process::ExitCode;

use cairn_admin_api::{RebuiltUpload, Which};

use super::Items;
use crate::Context;
use crate::arguments::RebuildWhich;
use crate::failure::Failure;
use crate::progress::{self, Work};
use crate::table::{Table, Tone, count, number_of};

/// Rebuilds, and tells what became of each upload.
///
/// # Errors
/// The daemon refused, or is not reachable; or the work was cut short.
pub(super) async fn run(context: &Context, which: RebuildWhich) -> Result<ExitCode, Failure> {
    let named = !which.all;
    let which = Which { ids: which.ids, all: which.all };
    let Work { items, cut_short } =
        progress::follow_uploads(&context.client, "/uploads/rebuild", &which).await?;
    let items = Items { items };
    context.output.print(&items, |Items { items }| {
        if items.is_empty() {
            return format!("{}\n", sum(items));
        }
        format!("{}\n{}\n", table(items).render(context.output.colored()), sum(items))
    })?;
    cut_short.map_or_else(|| Ok(code(&items.items, named)), Err)
}

/// 1 if an upload could not be rebuilt, or one that was named is not there.
fn code(rebuilt: &[RebuiltUpload], named: bool) -> ExitCode {
    let bad = |rebuilt: &RebuiltUpload| rebuilt.outcome == "failed" || named && rebuilt.outcome == "absent";
    if rebuilt.iter().any(bad) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn sum(rebuilt: &[RebuiltUpload]) -> String {
    let of = |outcome: &str| rebuilt.iter().filter(|rebuilt| rebuilt.outcome == outcome).count();
    let mut sum = format!(
        "{} looked at: {} rebuilt, {} vouched for, {} there already, {} finished",
        count(number_of(rebuilt), "upload"),
        of("rebuilt"),
        of("vouched"),
        of("there"),
        of("finished"),
    );
    for outcome in ["absent", "failed"] {
        if of(outcome) > 0 {
            sum.push_str(&format!(", {} {outcome}", of(outcome)));
        }
    }
    sum + "."
}

/// What became of uploads, one per line.
fn table(rebuilt: &[RebuiltUpload]) -> Table {
    let mut table = Table::new(&["UPLOAD", "OUTCOME", ">FOUND EXTENTS", "DETAIL"]);
    for rebuilt in rebuilt {
        let tone = match rebuilt.outcome.as_str() {
            "rebuilt" | "vouched" => Tone::Good,
            "failed" => Tone::Bad,
            "absent" => Tone::Notable,
            _ => Tone::Plain,
        };
        let cells = [
            rebuilt.upload_id.clone(),
            rebuilt.outcome.clone(),
            rebuilt.extents.to_string(),
            rebuilt.detail.clone().unwrap_or_default(),
        ];
        table.row(tone, cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rebuilt(outcomes: &[&str]) -> Vec<RebuiltUpload> {
        let one = |outcome: &&str| RebuiltUpload {
            upload_id: "0f".to_owned(),
            outcome: (*outcome).to_owned(),
            extents: 3,
            detail: None,
        };
        outcomes.iter().map(one).collect()
    }

    #[test]
    fn the_sum_counts_every_outcome_and_names_what_went_wrong() {
        assert_eq!(
            sum(&rebuilt(&[])),
            "0 uploads looked at: 0 rebuilt, 0 vouched for, 0 there already, 0 finished."
        );
        assert_eq!(
            sum(&rebuilt(&["rebuilt", "there", "rebuilt", "failed"])),
            "4 uploads looked at: 2 rebuilt, 0 vouched for, 1 there already, 0 finished, 1 failed."
        );
    }

    #[test]
    fn one_that_fails_or_is_named_and_absent_is_a_failure() {
        let code = |outcomes: &[&str], named| format!("{:?}", code(&rebuilt(outcomes), named));
        let (good, bad) = (format!("{:?}", ExitCode::SUCCESS), format!("{:?}", ExitCode::FAILURE));
        assert_eq!(code(&["rebuilt", "vouched", "there", "finished"], true), good);
        assert_eq!(code(&["rebuilt", "absent"], false), good);
        assert_eq!(code(&["absent"], true), bad);
        assert_eq!(code(&["failed"], false), bad);
    }
}
