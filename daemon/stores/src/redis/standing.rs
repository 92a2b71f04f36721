//! What the operator should know of Redis: what it is, and what would be lost of it.

use std::collections::HashMap;

use cairn_engine::contracts::Standing;
use redis::cmd;

use super::connect::{Line, Link, fact, info};
use super::fault::Fault;

/// How Redis stands now; in a cluster, as one of its nodes tells.
pub(super) async fn standing(line: &Line) -> Result<Standing, Fault> {
    let mut link = line.link.clone();
    let mut told = String::new();
    for section in ["server", "persistence", "memory", "replication"] {
        told.push_str(&info(&mut link, section).await?);
    }
    let settings = settings(&mut link).await;
    Ok(describe(&told, &settings))
}

/// Settings that `INFO` does not tell. Where they may not be asked for, there are none.
async fn settings(link: &mut Link) -> HashMap<String, String> {
    let Link::Server(connection) = link else { return HashMap::new() };
    let mut asked = cmd("CONFIG");
    asked.arg("GET").arg("appendfsync").arg("save");
    match asked.query_async(connection).await {
        Ok(settings) => settings,
        Err(error) => {
            tracing::debug!(%error, "the settings of Redis may not be asked for");
            HashMap::new()
        }
    }
}

fn describe(info: &str, settings: &HashMap<String, String>) -> Standing {
    let told = |name| fact(info, name).unwrap_or("unknown");
    let setting = |name| settings.get(name).map_or("unknown", String::as_str);
    let valkey = fact(info, "valkey_version");
    let appendonly = match told("aof_enabled") {
        "1" => "yes",
        "0" => "no",
        _ => "unknown",
    };
    let save = if setting("save").is_empty() { "off" } else { setting("save") };
    let role = if told("role") == "slave" { "replica" } else { told("role") };
    Standing::of(if valkey.is_some() { "valkey" } else { "redis" })
        .with("version", valkey.unwrap_or(told("redis_version")))
        .with("mode", fact(info, "server_mode").unwrap_or(told("redis_mode")))
        .with("role", role)
        .with("appendonly", appendonly)
        .with("appendfsync", setting("appendfsync"))
        .with("save", save)
        .with("maxmemory", told("maxmemory"))
        .with("maxmemory-policy", told("maxmemory_policy"))
        .warned(&[
            keeping(appendonly, setting("appendfsync"), save),
            evicting(told("maxmemory"), told("maxmemory_policy")),
            (role == "replica").then(|| "This server is a replica: it takes no changes.".to_owned()),
        ])
}

/// What is lost when Redis stops.
fn keeping(appendonly: &str, appendfsync: &str, save: &str) -> Option<String> {
    const FOUND: &str = "cairn finds them again among their objects, upload by upload";
    match (appendonly, appendfsync) {
        ("no", _) if save == "off" => Some(format!(
            "appendonly and save are off: uploads in progress are lost whenever Redis stops; {FOUND}."
        )),
        ("no", _) => Some(format!(
            "appendonly is off: uploads in progress and chunks since the last snapshot are lost when Redis dies; {FOUND}."
        )),
        ("yes", "everysec") => Some(format!(
            "appendfsync is everysec: the chunks of the last second or two may be lost with the power; {FOUND}."
        )),
        ("yes", "no") => Some(format!(
            "appendfsync is no: the chunks of the last half minute may be lost with the power; {FOUND}."
        )),
        _ => None,
    }
}

/// What is lost when Redis is full.
fn evicting(maxmemory: &str, policy: &str) -> Option<String> {
    match (maxmemory, policy) {
        ("0" | "unknown", _) | (_, "noeviction" | "unknown") => None,
        (_, policy) => Some(format!(
            "maxmemory-policy is {policy}: Redis may drop uploads in progress when it is full; cairn rebuilds them when \
             they are asked for, but listings and limits do not see them until then. Set it to noeviction."
        )),
    }
}

/// Standing with what there is to warn of.
trait Warned {
    fn warned(self, sentences: &[Option<String>]) -> Self;
}

impl Warned for Standing {
    fn warned(self, sentences: &[Option<String>]) -> Self {
        sentences.iter().flatten().fold(self, |standing, sentence| standing.warning(sentence.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1\r\n\
        server_mode:standalone\r\naof_enabled:1\r\nmaxmemory:100\r\nmaxmemory_policy:allkeys-lru\r\nrole:slave\r\n";

    #[test]
    fn valkey_is_named_and_everything_that_may_be_lost_is_told() {
        let settings = [("appendfsync", "everysec"), ("save", "")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let standing = describe(INFO, &settings);
        assert_eq!(standing.kind, "valkey");
        let facts: Vec<_> = standing.facts.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let expected = [
            ("version", "8.1.1"),
            ("mode", "standalone"),
            ("role", "replica"),
            ("appendonly", "yes"),
            ("appendfsync", "everysec"),
            ("save", "off"),
            ("maxmemory", "100"),
            ("maxmemory-policy", "allkeys-lru"),
        ];
        assert_eq!(facts, expected);
        let beginnings: Vec<_> = standing.warnings.iter().filter_map(|w| w.split(':').next()).collect();
        let expected =
            ["appendfsync is everysec", "maxmemory-policy is allkeys-lru", "This server is a replica"];
        assert_eq!(beginnings, expected);
    }

    #[test]
    fn of_a_server_that_tells_little_nothing_is_made_up() {
        let standing = describe("", &HashMap::new());
        assert_eq!((standing.kind.as_str(), standing.warnings), ("redis", vec![]));
        assert!(standing.facts.iter().all(|(_, value)| value == "unknown"));
    }
}
