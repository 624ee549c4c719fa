-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- Settlement: what models cost and when, reported against looked-up costs, and
-- look-ups that only verify.

-- The price history.  A line is in force from valid_from_us until
-- valid_until_us (exclusive; null: still).  Lines are added and closed, never
-- changed otherwise.
CREATE TABLE IF NOT EXISTS price (
  model          VARCHAR(256) NOT NULL,
  valid_from_us  BIGINT       NOT NULL,
  valid_until_us BIGINT,
  hash           BINARY(32)   NOT NULL, -- SHA-256 of pricing
  pricing        MEDIUMTEXT   NOT NULL, -- the provider's object as JSON, keys in order
  PRIMARY KEY (model, valid_from_us),
  KEY by_end (valid_until_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Rows whose reported cost is not the one that was looked up.
CREATE TABLE IF NOT EXISTS discrepancy (
  generation_id VARCHAR(160)   NOT NULL,
  found_us      BIGINT         NOT NULL,
  reported      DECIMAL(38,18) NOT NULL,
  looked_up     DECIMAL(38,18) NOT NULL,
  PRIMARY KEY (generation_id),
  KEY by_found (found_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- 1: the row has a reported cost, which is only compared.
ALTER TABLE lookup ADD COLUMN IF NOT EXISTS verify TINYINT NOT NULL DEFAULT 0;

CREATE INDEX IF NOT EXISTS by_time ON dead_letter (at_us);
