//! Reading and changing one record.

use std::ops::Range;

use cairn_engine::contracts::*;
use cairn_engine::{Receipt, State, Timestamp, Upload, UploadId};
use redis::{Value, cmd};

use super::Ground;
use super::connect::Line;
use super::fault::Fault;
use super::words::{self, Member, digits, parts, text, word};

/// What a reply that no script gives means.
fn strange() -> Fault {
    Fault::corrupt("a script answered what it never answers")
}

/// What is under an upload's name is not a record of cairn's.
fn broken() -> Fault {
    Fault::corrupt("a record cannot be read")
}

/// A record as it was loaded, or where to look for it.
enum Loaded {
    Session(Box<Session>),
    /// The chunk lies beyond where the numbers of the scripts are exact; the head tells where.
    Far(Box<Upload>),
}

impl Ground {
    pub(super) async fn load(
        &self,
        line: &Line,
        id: UploadId,
        view: &View,
    ) -> Result<Option<Session>, Fault> {
        match self.try_load(line, id, view).await {
            Err(fault) if fault.failure == Failure::Corrupt => {
                tracing::warn!(upload.id = %id, why = fault.why, "a broken record is set aside");
                self.set_aside(line, id).await?;
                Ok(None)
            }
            loaded => loaded,
        }
    }

    async fn try_load(&self, line: &Line, id: UploadId, view: &View) -> Result<Option<Session>, Fault> {
        match self.read(line, id, view).await? {
            None => Ok(None),
            Some(Loaded::Session(session)) => Ok(Some(*session)),
            Some(Loaded::Far(upload)) => {
                let view = match view {
                    View::Chunk(number) => chunk_range(&upload, *number).map_or(View::Head, View::Range),
                    other => other.clone(),
                };
                match self.read(line, id, &view).await? {
                    None => Ok(None),
                    Some(Loaded::Session(session)) => Ok(Some(*session)),
                    Some(Loaded::Far(_)) => Err(strange()),
                }
            }
        }
    }

    async fn read(&self, line: &Line, id: UploadId, view: &View) -> Result<Option<Loaded>, Fault> {
        let keys = self.keys.of(id);
        let call = self.scripts.load.call().key(&keys.record).key(&keys.extents);
        let call = match view {
            View::Range(range) if !range.is_empty() => {
                call.argument("range").argument(digits(range.start)).argument(digits(range.end))
            }
            View::Chunk(number) => call.argument("chunk").argument(number),
            View::All => call.argument("all"),
            View::Head | View::Range(_) => call.argument("head"),
        };
        let reply = call.on(&line.link).await?;
        if reply == Value::Nil {
            return Ok(None);
        }
        let [_, doubted, head, members] = parts(&reply) else { return Err(broken()) };
        let upload = words::upload(id, parts(head))?;
        if text(members) == Some("far") {
            return Ok(Some(Loaded::Far(Box::new(upload))));
        }
        let receipts = words::receipts(parts(members))?;
        Ok(Some(Loaded::Session(Box::new(Session { upload, receipts, doubted: *doubted != Value::Int(0) }))))
    }

    async fn set_aside(&self, line: &Line, id: UploadId) -> Result<(), Fault> {
        let keys = self.keys.of(id);
        let call = self.scripts.set_aside.call().key(&keys.record).key(&keys.extents).key(&keys.digesting);
        call.key(&keys.broken).on(&line.link).await?;
        Ok(())
    }

    pub(super) async fn record(
        &self,
        line: &Line,
        id: UploadId,
        receipt: &Receipt,
        epoch: Option<u64>,
        expires_at: Timestamp,
    ) -> Result<Recording, Fault> {
        let keys = self.keys.of(id);
        let Member { offset, end, class, rest } = Member::of(receipt)?;
        let call = self.scripts.record.call().key(&keys.record).key(&keys.extents);
        let call = call.argument(offset).argument(end).argument(class).argument(rest);
        let call = call.argument(epoch.map(|epoch| epoch.to_string()).unwrap_or_default());
        let call = call.argument(expires_at.0).argument(self.base()).argument(id.to_string());
        let reply = call.on(&line.link).await?;
        match (word(&reply), parts(&reply)) {
            ("unknown", _) => Ok(Recording::Unknown),
            ("corrupt", _) => Err(broken()),
            ("state", [_, state]) => {
                Ok(Recording::NotOpen(text(state).and_then(State::named).ok_or_else(broken)?))
            }
            ("epoch", [_, epoch]) => {
                let epoch = text(epoch).and_then(|epoch| epoch.parse().ok()).ok_or_else(broken)?;
                Ok(Recording::Superseded { epoch })
            }
            ("recorded", [_, received, members]) => {
                let replaced = words::receipts(parts(members))?;
                let replaced = replaced.into_iter().map(|receipt| receipt.extent).collect();
                Ok(Recording::Recorded { received_bytes: words::long(received)?, replaced })
            }
            _ => Err(strange()),
        }
    }

    pub(super) async fn claim(&self, line: &Line, id: UploadId) -> Result<Option<u64>, Fault> {
        let reply = self.scripts.claim.call().key(&self.keys.record(id)).on(&line.link).await?;
        match (word(&reply), parts(&reply)) {
            _ if reply == Value::Nil => Ok(None),
            ("claimed", [_, epoch]) => {
                Ok(Some(text(epoch).and_then(|epoch| epoch.parse().ok()).ok_or_else(broken)?))
            }
            _ => Err(broken()),
        }
    }

