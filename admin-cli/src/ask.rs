//! Asks before something is removed.

use std::io::{IsTerminal as _, Write as _};

use crate::failure::Failure;

/// Whether somebody sits at a terminal who can see a question and answer it.
pub(crate) fn somebody_is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks whether to remove what was shown. Anything but `y` or `yes` means no, the end of the input too.
///
/// # Errors
/// The terminal cannot be read.
pub(crate) async fn remove_these() -> Result<bool, Failure> {
    yes_to("Remove these?").await
}

/// The same for moving.
///
/// # Errors
/// The terminal cannot be read.
pub(crate) async fn move_these() -> Result<bool, Failure> {
    yes_to("Move these?").await
}

async fn yes_to(question: &str) -> Result<bool, Failure> {
    eprint!("{question} [y/N] ");
    std::io::stderr().flush().map_err(Failure::Output)?;
    // A person may take any time to answer: that must not hold up the thread of the connections.
    let answer = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = answer.await.map_err(|error| Failure::Output(error.into()))?.map_err(Failure::Output)?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    let answer = answer.trim();
    answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(["y\n", "Y", " yes \r\n", "YES"].into_iter().all(is_yes));
        assert!(!["", "\n", "n\n", "yeah\n", "yes please"].into_iter().any(is_yes));
    }
}
