//! The engine: every operation that any protocol or the operator asks for, over the three contracts.
//!
//! A method takes parsed words and answers a value or a [`Refusal`]. It holds no lock while bytes flow. The daemon
//! runs each operation in a supervised task, so that a dropped connection does not stop it half-way.
//!
//! | file | operations |
//! |---|---|
//! | `accounts` | users and tokens |
//! | `allowance` | what an owner may still keep and stage |
//! | `create` | begin an upload; instant upload |
//! | `proof` | a content that is here already, for who shows to have it |
//! | `receive`, `append`, `flow` | chunks, appends and whole files on their way to storage |
//! | `room` | whether a storage has room for what comes |
//! | `running` | which bodies are running, so that they can be stopped and never write the same bytes |
//! | `prefix` | SHA-1 and SHA-256 along the contiguous prefix |
//! | `complete` | from a set of extents to a blob and a file |
//! | `join` | several uploads in a row as one |
//! | `links` | which links of one use were used |
//! | `session` | an upload's record; its status; abort and purge |
//! | `rebuild` | records that the session store lost, whole or in part, made whole again |
//! | `scan` | computing something of stored bytes |
//! | `resume` | an open upload found by its content or id |
//! | `files` | names, reading, accounts |
//! | `blobs` | merging and verifying |
//! | `moving` | blobs from one storage to another |
//! | `sweep` | removing what nothing needs any more |
//! | `witness` | who is told what the engine does beside its answers |

mod accounts;
mod allowance;
mod append;
mod appending;
mod blobs;
mod complete;
mod create;
mod files;
mod flow;
mod join;
mod links;
mod moving;
mod prefix;
mod proof;
mod reading;
mod rebuild;
mod receive;
mod resume;
mod room;
mod running;
mod scan;
mod session;
mod short;
mod sweep;
mod unfinished;
mod witness;
mod words;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use crate::contracts::{Accounts, Catalog, SessionStore, Standing, Store, StoreError};
use crate::id::{Chance, StorageName};
use crate::owner::Owner;
use crate::policy::Policy;
#[cfg(doc)]
use crate::refusal::Refusal;
use crate::storages::Storages;
use crate::time::{Clock, Timestamp};

pub use accounts::{AccountError, Holder};
pub use proof::Possession;
pub use witness::{Happening, Why, Witness};
pub use words::*;

/// Work that an operation leaves to be done after its answer. Losing it loses nothing that the sweeper does not find.
pub trait Errands: Send + Sync {
    /// Starts the work, or keeps it for later.
    fn start(&self, name: &'static str, work: Errand);
}

/// One piece of such work.
pub type Errand = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// What an engine stands on.
#[derive(Clone)]
pub struct Ground {
    /// Uploads in progress.
    pub sessions: Arc<dyn SessionStore>,
    /// Finished content.
    pub catalog: Arc<dyn Catalog>,
    /// Users and tokens.
    pub accounts: Arc<dyn Accounts>,
    /// Bytes.
    pub objects: Storages,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<dyn Chance>,
    /// Work for after the answer.
    pub errands: Arc<dyn Errands>,
}

/// The engine. Clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    ground: Ground,
    policy: Arc<RwLock<Arc<Policy>>>,
    running: Arc<running::Running>,
    prefixes: Arc<prefix::Prefixes>,
    completing: Arc<running::OneAtATime>,
    /// Whoever has an owner's turn may wait for that of mending, and for no other.
    owners: Arc<running::OneAtATime<Owner>>,
    proofs: Arc<proof::Proofs>,
    joins: Arc<join::Joins>,
    in_hand: Arc<moving::InHand>,
    /// Whoever has both turns takes that of completing first.
    mending: Arc<running::OneAtATime>,
    known: Arc<accounts::Known>,
    witness: Arc<dyn Witness>,
    started_at: Timestamp,
}

impl Engine {
    /// An engine on its ground.
    pub fn new(ground: Ground, policy: Policy) -> Self {
        let started_at = ground.clock.now();
        Self {
            started_at,
            ground,
            policy: Arc::new(RwLock::new(Arc::new(policy))),
            running: Arc::default(),
            prefixes: Arc::default(),
            completing: Arc::default(),
            owners: Arc::default(),
            proofs: Arc::default(),
            joins: Arc::default(),
            in_hand: Arc::default(),
            mending: Arc::default(),
            known: Arc::default(),
            witness: Arc::new(witness::Nobody),
        }
    }

    /// Puts other limits and habits in force, for every operation that begins from now on.
    pub fn set_policy(&self, policy: Policy) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    /// The limits and habits in force.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The moment it is.
    pub fn now(&self) -> Timestamp {
        self.ground.clock.now()
    }

    /// The storages, the default one first.
    pub fn storages(&self) -> Vec<StorageName> {
        self.ground.objects.names()
    }

    /// For how many uploads a body is arriving now.
    pub fn running_uploads(&self) -> usize {
        self.running.uploads()
    }

    /// Asks every store, and every storage, at once whether it answers, and those that can be set up in many ways how
    /// they are.
    pub async fn check(&self) -> Vec<Checked> {
        let (sessions, standing, catalog, storages) = futures_util::future::join4(
            self.ground.sessions.check(),
            self.ground.sessions.standing(),
            self.ground.catalog.check(),
            self.ground.objects.check(),
        )
        .await;
        let mut checks = vec![
            Checked { standing: standing.ok(), ..Checked::of(Store::Sessions, sessions) },
            Checked::of(Store::Catalog, catalog),
        ];
        let storages = storages.into_iter().map(async |(storage, answer)| {
            let standing = if answer.is_ok() { self.standing_of(&storage).await.ok() } else { None };
            Checked { storage: Some(storage), standing, ..Checked::of(Store::Objects, answer) }
        });
        checks.extend(futures_util::future::join_all(storages).await);
        checks
    }

    async fn standing_of(&self, storage: &StorageName) -> Result<Standing, StoreError> {
        self.ground.objects.find(storage)?.standing().await
    }

    /// A nonce for the object of one stretch: the time in milliseconds, so that names tell what came later, and 64
    /// bits of chance.
    fn nonce(&self) -> u128 {
        u128::from(self.now().0) << 64 | self.ground.chance.bits() & u128::from(u64::MAX)
    }

    /// Leaves work for after the answer.
    fn errand(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        self.ground.errands.start(name, Box::pin(work));
    }
}
