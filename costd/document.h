/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * document.h - the issued documents: their numbers and codes as text, their
 * list, their files.
 *
 * Promise   A document is read as it was issued; only whether another one took
 *           its place is new.
 * Threads   All calls from any thread.
 */
#ifndef CD_DOCUMENT_H
#define CD_DOCUMENT_H

#include "codec.h"
#include "pool.h"

#define CD_CODE        16u                        /* characters of a verification code: 80 bits */
#define CD_NUMBER      24u                        /* bytes that hold any number as text */
#define CD_CHUNK_BYTES ((size_t)1024 * 1024)      /* of a file, per row */
#define CD_PART_BYTES  ((size_t)4 * 1024 * 1024)  /* of a file, per reply */
#define CD_FILE_BYTES  ((size_t)60 * 1024 * 1024) /* the largest file that is issued */

struct cd_number {
	int year, seq;
};

/* cd_number_parse reads "2026-000012" and nothing else. */
bool cd_number_parse(const char *text, struct cd_number *out);
const char *cd_number_text(struct cd_number n, char buf[CD_NUMBER]);

/* cd_code_read normalises a code as people type it: any case, dashes and spaces
 * anywhere, O for 0, I and L for 1. */
bool cd_code_read(const char *typed, char out[CD_CODE + 1]);

/* cd_code_make draws a new one. */
om_status cd_code_make(char out[CD_CODE + 1], om_err *e) OM_MUST;

/* cd_bytes copies bytes, zeros too; empty when the arena is full. */
ProtobufCBinaryData cd_bytes(const void *data, size_t n, struct om_arena *a);

/* cd_document_load gives one document; OM_NOT_FOUND. */
om_status cd_document_load(
    struct cd_db *db, struct cd_number n, struct om_arena *a, Om__Document **out, om_err *e) OM_MUST;

om_status cd_documents_list(struct cd_pool *p, const Om__DocumentsQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__DocumentsReply *out, om_err *e) OM_MUST;
om_status cd_document_file(struct cd_pool *p, const Om__DocumentFileQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__DocumentFileReply *out, om_err *e) OM_MUST;

#endif
