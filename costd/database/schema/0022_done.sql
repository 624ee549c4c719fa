-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- What step 20 copied goes.

DROP TABLE IF EXISTS generation_before, record_before, turn_before, usage_day_before, usage_sum_before, user_before;

DELETE FROM meta WHERE name LIKE 'renumber\_%';

ALTER TABLE document
  DROP KEY IF EXISTS by_user,
  DROP COLUMN IF EXISTS user_id;
