-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- Who is logged in, for all gateways alike.  Of a secret its hash alone is kept; the secret is itself the
-- output of a keyed hash, whose key the gateways have.

CREATE TABLE IF NOT EXISTS session (
  id       BINARY(32)  NOT NULL, -- hash of the session's secret
  role     VARCHAR(16) NOT NULL, -- admin
  begun_us BIGINT      NOT NULL,
  seen_us  BIGINT      NOT NULL, -- to the minute
  ends_us  BIGINT      NOT NULL,
  PRIMARY KEY (id),
  KEY by_end (ends_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What opens one path, once.
CREATE TABLE IF NOT EXISTS ticket (
  id       BINARY(32) NOT NULL, -- hash of the ticket's secret
  session  BINARY(32) NOT NULL, -- for which it acts
  ends_us  BIGINT     NOT NULL, -- it must be spent before
  spent_us BIGINT,              -- null: not yet
  PRIMARY KEY (id),
  KEY by_session (session),
  KEY by_end (ends_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Login links that were used, until they would have ended anyway.
CREATE TABLE IF NOT EXISTS login_link (
  id      BINARY(32) NOT NULL, -- hash of the link's secret
  session BINARY(32) NOT NULL, -- that it began
  ends_us BIGINT     NOT NULL,
  PRIMARY KEY (id),
  KEY by_end (ends_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
