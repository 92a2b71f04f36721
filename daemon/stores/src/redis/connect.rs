//! Making a connection: to one server, to the master that sentinels name, or to a cluster.
//!
//! A server that follows another one is refused: it takes no changes, and may know less. No connection is trusted to lead
//! to the server that it led to before: which *run* of which server has a record is asked by the scripts, where they run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cairn_engine::contracts::Failure;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, Pipeline, ProtocolVersion, PushInfo, PushKind,
    RedisFuture, TlsCertificates, TlsMode, Value, cmd,
};
use tokio::sync::Mutex;

use super::config::{Addresses, Kind, RedisConfig, RedisConfigError, addresses};
use super::fault::{Connection, Fault};

/// A connection that many requests share. A clone is the same connection.
#[derive(Clone)]
pub(super) enum Link {
    /// To one server.
    Server(MultiplexedConnection),
    /// To the nodes of a cluster.
    Cluster(ClusterConnection),
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// A connection, and what was learned as it was made.
pub(super) struct Line {
    pub(super) link: Link,
    /// Set when the other end is seen to be gone.
    lost: Arc<AtomicBool>,
}

impl Line {
    /// Whether the other end is known to be gone.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }
}

/// Where connections lead.
pub(super) struct Target {
    way: Way,
    secrets: Vec<String>,
    timeout: Duration,
    connect_timeout: Duration,
}

enum Way {
    Server(Box<Client>),
    Sentinel(Box<Mutex<SentinelClient>>),
    Cluster(Box<ClusterClient>),
}

impl Target {
    /// What a configuration leads to. Asks nobody.
    pub(super) fn new(config: &RedisConfig) -> Result<Self, RedisConfigError> {
        let certificates = match &config.tls_ca {
            None => None,
            Some(path) => {
                let root_cert = std::fs::read(path)
                    .map_err(|source| RedisConfigError::CaFile { path: path.clone(), source })?;
                Some(TlsCertificates { client_tls: None, root_cert: Some(root_cert) })
            }
        };
        let Addresses { kind, nodes, tls } = addresses(&config.url)?;
        if tls {
            // Without a choice the library panics. It fails if there is one already, which is as good.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let nodes = nodes.into_iter().map(|node| with_settings(node, config)).collect::<Vec<_>>();
        let way = match kind {
            Kind::Single => server(nodes, certificates),
            Kind::Sentinel(name) => sentinel(&nodes, &name, tls, certificates, config),
            Kind::Cluster => cluster(nodes, tls, certificates, config),
        };
        let way = way.map_err(|error| RedisConfigError::Client(error.category().to_owned()))?;
        Ok(Self {
            way,
            secrets: config.secrets(),
            timeout: config.timeout,
            connect_timeout: config.connect_timeout,
        })
    }

    /// Whether it is a cluster, where one script sees the keys of one slot only.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.way, Way::Cluster(_))
    }

    /// A failure, without any secret that the library or the server may have put in its words.
    pub(super) fn scrubbed(&self, fault: Fault) -> Fault {
        fault.without(&self.secrets)
    }

    /// Makes a connection and greets the server, within the time for it.
    pub(super) async fn connect(&self) -> Result<Line, Fault> {
        let made = tokio::time::timeout(self.connect_timeout, self.connect_untimed()).await;
        let told = made.map_err(|_| Fault::silent())?;
        told.map_err(|fault| Fault { failure: Failure::Unavailable, ..fault })
    }

    async fn connect_untimed(&self) -> Result<Line, Fault> {
        let lost = Arc::new(AtomicBool::new(false));
        let config = self.connection_config(&lost);
        let connection = match &self.way {
            Way::Server(client) => client.get_multiplexed_async_connection_with_config(&config).await,
            Way::Sentinel(sentinels) => {
                sentinels.lock().await.get_async_connection_with_config(&config).await
            }
            Way::Cluster(client) => {
                let connection = client.get_async_connection().await.map_err(Fault::from)?;
                return Ok(Line { link: Link::Cluster(connection), lost });
            }
        };
        let mut link = Link::Server(connection.map_err(Fault::from)?);
        refuse_replica(&mut link).await?;
        Ok(Line { link, lost })
    }

