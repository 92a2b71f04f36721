//! `completions`: what a shell needs to complete a line.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::Context;
use crate::arguments::Arguments;
use crate::failure::Failure;

/// Prints the script. No daemon is asked.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn print(context: &Context, shell: Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "cairnctl", &mut script);
    context.output.text(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
