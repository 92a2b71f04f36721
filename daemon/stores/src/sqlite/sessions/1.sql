-- Uploads in progress. Lengths and offsets in bytes, moments in milliseconds since 1970 (UTC).
CREATE TABLE uploads (
    number          INTEGER PRIMARY KEY,
    id              TEXT    NOT NULL UNIQUE,
    owner           TEXT    NOT NULL,
    path            TEXT    NOT NULL,
    length          INTEGER,
    digest          TEXT,
    chunk_size      INTEGER NOT NULL,
    content_type    TEXT,
    metadata        TEXT,
    idempotency_key TEXT,
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('open', 'completing', 'complete', 'aborted', 'expired')),
    epoch           INTEGER NOT NULL,
    received_bytes  INTEGER NOT NULL,
    rewrites        INTEGER NOT NULL,
    -- Receipts ever recorded: the order of recording.
    sequence        INTEGER NOT NULL DEFAULT 0,
    -- Length of the longest extent ever recorded: how far back one that overlaps can begin.
    longest         INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX uploads_by_owner ON uploads (owner, id);
CREATE INDEX uploads_by_key ON uploads (owner, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX uploads_in_progress ON uploads (owner) WHERE state IN ('open', 'completing');
CREATE INDEX uploads_by_expiry ON uploads (expires_at, id);

-- One row for each extent that counts, by offset; of those that overlap, the later sequence lies above.
CREATE TABLE receipts (
    upload        INTEGER NOT NULL REFERENCES uploads (number) ON DELETE CASCADE,
    offset        INTEGER NOT NULL,
    sequence      INTEGER NOT NULL,
    length        INTEGER NOT NULL,
    object        TEXT    NOT NULL,
    object_offset INTEGER NOT NULL,
    -- The 64 bits of CRC-64/NVME.
    checksum      INTEGER NOT NULL,
    subtrees      BLOB    NOT NULL,
    PRIMARY KEY (upload, offset, sequence)
) STRICT, WITHOUT ROWID;

-- Digest states along the contiguous prefix: a cache.
CREATE TABLE prefixes (
    upload   INTEGER PRIMARY KEY REFERENCES uploads (number) ON DELETE CASCADE,
    length   INTEGER NOT NULL,
    rewrites INTEGER NOT NULL,
    state    BLOB    NOT NULL
) STRICT;
