-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- What many rows share stands once, under a number: words, sets of groups, persons.  Their tables have a second
-- unique key, of what the number stands for.  The rows of before are copied after these statements
-- (costd/ledger/renumber.h); the next step makes the keys of the large tables.

CREATE TABLE IF NOT EXISTS word (
  id   INT UNSIGNED NOT NULL AUTO_INCREMENT,
  text VARCHAR(256) NOT NULL, -- a model, a provider, an origin, a task, a source, a platform, a kind
  PRIMARY KEY (id),
  UNIQUE KEY by_text (text)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS group_set (
  id   INT UNSIGNED NOT NULL AUTO_INCREMENT,
  hash BINARY(32)   NOT NULL, -- SHA-256 of text
  text MEDIUMTEXT   NOT NULL, -- a JSON array, ascending
  PRIMARY KEY (id),
  UNIQUE KEY by_hash (hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

INSERT INTO word (id,text) VALUES (1,'openrouter') ON DUPLICATE KEY UPDATE id=word.id; -- the platform of ids without one

-- Everyone of whom a record or Open WebUI's list spoke.  Each attribute carries the instant it was seen at: the
-- newest wins, in whatever order the records arrive.
CREATE TABLE IF NOT EXISTS person (
  id             INT UNSIGNED NOT NULL AUTO_INCREMENT,
  handle         VARCHAR(32)  NOT NULL, -- by which records are joined; a keyed hash of external_id
  external_id    VARCHAR(128) NOT NULL, -- Open WebUI's
  name           VARCHAR(512),
  name_us        BIGINT,
  email          VARCHAR(320),
  email_us       BIGINT,
  role           VARCHAR(64),
  role_us        BIGINT,
  groups_json    MEDIUMTEXT,
  groups_us      BIGINT,
  inherited_json MEDIUMTEXT,            -- a JSON array, ascending; goes with groups_json
  first_seen_us  BIGINT,                -- null: no record shows them
  last_seen_us   BIGINT,
  listed_us      BIGINT,                -- when Open WebUI's list had them last
  gone_us        BIGINT,                -- since when it has not; null: it has, or never had
  shown          INT UNSIGNED,          -- the person they are shown as; null: themselves
  PRIMARY KEY (id),
  UNIQUE KEY by_handle (handle),
  KEY by_external_id (external_id),
  KEY by_shown (shown)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

INSERT INTO person (id,handle,external_id) VALUES (1,'unknown','unknown') ON DUPLICATE KEY UPDATE id=person.id;

-- Who was merged into whom; person.shown follows from it.
CREATE TABLE IF NOT EXISTS merge (
  person      INT UNSIGNED NOT NULL,
  into_person INT UNSIGNED NOT NULL,
  made_us     BIGINT       NOT NULL,
  PRIMARY KEY (person),
  KEY by_into (into_person)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The journal: every record once, as it came, but for what is a person's, which stands in `person`.
CREATE TABLE IF NOT EXISTS record (
  record_id    BINARY(16)       NOT NULL,
  key_hash     BIGINT           NOT NULL, -- the first eight bytes of the SHA-256 of its row's id
  person       INT UNSIGNED     NOT NULL,
  group_set    INT UNSIGNED     NOT NULL, -- of the person, when it was sent; 0: not said
  content      BINARY(32)       NOT NULL, -- SHA-256, by which a repeat is known
  content_kind TINYINT          NOT NULL, -- 1: of what the sender sent; 0: of the record without its time of receipt
  rules        TINYINT UNSIGNED NOT NULL, -- bits: 1 joined as join.def says, else as before step 17; 2 its user does not count
  received_us  BIGINT           NOT NULL, -- the earliest receipt of its copies
  payload      MEDIUMBLOB       NOT NULL, -- a packed Record of metering.proto without what the other columns hold
  PRIMARY KEY (record_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The ledger: one row per generation, the join of its records.
CREATE TABLE IF NOT EXISTS generation (
  number             INT UNSIGNED   NOT NULL AUTO_INCREMENT, -- each key ends in it; enough for four thousand million rows
  generation_id      VARCHAR(160)   NOT NULL, -- of the provider, or "owui:" and the turn
  user_id            INT UNSIGNED   NOT NULL, -- person
  started_us         BIGINT         NOT NULL,
  day                DATE           NOT NULL, -- local day of started_us
  finished_us        BIGINT,
  state              TINYINT        NOT NULL, -- State of metering.proto
  cost_state         TINYINT        NOT NULL, -- CostState of metering.proto
  cost               DECIMAL(38,18),
  byok_cost          DECIMAL(38,18),
  is_byok            TINYINT,
  prompt_tokens      BIGINT,
  completion_tokens  BIGINT,
  reasoning_tokens   BIGINT,
  cached_tokens      BIGINT,
  cache_write_tokens BIGINT,
  images             BIGINT,
  model              INT UNSIGNED,            -- word
  provider           INT UNSIGNED,            -- word
  requested_model    INT UNSIGNED,            -- word
  origin             INT UNSIGNED,            -- word
  task               INT UNSIGNED,            -- word
  source             INT UNSIGNED,            -- word
  platform           INT UNSIGNED,            -- word
  kind               INT UNSIGNED,            -- word
  user_groups        INT UNSIGNED,            -- group_set
  chat_id            VARCHAR(256),
  message_id         VARCHAR(256),
  turn_id            VARCHAR(128),
  other_id           VARCHAR(160),
  request            INT,
  requests           TINYINT        NOT NULL, -- 0: part of another row's request
  unsettled          TINYINT        NOT NULL, -- 1: its cost is not final
  link_kind          TINYINT        NOT NULL, -- cd_link of pair.h: how it is paired
  cost_most          DECIMAL(38,18),          -- beside cost, which is the least claim; null: the same (so are the next)
  byok_cost_most     DECIMAL(38,18),
  started_least_us   BIGINT,
  started_most_us    BIGINT,
  user_least         INT UNSIGNED,            -- person
  user_most          INT UNSIGNED,            -- person
  received_us        BIGINT,
  booked_us          BIGINT,                  -- the time in the provider's books
  not_found          TINYINT,                 -- 1: the provider said so at the end of the schedule
  is_byok_least      TINYINT,
  prompt_tokens_most     BIGINT,
  completion_tokens_most BIGINT,
  disputed           TINYINT        NOT NULL, -- bits: 1 cost, 2 user, 4 start, 8 tokens
  disputed_cost      DECIMAL(38,18),          -- the greatest less the least claim; null: none
  odd_day            TINYINT        NOT NULL,
  unproven           TINYINT        NOT NULL,
  marked             TINYINT        NOT NULL, -- 1: disputed or unproven, 2: of an odd day alone
  ranks              VARBINARY(64)  NOT NULL, -- one byte per field of join.def
  PRIMARY KEY (number),
  UNIQUE KEY by_id (generation_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The roll-up: totals per local day and combination of keys, each a number; 0: none.
CREATE TABLE IF NOT EXISTS usage_day (
  day                DATE           NOT NULL,
  user_id            INT UNSIGNED   NOT NULL,
  user_groups        INT UNSIGNED   NOT NULL,
  model              INT UNSIGNED   NOT NULL,
  provider           INT UNSIGNED   NOT NULL,
  origin             INT UNSIGNED   NOT NULL,
  task               INT UNSIGNED   NOT NULL,
  source             INT UNSIGNED   NOT NULL,
  platform           INT UNSIGNED   NOT NULL,
  requests           BIGINT         NOT NULL,
  prompt_tokens      BIGINT         NOT NULL,
  completion_tokens  BIGINT         NOT NULL,
  reasoning_tokens   BIGINT         NOT NULL,
  cached_tokens      BIGINT         NOT NULL,
  cache_write_tokens BIGINT         NOT NULL,
  images             BIGINT         NOT NULL,
  cost               DECIMAL(38,18) NOT NULL,
  byok_cost          DECIMAL(38,18) NOT NULL,
  disputed_cost      DECIMAL(38,18) NOT NULL,
  unsettled          BIGINT         NOT NULL,
  changed_us         BIGINT         NOT NULL, -- when a row of the line last changed, by costd's clock
  PRIMARY KEY (day, user_id, user_groups, model, provider, origin, task, source, platform),
  KEY by_user (user_id, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Sums of usage_day per day and a few keys; which, is the cube's number (rollup.c).
CREATE TABLE IF NOT EXISTS usage_sum (
  cube               TINYINT UNSIGNED NOT NULL,
  day                DATE           NOT NULL,
  user_id            INT UNSIGNED   NOT NULL,
  user_groups        INT UNSIGNED   NOT NULL,
  model              INT UNSIGNED   NOT NULL,
  provider           INT UNSIGNED   NOT NULL,
  origin             INT UNSIGNED   NOT NULL,
  task               INT UNSIGNED   NOT NULL,
  source             INT UNSIGNED   NOT NULL,
  platform           INT UNSIGNED   NOT NULL,
  requests           BIGINT         NOT NULL,
  prompt_tokens      BIGINT         NOT NULL,
  completion_tokens  BIGINT         NOT NULL,
  reasoning_tokens   BIGINT         NOT NULL,
  cached_tokens      BIGINT         NOT NULL,
  cache_write_tokens BIGINT         NOT NULL,
  images             BIGINT         NOT NULL,
  cost               DECIMAL(38,18) NOT NULL,
  byok_cost          DECIMAL(38,18) NOT NULL,
  disputed_cost      DECIMAL(38,18) NOT NULL,
  unsettled          BIGINT         NOT NULL,
  PRIMARY KEY (cube, day, user_id, user_groups, model, provider, origin, task, source, platform),
  KEY by_user (user_id, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Rows that may be part of others: the records of a turn that have no generation id, and generations without
-- usage that name their request in the turn.  Times, tokens and texts are those of the records, whatever the row
-- shows.
CREATE TABLE IF NOT EXISTS turn (
  ledger_key        VARCHAR(160) NOT NULL,
  of_turn           TINYINT      NOT NULL, -- 1: it has no generation id
  turn_id           VARCHAR(128) NOT NULL, -- without the plugin's ":n"
  message_id        VARCHAR(256),
  request           INT,                   -- null: not known
  source            INT UNSIGNED,          -- word
  platform          INT UNSIGNED,          -- word
  at_us             BIGINT       NOT NULL,
  user_id           INT UNSIGNED NOT NULL, -- person; 0: not known
  model             INT UNSIGNED,          -- word
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

ALTER TABLE document
  ADD COLUMN IF NOT EXISTS person INT UNSIGNED AFTER kind, -- null: not a person's
  ADD KEY IF NOT EXISTS by_person (person);
