//! Writing a new record, or one that was rebuilt.
//!
//! On one server a creation is one script, admission and indices included. In a cluster it is steps: who was admitted
//! to the owner's uploads so far is counted in the slot of the indices; the limits are checked against the records; the
//! record is written; and it is entered only if nobody was admitted since it was looked, else all of it is looked at
//! again. A record that is written and not entered counts for nothing and goes by itself.

use cairn_engine::contracts::*;
use cairn_engine::{Receipt, Upload, UploadId};
use redis::{Value, cmd};

use super::Ground;
use super::connect::Line;
use super::fault::Fault;
use super::words::{self, Member, digits, parts, text, word};

/// How often a creation in a cluster looks again because others were admitted meanwhile.
const TRIES: usize = 64;

impl Ground {
    pub(super) async fn create(
        &self,
        line: &Line,
        upload: &Upload,
        admission: &Admission,
    ) -> Result<Creation, Fault> {
        if self.is_cluster {
            return self.create_in_steps(line, upload, admission).await;
        }
        let reply = self.write(line, upload, &[], false, Some(admission)).await?;
        match (word(&reply), parts(&reply)) {
            ("written", _) => Ok(Creation::Created),
            ("taken", _) => Err(taken()),
            ("exists", [_, id, head]) => {
                let id = text(id).and_then(|id| id.parse::<UploadId>().ok());
                let id = id.ok_or_else(|| Fault::corrupt("an index cannot be read"))?;
                Ok(Creation::Exists(Box::new(words::upload(id, parts(head))?)))
            }
            ("too many", [_, Value::Int(open)]) => {
                Ok(Creation::TooMany { open: u64::try_from(*open).unwrap_or_default() })
            }
            ("over", [_, staged]) => Ok(Creation::OverQuota { staged_bytes: words::long(staged)? }),
            _ => Err(Fault::corrupt("a record cannot be read")),
        }
    }

    pub(super) async fn restore(&self, line: &Line, session: &Session) -> Result<(), Fault> {
        let Session { upload, receipts, doubted } = session;
        let reply = self.write(line, upload, receipts, *doubted, None).await?;
        if word(&reply) == "written" {
            self.enter_in_cluster(line, upload).await?;
        }
        Ok(())
    }

    async fn write(
        &self,
        line: &Line,
        upload: &Upload,
        receipts: &[Receipt],
        doubted: bool,
        admission: Option<&Admission>,
    ) -> Result<Value, Fault> {
        let keys = self.keys.of(upload.id);
        let fields = words::fields(upload, receipts)?;
        let call = self.scripts.write.call().key(&keys.record).key(&keys.extents).key(&keys.digesting);
        let call = call.argument(u8::from(doubted)).argument(upload.expires_at.0);
        let call = call.argument(upload.id.to_string()).argument(self.base());
        let mut call = call.argument(fields.len()).argument(fields);
        for (sequence, receipt) in (1..).zip(receipts) {
            call = call.argument(Member::of(receipt)?.whole(sequence));
        }
        if let Some(admission) = admission {
            let most = admission.max_staged_bytes.map(digits).unwrap_or_default();
            call = call.argument("").argument(&self.keys.stem).argument(admission.max_open).argument(most);
        }
        call.on(&line.link).await
    }

    async fn create_in_steps(
        &self,
        line: &Line,
        upload: &Upload,
        admission: &Admission,
    ) -> Result<Creation, Fault> {
        let mut written = false;
        for _ in 0..TRIES {
            // Counted before anything is looked at: whoever is admitted from here on changes the count.
            let seen = self.admitted(line, upload).await?;
            let known = self.find_by_key(line, upload).await?;
            let refused = known.map(|known| Creation::Exists(Box::new(known)));
            let refused = match refused {
                None if !written && self.is_there(line, upload.id).await? => return Err(taken()),
                None => self.refusal(line, upload, admission).await?,
                refused => refused,
            };
            if let Some(refused) = refused {
                if written {
                    self.remove(line, upload.id).await?;
                }
                return Ok(refused);
            }
            if !written {
                let reply = self.write(line, upload, &[], false, None).await?;
                if word(&reply) != "written" {
                    return Err(taken());
                }
                written = true;
            }
            if self.enter(line, upload, Some(&seen)).await? == Value::Int(1) {
                return Ok(Creation::Created);
            }
        }
        self.remove(line, upload.id).await?;
        Err(Fault::told(Failure::Unavailable, "too many uploads are created at once"))
    }

    async fn admitted(&self, line: &Line, upload: &Upload) -> Result<String, Fault> {
        let mut asked = cmd("GET");
        asked.arg(self.keys.admitted(&upload.owner));
        let seen: Option<String> = asked.query_async(&mut line.link.clone()).await?;
        Ok(seen.unwrap_or_else(|| "0".to_owned()))
    }

    async fn is_there(&self, line: &Line, id: UploadId) -> Result<bool, Fault> {
        let mut asked = cmd("EXISTS");
        Ok(asked.arg(self.keys.record(id)).query_async(&mut line.link.clone()).await?)
    }

    async fn find_by_key(&self, line: &Line, upload: &Upload) -> Result<Option<Upload>, Fault> {
        let Some(key) = &upload.idempotency_key else { return Ok(None) };
        let (keys, field) = (self.keys.keys(&upload.owner), format!("={key}"));
        let known: Option<String> =
            cmd("HGET").arg(&keys).arg(&field).query_async(&mut line.link.clone()).await?;
        let Some(known) = known else { return Ok(None) };
        if let Ok(id) = known.parse::<UploadId>()
            && let Some(upload) = self.head(line, id).await?
        {
            return Ok(Some(upload));
        }
        // What it names is gone.
        self.leave(line, &[known], false).await?;
        let _: Value = cmd("HDEL").arg(&keys).arg(&field).query_async(&mut line.link.clone()).await?;
        Ok(None)
    }

    /// Why the owner may not have one more upload; nothing if they may.
    async fn refusal(
        &self,
        line: &Line,
        upload: &Upload,
        admission: &Admission,
    ) -> Result<Option<Creation>, Fault> {
        let staged = self.staged(line, &upload.owner).await?;
        if staged.uploads >= admission.max_open {
            return Ok(Some(Creation::TooMany { open: staged.uploads }));
        }
        let after = staged.bytes.saturating_add(upload.staged_bytes());
        let over = admission.max_staged_bytes.is_some_and(|most| after > most);
        Ok(over.then_some(Creation::OverQuota { staged_bytes: staged.bytes }))
    }

    /// Enters an upload in the indices where its own script could not.
    pub(super) async fn enter_in_cluster(&self, line: &Line, upload: &Upload) -> Result<(), Fault> {
        if self.is_cluster {
            self.enter(line, upload, None).await?;
        }
        Ok(())
    }

    async fn enter(&self, line: &Line, upload: &Upload, seen: Option<&str>) -> Result<Value, Fault> {
        let call = self.scripts.enter.call().key(&self.keys.uploads()).argument(&self.keys.base);
        let call = call.argument(upload.id.to_string()).argument(words::name(upload));
        let call = call.argument(upload.state.name()).argument(upload.expires_at.0);
        call.argument(seen.unwrap_or_default()).on(&line.link).await
    }
}

fn taken() -> Fault {
    Fault::told(Failure::Failed, "the id is taken")
}
