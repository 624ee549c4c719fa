-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- Fair turns of look-ups, and dead letters that an administrator set aside.

-- Which of a few lanes a look-up waits in: one that its sender's id was hashed to; 0: a record
-- without a sender's id.  The lanes take turns.
ALTER TABLE lookup
  ADD COLUMN IF NOT EXISTS lane TINYINT UNSIGNED NOT NULL DEFAULT 0;

-- Of each lane and number of attempts, the first that is due, and the newest that is due.
CREATE INDEX IF NOT EXISTS by_turn ON lookup (lane, attempts, next_us);
CREATE INDEX IF NOT EXISTS by_age ON lookup (lane, attempts, first_us, next_us);

-- Null: nobody has set it aside.
ALTER TABLE dead_letter
  ADD COLUMN IF NOT EXISTS aside_us BIGINT,
  ADD COLUMN IF NOT EXISTS aside_reason VARCHAR(255);