    fn connection_config(&self, lost: &Arc<AtomicBool>) -> AsyncConnectionConfig {
        let lost = Arc::clone(lost);
        let notice = move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                lost.store(true, Ordering::Release);
            }
            Ok::<(), redis::aio::SendError>(())
        };
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.timeout))
            .set_push_sender(notice)
    }
}

async fn refuse_replica(link: &mut Link) -> Result<(), Fault> {
    let replication = info(link, "replication").await?;
    if fact(&replication, "role") == Some("slave") {
        let why = "the server is a replica, and takes no changes";
        return Err(Fault { connection: Connection::Lost, ..Fault::told(Failure::Unavailable, why) });
    }
    Ok(())
}

/// A line of what `INFO` answers.
pub(super) fn fact<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// A section of `INFO`, of any node.
pub(super) async fn info(link: &mut Link, section: &str) -> Result<String, Fault> {
    let mut asked = cmd("INFO");
    asked.arg(section);
    match link {
        Link::Server(_) => Ok(asked.query_async(link).await?),
        Link::Cluster(connection) => {
            use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
            let route = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
            let told = connection.route_command(asked, route).await?;
            Ok(redis::from_redis_value(told).map_err(redis::RedisError::from)?)
        }
    }
}

fn with_settings(node: ConnectionInfo, config: &RedisConfig) -> ConnectionInfo {
    // A push tells when the other end hangs up, before anybody has sent a request to nowhere.
    let mut settings = node.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    if let Some(username) = &config.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &config.password {
        settings = settings.set_password(password);
    }
    if let Some(database) = config.database {
        settings = settings.set_db(database);
    }
    node.set_redis_settings(settings)
}

fn server(nodes: Vec<ConnectionInfo>, certificates: Option<TlsCertificates>) -> redis::RedisResult<Way> {
    let none = || redis::RedisError::from((redis::ErrorKind::InvalidClientConfig, "no server"));
    let node = nodes.into_iter().next().ok_or_else(none)?;
    Ok(Way::Server(Box::new(match certificates {
        Some(certificates) => Client::build_with_tls(node, certificates)?,
        None => Client::open(node)?,
    })))
}

fn sentinel(
    nodes: &[ConnectionInfo],
    name: &str,
    tls: bool,
    certificates: Option<TlsCertificates>,
    config: &RedisConfig,
) -> redis::RedisResult<Way> {
    let sentinels: Vec<_> = nodes.iter().map(|node| node.addr().clone()).collect();
    let mut builder = SentinelClientBuilder::new(sentinels, name, SentinelServerType::Master)?
        .set_client_to_redis_protocol(ProtocolVersion::RESP3);
    if let Some(settings) = nodes.first().map(ConnectionInfo::redis_settings) {
        builder = builder.set_client_to_redis_db(settings.db());
        if let Some(username) = settings.username() {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
    }
    if let Some(password) = &config.sentinel_password {
        builder = builder.set_client_to_sentinel_password(password);
    }
    if tls {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        if let Some(certificates) = certificates {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
    }
    Ok(Way::Sentinel(Box::new(Mutex::new(builder.build()?))))
}

fn cluster(
    nodes: Vec<ConnectionInfo>,
    tls: bool,
    certificates: Option<TlsCertificates>,
    config: &RedisConfig,
) -> redis::RedisResult<Way> {
    let mut builder = ClusterClientBuilder::new(nodes)
        .use_protocol(ProtocolVersion::RESP3)
        .connection_timeout(config.connect_timeout)
        .response_timeout(config.timeout)
        .overall_response_timeout(Some(config.timeout))
        .retries(CLUSTER_RETRIES);
    if tls {
        builder = builder.tls(TlsMode::Secure);
    }
    if let Some(certificates) = certificates {
        builder = builder.certs(certificates);
    }
    Ok(Way::Cluster(Box::new(builder.build()?)))
}

/// How often the library sends a command of a cluster again: a slot may move twice while it is on its way. It may
/// then be run twice; see at the scripts what that does.
const CLUSTER_RETRIES: u32 = 3;
