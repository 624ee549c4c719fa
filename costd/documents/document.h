/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * document.h - the issued documents: their list and their files.
 *
 * Promise   A document is read as it was issued; only whether another one took
 *           its place or took it back, and files that were added, are new.
 * Files     One number has up to CD_DOCUMENT_FILES: the original, one for each
 *           other format, and duplicates, which say so on their pages.
 * Stands A document that was not corrected, not cancelled, and is no cancellation.
 * Threads   All calls from any thread.
 */
#ifndef CD_DOCUMENT_H
#define CD_DOCUMENT_H

#include "number.h"
#include "database/pool.h"
#include "documents.pb-c.h"
#include "jobs.pb-c.h"
#include "base/clock.h"
#include "wire/codec.h"

#define CD_CHUNK_BYTES    ((size_t)1024 * 1024)      /* of a file, per row */
#define CD_PART_BYTES     ((size_t)4 * 1024 * 1024)  /* of a file, per reply */
#define CD_FILE_BYTES     ((size_t)60 * 1024 * 1024) /* the largest file that is issued */
#define CD_DOCUMENT_FILES 32u
#define CD_REASON         200u /* characters of why a document is cancelled */

/* cd_document_load gives one document; OM_NOT_FOUND. */
om_status cd_document_load(
    struct cd_db *db, struct cd_number n, struct om_arena *a, Om__Document **out, om_err *e) OM_MUST;

bool cd_document_stands(const Om__Document *d);

/* cd_document_is_of tells whether it is of the same kind, person, group and month. */
bool cd_document_is_of(const Om__Document *d, const Om__IssueQuery *q);

/* cd_document_file_of gives its file of that format that is no duplicate, or NULL. */
const Om__DocumentPart *cd_document_file_of(const Om__Document *d, Om__Format format);

/* cd_documents_standing gives those that stand for what is asked for, the oldest
 * first. */
om_status cd_documents_standing(struct cd_db *db, const Om__IssueQuery *of, struct om_arena *a, size_t *n_out,
    Om__Document ***out, om_err *e) OM_MUST;

/* cd_documents_standing_beside gives one that stands for what is asked for and is of another person than
 * document n, as after a merge of two persons; NULL: none. */
om_status cd_documents_standing_beside(struct cd_db *db, const Om__IssueQuery *of, struct cd_number n,
    struct om_arena *a, Om__Document **out, om_err *e) OM_MUST;

/* What is stored of a file. */
struct cd_file {
	Om__Format format;
	bool duplicate;
	const char *locale, *paper; /* NULL: those of reportd's settings */
	const char *filename, *content_type;
	om_time made_us;
	ProtobufCBinaryData data;
	const unsigned char *sha256; /* of data */
};

/* cd_document_add_file stores one more file of a number, in a transaction of the
 * caller's who locked `issuing`.  OM_CONFLICT: it has too many. */
om_status cd_document_add_file(
    struct cd_db *db, struct cd_number n, const struct cd_file *file, struct om_arena *a, om_err *e) OM_MUST;

/* cd_document_has_duplicate tells whether an equal duplicate is there. */
om_status cd_document_has_duplicate(struct cd_db *db, struct cd_number n, Om__Format format, const char *locale,
    const char *paper, bool *out, om_err *e) OM_MUST;

/* cd_document_find gives the one that is asked for; OM_NOT_FOUND: there is none. */
om_status cd_document_find(struct cd_pool *p, const Om__DocumentQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__DocumentReply *out, om_err *e) OM_MUST;
om_status cd_documents_list(struct cd_pool *p, const Om__DocumentsQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__DocumentsReply *out, om_err *e) OM_MUST;
/* cd_document_file gives a stretch of one of its files; OM_NOT_FOUND: it has none
 * of that kind. */
om_status cd_document_file(struct cd_pool *p, const Om__DocumentFileQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__DocumentFileReply *out, om_err *e) OM_MUST;

#endif
