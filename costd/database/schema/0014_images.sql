-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- How many images were made: of a row, and summed up.  Nobody said it before, so that the
-- totals there are hold true.

ALTER TABLE generation
  ADD COLUMN IF NOT EXISTS images BIGINT;

ALTER TABLE usage_day
  ADD COLUMN IF NOT EXISTS images BIGINT NOT NULL DEFAULT 0;

ALTER TABLE usage_sum
  ADD COLUMN IF NOT EXISTS images BIGINT NOT NULL DEFAULT 0;
