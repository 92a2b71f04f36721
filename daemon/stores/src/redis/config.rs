//! Where Redis is, and how it is spoken to.
//!
//! | URL | what it leads to |
//! |---|---|
//! | `redis://[user:password@]host[:port][/database]` | one server; `rediss://` with TLS; `valkey://` and `valkeys://` are the same |
//! | `unix:///path[?db=0]`, also `redis+unix://` | one server, at a socket |
//! | `redis+sentinel://[user:password@]host[:26379],host…/name[/database]` | the master that the sentinels name; `rediss+sentinel://` with TLS to all of them |
//! | `redis+cluster://[user:password@]host[:port],host…` | a cluster, found through any of its nodes; `rediss+cluster://` with TLS |
//!
//! User and password in the URL are percent-encoded. Those of [`RedisConfig`] win over those of the URL.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use redis::{ConnectionInfo, IntoConnectionInfo};

/// How Redis is reached and used. Neither `Debug` nor any error tells a password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisConfig {
    /// Where it is; the module's documentation tells the forms.
    pub url: String,
    /// The user's name, instead of the one in the URL.
    pub username: Option<String>,
    /// The password, instead of the one in the URL.
    pub password: Option<String>,
    /// The password of the sentinels, which have their own; none unless it is given.
    pub sentinel_password: Option<String>,
    /// The number of the database, instead of the one in the URL. A cluster has only 0.
    pub database: Option<i64>,
    /// What every key begins with. Without braces: they would decide where a cluster keeps a key.
    pub prefix: String,
    /// How long a request may take, waiting for its turn included.
    pub timeout: Duration,
    /// How long a connection may take to be made and greeted.
    pub connect_timeout: Duration,
    /// Connections that the requests share; each carries many at once. At least one; a cluster has as many to each node.
    pub connections: usize,
    /// A file of the certificate authorities (PEM) that are believed instead of the usual ones.
    pub tls_ca: Option<PathBuf>,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            url: "redis://127.0.0.1:6379".to_owned(),
            username: None,
            password: None,
            sentinel_password: None,
            database: None,
            prefix: String::new(),
            timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(1),
            connections: 2,
            tls_ca: None,
        }
    }
}

impl RedisConfig {
    /// The URL without user and password, as it may be told to anybody.
    pub fn public_url(&self) -> String {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("", &self.url));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let hosts = authority.rsplit('@').next().unwrap_or_default();
        // The options of a socket's URL may hold a password.
        let path = path.split('?').next().unwrap_or_default();
        format!("{scheme}://{hosts}{path}")
    }

    /// Every secret that may stand in an error of a library or a server.
    pub(super) fn secrets(&self) -> Vec<String> {
        let in_url = authority_and_path(&self.url).and_then(|(user, ..)| user).unwrap_or_default();
        let raw = in_url.split_once(':').map(|(_, password)| password.to_owned());
        let decoded = addresses(&self.url).ok().and_then(|addresses| {
            addresses.nodes.first().and_then(|node| node.redis_settings().password().map(str::to_owned))
        });
        let given = [self.password.clone(), self.sentinel_password.clone(), raw, decoded];
        given.into_iter().flatten().filter(|secret| !secret.is_empty()).collect()
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |secret: &Option<String>| secret.as_ref().map(|_| "(hidden)");
        f.debug_struct("RedisConfig")
            .field("url", &self.public_url())
            .field("username", &self.username)
            .field("password", &hidden(&self.password))
            .field("sentinel_password", &hidden(&self.sentinel_password))
            .field("database", &self.database)
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("connections", &self.connections)
            .field("tls_ca", &self.tls_ca)
            .finish()
    }
}

/// Redis cannot be spoken to as it is configured, whether or not it is there.
#[derive(Debug, thiserror::Error)]
pub enum RedisConfigError {
    /// The URL has none of the forms.
    #[error("the URL of Redis cannot be used: {0}")]
    Url(String),
    /// The prefix would decide where a cluster keeps the keys.
    #[error("the prefix of the keys in Redis must not have braces")]
    Prefix,
    /// The file of certificate authorities cannot be read.
    #[error("the file of certificate authorities {path} cannot be read")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A client of these settings cannot be made.
    #[error("no client of Redis can be made: {0}")]
    Client(String),
}

/// What kind of installation a URL leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One server.
    Single,
    /// The master of this name, told by sentinels.
    Sentinel(String),
    /// A cluster.
    Cluster,
}

/// A URL, taken apart.
pub(super) struct Addresses {
    pub(super) kind: Kind,
    /// The server, the sentinels or the nodes; at least one.
    pub(super) nodes: Vec<ConnectionInfo>,
    /// Whether the URL asks for TLS.
    pub(super) tls: bool,
}

