-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- What kind of request a row is, which groups a user is in only through another,
-- and what the senders say of themselves.

ALTER TABLE generation
  ADD COLUMN IF NOT EXISTS kind VARCHAR(64);

ALTER TABLE `user`
  ADD COLUMN IF NOT EXISTS inherited_json MEDIUMTEXT; -- a JSON array, ascending; goes with groups_json

-- The last that each plugin said of itself.
CREATE TABLE IF NOT EXISTS sender (
  sender    BINARY(16)      NOT NULL, -- its spool's id; zeros: one without a name
  plugin    VARCHAR(64)     NOT NULL,
  openwebui VARCHAR(64),
  tap       TINYINT         NOT NULL, -- Tap of metering.proto
  reason    VARCHAR(256),
  processes BIGINT UNSIGNED NOT NULL,
  seen      BIGINT UNSIGNED NOT NULL,
  missed    BIGINT UNSIGNED NOT NULL,
  faults    BIGINT UNSIGNED NOT NULL,
  unnamed   BIGINT UNSIGNED NOT NULL,
  queued    BIGINT UNSIGNED NOT NULL,
  rejected  BIGINT UNSIGNED NOT NULL,
  first_us  BIGINT          NOT NULL,
  last_us   BIGINT          NOT NULL,
  PRIMARY KEY (sender),
  KEY by_last (last_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
