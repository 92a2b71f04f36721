//! Uploads in progress, in SQLite.
//!
//! A receipt is a row, so that recording one is an increment; the head is a row that every record touches. Every
//! change survives the death of the process when it is answered. These may be lost with the power, and cost no sync of
//! their own:
//!
//! - a digest state, which is a cache;
//! - that an upload is being completed, is complete, or is open again: the catalog says what is complete;
//! - with [`Relaxed::Chunks`], that a chunk arrived, because its bytes may be lost with the power as well.

mod record;
mod rows;

use std::ops::Range;
use std::path::Path;

use async_trait::async_trait;
use cairn_engine::contracts::*;
use cairn_engine::{Owner, Receipt, State, Timestamp, Upload, UploadId};
use rusqlite::{Connection, OptionalExtension, named_params, params};
use rusqlite_migration::M;

use self::rows::{extent_columns, upload_columns};
use super::columns::{Moment, Number, Text, bound};
use super::database::Database;
use super::fault::Fault;
use super::open::{OpenError, Schema};

const SCHEMA: Schema = Schema {
    store: "sessions",
    application_id: 0x6361_7273,
    steps: &[
        M::up(include_str!("1.sql")),
        M::up(include_str!("2.sql")),
        M::up(include_str!("3.sql")),
        M::up(include_str!("4.sql")),
    ],
};

/// Which records may be lost with the power.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Relaxed {
    /// None.
    #[default]
    Nothing,
    /// Those of chunks. What was appended is still recorded durably: its offset was told.
    Chunks,
}

/// Uploads in progress, in a database of their own.
pub struct SqliteSessions {
    database: Database,
    relaxed: Relaxed,
}

impl SqliteSessions {
    /// Opens the database at `path`, or makes it. Blocks.
    ///
    /// # Errors
    /// What is there is not ours, is newer, is damaged, or cannot be written.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let database = Database::open(path, Store::Sessions, &SCHEMA, |_| Ok(()))?;
        Ok(Self { database, relaxed: Relaxed::default() })
    }

    /// The same store, with these records relaxed.
    #[must_use]
    pub fn relaxed(self, relaxed: Relaxed) -> Self {
        Self { relaxed, ..self }
    }
}

#[async_trait]
impl SessionStore for SqliteSessions {
    async fn create(&self, upload: &Upload, admission: &Admission) -> Result<Creation, StoreError> {
        let (upload, admission) = (upload.clone(), *admission);
        self.database.change("create", move |connection| create(connection, &upload, &admission)).await
    }

    async fn load(&self, id: UploadId, view: View) -> Result<Option<Session>, StoreError> {
        self.database.read("load", move |connection| load(connection, id, &view)).await
    }

    async fn record(
        &self,
        id: UploadId,
        receipt: &Receipt,
        epoch: Option<u64>,
        expires_at: Timestamp,
    ) -> Result<Recording, StoreError> {
        let receipt = receipt.clone();
        let work = move |connection: &Connection| record::record(connection, id, &receipt, epoch, expires_at);
        match (self.relaxed, epoch) {
            (Relaxed::Chunks, None) => self.database.note("record", work).await,
            (Relaxed::Chunks | Relaxed::Nothing, _) => self.database.change("record", work).await,
        }
    }

    async fn claim(&self, id: UploadId) -> Result<Option<u64>, StoreError> {
        let work = move |connection: &Connection| {
            let epoch = connection
                .prepare_cached("UPDATE uploads SET epoch = epoch + 1 WHERE id = ?1 RETURNING epoch")?
                .query_row([Text(id)], |row| row.get::<_, Number>(0))
                .optional()?;
            Ok(epoch.map(|epoch| epoch.0))
        };
        self.database.change("claim", work).await
    }

