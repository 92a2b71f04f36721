//! Bounds: what a value of the right kind may be.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::layers::Origins;
use super::storages::{RULES, STORAGES};
use super::values::bytes_text;
use super::{AuthMode, ClientAuth, Config, ConfigError, Limits, Origin, Server, Sessions, Storage, Uploads};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Schemes of addresses that lead to Redis.
const REDIS: [&str; 11] = [
    "redis",
    "rediss",
    "valkey",
    "valkeys",
    "unix",
    "redis+unix",
    "valkey+unix",
    "redis+sentinel",
    "rediss+sentinel",
    "redis+cluster",
    "rediss+cluster",
];
/// What a signed 64-bit column can hold with room to add to it.
const LONGEST: u64 = 1 << 62;
const MOMENT: Duration = Duration::from_millis(10);
const HOUR: Duration = Duration::from_secs(3600);
/// First segments of paths that other protocols have.
const TAKEN: [&str; 5] = ["file", "healthz", "metrics", "readyz", "v1"];
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Refuses a configuration that cannot be.
pub(super) fn check(config: &Config, origins: &Origins) -> Result<(), ConfigError> {
    let bounds = Bounds { origins };
    bounds.server(&config.server)?;
    bounds.stores(config)?;
    bounds.uploads(&config.uploads)?;
    bounds.limits(&config.limits)?;
    bounds.background(config)?;
    bounds.protocols(config)?;
    bounds.log(config)?;
    bounds.auth(config)?;
    bounds.period("links.max_ttl", config.links.max_ttl, MOMENT..=10 * YEAR)?;
    config.allow_listening(config.server.listen)
}

struct Bounds<'a> {
    origins: &'a Origins,
}

