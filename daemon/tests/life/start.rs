//! Starting, and everything that keeps it from starting.

use std::io::{Seek, Write};

use rustix::process::Signal;

use crate::process::{Place, cairnd, get, names_in, printed};

#[test]
fn a_daemon_with_no_file_at_all_serves_and_ends_with_0_on_sigterm() {
    let place = Place::new();
    let daemon = place.start();
    assert!(daemon.ask(&get("/readyz")).starts_with("HTTP/1.1 200"));
    assert!(place.data().join("admin.sock").exists());
    daemon.signal(Signal::TERM);
    let (code, log) = daemon.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("\"message\":\"stopped\""), "{log}");
    let names = names_in(&place.data());
    assert!(!names.iter().any(|name| ["listen", "admin.sock"].contains(&name.as_str())), "{names:?}");
}

#[test]
fn a_second_daemon_on_the_same_data_is_refused_with_3_and_told_who_holds_it() {
    let place = Place::new();
    let daemon = place.start();
    let (code, _, error) = printed(place.command().env_remove("NOTIFY_SOCKET"));
    let expected = format!("is in use by another daemon (process {})", daemon.child.id());
    assert!(code == 3 && error.contains(&expected), "{code}: {error}");
    assert!(daemon.ask(&get("/readyz")).starts_with("HTTP/1.1 200"));
    assert!(place.data().join("admin.sock").exists());
}

#[test]
fn what_a_killed_daemon_left_behind_is_no_hindrance() {
    let place = Place::new();
    place.start().kill9();
    assert!(place.data().join("admin.sock").exists());
    let daemon = place.start();
    assert!(daemon.ask(&get("/readyz")).starts_with("HTTP/1.1 200"));
}

#[test]
fn after_a_power_failure_open_uploads_are_looked_at_if_they_were_acknowledged_unsynced() {
    let place = Place::new();
    let start = || {
        let mut command = place.command();
        command.env("CAIRN__UPLOADS__DURABILITY", "complete");
        place.start_as(command)
    };
    start().kill9();
    let boot = place.data().join("boot");
    let told = std::fs::read_to_string(&boot).unwrap();
    assert!(told.ends_with("\nunsynced\n"), "{told}");
    std::fs::write(&boot, "another\nunsynced\n").unwrap();
    start().logged("every open upload was looked at");
    assert_eq!(std::fs::read_to_string(&boot).unwrap(), told);
}

#[test]
fn a_newer_schema_is_refused_with_4_and_left_as_it_is() {
    let place = Place::new();
    let daemon = place.start();
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().0, Some(0));
    // The schema's number is at byte 60 of the file.
    let path = place.data().join("catalog.sqlite");
    let mut file = std::fs::File::options().write(true).open(&path).unwrap();
    file.seek(std::io::SeekFrom::Start(60)).unwrap();
    file.write_all(&900_u32.to_be_bytes()).unwrap();
    let before = std::fs::read(&path).unwrap();
    let (code, _, error) = printed(place.command().env_remove("NOTIFY_SOCKET"));
    assert!(code == 4 && error.contains("catalog.sqlite has schema 900"), "{code}: {error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_place_that_cannot_be_a_directory_is_refused_with_1_by_its_name() {
    let place = Place::new();
    let file = place.write("file", "x");
    let (code, _, error) = printed(cairnd().arg("--data-dir").arg(file.join("data")));
    assert!(code == 1 && error.contains(file.to_str().unwrap()), "{code}: {error}");
}

#[test]
fn an_address_in_use_is_refused_with_1_by_its_name() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, error) = printed(cairnd().arg("--data-dir").arg(place.data()).args(["--listen", &address]));
    assert!(code == 1 && error.contains(&format!("{address} cannot be listened on")), "{code}: {error}");
}

#[test]
fn a_wrong_configuration_is_78_and_a_wrong_command_line_is_2() {
    let place = Place::new();
    let file = place.write("cairn.toml", "[uploads]\ntll = \"1h\"\n");
    let (code, _, error) = printed(place.command().arg("--config").arg(&file));
    let expected = format!("{}:2:1: there is no key `uploads.tll`; is `uploads.ttl` meant?", file.display());
    assert!(code == 78 && error.contains(&expected), "{code}: {error}");
    assert!(!place.data().exists());
    let (code, _, error) = printed(cairnd().arg("--lisen"));
    assert!(code == 2 && error.contains("--listen"), "{code}: {error}");
    let (code, _, error) = printed(place.command().env("CAIRN__STORAGE__SCHEME", "floppy"));
    assert!(code == 78 && error.contains("no storage scheme `floppy`"), "{code}: {error}");
}

#[test]
fn check_config_tells_what_would_be_used_and_makes_nothing() {
    let place = Place::new();
    let (code, told, error) = printed(place.command().arg("--check-config"));
    assert_eq!((code, error.as_str()), (0, ""));
    let data = place.data().display().to_string();
    for line in ["listen         127.0.0.1:0".to_owned(), format!("storage        fs in {data}/objects")] {
        assert!(told.lines().any(|told| told == line), "no `{line}` in\n{told}");
    }
    assert!(!place.data().exists());
    let file = place.write("file", "x");
    let (code, _, error) = printed(cairnd().arg("--check-config").arg("--data-dir").arg(file));
    assert!(code == 1 && error.contains("cannot be written"), "{code}: {error}");
}

#[test]
fn what_print_config_prints_is_read_back_as_the_same() {
    let place = Place::new();
    let mut command = place.command();
    command.args(["--print-config"]).env("CAIRN__UPLOADS__TTL", "36h");
    let (code, first, error) = printed(&mut command);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(first.contains("ttl = \"1day 12h\"\n") && first.contains("format = \"json\"\n"), "{first}");
    let file = place.write("cairn.toml", &first);
    let (_, again, _) = printed(cairnd().arg("--print-config").arg("--config").arg(file));
    assert_eq!(again, first);
}

#[test]
fn help_tells_the_exit_codes() {
    let (code, help, _) = printed(cairnd().arg("--help"));
    assert_eq!(code, 0);
    for line in ["   3  another daemon runs on the data directory", "  78  the configuration is wrong"] {
        assert!(help.lines().any(|told| told == line), "no `{line}` in\n{help}");
    }
}
