-- Accounts, contacts, messages, rooms and pictures. Times are milliseconds since 1970.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    name                TEXT NOT NULL,
    name_key            TEXT NOT NULL UNIQUE,         -- the name in lower case: names compare without case
    password            BLOB NOT NULL,                -- encrypted: nonce, ciphertext, tag
    mobile_phone        TEXT,
    status_message      TEXT NOT NULL DEFAULT '',
    status_changed_at   INTEGER NOT NULL DEFAULT 0,
    contacts_version    INTEGER NOT NULL DEFAULT 1,
    contacts_changed_at INTEGER NOT NULL,             -- grows with every version
    chats_version       INTEGER NOT NULL DEFAULT 0,
    next_contact        INTEGER NOT NULL DEFAULT 1,
    next_group          INTEGER NOT NULL DEFAULT 2,
    created_at          INTEGER NOT NULL
) STRICT;

-- Stay-logged-in tokens. `parent` is the token that this one succeeds, until this one is first used.
CREATE TABLE tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account    INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    hash       BLOB NOT NULL UNIQUE,
    parent     INTEGER,
    used_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX tokens_by_account ON tokens (account, used_at);

CREATE TABLE contact_groups (
    owner INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id    INTEGER NOT NULL,
    name  TEXT NOT NULL,
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;

-- One row for each side that has the other in its list. state: 0 asked, 1 accepted, 2 asked and quietly refused.
CREATE TABLE contacts (
    owner        INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    other        INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id           INTEGER NOT NULL,
    group_id     INTEGER NOT NULL,
    display_name TEXT NOT NULL DEFAULT '',
    state        INTEGER NOT NULL CHECK (state IN (0, 1, 2)),
    asked_at     INTEGER NOT NULL,
    PRIMARY KEY (owner, other),
    UNIQUE (owner, id),
    FOREIGN KEY (owner, group_id) REFERENCES contact_groups (owner, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX contacts_by_other ON contacts (other, state);

CREATE TABLE blocks (
    owner INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    other INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    PRIMARY KEY (owner, other)
) STRICT, WITHOUT ROWID;
CREATE INDEX blocks_by_other ON blocks (other);

-- kind 1: private, `low` and `high` are the two accounts, the lower id first. kind 3: a room, `low` is its id, `high` is 0.
CREATE TABLE chats (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    kind      INTEGER NOT NULL,
    low       INTEGER NOT NULL,
    high      INTEGER NOT NULL,
    last_time INTEGER NOT NULL,
    last_guid TEXT NOT NULL,
    UNIQUE (kind, low, high)
) STRICT;

-- state: 0 stored, 2 received, 3 read, as MESSAGE_STATUS_EVENT has them.
CREATE TABLE messages (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    chat          INTEGER NOT NULL REFERENCES chats (id),
    time          INTEGER NOT NULL,                   -- strictly increasing within a chat
    sender        INTEGER NOT NULL REFERENCES accounts (id),
    guid          TEXT NOT NULL,
    previous_guid TEXT,
    content_type  INTEGER NOT NULL,
    content       BLOB NOT NULL,
    file_name     TEXT,
    mime_type     TEXT,
    state         INTEGER NOT NULL DEFAULT 0,
    UNIQUE (chat, time),
    UNIQUE (sender, guid)
) STRICT;

-- Private messages that no session of the receiver is known to have.
CREATE TABLE waiting (
    receiver INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    seq      INTEGER NOT NULL REFERENCES messages (seq) ON DELETE CASCADE,
    PRIMARY KEY (receiver, seq)
) STRICT, WITHOUT ROWID;

-- A private chat as one of the two sees it. `version` grows with every change to the owner's list of chats.
CREATE TABLE chat_views (
    owner     INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    chat      INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    version   INTEGER NOT NULL,
    unread    INTEGER NOT NULL,
    read_time INTEGER NOT NULL DEFAULT 0,             -- the time of the last message that the owner has read
    PRIMARY KEY (owner, chat)
) STRICT, WITHOUT ROWID;
CREATE INDEX chat_views_by_version ON chat_views (owner, version);

CREATE TABLE rooms (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL,
    name_key    TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    creator     INTEGER REFERENCES accounts (id),     -- none: the service's own
    capacity    INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX rooms_by_creator ON rooms (creator);

INSERT INTO rooms (name, name_key, description, creator, capacity, created_at)
VALUES ('Lobby', 'lobby', 'Where everybody comes in', NULL, 1000, 0);

-- Addresses that take one picture. The token is kept as a hash.
CREATE TABLE uploads (
    hash       BLOB PRIMARY KEY,
    sender     INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    receiver   INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX uploads_by_sender ON uploads (sender, created_at);

-- A picture: what its address ends with, and the file that has its bytes.
CREATE TABLE pictures (
    token      TEXT PRIMARY KEY,
    file       TEXT NOT NULL UNIQUE,
    mime_type  TEXT NOT NULL,
    bytes      INTEGER NOT NULL,
    sender     INTEGER NOT NULL REFERENCES accounts (id),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
