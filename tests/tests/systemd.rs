//! The units: what systemd itself says of them, without running any.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cairn_tests::{binary, workspace};

/// The exposure that `systemd-analyze security` may find at most, of 10.
const EXPOSURE_LIMIT: f64 = 1.5;

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn all_text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

fn unit(name: &str) -> PathBuf {
    workspace().join("systemd").join(name)
}

#[test]
fn the_service_is_exposed_to_little() {
    let service = unit("cairnd.service");
    let output =
        run("systemd-analyze", &["security", "--offline=true", "--no-pager", service.to_str().unwrap()]);
    let text = all_text(&output);
    assert!(output.status.success(), "{text}");
    let exposure = overall_exposure(&text).unwrap_or_else(|| panic!("no overall exposure in {text}"));
    assert!(exposure <= EXPOSURE_LIMIT, "{text}");
}

/// The number of the line "→ Overall exposure level for cairnd.service: 1.1 OK".
fn overall_exposure(text: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.contains("Overall exposure level"))?;
    line.rsplit_once(": ")?.1.split_whitespace().next()?.parse().ok()
}

#[test]
fn the_units_are_understood_to_the_last_line() {
    let folder = tempfile::tempdir().unwrap();
    // The same units, but for the program: verification wants it to be there.
    let program = binary("cairnd");
    for name in ["cairnd.service", "cairnd.socket"] {
        let text = std::fs::read_to_string(unit(name)).unwrap();
        let text = text.replace("/usr/bin/cairnd", program.to_str().unwrap());
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let (service, socket) = (folder.path().join("cairnd.service"), folder.path().join("cairnd.socket"));
    let output =
        run("systemd-analyze", &["verify", "--man=no", service.to_str().unwrap(), socket.to_str().unwrap()]);
    assert!(output.status.success(), "{}", all_text(&output));
    // It warns, and succeeds, about keys that it does not know.
    assert_eq!(all_text(&output), "");
}

#[test]
fn the_user_and_the_first_configuration_are_made() {
    let root = tempfile::tempdir().unwrap();
    let put = |from: &Path, to: &str| {
        let to = root.path().join(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    };
    put(&unit("cairn.sysusers"), "usr/lib/sysusers.d/cairn.conf");
    put(&unit("cairn.tmpfiles"), "usr/lib/tmpfiles.d/cairn.conf");
    put(&unit("cairnd.socket"), "usr/share/cairn/config.example.toml");
    std::fs::create_dir(root.path().join("etc")).unwrap();
    let root_argument = format!("--root={}", root.path().display());

    // Only root can give files away; that the lines are understood shows without it.
    let users = run("systemd-sysusers", &[&root_argument, "--dry-run"]);
    assert!(users.status.success(), "{}", all_text(&users));
    assert!(all_text(&users).contains("Creating user 'cairn'"), "{}", all_text(&users));
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let users = run("systemd-sysusers", &[&root_argument]);
    assert!(users.status.success(), "{}", all_text(&users));
    let files = run("systemd-tmpfiles", &[&root_argument, "--create", "cairn.conf"]);
    assert!(files.status.success(), "{}", all_text(&files));
    assert_eq!(all_text(&files), "");
    assert!(root.path().join("etc/cairn/config.toml").is_file());
}

#[test]
fn the_daemon_understands_what_the_service_tells_it() {
    let root = tempfile::tempdir().unwrap();
    let place = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    for folder in ["etc", "run", "data"] {
        std::fs::create_dir(place(folder)).unwrap();
    }
    std::fs::copy(workspace().join("config.example.toml"), root.path().join("etc/config.toml")).unwrap();
    let text = std::fs::read_to_string(unit("cairnd.service")).unwrap();
    let text = text.replace("/usr/bin/cairnd", binary("cairnd").to_str().unwrap());
    let text = text.replace("/etc/cairn", &place("etc")).replace("/run/cairn", &place("run"));
    let text = text.replace("/var/lib/cairn", &place("data"));

    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap().to_owned();
    let (command, environment) = (value("ExecStart="), value("Environment="));
    let mut words = command.split(' ');
    let (name, socket) = environment.split_once('=').unwrap();
    let output = Command::new(words.next().unwrap())
        .args(words)
        .arg("--check-config")
        .env(name, socket)
        .output()
        .unwrap();
    let told = all_text(&output);
    assert!(output.status.success(), "{told}");
    for line in
        [format!("admin socket   {}/admin.sock", place("run")), format!("data directory {}", place("data"))]
    {
        assert!(told.lines().any(|told| told == line), "no `{line}` in\n{told}");
    }
}