impl Bounds<'_> {
    fn server(&self, server: &Server) -> Result<(), ConfigError> {
        if server.data_dir.as_os_str().is_empty() {
            return Err(self.refused("server.data_dir", "it is empty"));
        }
        self.number("server.max_connections", server.max_connections, 1..=1_000_000)?;
        let per_address = server.max_connections_per_address;
        self.number("server.max_connections_per_address", per_address, 0..=1_000_000)?;
        self.number("server.worker_threads", server.worker_threads, 0..=512)?;
        self.bytes("server.max_header_bytes", server.max_header_bytes, 8 * KIB..=MIB)?;
        self.bytes("server.max_json_bytes", server.max_json_bytes, KIB..=16 * MIB)?;
        self.period("server.header_timeout", server.header_timeout, MOMENT..=HOUR)?;
        self.period("server.body_idle_timeout", server.body_idle_timeout, MOMENT..=24 * HOUR)?;
        self.period("server.keep_alive_timeout", server.keep_alive_timeout, MOMENT..=24 * HOUR)?;
        self.period("server.shutdown_timeout", server.shutdown_timeout, Duration::ZERO..=HOUR)?;
        if let Some((key, why)) = server.tls.wrong() {
            return Err(self.refused(key, why));
        }
        let text = server.public_url.as_deref();
        if let Some(url) = text.filter(|url| !is_address(url, true) || url.ends_with('/')) {
            let message =
                format!("`{url}` is not http:// or https:// with a host, without a slash at its end");
            return Err(self.refused("server.public_url", message));
        }
        match server.cors_origins.iter().find(|origin| *origin != "*" && !is_address(origin, false)) {
            Some(origin) => {
                let message = format!("`{origin}` is neither `*` nor an origin such as https://example.org");
                Err(self.refused("server.cors_origins", message))
            }
            None => Ok(()),
        }
    }

    fn stores(&self, config: &Config) -> Result<(), ConfigError> {
        self.sessions(&config.sessions)?;
        if config.storage.scheme.is_empty() {
            return Err(self.refused("storage.scheme", "it is empty"));
        }
        self.patience("storage", &config.storage)?;
        self.storages(config)
    }

    /// Storages and rules among each other.
    fn storages(&self, config: &Config) -> Result<(), ConfigError> {
        for (name, storage) in &config.storages {
            let section = format!("{STORAGES}.{name}");
            if name.is_default() {
                let why = "`default` is the storage of the section [storage]";
                return Err(self.refused_section(&section, why));
            }
            if storage.scheme.is_empty() {
                return Err(self.refused(&format!("{section}.scheme"), "it is empty"));
            }
            self.patience(&section, storage)?;
        }
        if let Some((one, other)) = config.same_place() {
            let section = format!("{STORAGES}.{other}");
            let why = format!("it is the same place as that of the storage `{one}`");
            return Err(self.refused_section(&section, why));
        }
        let Some(rule) = config.bad_rule(config.storage_rules.iter()) else { return Ok(()) };
        let names: Vec<String> = config.all_storages().map(|(name, _)| name.to_string()).collect();
        Err(self.refused(
            RULES,
            match &rule.storage {
                Some(name) => format!("there is no storage `{name}`; there are {}", names.join(", ")),
                None => "a rule does not name its `storage`".to_owned(),
            },
        ))
    }

    /// Refuses a section, at the first of its keys that was given.
    fn refused_section(&self, section: &str, message: impl Into<String>) -> ConfigError {
        let within = format!("{section}.");
        let place = self.origins.iter().find(|(key, _)| key.starts_with(&within));
        let place = place.map_or(Origin::Default, |(_, origin)| origin.clone());
        ConfigError::Value { place, key: section.to_owned(), message: message.into() }
    }

    /// What is asked of a service over a network; `section` is that of the storage.
    fn patience(&self, section: &str, storage: &Storage) -> Result<(), ConfigError> {
        let key = |name: &str| format!("{section}.{name}");
        self.period(&key("timeout"), storage.timeout, MOMENT..=HOUR)?;
        self.period(&key("io_timeout"), storage.io_timeout, MOMENT..=HOUR)?;
        self.number(&key("retries"), storage.retries, 0..=20)?;
        self.number(&key("concurrency"), storage.concurrency, 4..=65_536)
    }

    fn sessions(&self, sessions: &Sessions) -> Result<(), ConfigError> {
        // The address of a session store may hold a password, so only its scheme is told.
        let url = sessions.url.reveal();
        let scheme = url.split(':').next().unwrap_or_default();
        if url != "sqlite" && !REDIS.contains(&scheme) {
            let known = REDIS.join("://, ");
            let message = format!("there is no session store `{scheme}`; there is sqlite, {known}://");
            return Err(self.refused("sessions.url", message));
        }
        if sessions.prefix.contains(['{', '}']) {
            return Err(self.refused("sessions.prefix", "braces would decide where a cluster keeps a key"));
        }
        self.period("sessions.timeout", sessions.timeout, MOMENT..=HOUR)?;
        self.period("sessions.connect_timeout", sessions.connect_timeout, MOMENT..=HOUR)?;
        self.number("sessions.connections", sessions.connections, 1..=64)
    }

    fn uploads(&self, uploads: &Uploads) -> Result<(), ConfigError> {
        self.bytes("uploads.max_chunk_size", uploads.max_chunk_size, 1..=5 * GIB)?;
        self.bytes("uploads.min_chunk_size", uploads.min_chunk_size, 1..=uploads.max_chunk_size)?;
        let chunk = uploads.min_chunk_size..=uploads.max_chunk_size;
        self.bytes("uploads.chunk_size", uploads.chunk_size, chunk)?;
        self.number("uploads.max_chunks", uploads.max_chunks, 1..=1_000_000)?;
        self.bytes("uploads.max_length", uploads.max_length, 1..=LONGEST)?;
        self.bytes("uploads.max_metadata", uploads.max_metadata, 0..=MIB)?;
        self.number("uploads.max_open", uploads.max_open, 1..=1_000_000_000)?;
        self.bytes("uploads.quota", uploads.quota.unwrap_or_default(), 0..=LONGEST)?;
        self.number("uploads.max_files", uploads.max_files, 0..=LONGEST)?;
        self.bytes("uploads.free_floor", uploads.free_floor.unwrap_or_default(), 0..=LONGEST)?;
        self.bytes("uploads.roll_bytes", uploads.roll_bytes, 64 * KIB..=5 * GIB)?;
        self.bytes("uploads.inline_bytes", uploads.inline_bytes, 0..=MIB)?;
        self.number("uploads.proof_ranges", uploads.proof_ranges, 1..=10_000)?;
        self.period("uploads.proof_ttl", uploads.proof_ttl, Duration::ZERO..=24 * HOUR)?;
        self.bytes("uploads.proof_min_length", uploads.proof_min_length, MIB..=LONGEST)?;
        self.number("uploads.proof_rate", uploads.proof_rate, 0..=1_000_000)?;
        self.period("uploads.ttl", uploads.ttl, MOMENT..=10 * YEAR)
    }

    fn limits(&self, limits: &Limits) -> Result<(), ConfigError> {
        self.number("limits.requests_per_minute", limits.requests_per_minute, 0..=60_000_000)?;
        self.number("limits.request_burst", limits.request_burst, 1..=1_000_000)?;
        self.period("limits.body_time", limits.body_time, Duration::ZERO..=YEAR)?;
        self.bytes("limits.bandwidth", limits.bandwidth.unwrap_or(KIB), KIB..=GIB << 10)?;
        self.bytes("limits.user_bandwidth", limits.user_bandwidth.unwrap_or(KIB), KIB..=GIB << 10)?;
        self.bytes("limits.body_rate", limits.body_rate.unwrap_or(1), 1..=GIB)?;
        self.period("limits.body_rate_window", limits.body_rate_window, Duration::from_secs(1)..=HOUR)?;
        self.period("limits.request_delay", limits.request_delay, Duration::ZERO..=HOUR)
    }

    fn background(&self, config: &Config) -> Result<(), ConfigError> {
        self.number("merge.min_extents", config.merge.min_extents, 2..=1_000_000)?;
        self.period("merge.interval", config.merge.interval, MOMENT..=YEAR)?;
        self.bytes("merge.rate", config.merge.rate.unwrap_or(LONGEST), 4 * KIB..=LONGEST)?;
        self.period("sweep.interval", config.sweep.interval, MOMENT..=YEAR)?;
        self.period("sweep.grace", config.sweep.grace, Duration::ZERO..=YEAR)?;
        self.period("sweep.remember", config.sweep.remember, Duration::ZERO..=10 * YEAR)?;
        self.number("sweep.max_orphan_percent", config.sweep.max_orphan_percent, 0..=100)
    }

    fn protocols(&self, config: &Config) -> Result<(), ConfigError> {
        let protocols = &config.protocols;
        self.route("protocols.tus_path", &protocols.tus_path, "/files/")?;
        self.route("protocols.resumable_path", &protocols.resumable_path, "/uploads/")?;
        let (one, other) = (&protocols.tus_path, &protocols.resumable_path);
        if one.starts_with(other) || other.starts_with(one) {
            let message = format!("`{other}` and the path of tus, `{one}`, lie in one another");
            return Err(self.refused("protocols.resumable_path", message));
        }
        Ok(())
    }

    fn route(&self, key: &str, path: &str, such_as: &str) -> Result<(), ConfigError> {
        let inside = path.strip_prefix('/').and_then(|path| path.strip_suffix('/')).unwrap_or_default();
        let plain = |segment: &str| {
            let letters = segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b));
            letters && !matches!(segment, "" | "." | "..")
        };
        let first = inside.split('/').next().unwrap_or_default();
        if !inside.split('/').all(plain) || TAKEN.contains(&first) {
            let taken = TAKEN.join(", ");
            let message = format!(
                "`{path}` is not a path of plain segments between slashes, the first none of {taken}; such as {such_as}"
            );
            return Err(self.refused(key, message));
        }
        Ok(())
    }

    fn log(&self, config: &Config) -> Result<(), ConfigError> {
        let level = &config.log.level;
        let parsed: Result<tracing_subscriber::EnvFilter, _> = level.parse();
        match parsed {
            Ok(_) if !level.is_empty() => Ok(()),
            Ok(_) => Err(self.refused("log.level", "it is empty; `off` is silence")),
            Err(error) => Err(self.refused("log.level", format!("`{level}`: {error}"))),
        }
    }

    fn auth(&self, config: &Config) -> Result<(), ConfigError> {
        let (auth, jwt) = (&config.auth, &config.auth.jwt);
        if auth.certificates && auth.mode == AuthMode::None {
            let why = "with auth.mode = \"none\" a caller is whoever it says it is, whatever it shows";
            return Err(self.refused("auth.certificates", why));
        }
        if auth.certificates && config.server.tls.client_auth == ClientAuth::Off {
            let why = "server.tls.client_auth is \"off\": nobody is asked for a certificate";
            return Err(self.refused("auth.certificates", why));
        }
        if auth.mode == AuthMode::Jwt && jwt.keys.as_os_str().is_empty() {
            return Err(self.refused("auth.jwt.keys", "it is empty: no token could be checked"));
        }
        if jwt.user_claim.is_empty() {
            return Err(self.refused("auth.jwt.user_claim", "it is empty: no token would name a user"));
        }
        self.period("auth.jwt.leeway", jwt.leeway, Duration::ZERO..=HOUR)?;
        self.bytes("auth.jwt.max_token_bytes", jwt.max_token_bytes, KIB..=64 * KIB)
    }

    fn bytes(&self, key: &str, value: u64, bounds: RangeInclusive<u64>) -> Result<(), ConfigError> {
        self.within(key, &value, &bounds, |bytes| bytes_text(*bytes))
    }

    fn period(
        &self,
        key: &str,
        value: Duration,
        bounds: RangeInclusive<Duration>,
    ) -> Result<(), ConfigError> {
        self.within(key, &value, &bounds, |period| humantime::format_duration(*period).to_string())
    }

    fn number<N: PartialOrd + Display>(
        &self,
        key: &str,
        value: N,
        bounds: RangeInclusive<N>,
    ) -> Result<(), ConfigError> {
        self.within(key, &value, &bounds, N::to_string)
    }

    fn within<V: PartialOrd>(
        &self,
        key: &str,
        value: &V,
        bounds: &RangeInclusive<V>,
        text: impl Fn(&V) -> String,
    ) -> Result<(), ConfigError> {
        if bounds.contains(value) {
            return Ok(());
        }
        let (value, least, most) = (text(value), text(bounds.start()), text(bounds.end()));
        Err(self.refused(key, format!("{value} is not within {least} to {most}")))
    }

    fn refused(&self, key: &str, message: impl Into<String>) -> ConfigError {
        let place = self.origins.get(key).cloned().unwrap_or(Origin::Default);
        ConfigError::Value { place, key: key.to_owned(), message: message.into() }
    }
}

/// Whether it is `http://` or `https://` with a host and no query; `path` says whether a path may follow.
fn is_address(text: &str, path: bool) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    let bare = uri.query().is_none() && (path || (uri.path() == "/" && !text.ends_with('/')));
    web && bare && uri.host().is_some_and(|host| !host.is_empty())
}
