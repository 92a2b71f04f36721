//! Uploads in progress, in Redis or Valkey.
//!
//! # What is kept
//!
//! A record is a hash that reads as the tutorial's does: `HGETALL MP_<id>` shows `chunkcount`, `filehash`, `filesize`,
//! `chunksize`, and `chkidx_<n>` = 1 for every chunk that is there whole (up to chunk 100 000, and as far as 2^53 bytes
//! reach). What else cairn needs stands in further fields; the receipts are a sorted set beside it. `keys` names every
//! key. A chunk adds one member and one field, whatever is there already, and overlaps are found by seeking.
//!
//! # What is promised
//!
//! - Every change of a record is one script, so it is made or not made. On one server the indices are changed with it.
//!   In a cluster a script sees one slot, and the indices lie in another: there the record is changed first and the
//!   indices after it, each step repeatable. A daemon that dies between leaves a record that no listing tells, or an entry
//!   of a record that is gone; the next change or `vouch` of the record mends the first, whoever meets it the second.
//!   A limit is kept there too: who was admitted meanwhile is looked at again.
//! - A change lasts as long as Redis makes it last. What it may have forgotten is told: a record names the run of the
//!   server under which it was last known whole (the process, and the history that it continues), and under every other one is doubted until somebody vouches,
//!   having loaded all of it. The run that they loaded it from counts: if yet another server took over since, it stays
//!   doubted.
//!   A record of which one key was evicted comes back holding nothing, and doubted.
//! - What is not a record of cairn's is set aside under `{MP_<id>}:broken` when it is loaded, and is not there from then
//!   on; so it is rebuilt.
//! - A record goes by itself a week after its end, and never sooner than a week after its last change: whoever sweeps
//!   sees it expired first. What the indices still say of one that went so, was evicted or flushed is cleaned up when it
//!   is met.
//! - A receipt that is recorded again, because the first answer was lost, is recorded once.
//! - The rules of connections and time-outs are those of `lines`.

mod config;
mod connect;
mod create;
mod fault;
mod keys;
mod lines;
mod listing;
mod records;
mod scripts;
mod standing;
mod words;

use async_trait::async_trait;
use cairn_engine::contracts::*;
use cairn_engine::{Owner, Receipt, State, Timestamp, Upload, UploadId};

pub use config::{RedisConfig, RedisConfigError};

use self::connect::Target;
use self::keys::Keys;
use self::lines::Lines;
use self::scripts::Scripts;

/// Uploads in progress, in Redis.
pub struct RedisSessions {
    lines: Lines,
    ground: Ground,
}

/// What every call stands on, but for the connection.
struct Ground {
    keys: Keys,
    scripts: Scripts,
    is_cluster: bool,
}

impl Ground {
    /// The base of the indices for a script that changes a record; empty where it could not reach them.
    fn base(&self) -> &str {
        if self.is_cluster { "" } else { &self.keys.base }
    }
}

impl RedisSessions {
    /// The sessions at the place that is configured. Nobody is asked: Redis may be absent, and is connected to when it
    /// is needed. Reads the file of certificate authorities.
    ///
    /// # Errors
    /// The configuration cannot be used, whether or not Redis is there.
    pub fn open(config: &RedisConfig) -> Result<Self, RedisConfigError> {
        if config.prefix.contains(['{', '}']) {
            return Err(RedisConfigError::Prefix);
        }
        let lines = Lines::new(Target::new(config)?, config.connections, config.timeout);
        let is_cluster = lines.is_cluster();
        let ground = Ground { keys: Keys::new(&config.prefix), scripts: Scripts::new(), is_cluster };
        Ok(Self { lines, ground })
    }
}

#[async_trait]
impl SessionStore for RedisSessions {
    async fn create(&self, upload: &Upload, admission: &Admission) -> Result<Creation, StoreError> {
        self.lines.on("create", async |line| self.ground.create(line, upload, admission).await).await
    }

    async fn load(&self, id: UploadId, view: View) -> Result<Option<Session>, StoreError> {
        self.lines.on("load", async |line| self.ground.load(line, id, &view).await).await
    }

