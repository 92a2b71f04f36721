//! What a reload may change while the daemon runs.

use std::collections::BTreeSet;

use cairn_engine::StorageName;

use super::storages::{RULES, STORAGES};
use super::{Config, Uploads};

/// What came of reading the configuration again.
#[derive(Clone, Debug, PartialEq)]
pub struct Reloaded {
    /// What is in force now: what could be changed is changed, everything else as it was.
    pub config: Config,
    /// Keys that differ but need a restart, as `section.key`.
    pub kept: Vec<String>,
    /// Keys that were changed.
    pub changed: Vec<String>,
}

impl Config {
    /// Takes from `new` what can change while the daemon runs: the limits and habits of uploads (but not their
    /// durability), where new content goes, merging, sweeping, origins, protocols, limits of requests, the time to stop, and the level of the
    /// log.
    pub fn reloaded(&self, new: &Self) -> Reloaded {
        let mut config = self.clone();
        config.uploads = Uploads { durability: self.uploads.durability, ..new.uploads.clone() };
        // Storages are opened at the start, so a rule about a new one has to wait for the next.
        if self.bad_rule(new.storage_rules.iter()).is_none() {
            config.storage_rules.clone_from(&new.storage_rules);
        }
        config.limits = new.limits.clone();
        config.merge = new.merge.clone();
        config.sweep = new.sweep.clone();
        config.log.level.clone_from(&new.log.level);
        config.protocols = new.protocols.clone();
        config.server.body_idle_timeout = new.server.body_idle_timeout;
        config.server.max_json_bytes = new.server.max_json_bytes;
        // One listener speaks one thing: whether TLS is spoken at all is decided at the start.
        if self.server.tls.is_on() == new.server.tls.is_on() {
            config.server.tls.clone_from(&new.server.tls);
        }
        if self.auth.mode == new.auth.mode {
            config.auth.jwt.clone_from(&new.auth.jwt);
        }
        config.server.trusted_proxies.clone_from(&new.server.trusted_proxies);
        config.server.max_connections_per_address = new.server.max_connections_per_address;
        config.server.cors_origins.clone_from(&new.server.cors_origins);
        config.server.shutdown_timeout = new.server.shutdown_timeout;
        Reloaded { kept: different_keys(&config, new), changed: different_keys(self, &config), config }
    }
}

/// Keys whose values differ. Secrets are compared as they are, and never told.
fn different_keys(one: &Config, other: &Config) -> Vec<String> {
    let mut keys = Vec::new();
    if one.storage.options != other.storage.options {
        keys.push("storage.options".to_owned());
    }
    let (ours, theirs) = (&one.sessions, &other.sessions);
    let secrets = [
        ("sessions.url", ours.url != theirs.url),
        ("sessions.password", ours.password != theirs.password),
        ("sessions.sentinel_password", ours.sentinel_password != theirs.sentinel_password),
    ];
    keys.extend(secrets.iter().filter(|(_, differs)| *differs).map(|(key, _)| (*key).to_owned()));
    if one.storage_rules != other.storage_rules {
        keys.push(RULES.to_owned());
    }
    let names: BTreeSet<_> = one.storages.keys().chain(other.storages.keys()).collect();
    let differ = |name: &&&StorageName| one.storages.get(**name) != other.storages.get(**name);
    keys.extend(names.iter().filter(differ).map(|name| format!("{STORAGES}.{name}")));
    let (Ok(one), Ok(other)) = (toml::Table::try_from(one), toml::Table::try_from(other)) else {
        return keys;
    };
    for (section, values) in one.iter().filter(|(section, _)| *section != STORAGES) {
        let (Some(values), Some(others)) = (values.as_table(), other.get(section).and_then(|v| v.as_table()))
        else {
            continue;
        };
        let differing =
            values.iter().filter(|(key, value)| others.get(*key) != Some(value) && *key != "options");
        keys.extend(differing.map(|(key, _)| format!("{section}.{key}")));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}
