-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- The schedule: the closed months whose files are written for the finance
-- department, and the webhook that says so.
CREATE TABLE IF NOT EXISTS delivery (
  month          DATE         NOT NULL, -- its first day
  id             CHAR(32)     NOT NULL, -- the same in every attempt, and in the webhook
  state          TINYINT      NOT NULL, -- 0: to be written, 1: written
  attempts       INT          NOT NULL, -- that failed
  next_us        BIGINT       NOT NULL, -- not before
  lease_id       BINARY(16),            -- a reportd writes right now
  lease_until_us BIGINT,
  last_error     VARCHAR(255),
  written_us     BIGINT,
  body           MEDIUMTEXT,            -- of the webhook, JSON
  hook_state     TINYINT      NOT NULL, -- 0: none, 1: to be called, 2: taken, 3: given up
  hook_first_us  BIGINT,
  hook_attempts  INT          NOT NULL,
  hook_next_us   BIGINT,
  hook_until_us  BIGINT,                -- a costd calls right now
  hook_status    INT,                   -- HTTP; 0: no answer
  hook_error     VARCHAR(255),
  PRIMARY KEY (month)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
