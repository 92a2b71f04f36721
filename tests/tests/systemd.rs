//! The units: what systemd itself says of them, without running any.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cairn_tests::{binary, workspace};

/// The drop-ins that go with the service, and the exposure that `systemd-analyze security` may find with each, of 10.
const PROFILES: [(&[&str], f64); 4] = [
    (&[], 1.2),
    (&["local.conf"], 0.5),
    (&["network.conf"], 1.2),
    (&["network.conf", "credentials.conf"], 1.2),
];

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn all_text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

fn unit(name: &str) -> PathBuf {
    workspace().join("systemd").join(name)
}

/// The service with these drop-ins, under its own name in a folder of its own, its program being ours.
fn service_with(folder: &Path, drop_ins: &[&str]) -> String {
    let put = |from: &str, to: PathBuf| {
        let text = std::fs::read_to_string(unit(from)).unwrap();
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(to, text.replace("/usr/bin/cairnd", binary("cairnd").to_str().unwrap())).unwrap();
    };
    for name in ["cairnd.service", "cairnd.socket"] {
        put(name, folder.join(name));
    }
    for name in drop_ins {
        put(name, folder.join("cairnd.service.d").join(name));
    }
    folder.join("cairnd.service").to_str().unwrap().to_owned()
}

#[test]
fn the_service_is_exposed_to_little_in_every_profile() {
    for (drop_ins, limit) in PROFILES {
        let folder = tempfile::tempdir().unwrap();
        let service = service_with(folder.path(), drop_ins);
        let output = run("systemd-analyze", &["security", "--offline=true", "--no-pager", &service]);
        let text = all_text(&output);
        assert!(output.status.success(), "{text}");
        let exposure = overall_exposure(&text).unwrap_or_else(|| panic!("no overall exposure in {text}"));
        assert!(exposure <= limit, "{drop_ins:?}: {text}");
    }
}

#[test]
fn a_drop_in_changes_what_is_found() {
    let exposure = |drop_ins: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let service = service_with(folder.path(), drop_ins);
        overall_exposure(&all_text(&run("systemd-analyze", &["security", "--offline=true", &service])))
            .unwrap()
    };
    assert!(exposure(&["local.conf"]) < exposure(&[]));
    assert!(exposure(&[]) < exposure(&["network.conf"]));
}

/// The number of the line "→ Overall exposure level for cairnd.service: 1.1 OK".
fn overall_exposure(text: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.contains("Overall exposure level"))?;
    line.rsplit_once(": ")?.1.split_whitespace().next()?.parse().ok()
}

#[test]
fn the_units_are_understood_to_the_last_line() {
    for (drop_ins, _) in PROFILES {
        let folder = tempfile::tempdir().unwrap();
        let service = service_with(folder.path(), drop_ins);
        let socket = service.replace(".service", ".socket");
        let output = run("systemd-analyze", &["verify", "--man=no", &service, &socket]);
        assert!(output.status.success(), "{}", all_text(&output));
        // It warns, and succeeds, about keys that it does not know.
        assert_eq!(all_text(&output), "", "{drop_ins:?}");
    }
}

#[test]
fn credentials_reach_the_configuration_and_no_print() {
    let credentials = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(unit("credentials.conf")).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("LoadCredential=")?.split_once(':'));
    for (name, _) in names {
        std::fs::write(credentials.path().join(name), "a-secret-of-the-test\n").unwrap();
    }
    let asked = || {
        let mut command = Command::new(binary("cairnd"));
        command.args(["--data-dir", credentials.path().join("data").to_str().unwrap(), "--print-config"]);
        for line in text.lines().filter_map(|line| line.strip_prefix("Environment=")) {
            let (name, value) = line.split_once('=').unwrap();
            command.env(name, value.replace("%d", credentials.path().to_str().unwrap()));
        }
        command.output().unwrap()
    };
    let told = asked();
    assert!(told.status.success(), "{}", all_text(&told));
    assert!(!all_text(&told).contains("a-secret-of-the-test"), "{}", all_text(&told));
    std::fs::remove_file(credentials.path().join("redis-password")).unwrap();
    let refused = asked();
    assert!(!refused.status.success());
    assert!(all_text(&refused).contains("redis-password"), "{}", all_text(&refused));
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
