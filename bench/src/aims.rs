//! What cairn aims at, computed from the floors of the same run, beside what was measured.

use std::fmt::Write as _;

use crate::appending::JoinFigures;
use crate::arguments::{Durability, Floor, Protocol};
use crate::content::MIB;
use crate::passes::Passes;
use crate::scenarios::{CompleteRow, Name, Results, Subject};
use crate::tables::table;

/// The most that cairn may cost of what a floor costs, before digests.
const OVER_FLOOR: f64 = 1.2;

/// The most that syncing every chunk may cost on top, CPU seconds per GiB.
const SYNC_PER_CHUNK: f64 = 0.15;

/// The most memory with 8 running uploads, MiB.
const MEMORY: f64 = 64.0;

/// The longest `complete`, milliseconds.
const COMPLETE: f64 = 20.0;

/// How much longer or shorter `complete` may be for a large file than for a small one.
const COMPLETE_SPREAD: f64 = 0.2;

/// The most that another protocol may cost of what the native one does.
const OVER_NATIVE: f64 = 1.1;

/// The fewest small files a second by tus.
const SMALL_FILES_BY_TUS: f64 = 1000.0;

/// The fewest durable small files a second.
const SMALL_FILES: f64 = 1500.0;

struct Aim {
    what: String,
    aim: String,
    measured: String,
    reached: bool,
}

/// The aims that this run can tell about, as a table; nothing if there are none.
pub(crate) fn render(results: &Results, passes: Passes) -> String {
    let mut aims = Vec::new();
    for name in [Name::Chunks1, Name::Chunks4, Name::Chunks4Sha1, Name::Single, Name::Files8] {
        aims.extend(
            [Durability::Complete, Durability::Chunk]
                .map(|durability| cpu(results, passes, name, durability)),
        );
    }
    aims.extend([Durability::Complete, Durability::Chunk].map(|durability| memory(results, durability)));
    aims.extend([Durability::Complete, Durability::Chunk].map(|durability| small(results, durability)));
    let mut aims: Vec<Aim> = aims.into_iter().flatten().collect();
    aims.extend(both(|durability| small_by_tus(results, durability)));
    for name in [Name::Chunks1, Name::Chunks4, Name::Single, Name::Files8] {
        aims.extend(both(|durability| beside_native(results, name, durability)));
    }
    aims.extend(results.joins.iter().map(|(durability, join)| concat(*durability, join)));
    aims.extend(results.completes.iter().map(|row| complete(row, &results.completes)));
    if aims.is_empty() {
        return String::new();
    }
    let mut table = table(&["aim", "at most / least", "measured", "reached"]);
    for Aim { what, aim, measured, reached } in aims {
        table.add_row(vec![what, aim, measured, if reached { "yes" } else { "NO" }.to_owned()]);
    }
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\n{table}");
    text
}

fn both(aim: impl Fn(Durability) -> Option<Aim>) -> impl Iterator<Item = Aim> {
    [Durability::Complete, Durability::Chunk].into_iter().filter_map(aim)
}

fn beside_native(results: &Results, name: Name, durability: Durability) -> Option<Aim> {
    let of = |protocol| Some(results.find(name, Subject::Daemon(durability, protocol))?.cpu_per_gib());
    let (native, tus) = (of(Protocol::Native)?, of(Protocol::Tus)?);
    Some(Aim {
        what: format!(
            "CPU s/GiB by tus, {}, durability {}",
            crate::tables::scenario(name),
            durability.name()
        ),
        aim: format!("{:.2}", native * OVER_NATIVE),
        measured: format!("{tus:.2}"),
        reached: tus <= native * OVER_NATIVE,
    })
}

fn small_by_tus(results: &Results, durability: Durability) -> Option<Aim> {
    let figures = results.find(Name::Small, Subject::Daemon(durability, Protocol::Tus))?;
    let measured = figures.requests_per_second();
    Some(Aim {
        what: format!("small files a second by tus, durability {}", durability.name()),
        aim: format!("{SMALL_FILES_BY_TUS:.0}"),
        measured: format!("{measured:.0}"),
        reached: measured >= SMALL_FILES_BY_TUS,
    })
}

fn concat(durability: Durability, join: &JoinFigures) -> Aim {
    let p50 = join.answers.percentile(50).unwrap_or_default();
    Aim {
        what: format!(
            "concatenation p50 ms, {} x {} MiB, durability {}",
            join.parts,
            join.part / MIB,
            durability.name()
        ),
        aim: format!("{COMPLETE:.1}"),
        measured: format!("{p50:.1}"),
        reached: p50 <= COMPLETE,
    }
}

fn cpu(results: &Results, passes: Passes, name: Name, durability: Durability) -> Option<Aim> {
    // A declared SHA-1 is no business of the floor's.
    let floor_name = if name == Name::Chunks4Sha1 { Name::Chunks4 } else { name };
    let floor = results.find(floor_name, Subject::Floor(Floor::Write))?.cpu_per_gib();
    let measured = results.find(name, Subject::Daemon(durability, Protocol::Native))?.cpu_per_gib();
    let mut aim = OVER_FLOOR * floor + passes.blake3;
    if name == Name::Chunks4Sha1 {
        aim += passes.sha1;
    }
    if durability == Durability::Chunk {
        aim += SYNC_PER_CHUNK;
    }
    Some(Aim {
        what: format!("CPU s/GiB, {}, durability {}", crate::tables::scenario(name), durability.name()),
        aim: format!("{aim:.2}"),
        measured: format!("{measured:.2}"),
        reached: measured <= aim,
    })
}

fn memory(results: &Results, durability: Durability) -> Option<Aim> {
    let measured = results.find(Name::Files8, Subject::Daemon(durability, Protocol::Native))?.peak_mib();
    Some(Aim {
        what: format!("peak MiB with 8 uploads, durability {}", durability.name()),
        aim: format!("{MEMORY:.0}"),
        measured: format!("{measured:.0}"),
        reached: measured <= MEMORY,
    })
}

fn small(results: &Results, durability: Durability) -> Option<Aim> {
    let measured =
        results.find(Name::Small, Subject::Daemon(durability, Protocol::Native))?.requests_per_second();
    Some(Aim {
        what: format!("small files a second, durability {}", durability.name()),
        aim: format!("{SMALL_FILES:.0}"),
        measured: format!("{measured:.0}"),
        reached: measured >= SMALL_FILES,
    })
}

/// Under the limit, and not far from the shortest file's time in the same order.
fn complete(row: &CompleteRow, all: &[CompleteRow]) -> Aim {
    let of_shortest = all
        .iter()
        .filter(|other| other.durability == row.durability && other.shuffled == row.shuffled)
        .min_by_key(|other| other.length)
        .and_then(|other| other.completes.percentile(50));
    let p50 = row.completes.percentile(50).unwrap_or_default();
    let base = of_shortest.unwrap_or_default();
    let most = (base * (1.0 + COMPLETE_SPREAD)).min(COMPLETE);
    Aim {
        what: format!(
            "complete p50 ms, {} MiB {}, durability {}",
            row.length / MIB,
            if row.shuffled { "in any order" } else { "in order" },
            row.durability.name()
        ),
        aim: format!("{most:.1}"),
        measured: format!("{p50:.1}"),
        reached: p50 <= most,
    }
}
