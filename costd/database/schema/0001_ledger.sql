-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- The ledger.  Instants are microseconds since 1970 UTC; amounts are USD; text
-- compares byte by byte (no case folding, no trailing-space games).  No table
-- has a unique key beside its primary key, so that "on duplicate key" can mean
-- one thing only.

-- Facts of the installation: the reporting time zone.
CREATE TABLE IF NOT EXISTS meta (
  name  VARCHAR(64)  NOT NULL,
  value VARCHAR(255) NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The journal: every record once, as it came.  Never updated.
CREATE TABLE IF NOT EXISTS record (
  record_id   BINARY(16)   NOT NULL,
  ledger_key  VARCHAR(160) NOT NULL,
  content     BINARY(32)   NOT NULL, -- SHA-256 of the record without its time of receipt
  received_us BIGINT       NOT NULL,
  payload     MEDIUMBLOB   NOT NULL, -- a packed Record of metering.proto
  PRIMARY KEY (record_id),
  KEY by_ledger_key (ledger_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The ledger: one row per generation, the join of its records.
CREATE TABLE IF NOT EXISTS generation (
  generation_id      VARCHAR(160)   NOT NULL, -- of the provider, or "owui:" and the turn
  user_id            VARCHAR(128)   NOT NULL,
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
  model              VARCHAR(256),
  provider           VARCHAR(128),
  requested_model    VARCHAR(256),
  origin             VARCHAR(64),
  task               VARCHAR(64),
  source             VARCHAR(64),
  chat_id            VARCHAR(256),
  message_id         VARCHAR(256),
  turn_id            VARCHAR(128),
  ranks              VARBINARY(64)  NOT NULL, -- one byte per field of join.def
  PRIMARY KEY (generation_id),
  KEY by_start (started_us),
  KEY by_user (user_id, started_us),
  KEY by_cost_state (cost_state, started_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The roll-up: totals per local day and combination of keys.
CREATE TABLE IF NOT EXISTS usage_day (
  day                DATE           NOT NULL,
  dim                BINARY(16)     NOT NULL, -- hash of the keys, null being a value of its own
  user_id            VARCHAR(128)   NOT NULL,
  model              VARCHAR(256),
  provider           VARCHAR(128),
  origin             VARCHAR(64),
  task               VARCHAR(64),
  requests           BIGINT         NOT NULL,
  prompt_tokens      BIGINT         NOT NULL,
  completion_tokens  BIGINT         NOT NULL,
  reasoning_tokens   BIGINT         NOT NULL,
  cached_tokens      BIGINT         NOT NULL,
  cache_write_tokens BIGINT         NOT NULL,
  cost               DECIMAL(38,18) NOT NULL,
  byok_cost          DECIMAL(38,18) NOT NULL,
  unsettled          BIGINT         NOT NULL,
  PRIMARY KEY (day, dim),
  KEY by_user (user_id, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Everyone ever seen.  Each attribute carries the instant it was seen at: the
-- newest wins, in whatever order the records arrive.
CREATE TABLE IF NOT EXISTS user (
  id            VARCHAR(128) NOT NULL,
  name          VARCHAR(512),
  name_us       BIGINT,
  email         VARCHAR(320),
  email_us      BIGINT,
  role          VARCHAR(64),
  role_us       BIGINT,
  groups_json   MEDIUMTEXT,
  groups_us     BIGINT,
  first_seen_us BIGINT       NOT NULL,
  last_seen_us  BIGINT       NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What the gateways delivered, per spool.
CREATE TABLE IF NOT EXISTS batch (
  spool_id          BINARY(16)      NOT NULL,
  first_seq         BIGINT UNSIGNED NOT NULL,
  last_seq          BIGINT UNSIGNED NOT NULL,
  new_records       INT UNSIGNED    NOT NULL, -- counts of the first delivery
  duplicate_records INT UNSIGNED    NOT NULL,
  refused_records   INT UNSIGNED    NOT NULL,
  deliveries        INT UNSIGNED    NOT NULL,
  committed_us      BIGINT          NOT NULL,
  PRIMARY KEY (spool_id, first_seq, last_seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What can never be stored, with the reason.
CREATE TABLE IF NOT EXISTS dead_letter (
  spool_id BINARY(16)      NOT NULL,
  seq      BIGINT UNSIGNED NOT NULL,
  at_us    BIGINT          NOT NULL,
  reason   VARCHAR(512)    NOT NULL,
  record   LONGBLOB        NOT NULL,
  PRIMARY KEY (spool_id, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Rows whose cost is asked for at the provider.
CREATE TABLE IF NOT EXISTS lookup (
  generation_id  VARCHAR(160) NOT NULL,
  first_us       BIGINT       NOT NULL, -- first scheduled
  attempts       INT          NOT NULL,
  next_us        BIGINT,                -- null: given up
  lease_until_us BIGINT,                -- a worker asks right now
  last_status    INT,                   -- HTTP; 0: no answer
  last_error     VARCHAR(255),
  PRIMARY KEY (generation_id),
  KEY by_next (next_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