    async fn settle(&self, id: UploadId, from: &[State], change: Settlement) -> Result<Settled, StoreError> {
        let from = from.to_vec();
        let state = change.state;
        let work = move |connection: &Connection| settle(connection, id, &from, &change);
        match state {
            State::Open | State::Completing | State::Complete => self.database.note("settle", work).await,
            State::Aborted | State::Expired => self.database.change("settle", work).await,
        }
    }

    async fn save_prefix(&self, id: UploadId, prefix: &SavedPrefix) -> Result<(), StoreError> {
        let prefix = prefix.clone();
        let work = move |connection: &Connection| {
            let sql = "INSERT INTO prefixes (upload, length, rewrites, state) \
                       SELECT number, ?2, ?3, ?4 FROM uploads WHERE id = ?1 \
                       ON CONFLICT (upload) DO UPDATE \
                       SET length = excluded.length, rewrites = excluded.rewrites, state = excluded.state";
            let values = params![Text(id), Number(prefix.length), Number(prefix.rewrites), prefix.state];
            connection.prepare_cached(sql)?.execute(values)?;
            Ok(())
        };
        self.database.note("save_prefix", work).await
    }

    async fn load_prefix(&self, id: UploadId) -> Result<Option<SavedPrefix>, StoreError> {
        let work = move |connection: &Connection| {
            let sql = "SELECT p.length, p.rewrites, p.state FROM uploads u \
                       JOIN prefixes p ON p.upload = u.number WHERE u.id = ?1";
            let prefix = connection.prepare_cached(sql)?.query_row([Text(id)], |row| {
                Ok(SavedPrefix {
                    length: row.get::<_, Number>(0)?.0,
                    rewrites: row.get::<_, Number>(1)?.0,
                    state: row.get(2)?,
                })
            });
            Ok(prefix.optional()?)
        };
        self.database.read("load_prefix", work).await
    }

    async fn save_challenge(&self, id: UploadId, challenge: &Challenge) -> Result<(), StoreError> {
        let challenge = challenge_to_text(challenge)?;
        let work = move |connection: &Connection| {
            let sql = "INSERT INTO challenges (upload, challenge) SELECT number, ?2 FROM uploads WHERE id = ?1 \
                       ON CONFLICT (upload) DO UPDATE SET challenge = excluded.challenge";
            connection.prepare_cached(sql)?.execute(params![Text(id), challenge])?;
            Ok(())
        };
        self.database.note("save_challenge", work).await
    }

    async fn take_challenge(&self, id: UploadId) -> Result<Option<Challenge>, StoreError> {
        let work = move |connection: &Connection| {
            let sql = "DELETE FROM challenges WHERE upload = (SELECT number FROM uploads WHERE id = ?1) \
                       RETURNING challenge";
            let taken = connection.prepare_cached(sql)?.query_row([Text(id)], |row| row.get::<_, String>(0));
            Ok(taken.optional()?)
        };
        let taken = self.database.change("take_challenge", work).await?;
        taken.map(|text| challenge_of_text(&text)).transpose()
    }

    async fn restore(&self, session: &Session) -> Result<(), StoreError> {
        let session = session.clone();
        self.database.change("restore", move |connection| restore(connection, &session)).await
    }

    /// Nothing is ever lost of a record alone.
    async fn vouch(&self, _id: UploadId) -> Result<(), StoreError> {
        Ok(())
    }