/// User and password, hosts, and the rest of a URL; `None` if it has no scheme.
fn authority_and_path(url: &str) -> Option<(Option<&str>, &str, &str)> {
    let (_, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((user, hosts)) => Some((Some(user), hosts, path)),
        None => Some((None, authority, path)),
    }
}

/// Takes a URL apart.
pub(super) fn addresses(url: &str) -> Result<Addresses, RedisConfigError> {
    let bad = |why: &str| RedisConfigError::Url(why.to_owned());
    let (scheme, _) = url.split_once("://").ok_or_else(|| bad("it has no scheme"))?;
    let (user, hosts, path) = authority_and_path(url).ok_or_else(|| bad("it has no scheme"))?;
    let many = |plain: &str, default_port: u16, path: &str| {
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let node = |host: &str| {
            // A port is what follows the last colon, except in brackets, where addresses of version 6 have their own.
            let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
            let port = if has_port { String::new() } else { format!(":{default_port}") };
            parse(&format!("{plain}://{user}{host}{port}{path}"))
        };
        hosts.split(',').map(node).collect::<Result<Vec<_>, _>>()
    };
    let tls = scheme.starts_with("rediss") || scheme == "valkeys";
    let plain = if tls { "rediss" } else { "redis" };
    let (kind, nodes) = match scheme {
        "redis" | "rediss" | "valkey" | "valkeys" | "unix" | "redis+unix" | "valkey+unix" => {
            (Kind::Single, vec![parse(url)?])
        }
        "redis+sentinel" | "rediss+sentinel" => {
            let path = path.trim_matches('/');
            let (name, database) = path.split_once('/').unwrap_or((path, ""));
            if name.is_empty() {
                return Err(bad("after the sentinels a slash and the name of the master are wanted"));
            }
            (Kind::Sentinel(name.to_owned()), many(plain, 26_379, &format!("/{database}"))?)
        }
        "redis+cluster" | "rediss+cluster" => (Kind::Cluster, many(plain, 6_379, "")?),
        _ => return Err(bad("its scheme is none that leads to Redis")),
    };
    Ok(Addresses { kind, nodes, tls })
}

fn parse(url: &str) -> Result<ConnectionInfo, RedisConfigError> {
    // The library's sentences tell which part is wrong, and no part itself.
    url.into_connection_info().map_err(|error| RedisConfigError::Url(error.category().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_url_leads_somewhere() {
        let cases = [
            ("redis://127.0.0.1", Kind::Single, 1, false),
            ("rediss://u:p@host:7000/3", Kind::Single, 1, true),
            ("valkeys://host", Kind::Single, 1, true),
            ("unix:///run/redis.sock?db=2", Kind::Single, 1, false),
            (
                "redis+sentinel://:p@a,b:26380,[::1]/mymaster/2",
                Kind::Sentinel("mymaster".to_owned()),
                3,
                false,
            ),
            ("rediss+cluster://a:7000,b", Kind::Cluster, 2, true),
        ];
        for (url, kind, nodes, tls) in cases {
            let found = addresses(url).unwrap();
            assert_eq!((found.kind, found.nodes.len(), found.tls), (kind, nodes, tls), "{url}");
        }
        let sentinels = addresses("redis+sentinel://:p%40@a,b:26380,[::1]/mymaster/2").unwrap();
        let told: Vec<_> = sentinels.nodes.iter().map(|node| node.addr().to_string()).collect();
        assert_eq!(told, ["a:26379", "b:26380", "::1:26379"]);
        let settings = sentinels.nodes[0].redis_settings();
        assert_eq!((settings.db(), settings.password()), (2, Some("p@")));
    }

    #[test]
    fn a_url_that_leads_nowhere_is_refused_without_telling_it() {
        for url in [
            "",
            "sqlite",
            "http://:secret@host",
            "redis://",
            "redis://:secret@host/secret",
            "redis+sentinel://:secret@host",
            "redis+cluster://",
            "redis://:secret@host:port",
        ] {
            let error = addresses(url).err().map(|error| error.to_string());
            assert!(error.as_ref().is_some_and(|told| !told.contains("secret")), "{url}: {error:?}");
        }
    }

    #[test]
    fn no_password_is_told_by_a_debug_print() {
        for url in ["redis://ann:secret@host/1", "redis+cluster://:secret@a,b", "unix:///a?pass=secret"] {
            let config = RedisConfig {
                url: url.to_owned(),
                password: Some("secret".to_owned()),
                sentinel_password: Some("secret".to_owned()),
                ..RedisConfig::default()
            };
            let told = format!("{config:?} {}", config.public_url());
            assert!(!told.contains("secret"), "{told}");
            assert!(config.secrets().contains(&"secret".to_owned()));
        }
    }
}
