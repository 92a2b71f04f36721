-- Who may ask. Moments in milliseconds since 1970 (UTC).

CREATE TABLE users (
    name       TEXT    PRIMARY KEY,
    created_at INTEGER NOT NULL,
    disabled   INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    -- Bytes that the user may keep and stage; NULL is as configured, -1 any number.
    quota      INTEGER CHECK (quota >= -1),
    -- Limits of the user's own, as JSON; NULL is none.
    limits     TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    id          TEXT    PRIMARY KEY,
    user        TEXT    NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    -- BLAKE3 of the secret, which is kept nowhere.
    secret_hash BLOB    NOT NULL CHECK (length(secret_hash) = 32),
    scopes      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER,
    -- To the hour.
    used_at     INTEGER,
    revoked_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX tokens_by_user ON tokens (user, id);
