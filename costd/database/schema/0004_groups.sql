-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- Groups and sources as keys of the totals, coarser totals beside the full ones,
-- and the indexes that the lists of rows need.  Rows written before have no
-- groups until their next record arrives or `costd --rebuild-totals` reads
-- them from the journal.  Every statement may be carried out again.

ALTER TABLE generation
  ADD COLUMN IF NOT EXISTS user_groups MEDIUMTEXT, -- a JSON array, ascending
  ADD KEY IF NOT EXISTS by_model (model, started_us),
  ADD KEY IF NOT EXISTS by_provider (provider, started_us),
  ADD KEY IF NOT EXISTS by_state (state, started_us),
  ADD KEY IF NOT EXISTS by_chat (chat_id);

ALTER TABLE usage_day
  ADD COLUMN IF NOT EXISTS source VARCHAR(64) AFTER task,
  ADD COLUMN IF NOT EXISTS user_groups MEDIUMTEXT AFTER source;

-- Sums of usage_day per day and a few keys; which, is the cube's number (rollup.c).
CREATE TABLE IF NOT EXISTS usage_sum (
  cube               TINYINT UNSIGNED NOT NULL,
  day                DATE             NOT NULL,
  dim                BINARY(16)       NOT NULL, -- hash of the cube's keys
  user_id            VARCHAR(128),
  model              VARCHAR(256),
  provider           VARCHAR(128),
  origin             VARCHAR(64),
  task               VARCHAR(64),
  source             VARCHAR(64),
  user_groups        MEDIUMTEXT,
  requests           BIGINT           NOT NULL,
  prompt_tokens      BIGINT           NOT NULL,
  completion_tokens  BIGINT           NOT NULL,
  reasoning_tokens   BIGINT           NOT NULL,
  cached_tokens      BIGINT           NOT NULL,
  cache_write_tokens BIGINT           NOT NULL,
  cost               DECIMAL(38,18)   NOT NULL,
  byok_cost          DECIMAL(38,18)   NOT NULL,
  unsettled          BIGINT           NOT NULL,
  PRIMARY KEY (cube, day, dim),
  KEY by_user (user_id, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- When the gateway received the newest record of a batch.
ALTER TABLE batch
  ADD COLUMN IF NOT EXISTS received_us BIGINT,
  ADD KEY IF NOT EXISTS by_commit (committed_us);
