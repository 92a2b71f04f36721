-- What an uploader must show of a content that is here already, as JSON; taken away by the first answer.
CREATE TABLE challenges (
    upload    INTEGER PRIMARY KEY REFERENCES uploads (number) ON DELETE CASCADE,
    challenge TEXT    NOT NULL
) STRICT;
