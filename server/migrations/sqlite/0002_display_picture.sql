-- The guid of the picture that an account's contacts see beside its name; clients give it a meaning.
ALTER TABLE accounts ADD COLUMN display_picture TEXT NOT NULL DEFAULT '';
