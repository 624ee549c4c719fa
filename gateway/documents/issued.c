/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Issued documents, kept by costd and given out as they are. */
#include "issued.h"

#include "access/access.h"
#include "access/throttle.h"
#include "answer/reply.h"
#include "peers/ask.h"
#include "question/question.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PART_BYTES ((size_t)4 * 1024 * 1024) /* what costd gives at once */
#define MAX_FILE   ((uint64_t)64 * 1024 * 1024)
#define CODE_CHARS 16u

static struct om_stat st_unknown =
    OM_COUNTER("owui_metering_verify_failures_total", NULL, "Verification codes that no document has.");

om_status
gw_document_format(const char *text, Om__Format *out, om_err *e)
{
	bool pdf = text == NULL || strcmp(text, "pdf") == 0;

	if (!pdf && strcmp(text, "xlsx") != 0)
		return om_fail(e, OM_INVALID, "format: must be pdf or xlsx");
	*out = pdf ? OM__FORMAT__FORMAT_PDF : OM__FORMAT__FORMAT_XLSX;
	return OM_OK;
}

om_status
gw_document_ask(const struct gw_parts *parts, struct gw_req *rq, Om__DocumentQuery *q, Om__Document **out, om_err *e)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_DOCUMENT, OM__REPLY__BODY_DOCUMENT};
	const Om__DocumentReply *found;
	om_status s = gw_ask_costd(parts->peers, ask, q, rq->arena, &found, e);

	*out = s == OM_OK ? found->document : NULL;
	return s == OM_OK && *out == NULL ? gw_ask_lacks("the document", e) : s;
}

om_status
gw_document_number(struct gw_req *rq, char **out, om_err *e)
{
	if (strlen(rq->param[0]) > 32)
		return om_fail(e, OM_NOT_FOUND, "there is no such document");
	*out = om_arena_strdup(rq->arena, rq->param[0]);
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

om_status
gw_document_show(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__DocumentQuery q = OM__DOCUMENT_QUERY__INIT;
	Om__Document *found = NULL;
	om_status s = gw_document_number(rq, &q.number, e);

	q.by_case = OM__DOCUMENT_QUERY__BY_NUMBER;
	if (s == OM_OK)
		s = gw_document_ask(parts, rq, &q, &found, e);
	if (s == OM_OK && found != NULL)
		gw_reply_message(rp, &found->base);
	return s;
}

/* ---- the file ---- */

/* read_which reads which of its files is asked for. */
static om_status
read_which(struct gw_req *rq, Om__DocumentFileQuery *q, om_err *e)
{
	const char *format = gw_req_arg(rq, "format");
	om_status s = gw_document_number(rq, &q->number, e);

	if (s == OM_OK && format != NULL)
		s = gw_document_format(format, &q->format, e);
	q->has_format = format != NULL;
	if (s == OM_OK)
		s = gw_argument_flag(rq, "duplicate", &q->has_duplicate, &q->duplicate, e);
	q->has_duplicate = q->duplicate;
	return s;
}

/* ask_part gives a part of the file, and the file it belongs to. */
static om_status
ask_part(const struct gw_parts *parts, struct gw_req *rq, const Om__DocumentFileQuery *q,
    const Om__DocumentFileReply **out, om_err *e)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_DOCUMENT_FILE, OM__REPLY__BODY_DOCUMENT_FILE};
	om_status s = gw_ask_costd(parts->peers, ask, q, rq->arena, out, e);

	if (s == OM_OK && ((*out)->file == NULL || (*out)->file->sha256.len != OM_SHA256))
		s = gw_ask_lacks("the file", e);
	return s;
}

/* join_parts asks for the parts after the first and puts all into one. */
static om_status
join_parts(const struct gw_parts *parts, struct gw_req *rq, Om__DocumentFileQuery *q, const Om__DocumentFileReply *part,
    uint64_t bytes, unsigned char *data, om_err *e)
{
	for (;;) {
		om_status s;

		if (part->data.len > bytes - q->offset ||
		    (part->data.len < PART_BYTES && q->offset + part->data.len < bytes))
			return gw_ask_lacks("a part of the file", e);
		memcpy(data + q->offset, part->data.data, part->data.len);
		q->offset += part->data.len;
		if (q->offset == bytes)
			return OM_OK;
		s = ask_part(parts, rq, q, &part, e);
		if (s != OM_OK)
			return s;
	}
}

