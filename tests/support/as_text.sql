-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- The tables of the ledger with texts in place of numbers, for tests alone: persons by Open WebUI's ids, what is
-- null for being like another column as that column.

CREATE OR REPLACE VIEW as_text_generation AS SELECT g.number, g.generation_id, u.external_id AS user_id, g.started_us,
  g.day, g.finished_us, g.state, g.cost_state, g.cost, g.byok_cost, g.is_byok, g.prompt_tokens, g.completion_tokens,
  g.reasoning_tokens, g.cached_tokens, g.cache_write_tokens, g.images, w1.text AS model, w2.text AS provider,
  w3.text AS requested_model, w4.text AS origin, w5.text AS task, w6.text AS source, w7.text AS platform,
  w8.text AS kind, s.text AS user_groups, g.chat_id, g.message_id, g.turn_id, g.other_id, g.request, g.requests,
  g.unsettled, g.link_kind, COALESCE(g.cost_most, g.cost) AS cost_most,
  COALESCE(l.external_id, u.external_id) AS user_least, COALESCE(m.external_id, u.external_id) AS user_most,
  COALESCE(g.disputed_cost, 0) AS disputed_cost, g.disputed, g.odd_day, g.unproven, g.marked, g.ranks
  FROM generation AS g LEFT JOIN person AS u ON u.id = g.user_id LEFT JOIN person AS l ON l.id = g.user_least
  LEFT JOIN person AS m ON m.id = g.user_most LEFT JOIN group_set AS s ON s.id = g.user_groups
  LEFT JOIN word AS w1 ON w1.id = g.model LEFT JOIN word AS w2 ON w2.id = g.provider
  LEFT JOIN word AS w3 ON w3.id = g.requested_model LEFT JOIN word AS w4 ON w4.id = g.origin
  LEFT JOIN word AS w5 ON w5.id = g.task LEFT JOIN word AS w6 ON w6.id = g.source
  LEFT JOIN word AS w7 ON w7.id = g.platform LEFT JOIN word AS w8 ON w8.id = g.kind;

CREATE OR REPLACE VIEW as_text_day AS SELECT g.day, u.external_id AS user_id, s.text AS user_groups, w1.text AS model,
  w2.text AS provider, w4.text AS origin, w5.text AS task, w6.text AS source, w7.text AS platform, g.requests,
  g.prompt_tokens, g.completion_tokens, g.reasoning_tokens, g.cached_tokens, g.cache_write_tokens, g.images, g.cost,
  g.byok_cost, g.disputed_cost, g.unsettled, g.changed_us
  FROM usage_day AS g LEFT JOIN person AS u ON u.id = g.user_id LEFT JOIN group_set AS s ON s.id = g.user_groups
  LEFT JOIN word AS w1 ON w1.id = g.model LEFT JOIN word AS w2 ON w2.id = g.provider
  LEFT JOIN word AS w4 ON w4.id = g.origin LEFT JOIN word AS w5 ON w5.id = g.task
  LEFT JOIN word AS w6 ON w6.id = g.source LEFT JOIN word AS w7 ON w7.id = g.platform;

CREATE OR REPLACE VIEW as_text_sum AS SELECT g.cube, g.day, u.external_id AS user_id, s.text AS user_groups,
  w1.text AS model, w2.text AS provider, w4.text AS origin, w5.text AS task, w6.text AS source, w7.text AS platform,
  g.requests, g.prompt_tokens, g.cost, g.byok_cost, g.unsettled
  FROM usage_sum AS g LEFT JOIN person AS u ON u.id = g.user_id LEFT JOIN group_set AS s ON s.id = g.user_groups
  LEFT JOIN word AS w1 ON w1.id = g.model LEFT JOIN word AS w2 ON w2.id = g.provider
  LEFT JOIN word AS w4 ON w4.id = g.origin LEFT JOIN word AS w5 ON w5.id = g.task
  LEFT JOIN word AS w6 ON w6.id = g.source LEFT JOIN word AS w7 ON w7.id = g.platform;

CREATE OR REPLACE VIEW as_text_turn AS SELECT t.ledger_key, t.of_turn, t.turn_id, t.message_id, t.request, t.at_us,
  COALESCE(u.external_id, '') AS user_id, w1.text AS model, w6.text AS source, w7.text AS platform, t.prompt_tokens,
  t.completion_tokens, t.alone
  FROM turn AS t LEFT JOIN person AS u ON u.id = t.user_id LEFT JOIN word AS w1 ON w1.id = t.model
  LEFT JOIN word AS w6 ON w6.id = t.source LEFT JOIN word AS w7 ON w7.id = t.platform;

CREATE OR REPLACE VIEW as_text_user AS SELECT external_id AS id, name, name_us, email, email_us, role, role_us,
  groups_json, groups_us, inherited_json, first_seen_us, last_seen_us FROM person WHERE first_seen_us IS NOT NULL;
