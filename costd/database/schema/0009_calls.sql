-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- Every call once: whose bill a request is on, what a row counts, and which
-- records of turns are which generations.

ALTER TABLE generation
  ADD COLUMN IF NOT EXISTS platform  VARCHAR(64),
  ADD COLUMN IF NOT EXISTS other_id  VARCHAR(160),
  ADD COLUMN IF NOT EXISTS request   INT,
  ADD COLUMN IF NOT EXISTS requests  TINYINT NOT NULL DEFAULT 1, -- 0: part of another row's request
  ADD COLUMN IF NOT EXISTS unsettled TINYINT NOT NULL DEFAULT 0, -- 1: its cost is not final
  ADD COLUMN IF NOT EXISTS link_kind TINYINT NOT NULL DEFAULT 0, -- cd_link of pair.h: how it is paired
  ADD KEY IF NOT EXISTS by_unsettled (unsettled, requests, started_us),
  ADD KEY IF NOT EXISTS by_turn (turn_id(20)),
  ADD KEY IF NOT EXISTS by_message (message_id(20));

ALTER TABLE record
  ADD COLUMN IF NOT EXISTS content_kind TINYINT NOT NULL DEFAULT 0; -- 1: content is the SHA-256 of what the sender sent

-- Only OpenRouter's generations are looked up and waited for; a row of before
-- says by its id whether it is one.
UPDATE generation SET unsettled=1 WHERE unsettled=0 AND
  (generation_id LIKE 'gen-%' OR generation_id LIKE 'owui:%') AND
  (cost_state<2 OR (is_byok=1 AND byok_cost IS NULL));
DELETE FROM lookup WHERE generation_id NOT LIKE 'gen-%';
-- An estimate by OpenRouter's list is none of another platform's row.  (The fifth
-- byte of `ranks` is the cost's; 5 is that of an estimate.)
UPDATE generation SET cost=NULL,cost_state=0,ranks=INSERT(ranks,5,1,UNHEX('00')) WHERE cost_state=1 AND
  SUBSTR(ranks,5,1)=UNHEX('05') AND generation_id NOT LIKE 'gen-%' AND generation_id NOT LIKE 'owui:%';
-- What is not settled for want of the key owner's bill is asked for, too.
INSERT IGNORE INTO lookup (generation_id,first_us,attempts,next_us,verify)
  SELECT generation_id,@now,0,@now,0 FROM
    (SELECT @now:=CAST(UNIX_TIMESTAMP(NOW(6))*1000000 AS SIGNED)) AS clock JOIN generation
  WHERE unsettled=1 AND is_byok=1 AND byok_cost IS NULL AND cost_state>1 AND generation_id LIKE 'gen-%';

-- Rows that may be part of others: the records of a turn that have no generation
-- id, and generations without usage that name their request in the turn.  Times,
-- tokens and texts are those of the records, whatever the row shows.
CREATE TABLE IF NOT EXISTS turn (
  ledger_key        VARCHAR(160) NOT NULL,
  of_turn           TINYINT      NOT NULL, -- 1: it has no generation id
  turn_id           VARCHAR(128) NOT NULL, -- without the plugin's ":n"
  message_id        VARCHAR(256),
  request           INT,                   -- null: not known
  source            VARCHAR(64),
  platform          VARCHAR(64),
  at_us             BIGINT       NOT NULL,
  user_id           VARCHAR(128) NOT NULL, -- empty: not known
  model             VARCHAR(256),
  prompt_tokens     BIGINT,
  completion_tokens BIGINT,
  alone             TINYINT      NOT NULL, -- 1: an operator said so
  PRIMARY KEY (ledger_key),
  KEY by_time (at_us),
  KEY by_tokens (prompt_tokens, completion_tokens, at_us),
  KEY by_user (user_id, at_us),
  KEY by_turn (turn_id),
  KEY by_message (message_id(40))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Which rows are part of which generation.
CREATE TABLE IF NOT EXISTS link (
  ledger_key VARCHAR(160) NOT NULL, -- counts nothing, or what is left over
  target     VARCHAR(160) NOT NULL, -- the row that counts
  kind       TINYINT      NOT NULL, -- cd_link of pair.h
  made_us    BIGINT       NOT NULL,
  upgrade    TINYINT      NOT NULL DEFAULT 0, -- 1: of a row that an older program had stored
  PRIMARY KEY (ledger_key, target),
  KEY by_target (target)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Models that the provider lists under one id and writes into its books under
-- another.
CREATE TABLE IF NOT EXISTS model_name (
  name     VARCHAR(256) NOT NULL, -- as in the books
  model    VARCHAR(256) NOT NULL, -- the id of the list
  since_us BIGINT       NOT NULL,
  PRIMARY KEY (name),
  KEY by_model (model)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Who brings a row that may be part of others locks it; '1': the rows of before are paired.
INSERT INTO meta (name,value) VALUES ('pairing','0') ON DUPLICATE KEY UPDATE name=meta.name;