/* take_file gives the whole file, which is held against its hash. */
static om_status
take_file(const struct gw_parts *parts, struct gw_req *rq, Om__DocumentFileQuery *q, const Om__DocumentFileReply *first,
    struct gw_reply *rp, om_err *e)
{
	const Om__DocumentPart *file = first->file;
	unsigned char sum[OM_SHA256], *data = first->data.data;
	om_status s = OM_OK;

	if (file->bytes != first->data.len) {
		data = file->bytes <= MAX_FILE ? om_arena_alloc(rq->arena, file->bytes) : NULL;
		if (data == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		s = join_parts(parts, rq, q, first, file->bytes, data, e);
	}
	if (s == OM_OK)
		s = om_sha256(&(struct om_bytes){.data = data, .n = file->bytes}, 1, sum);
	if (s == OM_OK && memcmp(sum, file->sha256.data, OM_SHA256) != 0)
		s = om_fail(e, OM_DAMAGED, "the file in the database is not the one that was issued");
	rp->data = data;
	rp->n_data = file->bytes;
	return s;
}

static void
write_last_modified(struct gw_reply *rp, om_time at)
{
	time_t t = (time_t)(at / OM_SECOND);
	char date[64];
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL && strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
		gw_reply_header(rp, "Last-Modified", "%s", date);
}

om_status
gw_document_file_send(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__DocumentFileQuery q = OM__DOCUMENT_FILE_QUERY__INIT;
	const Om__DocumentFileReply *part = NULL;
	const Om__DocumentPart *file;
	char etag[2 * 16 + 3] = "\"";
	om_status s = read_which(rq, &q, e);

	if (s == OM_OK)
		s = ask_part(parts, rq, &q, &part, e);
	if (s != OM_OK || part == NULL)
		return s;
	file = part->file;
	om_hex(file->sha256.data, 16, etag + 1);
	etag[33] = '"';
	etag[34] = '\0';
	gw_reply_header(rp, "ETag", "%s", etag);
	write_last_modified(rp, file->made_us);
	rp->cache_control = NULL; /* not stored: it names persons */
	if (gw_etag_matches(rq, etag)) {
		rp->status = 304;
		return OM_OK;
	}
	s = take_file(parts, rq, &q, part, rp, e);
	if (s != OM_OK)
		return s;
	gw_reply_filename(rp, file->filename, NULL);
	rp->type = file->format == OM__FORMAT__FORMAT_PDF
	    ? "application/pdf"
	    : "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
	return OM_OK;
}

/* ---- verification ---- */

/* A person who holds a document learns what it says of itself, not whose it is. */
static void
write_verified(struct gw_reply *rp, const Om__Document *d)
{
	struct om_jw w = gw_reply_json(rp);

	om_jw_open(&w, '{');
	gw_answer_some(&w, &d->base, "number kind issued_us total currency sha256 corrected_by cancels cancelled_by ");
	gw_answer_list(&w, &d->base, "files", "format duplicate sha256 ");
	om_jw_close(&w, '}');
}

om_status
gw_document_verify(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	struct gw_throttle *tries = gw_access_codes(parts->access);
	Om__DocumentQuery q = OM__DOCUMENT_QUERY__INIT;
	Om__Document *found = NULL;
	int64_t wait_s;
	om_status s = gw_throttle_begin(tries, rq->client, om_mono_ms(), &wait_s);

	if (s != OM_OK) {
		gw_reply_header(rp, "Retry-After", "%lld", (long long)wait_s);
		return om_fail(e, s, "too many unknown codes; try again in %lld s", (long long)wait_s);
	}
	q.by_case = OM__DOCUMENT_QUERY__BY_VERIFICATION_CODE;
	q.verification_code = om_arena_printf(rq->arena, "%.64s", rq->param[0]);
	s = q.verification_code != NULL ? gw_document_ask(parts, rq, &q, &found, e)
					: om_fail(e, OM_NOMEM, "out of memory");
	if (s == OM_OK && found != NULL) {
		gw_throttle_succeed(tries, rq->client);
		write_verified(rp, found);
		return OM_OK;
	}
	if (s == OM_NOT_FOUND) {
		om_stat_add(&st_unknown, 1);
		return om_fail(e, OM_NOT_FOUND, "no document has this code");
	}
	gw_throttle_undo(tries, rq->client);
	return s;
}
