-- The gateway's mailboxes: schema version 2. Times are milliseconds since 1970.
-- A mark is position 12 | R 32 | total 8 (block.go).

CREATE TABLE meta (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    incarnation INTEGER NOT NULL,
    clock       INTEGER NOT NULL,   -- the newest time that was believed (clock.go), 0: none yet
    newest      INTEGER NOT NULL    -- the latest one ever: what expired did so by then
) STRICT;
INSERT INTO meta (id, incarnation, clock, newest) VALUES (1, 0, 0, 0);

-- A number is never given to two accounts: blocks may outlive the account they name.
CREATE TABLE accounts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    tag         BLOB    NOT NULL UNIQUE CHECK (length(tag) = 32),
    key         BLOB    NOT NULL CHECK (length(key) = 32),
    head        BLOB    NOT NULL CHECK (length(head) = 52),
    floor       BLOB    NOT NULL CHECK (length(floor) = 52),
    floor_index INTEGER NOT NULL,             -- of floor: payloads up to it are owed to nobody
    swept       INTEGER NOT NULL DEFAULT 0,   -- payloads up to it are counted as dead in their segments
    closed      INTEGER NOT NULL DEFAULT 0,   -- when, 0: open
    quota       INTEGER NOT NULL DEFAULT 0    -- bytes that may wait, by the operator; 0: what all accounts have
) STRICT;
CREATE INDEX accounts_unswept ON accounts (id) WHERE swept < floor_index;
CREATE INDEX accounts_closed ON accounts (closed) WHERE closed > 0;

-- Where the logs of accounts ended that are forgotten, for ever: an account that
-- comes back goes on from there.
CREATE TABLE tombstones (
    tag  BLOB PRIMARY KEY CHECK (length(tag) = 32),
    head BLOB NOT NULL CHECK (length(head) = 52)
) STRICT, WITHOUT ROWID;

CREATE TABLE logins (
    login    BLOB    PRIMARY KEY CHECK (length(login) = 32),
    account  INTEGER NOT NULL,
    cursor   BLOB    NOT NULL CHECK (length(cursor) = 8),
    origin   BLOB    NOT NULL CHECK (length(origin) = 12), -- position of the row that enrolled it
    acked    BLOB    NOT NULL CHECK (length(acked) = 52),
    sig      BLOB,                              -- of acked; NULL where the cursor began
    enrolled INTEGER NOT NULL,                  -- time of the newest enrolling object, 0: removed
    removed  INTEGER NOT NULL                   -- time up to which objects about the key count no more, 0: never removed
) STRICT, WITHOUT ROWID;
CREATE INDEX logins_account ON logins (account);
CREATE INDEX logins_removed ON logins (removed) WHERE enrolled = 0;

CREATE TABLE drops (
    id         BLOB    PRIMARY KEY CHECK (length(id) = 16),
    account    INTEGER NOT NULL,
    capability BLOB    NOT NULL CHECK (length(capability) = 32),
    start      BLOB    NOT NULL CHECK (length(start) = 12),
    k          INTEGER NOT NULL,
    head       BLOB    NOT NULL CHECK (length(head) = 32),
    door       INTEGER NOT NULL,               -- 1: front door
    number     INTEGER NOT NULL,               -- of the door's claim
    bits       INTEGER NOT NULL,               -- the work that a public door asks for, 0: none
    deleted    INTEGER NOT NULL                -- when, 0: live
) STRICT, WITHOUT ROWID;
CREATE INDEX drops_account ON drops (account);
CREATE INDEX drops_deleted ON drops (deleted) WHERE deleted > 0;

-- Earlier registrations of drops, for receipts that are about them.
CREATE TABLE registrations (
    id      BLOB    NOT NULL CHECK (length(id) = 16),
    d0      BLOB    NOT NULL CHECK (length(d0) = 32),
    account INTEGER NOT NULL,
    start   BLOB    NOT NULL CHECK (length(start) = 12),
    k       INTEGER NOT NULL,
    head    BLOB    NOT NULL CHECK (length(head) = 32),
    deleted INTEGER NOT NULL,
    PRIMARY KEY (id, d0)
) STRICT, WITHOUT ROWID;
CREATE INDEX registrations_deleted ON registrations (deleted);

CREATE TABLE profiles (
    id      INTEGER PRIMARY KEY,
    name    BLOB    NOT NULL UNIQUE CHECK (length(name) = 32),
    account INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    deleted INTEGER NOT NULL,                  -- when, 0: live
    content BLOB    NOT NULL                   -- empty when deleted
) STRICT;
CREATE INDEX profiles_account ON profiles (account);
CREATE INDEX profiles_deleted ON profiles (deleted) WHERE deleted > 0;

CREATE TABLE invites (
    hash    BLOB    PRIMARY KEY CHECK (length(hash) = 32), -- SHA-256(invite)
    uses    INTEGER NOT NULL,                              -- left
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The envelopes of one commit, up to 256 KiB, and what is left of them.
CREATE TABLE segments (
    id   INTEGER PRIMARY KEY,
    size INTEGER NOT NULL,   -- bytes of the payload, 0: erased
    live INTEGER NOT NULL,   -- bytes of it that are owed to somebody
    kept INTEGER NOT NULL    -- the latest time limit of its rows
) STRICT;
CREATE INDEX segments_thin ON segments (id) WHERE live * 2 <= size AND size > 0;
CREATE INDEX segments_kept ON segments (kept) WHERE size > 0;
CREATE INDEX segments_old ON segments (kept);

CREATE TABLE payloads (
    segment INTEGER PRIMARY KEY,
    data    BLOB    NOT NULL
) STRICT;

-- The rows of one account in one segment, packed (block.go). id = segment << 20 | number.
CREATE TABLE blocks (
    id      INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    first   INTEGER NOT NULL,   -- index of the first row
    last    INTEGER NOT NULL,
    made    INTEGER NOT NULL,   -- the latest time of its rows
    kept    INTEGER NOT NULL,   -- the latest time limit of its rows
    before  BLOB    NOT NULL CHECK (length(before) = 52),
    packed  BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX blocks_account ON blocks (account, first);
