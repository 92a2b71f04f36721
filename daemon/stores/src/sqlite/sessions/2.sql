-- The storage that takes an upload's bytes. Those from before there were several lie in the default one.
ALTER TABLE uploads ADD COLUMN storage TEXT NOT NULL DEFAULT 'default';
