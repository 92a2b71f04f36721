//! SIGHUP and SIGUSR1.

use rustix::process::Signal;

use crate::process::{Place, Running, ask, get};

fn start_with(place: &Place, toml: &str) -> Running {
    let file = place.write("cairn.toml", toml);
    let mut command = place.command();
    command.arg("--config").arg(file);
    place.start_as(command)
}

#[test]
fn sighup_takes_what_can_change_and_names_what_needs_a_restart() {
    let place = Place::new();
    let daemon = start_with(&place, "[uploads]\nmax_length = \"1MiB\"\n");
    let limits = || daemon.ask(&get("/v1/me"));
    assert!(limits().contains("1048576"), "{}", limits());
    place.write(
        "cairn.toml",
        "[uploads]\nmax_length = \"2MiB\"\ndurability = \"complete\"\n[server]\nmax_connections = 5\n",
    );
    daemon.signal(Signal::HUP);
    let kept = [daemon.logged("needs a restart"), daemon.logged("needs a restart")].join("\n");
    assert!(kept.contains("server.max_connections") && kept.contains("uploads.durability"), "{kept}");
    let changed = daemon.logged("the configuration was read again");
    assert!(changed.contains("\"changed\":\"uploads.max_length\""), "{changed}");
    assert!(limits().contains("2097152"), "{}", limits());
}

#[test]
fn a_bad_file_keeps_the_old_configuration_and_says_why() {
    let place = Place::new();
    let daemon = start_with(&place, "[uploads]\nmax_length = \"1MiB\"\n");
    place.write("cairn.toml", "[uploads]\nmax_length = \"2MiB\"\nmax_chunks = 0\n");
    daemon.signal(Signal::HUP);
    let refused = daemon.logged("the configuration is refused");
    assert!(refused.contains("uploads.max_chunks: 0 is not within 1 to 1000000"), "{refused}");
    assert!(daemon.ask(&get("/v1/me")).contains("1048576"));
}

#[test]
fn sighup_changes_the_level_of_the_log() {
    let place = Place::new();
    let daemon = start_with(&place, "[log]\nlevel = \"error\"\n");
    place.write("cairn.toml", "[log]\nlevel = \"info\"\n");
    daemon.signal(Signal::HUP);
    daemon.logged("the configuration was read again");
}

#[test]
fn sighup_changes_origins_for_new_connections() {
    let place = Place::new();
    let daemon = start_with(&place, "");
    let request =
        "GET /healthz HTTP/1.1\r\nhost: a\r\norigin: https://app.example\r\nconnection: close\r\n\r\n";
    let allows =
        |answer: &str| answer.to_lowercase().contains("access-control-allow-origin: https://app.example");
    assert!(!allows(&daemon.ask(request)));
    place.write("cairn.toml", "[server]\ncors_origins = [\"https://app.example\"]\n");
    daemon.signal(Signal::HUP);
    daemon.logged("the configuration was read again");
    let answer = daemon.ask(request);
    assert!(allows(&answer), "{answer}");
}

#[test]
fn after_a_reload_each_socket_serves_what_it_served_before() {
    let place = Place::new();
    let daemon = start_with(&place, "");
    place.write("cairn.toml", "[uploads]\nmax_length = \"2MiB\"\n");
    daemon.signal(Signal::HUP);
    daemon.logged("the configuration was read again");
    let status = get("/admin/v1/status");
    assert!(ask(place.admin(), &status).starts_with("HTTP/1.1 200"));
    assert!(ask(place.admin(), &get("/v1/me")).starts_with("HTTP/1.1 404"));
    assert!(daemon.ask(&status).starts_with("HTTP/1.1 404"));
}

#[test]
fn sigusr1_logs_a_summary() {
    let place = Place::new();
    let daemon = place.start();
    daemon.signal(Signal::USR1);
    let summary = daemon.logged("summary");
    for word in ["\"files\":0", "\"uploads\":", "\"running.bodies\":0"] {
        assert!(summary.contains(word), "{summary}");
    }
}
