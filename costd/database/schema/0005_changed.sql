-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- When the rows of a line last changed, by costd's clock: what a document shows
-- is as it was then.

ALTER TABLE usage_day
  ADD COLUMN IF NOT EXISTS changed_us BIGINT NOT NULL DEFAULT 0;

UPDATE usage_day SET changed_us=CAST(UNIX_TIMESTAMP(NOW(6))*1000000 AS SIGNED) WHERE changed_us=0;
