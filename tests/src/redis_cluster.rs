//! A cluster of three real Redis servers, with a replica where a test asks for one.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::redis_server::{RedisServer, free_port};

/// The slots of each of the three, first and last.
const SLOTS: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

/// How long a node may be silent before a replica takes its place, in milliseconds.
const SILENCE: &str = "1000";

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
        let nodes: Vec<_> = buses.iter().map(|bus| node(bus)).collect();
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

    /// Adds a replica of the first master, and waits until it follows. From now on the dead are found within seconds.
    ///
    /// # Panics
    /// It does not come up.
    pub fn add_replica(&mut self) {
        let bus = free_port().to_string();
        let replica = node(&bus);
        let master = &self.nodes[0];
        let port = replica.address().port().to_string();
        assert_eq!(master.ask(&["cluster", "meet", "127.0.0.1", &port, &bus]), "OK");
        let id = master.ask(&["cluster", "myid"]);
        replica.wait_until(&["cluster", "nodes"], &id);
        replica.wait_until(&["cluster", "info"], "cluster_size:3");
        assert_eq!(replica.ask(&["cluster", "replicate", &id]), "OK");
        replica.wait_until(&["info", "replication"], "master_link_status:up");
        for node in &self.nodes {
            node.wait_until(&["cluster", "nodes"], " slave ");
        }
        self.nodes.push(replica);
        for node in &self.nodes {
            assert_eq!(node.ask(&["config", "set", "cluster-node-timeout", SILENCE]), "OK");
        }
    }

    /// Kills a server.
    ///
    /// # Panics
    /// There is none of that number.
    pub fn kill(&mut self, number: usize) {
        self.nodes[number].kill();
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

fn node(bus: &str) -> RedisServer {
    let options = ["--cluster-enabled", "yes", "--cluster-port", bus];
    RedisServer::start_with(&options)
}
