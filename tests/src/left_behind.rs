//! What lies in a data directory: files, and rows of the tables, seen from outside.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

/// Every regular file under a directory, by its path below it, with its length.
pub fn files(root: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        // What is being removed meanwhile is not there.
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.is_file() {
                let path = entry.path().strip_prefix(root).expect("below the root").to_owned();
                found.insert(path, metadata.len());
            }
        }
    }
    found
}

/// The SQLite databases under a directory.
pub fn databases(root: &Path) -> Vec<PathBuf> {
    let names = files(root).into_keys().map(|path| root.join(path));
    names.filter(|path| starts_like_sqlite(path)).collect()
}

fn starts_like_sqlite(path: &Path) -> bool {
    use std::io::Read as _;
    let mut start = [0; 16];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && &start == b"SQLite format 3\0"
}

/// The rows that a query finds in a database, every value as text (`NULL`, and `x'…'` for bytes). The database is
/// opened to read only; it may be in use.
pub fn rows(database: &Path, query: &str) -> Vec<Vec<String>> {
    let copied = copy_of(database);
    let database = copied.as_ref().map_or(database.to_owned(), |folder| folder.path().join("database"));
    let connection = open(&database);
    let mut statement = connection.prepare(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let columns = statement.column_count();
    let found = statement.query_map([], |row| {
        (0..columns).map(|column| row.get_ref(column).map(text)).collect::<rusqlite::Result<Vec<_>>>()
    });
    found.and_then(Iterator::collect).unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// How many rows every table of every database under a directory has, as `database/table`.
pub fn row_counts(root: &Path) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for database in databases(root) {
        let name = database.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        for table in rows(&database, tables).concat() {
            let count = rows(&database, &format!("SELECT count(*) FROM \"{table}\"")).concat();
            counts.insert(format!("{name}/{table}"), count[0].parse().expect("a count"));
        }
    }
    counts
}

/// SQLite finds the real path of a database, and what a process sees below `/proc/<pid>/root` has none here: such a
/// database is copied.
fn copy_of(database: &Path) -> Option<TempDir> {
    if !database.starts_with("/proc") {
        return None;
    }
    let folder = tempfile::tempdir().expect("a temporary directory");
    let log = PathBuf::from(format!("{}-wal", database.display()));
    std::fs::copy(database, folder.path().join("database")).expect("a database can be copied");
    if log.exists() {
        std::fs::copy(log, folder.path().join("database-wal")).expect("a log can be copied");
    }
    Some(folder)
}

fn open(database: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)
        .unwrap_or_else(|error| panic!("{} cannot be opened: {error}", database.display()));
    connection.busy_timeout(std::time::Duration::from_secs(10)).expect("a time-out can be set");
    connection
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => format!("x'{}'", crate::content::hexadecimal(bytes)),
    }
}
