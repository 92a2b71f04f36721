//! Listings of files, which seek: what a delimiter folds is stepped over, not read.
//!
//! The cursor is the last thing told: within one owner a path or a folded prefix, else `owner`, a line feed, `path`
//! (no name has a line feed, and it sorts before everything that a name has). A path never equals a folded prefix,
//! because a path that has the delimiter is folded itself.

use cairn_engine::contracts::{FileFilter, Listing, PageRequest};
use cairn_engine::{File, Owner};
use rusqlite::types::Value;
use rusqlite::{Connection, named_params};

use super::blobs;
use super::files::{self, select_files};

/// The files of one owner from a path on.
const OF_OWNER: &str = concat!(
    select_files!(),
    "WHERE f.owner = :owner AND f.path >= :lower AND f.path < :upper ORDER BY f.path"
);
/// Those that name one blob.
const OF_OWNER_AND_BLOB: &str = concat!(
    select_files!("INDEXED BY files_by_blob"),
    "WHERE f.blob = :blob AND f.owner = :owner AND f.path >= :lower AND f.path < :upper ORDER BY f.path"
);
/// The files of all owners from an owner's path on.
const OF_ALL: &str = concat!(
    select_files!(),
    "WHERE (f.owner, f.path) >= (:owner, :lower) AND f.path >= :prefix AND f.path < :upper \
     ORDER BY f.owner, f.path"
);
/// Those that name one blob.
const OF_ALL_AND_BLOB: &str = concat!(
    select_files!("INDEXED BY files_by_blob"),
    "WHERE f.blob = :blob AND (f.owner, f.path) >= (:owner, :lower) AND f.path >= :prefix \
     AND f.path < :upper ORDER BY f.owner, f.path"
);

/// One thing that a listing tells.
enum Entry {
    File(Box<File>),
    Folded(String),
}

/// A page of files.
pub(super) fn list(
    connection: &Connection,
    filter: &FileFilter,
    page: &PageRequest,
) -> rusqlite::Result<Listing> {
    let blob = match &filter.blob {
        None => None,
        Some(id) => match blobs::find(connection, id)? {
            None => return Ok(Listing::default()),
            Some(head) => Some(head.number),
        },
    };
    let limit = page.limit.max(1);
    let cursor = page.cursor.as_deref();
    let search = Search { connection, filter, blob, most: limit.saturating_add(1) };
    let mut entries = match &filter.owner {
        Some(owner) => search.of_owner(owner, cursor)?,
        None => search.of_all(cursor)?,
    };
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next_cursor = entries.last().filter(|_| more).map(|entry| match entry {
        Entry::Folded(prefix) => prefix.clone(),
        Entry::File(file) if filter.owner.is_some() => file.path.to_string(),
        Entry::File(file) => format!("{}\n{}", file.owner, file.path),
    });
    let mut listing = Listing { next_cursor, ..Listing::default() };
    for entry in entries {
        match entry {
            Entry::File(file) => listing.items.push(*file),
            Entry::Folded(prefix) => listing.prefixes.push(prefix),
        }
    }
    Ok(listing)
}

/// What is looked for: at most so many entries.
struct Search<'a> {
    connection: &'a Connection,
    filter: &'a FileFilter,
    blob: Option<i64>,
    most: usize,
}

