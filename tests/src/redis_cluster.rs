//! A cluster of three real Redis servers.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::redis_server::{RedisServer, free_port};

/// The slots of each of the three, first and last.
const SLOTS: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

/// Three masters, each with a third of the slots.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// The cluster that all tests of a process share; it is started by the first that asks, and ends with the last that
    /// holds it. Each test has a prefix of its own there.
    ///
    /// # Panics
    /// It does not come up.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<RedisCluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = shared.upgrade() {
            return cluster;
        }
        let cluster = Arc::new(Self::start());
        *shared = Arc::downgrade(&cluster);
        cluster
    }

    /// A cluster of a test's own.
    ///
    /// # Panics
    /// It does not come up.
    pub fn start() -> Self {
        let buses = SLOTS.map(|_| free_port().to_string());
        let node = |bus: &String| {
            RedisServer::start_with(&["--cluster-enabled", "yes", "--cluster-port", bus.as_str()])
        };
        let nodes: Vec<_> = buses.iter().map(node).collect();
        for (node, (first, last)) in nodes.iter().zip(SLOTS) {
            assert_eq!(node.ask(&["cluster", "addslotsrange", first, last]), "OK");
        }
        for (node, bus) in nodes.iter().zip(&buses).skip(1) {
            let port = node.address().port().to_string();
            assert_eq!(nodes[0].ask(&["cluster", "meet", "127.0.0.1", &port, bus]), "OK");
        }
        for node in &nodes {
            node.wait_until(&["cluster", "info"], "cluster_state:ok");
            node.wait_until(&["cluster", "info"], "cluster_size:3");
        }
        Self { nodes }
    }

    /// Its URL, as cairn takes it.
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.nodes.iter().map(|node| node.address().to_string()).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// Its servers.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }
}
