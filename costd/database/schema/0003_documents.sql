-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- Issued documents: numbered without gaps, never changed, never deleted.

-- One row: the last number given, and who holds the next one.
CREATE TABLE IF NOT EXISTS issuing (
  id             TINYINT      NOT NULL,
  year           SMALLINT     NOT NULL, -- of the last number; 0: none yet
  seq            INT          NOT NULL,
  issued_us      BIGINT       NOT NULL,
  lease_id       BINARY(16),            -- null: nobody issues
  lease_until_us BIGINT,
  lease_request  VARCHAR(128),
  lease_year     SMALLINT,
  lease_seq      INT,
  lease_us       BIGINT,                -- the date of issue it will have
  lease_code     CHAR(16),
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

INSERT INTO issuing (id,year,seq,issued_us) VALUES (1,0,0,0) ON DUPLICATE KEY UPDATE id=id;

CREATE TABLE IF NOT EXISTS document (
  year         SMALLINT      NOT NULL,
  seq          INT           NOT NULL,
  kind         TINYINT       NOT NULL, -- DocumentKind of metering.proto
  user_id      VARCHAR(128),
  user_name    VARCHAR(512),           -- as it was then
  group_name   VARCHAR(256),
  of_month     DATE          NOT NULL, -- its first day
  format       TINYINT       NOT NULL, -- Format of metering.proto
  locale       VARCHAR(16),
  paper        VARCHAR(16),
  issued_us    BIGINT        NOT NULL,
  total        VARCHAR(48)   NOT NULL, -- as printed
  currency     VARCHAR(8)    NOT NULL,
  sha256       BINARY(32)    NOT NULL, -- of the file
  bytes        BIGINT        NOT NULL,
  filename     VARCHAR(255)  NOT NULL,
  content_type VARCHAR(128)  NOT NULL,
  code         CHAR(16)      NOT NULL,
  corrects_year SMALLINT,
  corrects_seq  INT,
  unsettled    BIGINT        NOT NULL,
  figures      LONGBLOB      NOT NULL, -- a packed StatementReply of metering.proto
  terms        MEDIUMTEXT    NOT NULL, -- JSON: the settings it was made with
  PRIMARY KEY (year, seq),
  KEY by_month (of_month),
  KEY by_user (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS document_chunk (
  year SMALLINT   NOT NULL,
  seq  INT        NOT NULL,
  part INT        NOT NULL, -- from 0; each but the last has 1 MiB
  data MEDIUMBLOB NOT NULL,
  PRIMARY KEY (year, seq, part)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS document_code (
  code CHAR(16) NOT NULL,
  year SMALLINT NOT NULL,
  seq  INT      NOT NULL,
  PRIMARY KEY (code)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The request that issued a document: sent again, it finds it.
CREATE TABLE IF NOT EXISTS document_request (
  request VARCHAR(128) NOT NULL,
  params  BINARY(32)   NOT NULL, -- SHA-256 of what was asked for
  year    SMALLINT     NOT NULL,
  seq     INT          NOT NULL,
  PRIMARY KEY (request)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Which document took the place of which: one each.
CREATE TABLE IF NOT EXISTS document_correction (
  year    SMALLINT NOT NULL,
  seq     INT      NOT NULL,
  by_year SMALLINT NOT NULL,
  by_seq  INT      NOT NULL,
  PRIMARY KEY (year, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
