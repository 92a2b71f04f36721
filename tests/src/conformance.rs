//! `docs/CONFORMANCE.md`: every rule of a protocol's table, and what became of it.
//!
//! The page has one part per protocol, from its heading to the next one; the test that plays a table owns the part.
//! A rule that does not hold fails the test. A page that says other than the table fails it too;
//! `UPDATE_TRANSCRIPTS=1` writes the part anew.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::binaries::workspace;

/// The page's first lines.
const TOP: &str = "\
# Conformance

What cairn does for each rule of the protocols that it speaks, as the tests see it on a running daemon. The tests write
this page from their tables and fail when it says anything else; so every line here was seen to hold.
";

/// Rules of one origin.
#[derive(Debug)]
pub struct Chapter {
    /// What the rules are about.
    pub title: &'static str,
    /// Whose rules they are: the protocol's text and its part, or our own.
    pub source: &'static str,
    /// The rules.
    pub rules: Vec<Rule>,
}

/// One rule, and what was seen.
#[derive(Debug)]
pub struct Rule {
    /// The case.
    pub rule: &'static str,
    /// What the answer must be: the status and, after it, fields that it has (`name: value`, `name`) or has not
    /// (`!name`).
    pub answer: &'static [&'static str],
    /// What was other than that, if anything.
    pub seen: Result<(), String>,
}

/// Compares what was seen of a protocol with its part of the page.
///
/// # Panics
/// If a rule does not hold, or if the page says other than the table.
#[track_caller]
pub fn check_conformance(protocol: &str, about: &str, chapters: &[Chapter]) {
    let rules = || chapters.iter().flat_map(|chapter| &chapter.rules);
    let broken: Vec<String> = rules()
        .filter_map(|rule| rule.seen.as_ref().err().map(|why| format!("{}: {why}", rule.rule)))
        .collect();
    assert!(broken.is_empty(), "{} of {} rules:\n{}", broken.len(), rules().count(), broken.join("\n"));
    let part = rendered(protocol, about, chapters);
    let file = page();
    let kept = std::fs::read_to_string(&file).unwrap_or_else(|_| TOP.to_owned());
    let whole = with_part(&kept, protocol, &part);
    if std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
        std::fs::write(&file, &whole).expect("the page can be written");
        return;
    }
    let differs = kept.lines().zip(whole.lines()).find(|(kept, now)| kept != now);
    assert!(kept == whole, "{} says other than the table, first {differs:?}", file.display());
}

fn page() -> PathBuf {
    workspace().join("docs/CONFORMANCE.md")
}

fn rendered(protocol: &str, about: &str, chapters: &[Chapter]) -> String {
    let count: usize = chapters.iter().map(|chapter| chapter.rules.len()).sum();
    let mut text = format!("## {protocol}\n\n{count} rules, {count} hold. {about}\n");
    for Chapter { title, source, rules } in chapters {
        let _ = write!(text, "\n### {title}\n\nFrom: {source}.\n\n| case | answer | |\n|---|---|---|\n");
        for rule in rules {
            let _ = writeln!(text, "| {} | {} | holds |", cell(rule.rule), answer(rule.answer));
        }
    }
    text
}

fn answer(expected: &[&str]) -> String {
    let Some((status, fields)) = expected.split_first() else { return String::new() };
    let told = fields.iter().map(|field| match field.strip_prefix('!') {
        Some(name) => format!("no `{name}`"),
        None => format!("`{}`", cell(field)),
    });
    std::iter::once((*status).to_owned()).chain(told).collect::<Vec<_>>().join(", ")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The page with this part in the place of the one of the same heading, or at its end.
fn with_part(page: &str, protocol: &str, part: &str) -> String {
    let heading = format!("## {protocol}\n");
    let Some(start) = page.find(&heading) else { return format!("{}\n\n{part}", page.trim_end()) };
    let (before, old) = page.split_at(start);
    match old.find("\n## ") {
        Some(end) => format!("{before}{part}{}", &old[end..]),
        None => format!("{before}{part}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_takes_the_place_of_the_one_before_and_leaves_the_others() {
        let page = with_part(&with_part("# top\n", "one", "## one\n\na\n"), "two", "## two\n\nb\n");
        assert_eq!(page, "# top\n\n## one\n\na\n\n## two\n\nb\n");
        assert_eq!(with_part(&page, "one", "## one\n\nc\n"), "# top\n\n## one\n\nc\n\n## two\n\nb\n");
        assert_eq!(with_part(&page, "two", "## two\n\nc\n"), "# top\n\n## one\n\na\n\n## two\n\nc\n");
    }

    #[test]
    #[should_panic(expected = "1 of 1 rules:\nnever: it is Thursday")]
    fn a_rule_that_does_not_hold_fails_the_test() {
        let rule = Rule { rule: "never", answer: &["200"], seen: Err("it is Thursday".to_owned()) };
        check_conformance("none", "", &[Chapter { title: "x", source: "x", rules: vec![rule] }]);
    }
}
