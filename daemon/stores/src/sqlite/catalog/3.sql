-- Links that are good for one use and were used. A row goes when its link is over, which nobody believes any more then.

CREATE TABLE spent_links (
    id         TEXT    PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX spent_links_by_end ON spent_links (expires_at);
