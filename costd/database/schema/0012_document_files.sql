-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- One number, several files; and documents that take others back.

-- The columns of `document` of the same names are those of the first file.
CREATE TABLE IF NOT EXISTS document_file (
  year         SMALLINT     NOT NULL,
  seq          INT          NOT NULL,
  n            INT          NOT NULL, -- from 0: the original
  format       TINYINT      NOT NULL, -- Format of metering.proto
  duplicate    TINYINT      NOT NULL, -- 1: it says so on its pages
  locale       VARCHAR(16),
  paper        VARCHAR(16),
  first_part   INT          NOT NULL, -- of document_chunk: parts run on over the files
  bytes        BIGINT       NOT NULL,
  sha256       BINARY(32)   NOT NULL,
  filename     VARCHAR(255) NOT NULL,
  content_type VARCHAR(128) NOT NULL,
  made_us      BIGINT       NOT NULL,
  PRIMARY KEY (year, seq, n)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Which document took back which: one each.
CREATE TABLE IF NOT EXISTS document_cancellation (
  year    SMALLINT NOT NULL,
  seq     INT      NOT NULL,
  by_year SMALLINT NOT NULL,
  by_seq  INT      NOT NULL,
  PRIMARY KEY (year, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

ALTER TABLE document
  ADD COLUMN IF NOT EXISTS cancels_year SMALLINT,
  ADD COLUMN IF NOT EXISTS cancels_seq INT,
  ADD COLUMN IF NOT EXISTS reason VARCHAR(200); -- of a cancellation, printed

INSERT INTO document_file (year,seq,n,format,duplicate,locale,paper,first_part,bytes,sha256,filename,content_type,made_us)
  SELECT d.year,d.seq,0,d.format,0,d.locale,d.paper,0,d.bytes,d.sha256,d.filename,d.content_type,d.issued_us FROM document AS d
  ON DUPLICATE KEY UPDATE n=document_file.n;
