-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- Terms belong to a month: what is charged besides the usage, and since when.

-- Rows are added, never changed.  Of one valid_from the newest counts.
CREATE TABLE IF NOT EXISTS terms_version (
  id         BIGINT     NOT NULL AUTO_INCREMENT,
  valid_from DATE,                -- the first day of a month; null: from the beginning of time
  changed_us BIGINT     NOT NULL, -- rises with each row
  source     TINYINT    NOT NULL, -- 0: reportd's settings, 1: the API
  withdrawn  TINYINT    NOT NULL, -- 1: the day has no terms of its own any more
  terms      MEDIUMTEXT NOT NULL, -- JSON, names of Terms in metering.proto
  offered    MEDIUMTEXT,          -- of the settings: all that reportd offered, JSON
  PRIMARY KEY (id),
  KEY by_day (valid_from)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The settings each running reportd was last heard with.
CREATE TABLE IF NOT EXISTS terms_offer (
  instance BINARY(8)  NOT NULL,
  heard_us BIGINT     NOT NULL,
  terms    MEDIUMTEXT NOT NULL,
  PRIMARY KEY (instance)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Why a closed month's files are held back; null: they are not.
ALTER TABLE delivery ADD COLUMN IF NOT EXISTS held VARCHAR(255);
