-- Pictures and files that were sent in messages, for as long as they count.
CREATE TABLE sent_pictures (
    sender INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    guid   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (sender, guid)
) STRICT, WITHOUT ROWID;
CREATE INDEX sent_pictures_by_time ON sent_pictures (sender, at);

-- The owner has rejected the other's request, and has not asked for the other since.
CREATE TABLE rejections (
    owner INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    other INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    PRIMARY KEY (owner, other)
) STRICT, WITHOUT ROWID;
CREATE INDEX rejections_by_other ON rejections (other);
INSERT INTO rejections (owner, other) SELECT other, owner FROM contacts WHERE state = 2;

-- Networks that an account's owner has logged in from, hashed with the key file's key.
CREATE TABLE known_places (
    account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    place   BLOB NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (account, place)
) STRICT, WITHOUT ROWID;

INSERT INTO meta VALUES ('oldest_for_schema_5', CAST('3' AS BLOB));
