-- The second key of a message moves into its row: one tree less to write to.
CREATE TABLE moved (
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
INSERT INTO moved SELECT m.id, m.tbl, m.hash, m.conv, m.height, m.flags, m.data,
	(SELECT a.hash FROM alias a WHERE a.target = m.hash LIMIT 1) FROM message m ORDER BY m.id;
DROP TABLE alias;
DROP TABLE message;
ALTER TABLE moved RENAME TO message;
CREATE INDEX message_place ON message (conv, height);
CREATE UNIQUE INDEX message_alias ON message (alias) WHERE alias IS NOT NULL;
