-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- The platform, who bills, as a key of the totals, which are made from scratch after this step.

ALTER TABLE usage_day
  ADD COLUMN IF NOT EXISTS platform VARCHAR(64) AFTER user_groups;

ALTER TABLE usage_sum
  ADD COLUMN IF NOT EXISTS platform VARCHAR(64) AFTER user_groups;
