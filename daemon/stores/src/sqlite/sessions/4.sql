-- What was said, when an upload began, of the path that its file will have: JSON; NULL if nothing was.
ALTER TABLE uploads ADD COLUMN naming TEXT;
