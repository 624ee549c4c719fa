-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- One schedule: who works at what and when it is due next stand in columns of the
-- same names everywhere (database/lease.h).  The table `lease`, of the tasks that
-- are no rows, is made before the first step, as steps are carried out under a lease.

ALTER TABLE lookup ADD COLUMN IF NOT EXISTS lease_id BINARY(16); -- of the worker that asks

INSERT INTO lease (name,next_us,attempts) SELECT 'prices',CAST(value AS SIGNED),0 FROM meta WHERE name='prices_due_us'
  ON DUPLICATE KEY UPDATE name=lease.name;
DELETE FROM meta WHERE name='prices_due_us';

-- What another system is told of, from the commit of what it is about until it was
-- taken or given up.  Rows stay.
CREATE TABLE IF NOT EXISTS outbox (
  id             CHAR(32)     NOT NULL, -- the same in every attempt
  event          VARCHAR(64)  NOT NULL, -- month.delivered
  subject        VARCHAR(64)  NOT NULL, -- which of them, for people: the month
  body           MEDIUMTEXT   NOT NULL, -- JSON
  state          TINYINT      NOT NULL, -- 1: to be sent, 2: taken, 3: given up
  first_us       BIGINT       NOT NULL,
  next_us        BIGINT,                -- null: not any more
  attempts       INT          NOT NULL, -- that failed
  lease_id       BINARY(16),            -- a costd sends right now
  lease_until_us BIGINT,
  last_status    INT,                   -- HTTP; 0: no answer
  last_error     VARCHAR(255),
  PRIMARY KEY (id),
  KEY by_next (next_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The webhook's part of `delivery` moves there.  The columns are added for a step that
-- is repeated after they were dropped.
ALTER TABLE delivery
  ADD COLUMN IF NOT EXISTS hook_state    TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS hook_first_us BIGINT,
  ADD COLUMN IF NOT EXISTS hook_attempts INT NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS hook_next_us  BIGINT,
  ADD COLUMN IF NOT EXISTS hook_until_us BIGINT,
  ADD COLUMN IF NOT EXISTS hook_status   INT,
  ADD COLUMN IF NOT EXISTS hook_error    VARCHAR(255);

INSERT INTO outbox (id,event,subject,body,state,first_us,next_us,attempts,lease_until_us,last_status,last_error)
  SELECT id,'month.delivered',DATE_FORMAT(month,'%Y-%m'),COALESCE(body,''),hook_state,COALESCE(hook_first_us,0),
    IF(hook_state=1,COALESCE(hook_next_us,0),NULL),hook_attempts,hook_until_us,hook_status,hook_error
  FROM delivery WHERE hook_state<>0
  ON DUPLICATE KEY UPDATE id=outbox.id;

ALTER TABLE delivery
  DROP COLUMN IF EXISTS hook_state,
  DROP COLUMN IF EXISTS hook_first_us,
  DROP COLUMN IF EXISTS hook_attempts,
  DROP COLUMN IF EXISTS hook_next_us,
  DROP COLUMN IF EXISTS hook_until_us,
  DROP COLUMN IF EXISTS hook_status,
  DROP COLUMN IF EXISTS hook_error;
