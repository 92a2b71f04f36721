//! What was measured, as tables.

use std::fmt::Write as _;

use clap::ValueEnum as _;
use comfy_table::{CellAlignment, Table, presets};

use crate::appending::JoinFigures;
use crate::arguments::{Durability, Protocol};
use crate::content::MIB;
use crate::merging::MergeFigures;
use crate::meter::Figures;
use crate::passes::Passes;
use crate::scenarios::{CompleteRow, Name, Results, Row, Subject};

/// All tables, with their headings.
pub(crate) fn render(results: &Results, passes: Passes) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "\none pass over a GiB, one thread: BLAKE3 {:.2} s, SHA-1 {:.2} s",
        passes.blake3, passes.sha1
    );
    let (small, large): (Vec<&Row>, Vec<&Row>) =
        results.rows.iter().partition(|row| row.scenario == Name::Small);
    if !large.is_empty() {
        let _ = writeln!(text, "\n{}", transfers(&large));
    }
    if !small.is_empty() {
        let _ = writeln!(text, "\nsmall files\n{}", small_files(&small));
    }
    if !results.completes.is_empty() {
        let _ = writeln!(text, "\ncomplete\n{}", completes(&results.completes));
    }
    if !results.joins.is_empty() {
        let _ = writeln!(text, "\nconcatenation\n{}", joins(&results.joins));
    }
    if !results.merges.is_empty() {
        let _ = writeln!(text, "\nmerge\n{}", merges(&results.merges));
    }
    text
}

fn joins(joins: &[(Durability, JoinFigures)]) -> Table {
    let heads = ["parts", "MiB each", "durability", "POST p50 ms", "longest ms", "readable p50 ms"];
    let mut table = table(&heads);
    for (durability, join) in joins {
        table.add_row(vec![
            join.parts.to_string(),
            (join.part / MIB).to_string(),
            durability.name().to_owned(),
            milliseconds(join.answers.percentile(50)),
            milliseconds(join.answers.longest()),
            milliseconds(join.readable.percentile(50)),
        ]);
    }
    table
}

fn merges(merges: &[(Durability, MergeFigures)]) -> Table {
    let heads = ["length MiB", "durability", "extents", "wall s", "CPU s", "MiB through the daemon"];
    let mut table = table(&heads);
    for (durability, merge) in merges {
        table.add_row(vec![
            (merge.length / MIB).to_string(),
            durability.name().to_owned(),
            merge.extents.to_string(),
            format!("{:.2}", merge.wall.as_secs_f64()),
            format!("{:.2}", merge.cpu.as_secs_f64()),
            (merge.moved_bytes / MIB).to_string(),
        ]);
    }
    table
}

/// A scenario's name.
pub(crate) fn scenario(name: Name) -> String {
    name.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// Who was measured.
pub(crate) fn subject(subject: Subject) -> String {
    match subject {
        Subject::Floor(kind) => format!("floor: {}", kind.name()),
        Subject::Daemon(durability, Protocol::Native) => format!("cairnd: {}", durability.name()),
        Subject::Daemon(durability, Protocol::Tus) => format!("cairnd, tus: {}", durability.name()),
        Subject::Daemon(durability, Protocol::Draft) => format!("cairnd, draft: {}", durability.name()),
    }
}

fn transfers(rows: &[&Row]) -> Table {
    let heads = [
        "scenario",
        "server",
        "wall s",
        "MiB/s",
        "requests/s",
        "CPU s/GiB",
        "peak MiB",
        "p50 ms",
        "p99 ms",
        "complete ms",
    ];
    let mut table = table(&heads);
    for Row { scenario: name, subject: who, figures } in rows.iter().copied() {
        table.add_row(vec![
            scenario(*name),
            subject(*who),
            format!("{:.2}", figures.wall.as_secs_f64()),
            format!("{:.0}", figures.rate()),
            format!("{:.0}", figures.requests_per_second()),
            format!("{:.2}", figures.cpu_per_gib()),
            format!("{:.0}", figures.peak_mib()),
            milliseconds(figures.requests.percentile(50)),
            milliseconds(figures.requests.percentile(99)),
            milliseconds(figures.completes.percentile(50)),
        ]);
    }
    table
}

fn small_files(rows: &[&Row]) -> Table {
    let mut table = table(&["server", "wall s", "files/s", "CPU ms/file", "peak MiB", "p50 ms", "p99 ms"]);
    for Row { subject: who, figures, .. } in rows.iter().copied() {
        table.add_row(vec![
            subject(*who),
            format!("{:.2}", figures.wall.as_secs_f64()),
            format!("{:.0}", figures.requests_per_second()),
            format!("{:.2}", Figures::cpu_per_request(figures)),
            format!("{:.0}", figures.peak_mib()),
            milliseconds(figures.requests.percentile(50)),
            milliseconds(figures.requests.percentile(99)),
        ]);
    }
    table
}

fn completes(rows: &[CompleteRow]) -> Table {
    let mut table = table(&["length MiB", "chunks came", "durability", "p50 ms", "longest ms"]);
    for row in rows {
        table.add_row(vec![
            (row.length / MIB).to_string(),
            if row.shuffled { "in any order" } else { "in order" }.to_owned(),
            row.durability.name().to_owned(),
            milliseconds(row.completes.percentile(50)),
            milliseconds(row.completes.longest()),
        ]);
    }
    table
}

/// A table in Markdown, its first column to the left and all others to the right.
pub(crate) fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(heads.iter().copied());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn milliseconds(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.2}")).unwrap_or_default()
}
