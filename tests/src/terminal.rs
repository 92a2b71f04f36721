//! A command that believes that a person sits before it: its standard streams are a terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Runs a command at a terminal where this has been typed ahead; its exit code, and all that the terminal showed: the
/// echo of what was typed, standard output and standard error.
pub fn on_a_terminal(mut command: Command, typed: &str) -> (i32, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).expect("the terminal is ours");
    unlockpt(&terminal).expect("the terminal can be unlocked");
    let name = ptsname(&terminal, Vec::new()).expect("the terminal has a name");
    let name = std::ffi::OsStr::from_bytes(name.as_bytes());
    let side = File::options().read(true).write(true).open(name).expect("the other side of the terminal");
    let mut terminal = File::from(terminal);
    terminal.write_all(typed.as_bytes()).expect("a line can be typed");
    let stream = || Stdio::from(side.try_clone().expect("another handle"));
    command.stdin(stream()).stdout(stream()).stderr(stream());
    let mut child = command.spawn().expect("the command can be run");
    // The end comes when nobody holds the other side any more.
    drop((command, side));
    let mut shown = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = terminal.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..count]);
    }
    let status = child.wait().expect("a child can be waited for");
    (status.code().unwrap_or(-1), String::from_utf8(shown).expect("UTF-8").replace("\r\n", "\n"))
}
