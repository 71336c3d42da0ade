-- Users leave their address records of the coming weeks, to be published day by day.
CREATE TABLE deposits (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    name    BLOB    NOT NULL CHECK (length(name) = 32),
    day     INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    record  BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX deposits_account ON deposits (account, day, name);
CREATE INDEX deposits_first ON deposits (first);

CREATE TABLE publications (
    deposit  INTEGER PRIMARY KEY,
    seq      INTEGER NOT NULL,
    holders  INTEGER NOT NULL,
    stored   INTEGER NOT NULL,
    verified INTEGER NOT NULL,
    stamp    BLOB,
    relay    BLOB,
    witness  BLOB
) STRICT;
