-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- What several senders claim of one generation: the least and the greatest claim, what is in dispute, and
-- what else is out of the ordinary.  What the ledger has from before is one claim, and no dispute.

ALTER TABLE record
  ADD COLUMN IF NOT EXISTS rules TINYINT NOT NULL DEFAULT 0; -- 0: of equal claims the greatest counts, as before this step; 1: as join.def says

ALTER TABLE generation
  ADD COLUMN IF NOT EXISTS cost_most        DECIMAL(38,18), -- beside cost, which is the least claim
  ADD COLUMN IF NOT EXISTS byok_cost_most   DECIMAL(38,18),
  ADD COLUMN IF NOT EXISTS started_least_us BIGINT,
  ADD COLUMN IF NOT EXISTS started_most_us  BIGINT,
  ADD COLUMN IF NOT EXISTS user_least       VARCHAR(128),
  ADD COLUMN IF NOT EXISTS user_most        VARCHAR(128),
  ADD COLUMN IF NOT EXISTS received_us      BIGINT,
  ADD COLUMN IF NOT EXISTS booked_us        BIGINT,         -- the time in the provider's books
  ADD COLUMN IF NOT EXISTS not_found        TINYINT,        -- 1: the provider said so at the end of the schedule
  ADD COLUMN IF NOT EXISTS is_byok_least    TINYINT,        -- beside is_byok, which is the greatest claim
  ADD COLUMN IF NOT EXISTS prompt_tokens_most     BIGINT,   -- beside prompt_tokens, which is the least claim
  ADD COLUMN IF NOT EXISTS completion_tokens_most BIGINT,
  ADD COLUMN IF NOT EXISTS disputed         TINYINT        NOT NULL DEFAULT 0, -- bits: 1 cost, 2 user, 4 start, 8 tokens
  ADD COLUMN IF NOT EXISTS disputed_cost    DECIMAL(38,18) NOT NULL DEFAULT 0, -- the greatest less the least claim
  ADD COLUMN IF NOT EXISTS odd_day          TINYINT        NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS unproven         TINYINT        NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS marked           TINYINT        NOT NULL DEFAULT 0, -- 1: disputed or unproven, 2: of an odd day alone
  ADD KEY IF NOT EXISTS by_marked (marked, started_us);

ALTER TABLE usage_day
  ADD COLUMN IF NOT EXISTS disputed_cost DECIMAL(38,18) NOT NULL DEFAULT 0;

ALTER TABLE usage_sum
  ADD COLUMN IF NOT EXISTS disputed_cost DECIMAL(38,18) NOT NULL DEFAULT 0;
