-- Who was logged in when the service stopped, in the order in which they had come, and what they showed. Taken out at the
-- next start.
CREATE TABLE kept_seats (
    id         INTEGER PRIMARY KEY,
    account    INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    public_id  TEXT NOT NULL,
    presence   INTEGER NOT NULL,
    stopped_at INTEGER NOT NULL
) STRICT;

-- The rooms that they were in.
CREATE TABLE kept_seat_rooms (
    seat INTEGER NOT NULL REFERENCES kept_seats (id) ON DELETE CASCADE,
    room INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    PRIMARY KEY (seat, room)
) STRICT, WITHOUT ROWID;

-- The oldest schema whose programs can use this one: they look here from 3 on. A later migration that leaves alone what
-- they know says 3 as well.
INSERT INTO meta VALUES ('oldest_for_schema_3', CAST('3' AS BLOB));
