-- An account may have a quota of its own.
ALTER TABLE accounts ADD COLUMN quota INTEGER NOT NULL DEFAULT 0;
