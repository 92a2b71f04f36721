//! Tables for people: aligned columns without borders, one line per row, sizes in units, names made harmless.

use anstyle::{AnsiColor, Style};
use bytesize::ByteSize;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table as Layout};

/// How a line is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it is.
    Plain,
    /// Well done.
    Good,
    /// Not wrong, and worth a look.
    Notable,
    /// Wrong.
    Bad,
}

/// A table that is being put together. Cells are escaped when they are added.
#[derive(Debug)]
pub(crate) struct Table {
    headed: bool,
    layout: Layout,
    tones: Vec<Tone>,
}

impl Table {
    /// A table with these column heads. Columns whose head begins with `>` are flush right.
    pub(crate) fn new(heads: &[&str]) -> Self {
        let mut layout = Layout::new();
        layout.load_style(NOTHING).set_header(heads.iter().map(|head| head.trim_start_matches('>')));
        for (column, head) in layout.column_iter_mut().zip(heads) {
            if head.starts_with('>') {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self { headed: true, layout, tones: Vec::new() }
    }

    /// A table of names and values, without heads.
    pub(crate) fn of_facts() -> Self {
        let mut layout = Layout::new();
        layout.load_style(NOTHING);
        Self { headed: false, layout, tones: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, tone: Tone, cells: impl IntoIterator<Item = String>) {
        self.layout.add_row(cells.into_iter().map(|cell| escaped(&cell)).collect::<Vec<_>>());
        self.tones.push(tone);
    }

    /// Adds a name and a value.
    pub(crate) fn fact(&mut self, name: &str, value: impl Into<String>) {
        self.row(Tone::Plain, [name.to_owned(), value.into()]);
    }

    /// The lines, each with its end.
    pub(crate) fn render(mut self, colored: bool) -> String {
        for column in self.layout.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let head = self.headed.then_some(Style::new().bold());
        let styles = head.into_iter().chain(self.tones.iter().map(|tone| tone.style()));
        // Cells hold no line breaks and are never wrapped, so there is one line per row.
        let lines = self.layout.lines().collect::<Vec<_>>();
        lines.iter().zip(styles).map(|(line, style)| in_style(line.trim_end(), style, colored)).collect()
    }
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Notable => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
        }
    }
}

fn in_style(line: &str, style: Style, colored: bool) -> String {
    if colored { format!("{style}{line}{style:#}\n") } else { format!("{line}\n") }
}

/// Text in which no character moves the cursor, changes the terminal, or hides or turns around its neighbours.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_invisible(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// Marks of direction, breaks of lines, and what has no width.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// A length in units: `5.0 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// A length in units if it is known.
pub(crate) fn maybe_size(bytes: Option<u64>) -> String {
    bytes.map_or_else(unknown, size)
}

/// A length in units with its exact bytes: `5.0 MiB (5242880 bytes)`.
pub(crate) fn exact_size(bytes: u64) -> String {
    let exact = count(bytes, "byte");
    if bytes < 1024 { exact } else { format!("{} ({exact})", size(bytes)) }
}

/// A moment to the second; JSON has it whole.
pub(crate) fn moment(rfc3339: &str) -> String {
    rfc3339.split_once('.').map_or_else(|| rfc3339.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}

/// What stands for something that is not known, or not there.
pub(crate) fn unknown() -> String {
    "-".to_owned()
}

/// A number and what it counts: `1 upload`, `2 uploads`.
pub(crate) fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// How many there are.
pub(crate) fn number_of<T>(items: &[T]) -> u64 {
    items.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["NAME", ">LENGTH", "STATE"]);
        table.row(Tone::Plain, ["a".to_owned(), size(5), "open".to_owned()]);
        table.row(Tone::Bad, ["long name".to_owned(), size(5 << 20), String::new()]);
        table
    }

    #[test]
    fn columns_are_aligned_and_lines_end_without_blanks() {
        let expected = "NAME        LENGTH  STATE\na              5 B  open\nlong name  5.0 MiB\n";
        assert_eq!(table().render(false), expected);
    }

    #[test]
    fn colours_go_around_whole_lines() {
        let rendered = table().render(true);
        let lines: Vec<&str> = rendered.lines().collect();
        assert_eq!(lines[0], "\u{1b}[1mNAME        LENGTH  STATE\u{1b}[0m");
        assert_eq!(lines[1], "a              5 B  open");
        assert_eq!(lines[2], "\u{1b}[31mlong name  5.0 MiB\u{1b}[0m");
    }

    #[test]
    fn names_cannot_write_to_the_terminal() {
        let mut table = Table::of_facts();
        table.fact("path", "a\u{1b}[2J\r\nb\u{7f}\u{9b}\u{202e}c\td ü 漢");
        assert_eq!(table.render(false), "path  a\\u{1b}[2J\\r\\nb\\u{7f}\\u{9b}\\u{202e}c\\td ü 漢\n");
    }

    #[test]
    fn moments_are_told_to_the_second() {
        assert_eq!(moment("2026-01-02T03:04:05.678Z"), "2026-01-02T03:04:05Z");
        assert_eq!(moment("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05Z");
    }

    #[test]
    fn numbers_agree_with_what_they_count() {
        assert_eq!(count(0, "blob"), "0 blobs");
        assert_eq!(count(1, "blob"), "1 blob");
        assert_eq!(count(2, "blob"), "2 blobs");
    }
}