    pub(super) async fn settle(
        &self,
        line: &Line,
        id: UploadId,
        from: &[State],
        change: &Settlement,
    ) -> Result<Settled, Fault> {
        let keys = self.keys.of(id);
        let expected: String = from.iter().map(|state| format!(" {} ", state.name())).collect();
        let length = change.length.map(|length| (length.to_string(), digits(length))).unwrap_or_default();
        let digest = change.digest.as_ref().map(|d| (d.to_string(), d.hex())).unwrap_or_default();
        let ends = change.expires_at.map(|moment| moment.0.to_string()).unwrap_or_default();
        let call = self.scripts.settle.call().key(&keys.record).key(&keys.extents).key(&keys.digesting);
        let call = call.argument(expected).argument(change.state.name()).argument(length.0);
        let call = call.argument(length.1).argument(digest.0).argument(digest.1).argument(ends);
        let reply = call.argument(self.base()).argument(id.to_string()).on(&line.link).await?;
        match (word(&reply), parts(&reply)) {
            _ if reply == Value::Nil => Ok(Settled::Unknown),
            ("other", [_, head]) => Ok(Settled::Other(Box::new(words::upload(id, parts(head))?))),
            ("changed", [_, head]) => {
                let upload = words::upload(id, parts(head))?;
                self.enter_in_cluster(line, &upload).await?;
                Ok(Settled::Changed(Box::new(upload)))
            }
            _ => Err(broken()),
        }
    }

    pub(super) async fn vouch(&self, line: &Line, id: UploadId) -> Result<(), Fault> {
        let call = self.scripts.vouch.call().key(&self.keys.record(id));
        let vouched = call.argument(self.base()).argument(id.to_string()).on(&line.link).await?;
        if self.is_cluster
            && vouched == Value::Int(1)
            && let Some(upload) = self.head(line, id).await?
        {
            self.enter_in_cluster(line, &upload).await?;
        }
        Ok(())
    }

    pub(super) async fn remove(&self, line: &Line, id: UploadId) -> Result<(), Fault> {
        let keys = self.keys.of(id);
        let call = self.scripts.remove.call().key(&keys.record).key(&keys.extents).key(&keys.digesting);
        call.argument(self.base()).argument(id.to_string()).on(&line.link).await?;
        if self.is_cluster {
            self.leave(line, &[id.to_string()], false).await?;
        }
        Ok(())
    }

    pub(super) async fn save_prefix(
        &self,
        line: &Line,
        id: UploadId,
        prefix: &SavedPrefix,
    ) -> Result<(), Fault> {
        let keys = self.keys.of(id);
        let call = self.scripts.prefix.call().key(&keys.record).key(&keys.extents).key(&keys.digesting);
        let call = call.argument(prefix.length).argument(prefix.rewrites).argument(prefix.state.as_slice());
        call.on(&line.link).await?;
        Ok(())
    }

    /// The digest state kept last. One that cannot be read is none: it is a cache.
    pub(super) async fn load_prefix(&self, line: &Line, id: UploadId) -> Result<Option<SavedPrefix>, Fault> {
        let mut asked = cmd("HMGET");
        asked.arg(self.keys.of(id).digesting).arg(&["length", "rewrites", "state"]);
        let reply: Value = asked.query_async(&mut line.link.clone()).await?;
        let [length, rewrites, Value::BulkString(state)] = parts(&reply) else { return Ok(None) };
        let number = |value| text(value).and_then(|number| number.parse().ok());
        Ok(number(length).zip(number(rewrites)).map(|(length, rewrites)| SavedPrefix {
            length,
            rewrites,
            state: state.clone(),
        }))
    }

    pub(super) async fn save_challenge(
        &self,
        line: &Line,
        id: UploadId,
        challenge: &Challenge,
    ) -> Result<(), Fault> {
        let challenge = serde_json::to_string(challenge).map_err(|_| strange())?;
        self.scripts.challenge.call().key(&self.keys.record(id)).argument(challenge).on(&line.link).await?;
        Ok(())
    }

    pub(super) async fn take_challenge(&self, line: &Line, id: UploadId) -> Result<Option<Challenge>, Fault> {
        let reply = self.scripts.challenge.call().key(&self.keys.record(id)).on(&line.link).await?;
        text(&reply).map(|text| serde_json::from_str(text).map_err(|_| broken())).transpose()
    }

    /// The head alone, without a look at anything else.
    pub(super) async fn head(&self, line: &Line, id: UploadId) -> Result<Option<Upload>, Fault> {
        let mut asked = cmd("HMGET");
        asked.arg(self.keys.record(id)).arg(&words::HEAD);
        let reply: Value = asked.query_async(&mut line.link.clone()).await?;
        if parts(&reply).iter().all(|field| *field == Value::Nil) {
            return Ok(None);
        }
        words::upload(id, parts(&reply)).map(Some)
    }
}

/// The bytes of chunk `number`, if they fit 64 bits.
fn chunk_range(upload: &Upload, number: u64) -> Option<Range<u64>> {
    let start = number.checked_sub(1)?.checked_mul(upload.chunk_size)?;
    Some(start..start.checked_add(upload.chunk_size)?)
}
