//! How many files may be open: as many as the operator grants, and a word if that is too few.

use std::process::Command;

use crate::process::{Place, printed};

/// The same command under other limits, which a shell sets before it becomes the command.
fn limited(limits: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-ec").arg(format!("{limits}; exec \"$@\"")).arg("sh");
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[test]
fn the_soft_limit_is_raised_to_the_hard_one_and_nothing_is_said_if_that_is_enough() {
    let place = Place::new();
    let daemon = place.start_as(limited(
        "ulimit -Sn 300; ulimit -Hn 1000",
        place.command().env("CAIRN__SERVER__MAX_CONNECTIONS", "488"),
    ));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.child.id())).unwrap();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().collect::<Vec<_>>(), ["1000", "1000", "files"]);
    daemon.signal(rustix::process::Signal::TERM);
    let (code, log) = daemon.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("files may be open"), "{log}");
}

#[test]
fn a_hard_limit_that_is_one_too_low_is_told_at_the_start_and_by_check_config() {
    let place = Place::new();
    let warning = "at most 999 files may be open, and server.max_connections = 488 needs 1000: raise the hard limit of \
                   open files (LimitNOFILE= of systemd, ulimit -Hn), or lower server.max_connections";
    let with_488 = |command: &mut Command| {
        limited("ulimit -n 999", command.env("CAIRN__SERVER__MAX_CONNECTIONS", "488"))
    };
    let daemon = place.start_as(with_488(&mut place.command()));
    daemon.logged(warning);
    let (code, output, error) = printed(&mut with_488(place.command().arg("--check-config")));
    assert_eq!((code, error.as_str()), (0, ""));
    let told = format!("open files     at most 999\nwarning        {warning}\n");
    assert!(output.contains(&told), "{output}");
}
