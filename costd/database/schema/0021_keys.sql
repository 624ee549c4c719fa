-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- The keys of the large tables, made at once over the rows that were copied.  Rows' numbers rise about with time, so
-- that a key ends in one.

ALTER TABLE record
  ADD KEY IF NOT EXISTS by_key (key_hash);

ALTER TABLE generation
  ADD KEY IF NOT EXISTS by_start (started_us),
  ADD KEY IF NOT EXISTS by_user (user_id, started_us),
  ADD KEY IF NOT EXISTS by_cost_state (cost_state, started_us),
  ADD KEY IF NOT EXISTS by_model (model, started_us),
  ADD KEY IF NOT EXISTS by_provider (provider, started_us),
  ADD KEY IF NOT EXISTS by_state (state, started_us),
  ADD KEY IF NOT EXISTS by_chat (chat_id(12)),
  ADD KEY IF NOT EXISTS by_unsettled (unsettled, requests, started_us),
  ADD KEY IF NOT EXISTS by_turn (turn_id(12)),
  ADD KEY IF NOT EXISTS by_message (message_id(12)),
  ADD KEY IF NOT EXISTS by_marked (marked, started_us);
