-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- What a gateway had acknowledged and the ledger does not know of: the database
-- was put back to an earlier day.  Kept as evidence; nothing deletes it.
CREATE TABLE IF NOT EXISTS missing (
  spool_id  BINARY(16)      NOT NULL,
  first_seq BIGINT UNSIGNED NOT NULL,
  last_seq  BIGINT UNSIGNED NOT NULL,
  found_us  BIGINT          NOT NULL,
  PRIMARY KEY (spool_id, first_seq, last_seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
