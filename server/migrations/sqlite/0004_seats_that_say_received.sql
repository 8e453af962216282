-- Whether the client on a kept seat says itself what it has received: who comes back to the seat says so, too.
ALTER TABLE kept_seats ADD COLUMN receipts INTEGER NOT NULL DEFAULT 0;

-- Older programs leave the column alone.
INSERT INTO meta VALUES ('oldest_for_schema_4', CAST('3' AS BLOB));
