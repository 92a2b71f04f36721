//! What the engine stands on: the stores that the configuration names, each timed.

use std::sync::Arc;

use cairn_engine::contracts::{Catalog, ObjectStore, Placement, SessionStore};
use cairn_engine::engine::Ground;
use cairn_engine::{Chance, Clock, Storages};
use cairn_stores::SqliteCatalog;
use cairn_stores::objects::{self, ObjectsConfig};

use super::{StartError, sessions};
use crate::config::{Config, Durability, PlacementWish};
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
    let catalog: Arc<dyn Catalog> = Arc::new(catalog);
    let sessions = sessions::open(config)?;
    let gate = Gate::default();
    let objects: Arc<dyn ObjectStore> =
        objects::open(&objects_config(config)).map_err(|source| StartError::Objects(Box::new(source)))?;
    let ground = Ground {
        sessions: metered::sessions(metrics, Arc::clone(&sessions), gate.clone()),
        catalog: metered::catalog(metrics, catalog),
        objects: Storages::one(metered::objects(metrics, objects)),
        clock: Arc::new(SystemClock),
        chance: Arc::new(chance),
        errands: Arc::new(supervisor.clone()),
    };
    Ok(Opened { ground, sessions, gate })
}

fn objects_config(config: &Config) -> ObjectsConfig {
    let mut options = config.storage.options.reveal().clone();
    // An option that is empty is one that was not given.
    options.retain(|_, value| !value.is_empty());
    ObjectsConfig {
        scheme: config.storage.scheme.clone(),
        options,
        default_root: config.objects_root(),
        placement: match config.storage.placement {
            PlacementWish::ByScheme => None,
            PlacementWish::InPlace => Some(Placement::InPlace),
            PlacementWish::Objects => Some(Placement::Objects),
        },
        durability: match config.uploads.durability {
            Durability::Chunk => objects::Durability::Chunk,
            Durability::Complete => objects::Durability::Complete,
        },
    }
}
