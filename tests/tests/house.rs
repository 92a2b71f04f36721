//! What the house says of itself: the crates it stands on, and that none of its packages has unsafe code.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use cairn_tests::workspace;

fn text(name: &str) -> String {
    std::fs::read_to_string(workspace().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The lines of a section of a manifest.
fn section<'a>(manifest: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let header = format!("[{name}]");
    let mut lines = manifest.lines().skip_while(move |line| *line != header);
    assert!(lines.next().is_some(), "no [{name}]");
    lines.take_while(|line| !line.starts_with('['))
}

/// The members of the workspace, as folders.
fn members() -> Vec<String> {
    let manifest = text("Cargo.toml");
    let line = section(&manifest, "workspace").find(|line| line.starts_with("members")).unwrap().to_owned();
    line.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_page_of_dependencies_names_every_direct_one_and_no_other() {
    let manifest = text("Cargo.toml");
    let used: BTreeSet<&str> = section(&manifest, "workspace.dependencies")
        .filter(|line| !line.starts_with('#') && !line.contains("path ="))
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect();
    let page = text("docs/dependencies.md");
    let told: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "))
        .filter(|(_, reason)| reason.trim_end_matches(" |") != "why")
        .flat_map(|(crates, _)| crates.split(", "))
        .collect();
    assert!(used.len() > 50, "{used:?}");
    assert_eq!(used, told);
}

#[test]
fn every_package_takes_its_dependencies_and_its_lints_from_the_workspace() {
    assert!(text("Cargo.toml").contains("\nunsafe_code = \"forbid\"\n"));
    let members = members();
    assert!(members.len() > 5, "{members:?}");
    for member in members {
        let manifest = text(&format!("{member}/Cargo.toml"));
        let lints: Vec<&str> = section(&manifest, "lints").filter(|line| !line.is_empty()).collect();
        assert_eq!(lints, ["workspace = true"], "{member}");
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            if !manifest.contains(&format!("[{kind}]")) {
                continue;
            }
            for line in section(&manifest, kind).filter(|line| line.contains('=') && !line.starts_with('#')) {
                // A package that names itself, for its own tests, does so by its path.
                assert!(
                    line.contains("workspace = true") || line.contains("path = \".\""),
                    "{member}: {line}"
                );
            }
        }
    }
}
