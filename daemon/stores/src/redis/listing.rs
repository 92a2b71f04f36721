//! What the indices are asked: listings, who has expired, what is staged, counts.
//!
//! An index may be behind: it may name an upload that is gone, and an end that has moved on. The records are the truth;
//! what is met and found to be wrong is put right.

use std::collections::BTreeMap;

use cairn_engine::contracts::*;
use cairn_engine::{Owner, State, Timestamp, Upload, UploadId};
use futures_util::future::join_all;
use redis::{Value, cmd};

use super::Ground;
use super::connect::Line;
use super::fault::Fault;

/// How many uploads are read at once.
const BATCH: usize = 500;

/// How often a look at who has expired is begun anew, because what it met was to be put right.
const ROUNDS: usize = 100;

/// Counts by state, in the making.
#[derive(Default)]
pub(super) struct Counts(BTreeMap<State, StateCount>);

impl Counts {
    fn add(&mut self, upload: &Upload) {
        let empty = StateCount { state: upload.state, uploads: 0, staged_bytes: 0 };
        let count = self.0.entry(upload.state).or_insert(empty);
        count.uploads += 1;
        count.staged_bytes = count.staged_bytes.saturating_add(upload.staged_bytes());
    }

    /// What was counted, in the order of a life.
    pub(super) fn into_list(self) -> Vec<StateCount> {
        self.0.into_values().collect()
    }
}

/// A stretch of an index.
pub(super) struct Stretch {
    /// The uploads of it that are there, by id.
    pub(super) uploads: Vec<Upload>,
    /// Where the next one begins; `None` at the end.
    pub(super) next: Option<String>,
}

impl Ground {
    /// The next uploads of a listing, without the filter's state and time.
    pub(super) async fn stretch(
        &self,
        line: &Line,
        owner: Option<&Owner>,
        after: &str,
    ) -> Result<Stretch, Fault> {
        let index = owner.map_or_else(|| self.keys.uploads(), |owner| self.keys.owner(owner));
        let from = if after.is_empty() { "-".to_owned() } else { format!("({after}") };
        let mut asked = cmd("ZRANGEBYLEX");
        asked.arg(index).arg(from).arg("+").arg("LIMIT").arg(0).arg(BATCH);
        let ids: Vec<String> = asked.query_async(&mut line.link.clone()).await?;
        let next = ids.last().filter(|_| ids.len() == BATCH).cloned();
        let uploads = self.heads(line, ids).await?;
        Ok(Stretch { uploads, next })
    }

    /// The heads of these uploads that are there. Those that are gone leave the indices.
    async fn heads(&self, line: &Line, ids: Vec<String>) -> Result<Vec<Upload>, Fault> {
        let read = join_all(ids.iter().map(|id| self.named_head(line, id))).await;
        let (mut uploads, mut gone, mut broken) = (Vec::new(), Vec::new(), Vec::new());
        for (id, head) in ids.into_iter().zip(read) {
            match head {
                Ok(Some(upload)) => uploads.push(upload),
                Ok(None) => gone.push(id),
                Err(fault) if fault.failure == Failure::Corrupt => broken.push(id),
                Err(fault) => return Err(fault),
            }
        }
        self.leave(line, &gone, true).await?;
        self.leave(line, &broken, false).await?;
        Ok(uploads)
    }

    async fn named_head(&self, line: &Line, id: &str) -> Result<Option<Upload>, Fault> {
        match id.parse::<UploadId>() {
            Ok(id) => self.head(line, id).await,
            Err(_) => Ok(None),
        }
    }

    /// Takes uploads out of the indices; with `unless_there`, where one script can see it, only those that are gone still.
    pub(super) async fn leave(&self, line: &Line, ids: &[String], unless_there: bool) -> Result<(), Fault> {
        if ids.is_empty() {
            return Ok(());
        }
        let stem = if unless_there && !self.is_cluster { self.keys.stem.as_str() } else { "" };
        let call = self.scripts.leave.call().key(&self.keys.uploads()).argument(&self.keys.base);
        call.argument(stem).argument(ids).on(&line.link).await?;
        Ok(())
    }

    /// Uploads that ended at or before `now`, the longest ended first.
    pub(super) async fn expired(
        &self,
        line: &Line,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Upload>, Fault> {
        for _ in 0..ROUNDS {
            let mut asked = cmd("ZRANGEBYSCORE");
            asked
                .arg(self.keys.expires())
                .arg("-inf")
                .arg(now.0)
                .arg("LIMIT")
                .arg(0)
                .arg(i64::try_from(limit).unwrap_or(i64::MAX));
            let ids: Vec<String> = asked.query_async(&mut line.link.clone()).await?;
            let named = ids.len();
            let uploads = self.heads(line, ids).await?;
            let (mut ended, live): (Vec<_>, Vec<_>) =
                uploads.into_iter().partition(|upload| upload.expires_at <= now);
            let moved = self.move_on(line, &live).await?;
            if !moved && ended.len() == named {
                ended.sort_by_key(|upload| (upload.expires_at, upload.id));
                return Ok(ended);
            }
        }
        // There is always something to put right: the next sweep goes on.
        Ok(Vec::new())
    }

    /// Writes down the true ends of uploads that the index had ended; whether there were any.
    async fn move_on(&self, line: &Line, live: &[Upload]) -> Result<bool, Fault> {
        let Some(_) = live.first() else { return Ok(false) };
        let mut told = cmd("ZADD");
        told.arg(self.keys.expires()).arg("XX");
        for upload in live {
            told.arg(upload.expires_at.0).arg(upload.id.to_string());
        }
        let _: Value = told.query_async(&mut line.link.clone()).await?;
        Ok(true)
    }

    pub(super) async fn staged(&self, line: &Line, owner: &Owner) -> Result<Staged, Fault> {
        let ids: Vec<String> =
            cmd("SMEMBERS").arg(self.keys.open(owner)).query_async(&mut line.link.clone()).await?;
        let mut staged = Staged::default();
        for upload in self.heads(line, ids).await? {
            if upload.owner == *owner && matches!(upload.state, State::Open | State::Completing) {
                staged.uploads += 1;
                staged.bytes = staged.bytes.saturating_add(upload.staged_bytes());
            }
        }
        Ok(staged)
    }

    /// Counts one stretch more; where the next one begins.
    pub(super) async fn count_on(
        &self,
        line: &Line,
        after: &str,
        counts: &mut Counts,
    ) -> Result<Option<String>, Fault> {
        let Stretch { uploads, next } = self.stretch(line, None, after).await?;
        uploads.iter().for_each(|upload| counts.add(upload));
        Ok(next)
    }

    pub(super) async fn check(&self, line: &Line) -> Result<(), Fault> {
        let _: Value = cmd("EXISTS").arg(self.keys.uploads()).query_async(&mut line.link.clone()).await?;
        Ok(())
    }
}
