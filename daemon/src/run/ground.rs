//! What the engine stands on: the stores that the configuration names, each timed.

use std::sync::Arc;

use cairn_engine::contracts::{Placement, SessionStore};
use cairn_engine::engine::Ground;
use cairn_engine::{Chance, Clock, StorageName, Storages};
use cairn_stores::SqliteCatalog;
use cairn_stores::objects::{self, ObjectsConfig, Patience};

use super::{StartError, sessions};
use crate::config::{Config, Durability, PlacementWish, Storage};
use crate::metered::{self, Gate};
use crate::metrics::Metrics;
use crate::supervisor::Supervisor;
use crate::system::{SystemChance, SystemClock};

/// What was opened.
pub(super) struct Opened {
    /// What requests stand on.
    pub(super) ground: Ground,
    /// The session store, past the gate.
    pub(super) sessions: Arc<dyn SessionStore>,
    /// Between requests and the session store; open.
    pub(super) gate: Gate,
}

/// Opens every store. Blocks.
pub(super) fn open(
    config: &Config,
    supervisor: &Supervisor,
    metrics: &Arc<Metrics>,
) -> Result<Opened, StartError> {
    let chance = SystemChance::new().map_err(StartError::Chance)?;
    let now = SystemClock.now();
    let catalog = SqliteCatalog::open(&config.catalog_path(), now, chance.bits())
        .map_err(|source| StartError::Database { store: "catalog", source: Box::new(source) })?;
    let catalog = Arc::new(catalog);
    let accounts = metered::accounts(metrics, catalog.clone());
    let sessions = sessions::open(config)?;
    let gate = Gate::default();
    let objects = storages(config, metrics)?;
    let ground = Ground {
        sessions: metered::sessions(metrics, Arc::clone(&sessions), gate.clone()),
        catalog: metered::catalog(metrics, catalog),
        accounts,
        objects,
        clock: Arc::new(SystemClock),
        chance: Arc::new(chance),
        errands: Arc::new(supervisor.clone()),
    };
    Ok(Opened { ground, sessions, gate })
}

/// Opens every storage.
fn storages(config: &Config, metrics: &Arc<Metrics>) -> Result<Storages, StartError> {
    let mut opened = Vec::new();
    for (name, storage) in config.all_storages() {
        let store = objects::open(&objects_config(config, &name, storage))
            .map_err(|source| StartError::Objects { storage: name.clone(), source: Box::new(source) })?;
        let store = metered::objects(metrics, name.as_str(), store);
        opened.push((name, store));
    }
    let (_, default) = opened.remove(0);
    Ok(Storages::new(default, opened))
}

pub(super) fn objects_config(config: &Config, name: &StorageName, storage: &Storage) -> ObjectsConfig {
    let mut options = storage.options.reveal().clone();
    // An option that is empty is one that was not given.
    options.retain(|_, value| !value.is_empty());
    ObjectsConfig {
        scheme: storage.scheme.clone(),
        options,
        default_root: config.default_root(name),
        placement: match storage.placement {
            PlacementWish::ByScheme => None,
            PlacementWish::InPlace => Some(Placement::InPlace),
            PlacementWish::Objects => Some(Placement::Objects),
        },
        durability: match config.uploads.durability {
            Durability::Chunk => objects::Durability::Chunk,
            Durability::Complete => objects::Durability::Complete,
        },
        patience: Patience {
            timeout: storage.timeout,
            io_timeout: storage.io_timeout,
            retries: storage.retries,
            concurrency: storage.concurrency,
        },
    }
}
