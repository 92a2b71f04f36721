//! `blobs move`: blobs from one storage into another.
//!
//! What would move is told first, and at a terminal somebody is asked; elsewhere `--yes` answers. Then one blob after
//! the other moves. Whoever interrupts it loses nothing: asking again goes on with the blobs that are left.

use std::process::ExitCode;

use cairn_admin_api as api;
use cairn_admin_api::Moved;

use super::blobs::with_sum;
use super::lists::Items;
use crate::Context;
use crate::ask;
use crate::failure::Failure;
use crate::progress::{self, Work};
use crate::table::{Table, Tone, count, number_of, size};

/// Moves blobs, or tells which would move.
///
/// # Errors
/// The daemon refused, or is not reachable; nobody said yes; or the work was cut short.
pub(crate) async fn run(context: &Context, request: api::Move, yes: bool) -> Result<ExitCode, Failure> {
    if !request.dry_run && !yes {
        if !ask::somebody_is_there() {
            let what = format!("blobs to the storage {}", request.to);
            return Err(Failure::NobodyToAsk { verb: "move", what });
        }
        let plan = api::Move { dry_run: true, ..request.clone() };
        let Work { items, cut_short } = follow(context, &plan).await?;
        if let Some(failure) = cut_short {
            return Err(failure);
        }
        eprint!("{}", text(context, &items));
        if !ask::move_these().await? {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let Work { items, cut_short } = follow(context, &request).await?;
    let items = Items { items };
    context.output.print(&items, |Items { items }| text(context, items))?;
    let failed = items.items.iter().any(|moved| moved.outcome == "failed");
    let code = if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    cut_short.map_or(Ok(code), Err)
}

async fn follow(context: &Context, request: &api::Move) -> Result<Work<Moved>, Failure> {
    progress::follow(&context.client, "/blobs/move", request, |moved: &Moved| moved.length).await
}

/// The blobs that move or do not; those that need nothing are only counted.
fn text(context: &Context, items: &[Moved]) -> String {
    let told: Vec<&Moved> = items.iter().filter(|moved| !is_quiet(&moved.outcome)).collect();
    let would = items.iter().any(|moved| moved.outcome == "would_move");
    let verb = if would { "would move" } else { "moved" };
    let moves: Vec<u64> = items
        .iter()
        .filter(|moved| matches!(moved.outcome.as_str(), "moved" | "would_move"))
        .map(|moved| moved.length)
        .collect();
    let bytes = moves.iter().copied().fold(0, u64::saturating_add);
    let done = count(number_of(items), "blob");
    let sum = format!("{done} looked at, {} {verb} ({}).", moves.len(), size(bytes));
    with_sum(table(&told), &told, context, &sum)
}

/// Whether there is nothing to tell of it.
fn is_quiet(outcome: &str) -> bool {
    matches!(outcome, "already_there" | "elsewhere" | "in_catalog")
}

fn table(moved: &[&Moved]) -> Table {
    let mut table = Table::new(&["BLOB", ">LENGTH", "FROM", "OUTCOME", "DETAIL"]);
    for moved in moved {
        let tone = match moved.outcome.as_str() {
            "moved" => Tone::Good,
            "failed" => Tone::Bad,
            _ => Tone::Plain,
        };
        let cells = [
            moved.blob.clone(),
            size(moved.length),
            moved.from.join(", "),
            moved.outcome.clone(),
            moved.detail.clone().unwrap_or_default(),
        ];
        table.row(tone, cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moved_is_told_with_where_it_lay() {
        let moved = |outcome: &str, detail: Option<&str>| Moved {
            blob: "blake3:1".to_owned(),
            length: 20,
            outcome: outcome.to_owned(),
            from: vec!["default".to_owned()],
            detail: detail.map(ToOwned::to_owned),
        };
        let (good, bad) = (moved("moved", None), moved("failed", Some("gone")));
        let expected = "\
            BLOB      LENGTH  FROM     OUTCOME  DETAIL\n\
            blake3:1    20 B  default  moved\n\
            blake3:1    20 B  default  failed   gone\n";
        assert_eq!(table(&[&good, &bad]).render(false), expected);
        assert!(["already_there", "elsewhere", "in_catalog"].into_iter().all(is_quiet));
    }
}
