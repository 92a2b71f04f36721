//! `docs/AUTHORISATION.md`.

use std::fmt::Write as _;

use cairn_tests::workspace;

use crate::askers::Asker;
use crate::requests::Route;

const TOP: &str = "\
# Who may do what

Every route over TCP, asked by everybody, with `auth.mode = \"tokens\"`, about an upload or a file of the owner's. The tests ask each
of these cells of a running daemon, look at the owner's things after each, and fail when this page says anything else. A route that the
daemon has and the tests do not know fails them too.

\"may\": who asks is let in, and what the request then does is about their own things. \"as if absent\": the answer is, but for the id of
the request, the one for a thing that nobody has. 401: it is not known who asks. 403: they may not do this. The admin API is not reachable
over TCP at all: each of its paths is 404 there.

";

/// Compares the page with what was seen.
pub(crate) fn check(askers: &[Asker], rows: &[(Route, Vec<String>)]) {
    let mut text = TOP.to_owned();
    let cells: usize = rows.iter().map(|(_, cells)| cells.len()).sum();
    let names: Vec<_> = askers.iter().map(|asker| asker.name).collect();
    let _ =
        write!(text, "{cells} cells, {} routes.\n\n| route | needs | {} |\n", rows.len(), names.join(" | "));
    let _ = writeln!(text, "|---|---|{}", "---|".repeat(names.len()));
    for (route, cells) in rows {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} |",
            route.name(),
            route.needed.to_lowercase(),
            cells.join(" | ")
        );
    }
    let page = workspace().join("docs/AUTHORISATION.md");
    if std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
        std::fs::write(&page, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&page).unwrap_or_default();
    let differs = kept.lines().zip(text.lines()).find(|(kept, now)| kept != now);
    assert!(kept == text, "{} says other than what was seen, first {differs:?}", page.display());
}
