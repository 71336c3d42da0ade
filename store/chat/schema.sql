-- docs/protocol/at-rest.md says what stands in the columns.

-- "check": which profile key this database belongs to.
CREATE TABLE meta (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The daily key, wrapped. One row of one size: it is only overwritten in place.
CREATE TABLE day (
	id      INTEGER PRIMARY KEY CHECK (id = 1),
	day     BLOB NOT NULL CHECK (length(day) = 8),
	wrapped BLOB NOT NULL CHECK (length(wrapped) = 72)
) STRICT;

-- What makes a row erasable. Rows of one size, appended at the end and then only
-- overwritten in place: never DELETE here, never an id out of order.
CREATE TABLE slot (
	id     INTEGER PRIMARY KEY,
	used   INTEGER NOT NULL CHECK (used IN (0, 1)),
	secret BLOB NOT NULL CHECK (length(secret) = 32)
) STRICT;
CREATE INDEX slot_free ON slot (id) WHERE used = 0;

-- The id of a row in the next three tables is that of its slot.
CREATE TABLE record (
	id     INTEGER PRIMARY KEY,
	tbl    INTEGER NOT NULL,
	hash   BLOB NOT NULL CHECK (length(hash) = 16),
	conv   INTEGER NOT NULL,
	height INTEGER NOT NULL,
	flags  INTEGER NOT NULL,
	data   BLOB NOT NULL,
	UNIQUE (tbl, hash)
) STRICT;

CREATE TABLE ephemeral (
	id     INTEGER PRIMARY KEY,
	tbl    INTEGER NOT NULL,
	hash   BLOB NOT NULL CHECK (length(hash) = 16),
	conv   INTEGER NOT NULL,
	height INTEGER NOT NULL,
	flags  INTEGER NOT NULL,
	data   BLOB NOT NULL,
	UNIQUE (tbl, hash)
) STRICT;

-- alias is a second key: the message's place in the chain of its device.
CREATE TABLE message (
	id     INTEGER PRIMARY KEY,
	tbl    INTEGER NOT NULL,
	hash   BLOB NOT NULL CHECK (length(hash) = 16),
	conv   INTEGER NOT NULL,
	height INTEGER NOT NULL,
	flags  INTEGER NOT NULL,
	data   BLOB NOT NULL,
	alias  BLOB CHECK (alias IS NULL OR length(alias) = 16),
	UNIQUE (tbl, hash)
) STRICT;
CREATE INDEX message_place ON message (conv, height);
CREATE UNIQUE INDEX message_alias ON message (alias) WHERE alias IS NOT NULL;

-- Many small rows; they have no slots.
CREATE TABLE seen (
	hash   BLOB PRIMARY KEY CHECK (length(hash) = 16),
	conv   INTEGER NOT NULL,
	height INTEGER NOT NULL,
	flags  INTEGER NOT NULL,
	data   BLOB NOT NULL
) STRICT, WITHOUT ROWID;