    async fn list(&self, filter: &UploadFilter, page: &PageRequest) -> Result<Page<Upload>, StoreError> {
        let (filter, page) = (filter.clone(), page.clone());
        self.database.read("list", move |connection| list(connection, &filter, &page)).await
    }

    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<Upload>, StoreError> {
        let sql = concat!(
            "SELECT ",
            upload_columns!(),
            " FROM uploads WHERE expires_at <= ?1 ORDER BY expires_at, id LIMIT ?2"
        );
        let work = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let values = params![Moment(now), bound(limit as u64)];
            Ok(statement.query_map(values, rows::upload)?.collect::<Result<_, _>>()?)
        };
        self.database.read("expired", work).await
    }

    async fn remove(&self, id: UploadId) -> Result<(), StoreError> {
        let work = move |connection: &Connection| {
            connection.prepare_cached("DELETE FROM uploads WHERE id = ?1")?.execute([Text(id)])?;
            Ok(())
        };
        self.database.change("remove", work).await
    }

    async fn staged(&self, owner: &Owner) -> Result<Staged, StoreError> {
        let owner = owner.clone();
        self.database.read("staged", move |connection| Ok(staged(connection, &owner)?)).await
    }

    async fn count(&self) -> Result<Vec<StateCount>, StoreError> {
        self.database.read("count", |connection| Ok(count(connection)?)).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.database.check().await
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        Ok(Standing::of("sqlite").with("version", rusqlite::version()))
    }
}

fn challenge_to_text(challenge: &Challenge) -> Result<String, StoreError> {
    serde_json::to_string(challenge)
        .map_err(|error| StoreError::new(Store::Sessions, "save_challenge", Failure::Failed, error))
}

fn challenge_of_text(text: &str) -> Result<Challenge, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::new(Store::Sessions, "take_challenge", Failure::Corrupt, error))
}

fn create(connection: &Connection, upload: &Upload, admission: &Admission) -> Result<Creation, Fault> {
    if let Some(known) = find_by_key(connection, upload)? {
        return Ok(Creation::Exists(Box::new(known)));
    }
    let staged = staged(connection, &upload.owner)?;
    if staged.uploads >= admission.max_open {
        return Ok(Creation::TooMany { open: staged.uploads });
    }
    let after = staged.bytes.saturating_add(upload.staged_bytes());
    if admission.max_staged_bytes.is_some_and(|most| after > most) {
        return Ok(Creation::OverQuota { staged_bytes: staged.bytes });
    }
    rows::insert(connection, upload)?;
    Ok(Creation::Created)
}

fn find_by_key(connection: &Connection, upload: &Upload) -> rusqlite::Result<Option<Upload>> {
    let Some(key) = &upload.idempotency_key else { return Ok(None) };
    let sql = concat!(
        "SELECT ",
        upload_columns!(),
        " FROM uploads WHERE owner = ?1 AND idempotency_key = ?2 ORDER BY id LIMIT 1"
    );
    connection.prepare_cached(sql)?.query_row([upload.owner.as_str(), key], rows::upload).optional()
}

fn staged(connection: &Connection, owner: &Owner) -> rusqlite::Result<Staged> {
    let sql = "SELECT count(*), coalesce(sum(max(coalesce(length, 0), received_bytes)), 0) \
               FROM uploads WHERE owner = ?1 AND state IN ('open', 'completing')";
    connection.prepare_cached(sql)?.query_row([owner.as_str()], |row| {
        Ok(Staged { uploads: row.get::<_, Number>(0)?.0, bytes: row.get::<_, Number>(1)?.0 })
    })
}

fn count(connection: &Connection) -> rusqlite::Result<Vec<StateCount>> {
    let sql = "SELECT state, count(*), coalesce(sum(max(coalesce(length, 0), received_bytes)), 0) \
               FROM uploads GROUP BY state";
    let mut statement = connection.prepare_cached(sql)?;
    let counts = statement.query_map([], |row| {
        Ok(StateCount {
            state: rows::state(row, 0)?,
            uploads: row.get::<_, Number>(1)?.0,
            staged_bytes: row.get::<_, Number>(2)?.0,
        })
    })?;
    let mut counts = counts.collect::<Result<Vec<_>, _>>()?;
    counts.sort_unstable_by_key(|count| count.state);
    Ok(counts)
}

