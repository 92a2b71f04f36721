-- Finished content. Lengths and offsets in bytes, moments in milliseconds since 1970 (UTC).

-- What this catalog is: one row.
CREATE TABLE identity (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    id         TEXT    NOT NULL,
    generation INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- The unique file table. Its rows are short, because publishing changes them; what is long lies beside it.
CREATE TABLE blobs (
    number        INTEGER PRIMARY KEY,
    -- BLAKE3 of the content.
    id            BLOB    NOT NULL UNIQUE CHECK (length(id) = 32),
    length        INTEGER NOT NULL,
    -- How many rows of extents it has, and how many files name it.
    extents       INTEGER NOT NULL,
    files         INTEGER NOT NULL CHECK (files >= 0),
    created_at    INTEGER NOT NULL,
    -- Since when no file names it.
    unnamed_since INTEGER,
    CHECK ((files = 0) = (unnamed_since IS NOT NULL))
) STRICT;

CREATE INDEX blobs_unnamed ON blobs (unnamed_since, id) WHERE unnamed_since IS NOT NULL;
CREATE INDEX blobs_scattered ON blobs (id) WHERE extents > 1;

-- Digests of blobs beside the identity, each computed by the daemon.
CREATE TABLE digests (
    blob      INTEGER NOT NULL REFERENCES blobs (number) ON DELETE CASCADE,
    algorithm TEXT    NOT NULL,
    bytes     BLOB    NOT NULL,
    PRIMARY KEY (blob, algorithm, bytes)
) STRICT, WITHOUT ROWID;

CREATE INDEX digests_by_bytes ON digests (algorithm, bytes);

-- Contents that lie in the catalog itself.
CREATE TABLE contents (
    blob  INTEGER PRIMARY KEY REFERENCES blobs (number) ON DELETE CASCADE,
    bytes BLOB    NOT NULL
) STRICT;

CREATE TABLE extents (
    blob          INTEGER NOT NULL REFERENCES blobs (number) ON DELETE CASCADE,
    offset        INTEGER NOT NULL,
    length        INTEGER NOT NULL,
    object        TEXT    NOT NULL,
    object_offset INTEGER NOT NULL,
    -- The 64 bits of CRC-64/NVME.
    checksum      INTEGER NOT NULL,
    PRIMARY KEY (blob, offset)
) STRICT, WITHOUT ROWID;

CREATE INDEX extents_by_object ON extents (object);

-- The user file table, in the order of its listings.
CREATE TABLE files (
    owner        TEXT    NOT NULL,
    path         TEXT    NOT NULL,
    blob         INTEGER NOT NULL REFERENCES blobs (number),
    -- The digest to tell; NULL is the identity.
    digest       TEXT,
    content_type TEXT,
    metadata     TEXT,
    created_at   INTEGER NOT NULL,
    modified_at  INTEGER NOT NULL,
    PRIMARY KEY (owner, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX files_by_blob ON files (blob, owner, path);

-- What owners keep: the sums of their files. An owner without a file has no row.
CREATE TABLE owners (
    owner TEXT    PRIMARY KEY,
    files INTEGER NOT NULL CHECK (files > 0),
    bytes INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT, WITHOUT ROWID;

-- Which upload became which file, and the answer that was given for it.
CREATE TABLE origins (
    upload       TEXT    PRIMARY KEY,
    owner        TEXT    NOT NULL,
    published_at INTEGER NOT NULL,
    created      INTEGER NOT NULL,
    known        INTEGER NOT NULL,
    -- The file as it was published, as JSON.
    file         TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX origins_by_moment ON origins (published_at);

-- Objects that nothing named when they were seen.
CREATE TABLE orphans (
    object     TEXT    PRIMARY KEY,
    first_seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