impl Search<'_> {
    fn of_owner(&self, owner: &Owner, cursor: Option<&str>) -> rusqlite::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut from = self.first_path(cursor);
        // Each round tells files up to something that folds, and goes on behind all that it folds.
        while let Some(lower) = from.take() {
            from = self.run(owner, &lower, &mut entries)?;
        }
        Ok(entries)
    }

    /// The least path that may be told; none if no path is as great.
    fn first_path(&self, cursor: Option<&str>) -> Option<String> {
        let prefix = self.filter.prefix.clone();
        let Some(cursor) = cursor else { return Some(prefix) };
        let after = match self.folded(cursor) {
            Some(folded) => successor(&folded)?,
            None => format!("{cursor}\0"),
        };
        Some(prefix.max(after))
    }

    /// Adds the files from `lower` on, up to and with the first thing that folds; from where to go on after that.
    fn run(&self, owner: &Owner, lower: &str, entries: &mut Vec<Entry>) -> rusqlite::Result<Option<String>> {
        let sql = if self.blob.is_some() { OF_OWNER_AND_BLOB } else { OF_OWNER };
        let mut statement = self.connection.prepare_cached(sql)?;
        let upper = upper_bound(&self.filter.prefix);
        let mut rows = match self.blob {
            Some(blob) => statement.query(
                named_params! { ":blob": blob, ":owner": owner.as_str(), ":lower": lower, ":upper": upper },
            )?,
            None => statement
                .query(named_params! { ":owner": owner.as_str(), ":lower": lower, ":upper": upper })?,
        };
        while entries.len() < self.most
            && let Some(row) = rows.next()?
        {
            if let Some(folded) = self.folded(row.get_ref(1)?.as_str()?) {
                let next = successor(&folded);
                entries.push(Entry::Folded(folded));
                return Ok(next);
            }
            entries.push(Entry::File(Box::new(files::file(row)?)));
        }
        Ok(None)
    }

    /// What the delimiter makes of a path, if it folds it.
    fn folded(&self, path: &str) -> Option<String> {
        let prefix = &self.filter.prefix;
        let delimiter = self.filter.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())?;
        let (head, _) = path.strip_prefix(prefix.as_str())?.split_once(delimiter)?;
        Some(format!("{prefix}{head}{delimiter}"))
    }

    fn of_all(&self, cursor: Option<&str>) -> rusqlite::Result<Vec<Entry>> {
        let (owner, path) = match cursor.map(|cursor| cursor.split_once('\n').ok_or(cursor)) {
            None => ("", String::new()),
            Some(Ok((owner, path))) => (owner, format!("{path}\0")),
            Some(Err(owner)) => (owner, String::new()),
        };
        let sql = if self.blob.is_some() { OF_ALL_AND_BLOB } else { OF_ALL };
        let mut statement = self.connection.prepare_cached(sql)?;
        let prefix = &self.filter.prefix;
        let upper = upper_bound(prefix);
        let mut rows = match self.blob {
            Some(blob) => statement.query(named_params! {
                ":blob": blob, ":owner": owner, ":lower": path, ":prefix": prefix, ":upper": upper,
            })?,
            None => statement.query(named_params! {
                ":owner": owner, ":lower": path, ":prefix": prefix, ":upper": upper,
            })?,
        };
        let mut entries = Vec::new();
        while entries.len() < self.most
            && let Some(row) = rows.next()?
        {
            entries.push(Entry::File(Box::new(files::file(row)?)));
        }
        Ok(entries)
    }
}

/// What every text with the prefix is less than, and as little else as can be.
fn upper_bound(prefix: &str) -> Value {
    // To SQLite every text is less than every blob.
    successor(prefix).map_or_else(|| Value::Blob(Vec::new()), Value::Text)
}

/// The least text that is greater than every text with this prefix; none if there is no such text.
fn successor(prefix: &str) -> Option<String> {
    let mut stem = prefix.to_owned();
    while let Some(last) = stem.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            stem.push(next);
            return Some(stem);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_is_just_above_everything_with_the_prefix() {
        assert_eq!(successor(""), None);
        assert_eq!(successor("a/").as_deref(), Some("a0"));
        assert_eq!(successor("a\u{D7FF}").as_deref(), Some("a\u{E000}"));
        assert_eq!(successor("a\u{10FFFF}\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(successor("\u{10FFFF}"), None);
    }

    #[test]
    fn every_listing_seeks_and_none_sorts() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("1.sql")).unwrap();
        for sql in [OF_OWNER, OF_OWNER_AND_BLOB, OF_ALL, OF_ALL_AND_BLOB] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let rows = statement.raw_query().mapped(|row| row.get::<_, String>(3));
            let plan: Vec<_> = rows.map(Result::unwrap).collect();
            let first = if sql.contains(":blob") { "files_by_blob (blob=? AND " } else { "PRIMARY KEY (" };
            assert!(plan[0].starts_with("SEARCH f USING"), "{plan:?}");
            assert!(plan[0].contains(first), "{plan:?}");
            assert!(plan.iter().all(|line| !line.contains("TEMP B-TREE")), "{plan:?}");
        }
    }
}
