-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- A spool from a backup gives its numbers again: two records that were refused
-- under one number are two dead letters.  Every statement may be carried out
-- again.

ALTER TABLE dead_letter
  ADD COLUMN IF NOT EXISTS content BINARY(32) NOT NULL DEFAULT '' AFTER seq; -- SHA-256 of record

UPDATE dead_letter SET content=UNHEX(SHA2(record,256));

ALTER TABLE dead_letter
  DROP PRIMARY KEY, ADD PRIMARY KEY (spool_id, seq, content);
