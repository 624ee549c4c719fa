-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- The tables that the next step writes anew, out of the way.  A costd of before this step that still
-- runs at another node finds them no more, and its gateways keep their records until a new one answers.

RENAME TABLE IF EXISTS
  generation TO generation_before,
  record TO record_before,
  turn TO turn_before,
  usage_day TO usage_day_before,
  usage_sum TO usage_sum_before,
  `user` TO user_before;