    async fn record(
        &self,
        id: UploadId,
        receipt: &Receipt,
        epoch: Option<u64>,
        expires_at: Timestamp,
    ) -> Result<Recording, StoreError> {
        let work = async |line: &_| self.ground.record(line, id, receipt, epoch, expires_at).await;
        self.lines.on("record", work).await
    }

    async fn claim(&self, id: UploadId) -> Result<Option<u64>, StoreError> {
        self.lines.on("claim", async |line| self.ground.claim(line, id).await).await
    }

    async fn settle(&self, id: UploadId, from: &[State], change: Settlement) -> Result<Settled, StoreError> {
        self.lines.on("settle", async |line| self.ground.settle(line, id, from, &change).await).await
    }

    async fn save_prefix(&self, id: UploadId, prefix: &SavedPrefix) -> Result<(), StoreError> {
        self.lines.on("save_prefix", async |line| self.ground.save_prefix(line, id, prefix).await).await
    }

    async fn load_prefix(&self, id: UploadId) -> Result<Option<SavedPrefix>, StoreError> {
        self.lines.on("load_prefix", async |line| self.ground.load_prefix(line, id).await).await
    }

    async fn save_challenge(&self, id: UploadId, challenge: &Challenge) -> Result<(), StoreError> {
        self.lines
            .on("save_challenge", async |line| self.ground.save_challenge(line, id, challenge).await)
            .await
    }

    async fn take_challenge(&self, id: UploadId) -> Result<Option<Challenge>, StoreError> {
        self.lines.on("take_challenge", async |line| self.ground.take_challenge(line, id).await).await
    }

    async fn restore(&self, session: &Session) -> Result<(), StoreError> {
        self.lines.on("restore", async |line| self.ground.restore(line, session).await).await
    }

    async fn vouch(&self, id: UploadId) -> Result<(), StoreError> {
        self.lines.on("vouch", async |line| self.ground.vouch(line, id).await).await
    }

    async fn list(&self, filter: &UploadFilter, page: &PageRequest) -> Result<Page<Upload>, StoreError> {
        let limit = page.limit.max(1);
        let wanted = |upload: &Upload| {
            filter.owner.as_ref().is_none_or(|owner| *owner == upload.owner)
                && filter.state.is_none_or(|state| state == upload.state)
                && filter.created_before.is_none_or(|moment| upload.created_at < moment)
        };
        let mut items = Vec::new();
        let mut after = page.cursor.clone();
        // A stretch at a time, each with its own time; one more item tells whether there is another page.
        loop {
            let from = after.as_deref().unwrap_or_default();
            let owner = filter.owner.as_ref();
            let found =
                self.lines.on("list", async |line| self.ground.stretch(line, owner, from).await).await?;
            items.extend(found.uploads.into_iter().filter(wanted));
            after = found.next;
            if after.is_none() || items.len() > limit {
                break;
            }
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(|upload| upload.id.to_string());
        Ok(Page { items, next_cursor })
    }

    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<Upload>, StoreError> {
        self.lines.on("expired", async |line| self.ground.expired(line, now, limit).await).await
    }

    async fn remove(&self, id: UploadId) -> Result<(), StoreError> {
        self.lines.on("remove", async |line| self.ground.remove(line, id).await).await
    }

    async fn staged(&self, owner: &Owner) -> Result<Staged, StoreError> {
        self.lines.on("staged", async |line| self.ground.staged(line, owner).await).await
    }

    async fn count(&self) -> Result<Vec<StateCount>, StoreError> {
        let mut counts = listing::Counts::default();
        let mut after = Some(String::new());
        // A stretch at a time, each with its own time.
        while let Some(from) = after {
            let work = async |line: &_| self.ground.count_on(line, &from, &mut counts).await;
            after = self.lines.on("count", work).await?;
        }
        Ok(counts.into_list())
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.lines.on("check", async |line| self.ground.check(line).await).await
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        self.lines.on("standing", async |line| standing::standing(line).await).await
    }
}