fn load(connection: &Connection, id: UploadId, view: &View) -> Result<Option<Session>, Fault> {
    let Some(upload) = rows::find(connection, id)? else { return Ok(None) };
    let receipts = match view {
        View::Head => Vec::new(),
        View::Range(range) => record::overlapping_receipts(connection, id, range)?,
        View::Chunk(number) => match chunk_range(&upload, *number) {
            Some(range) => record::overlapping_receipts(connection, id, &range)?,
            None => Vec::new(),
        },
        View::All => all_receipts(connection, id)?,
    };
    Ok(Some(Session::whole(upload, receipts)))
}

fn all_receipts(connection: &Connection, id: UploadId) -> Result<Vec<Receipt>, Fault> {
    let Some(number) = rows::number_of(connection, id)? else { return Ok(Vec::new()) };
    let sql = concat!("SELECT ", extent_columns!(), ", subtrees, sequence FROM receipts WHERE upload = ?1");
    rows::receipts(connection, sql, [number])
}

/// The bytes of chunk `number`, if they fit 64 bits.
fn chunk_range(upload: &Upload, number: u64) -> Option<Range<u64>> {
    let start = number.checked_sub(1)?.checked_mul(upload.chunk_size)?;
    Some(start..start.checked_add(upload.chunk_size)?)
}

fn settle(
    connection: &Connection,
    id: UploadId,
    from: &[State],
    change: &Settlement,
) -> Result<Settled, Fault> {
    let Some(mut upload) = rows::find(connection, id)? else { return Ok(Settled::Unknown) };
    if !from.contains(&upload.state) {
        return Ok(Settled::Other(Box::new(upload)));
    }
    upload.state = change.state;
    upload.length = change.length.or(upload.length);
    upload.digest = change.digest.clone().or(upload.digest);
    upload.expires_at = change.expires_at.unwrap_or(upload.expires_at);
    let sql = "UPDATE uploads SET state = ?2, length = ?3, digest = ?4, expires_at = ?5 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![
        Text(id),
        upload.state.name(),
        upload.length.map(Number),
        upload.digest.as_ref().map(Text),
        Moment(upload.expires_at),
    ])?;
    Ok(Settled::Changed(Box::new(upload)))
}

fn restore(connection: &Connection, session: &Session) -> Result<(), Fault> {
    if rows::number_of(connection, session.upload.id)?.is_some() {
        return Ok(());
    }
    let number = rows::insert(connection, &session.upload)?;
    let mut longest = 0;
    let mut sequence = 0;
    for receipt in &session.receipts {
        sequence += 1;
        longest = longest.max(receipt.extent.length);
        rows::insert_receipt(connection, number, sequence, receipt)?;
    }
    connection
        .prepare_cached("UPDATE uploads SET sequence = ?2, longest = ?3 WHERE number = ?1")?
        .execute(params![number, sequence, Number(longest)])?;
    Ok(())
}

fn list(connection: &Connection, filter: &UploadFilter, page: &PageRequest) -> Result<Page<Upload>, Fault> {
    // The owner is a condition of its own, so that it is sought by its index.
    let owner = if filter.owner.is_some() { "owner = :owner" } else { ":owner IS NULL" };
    let sql = format!(
        "SELECT {} FROM uploads WHERE {owner} AND id > :cursor AND (:state IS NULL OR state = :state) \
         AND (:created_before IS NULL OR created_at < :created_before) ORDER BY id LIMIT :limit",
        upload_columns!()
    );
    let limit = page.limit.max(1);
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map(
        named_params! {
            ":owner": filter.owner.as_ref().map(Owner::as_str),
            ":cursor": page.cursor.as_deref().unwrap_or_default(),
            ":state": filter.state.map(State::name),
            ":created_before": filter.created_before.map(Moment),
            // One more tells whether there is another page.
            ":limit": bound(limit as u64).saturating_add(1),
        },
        rows::upload,
    )?;
    let mut items = found.collect::<Result<Vec<_>, _>>()?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| more).map(|upload| upload.id.to_string());
    Ok(Page { items, next_cursor })
}
