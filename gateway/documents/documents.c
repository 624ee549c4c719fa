/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Issued documents, kept by costd and given out as they are. */
#include "documents.h"

#include "routes.h"
#include "access/throttle.h"
#include "answer/answer.h"
#include "http/arguments.h"
#include "peers/peers.h"
#include "envelope.pb-c.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/text.h"
#include "wire/codec.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PART_BYTES ((size_t)4 * 1024 * 1024) /* what costd gives at once */
#define MAX_FILE   ((uint64_t)64 * 1024 * 1024)
#define CODE_CHARS 16u

static struct om_stat st_unknown =
    OM_COUNTER("owui_metering_verify_failures_total", NULL, "Verification codes that no document has.");

static const struct {
	const char *name;
	Om__DocumentKind kind;
} kinds[] = {
    {"statement", OM__DOCUMENT_KIND__DOCUMENT_STATEMENT},
    {"group_statement", OM__DOCUMENT_KIND__DOCUMENT_GROUP_STATEMENT},
    {"report", OM__DOCUMENT_KIND__DOCUMENT_REPORT},
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

static const char *
kind_name(Om__DocumentKind kind)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return "report";
}

om_status
gw_document_kind(const char *text, Om__DocumentKind *out, om_err *e)
{
	for (size_t i = 0; i < N_KINDS; i++) {
		if (strcmp(kinds[i].name, text) == 0) {
			*out = kinds[i].kind;
			return OM_OK;
		}
	}
	return om_fail(e, OM_INVALID, "kind: must be statement, group_statement or report");
}

om_status
gw_document_month(const char *text, uint32_t *year, uint32_t *month, om_err *e)
{
	char y[5] = "", m[3] = "";
	uint64_t yn = 0, mn = 0;

	if (strlen(text) == 7 && text[4] == '-') {
		memcpy(y, text, 4);
		memcpy(m, text + 5, 2);
	}
	if (!om_u64_parse(y, 2199, &yn) || !om_u64_parse(m, 12, &mn) || yn < 2000 || mn == 0)
		return om_fail(e, OM_INVALID, "month: must be one of the years 2000 to 2199, like 2026-11");
	*year = (uint32_t)yn;
	*month = (uint32_t)mn;
	return OM_OK;
}

om_status
gw_document_format(const char *text, Om__Format *out, om_err *e)
{
	bool pdf = text == NULL || strcmp(text, "pdf") == 0;

	if (!pdf && strcmp(text, "xlsx") != 0)
		return om_fail(e, OM_INVALID, "format: must be pdf or xlsx");
	*out = pdf ? OM__FORMAT__FORMAT_PDF : OM__FORMAT__FORMAT_XLSX;
	return OM_OK;
}

/* ---- writing ---- */

static const char *
format_name(Om__Format format)
{
	return format == OM__FORMAT__FORMAT_PDF ? "pdf" : "xlsx";
}

static void
write_hash(struct om_jw *w, const ProtobufCBinaryData *hash)
{
	char hex[2 * OM_SHA256 + 1] = "";

	if (hash->len == OM_SHA256)
		om_hex(hash->data, OM_SHA256, hex);
	gw_write_text(w, "sha256", hex);
}

/* write_code puts a dash behind each four characters. */
static void
write_code(struct om_jw *w, const char *code)
{
	char shown[CODE_CHARS + CODE_CHARS / 4];

	if (strlen(code) != CODE_CHARS)
		return;
	(void)snprintf(shown, sizeof shown, "%.4s-%.4s-%.4s-%.4s", code, code + 4, code + 8, code + 12);
	gw_write_text(w, "verification_code", shown);
}

/* first_file is what stands at the top of a document, as its first file. */
static Om__DocumentPart
first_file(const Om__Document *d)
{
	Om__DocumentPart p = OM__DOCUMENT_PART__INIT;

	p.format = d->format;
	p.bytes = d->bytes;
	p.sha256 = d->sha256;
	p.filename = d->filename;
	p.content_type = d->content_type;
	p.made_us = d->issued_us;
	p.locale = d->locale;
	return p;
}

typedef void file_writer(struct om_jw *w, const Om__DocumentPart *p);

static void
write_files(struct om_jw *w, const Om__Document *d, file_writer *write)
{
	Om__DocumentPart first = first_file(d);

	om_jw_key(w, "files");
	om_jw_open(w, '[');
	for (size_t i = 0; i < d->n_files; i++)
		write(w, d->files[i]);
	if (d->n_files == 0) /* a costd that knows of one only */
		write(w, &first);
	om_jw_close(w, ']');
}

static void
write_bool(struct om_jw *w, const char *key, bool v)
{
	om_jw_key(w, key);
	om_jw_bool(w, v);
}

static void
write_file(struct om_jw *w, const Om__DocumentPart *p)
{
	om_jw_open(w, '{');
	gw_write_text(w, "format", format_name(p->format));
	write_bool(w, "duplicate", p->duplicate != 0);
	gw_write_count(w, "bytes", p->bytes);
	write_hash(w, &p->sha256);
	gw_write_text(w, "filename", p->filename);
	om_jw_key(w, "made_at");
	om_jw_time(w, p->made_us);
	gw_write_text(w, "locale", p->locale);
	om_jw_close(w, '}');
}

void
gw_document_write(struct om_jw *w, const Om__Document *d)
{
	char month[16];

	(void)snprintf(month, sizeof month, "%04u-%02u", (unsigned)d->year % 10000, (unsigned)d->month % 100);
	om_jw_open(w, '{');
	gw_write_text(w, "number", d->number);
	gw_write_text(w, "kind", kind_name(d->kind));
	gw_write_text(w, "user", d->user);
	gw_write_text(w, "user_name", d->user_name);
	gw_write_text(w, "group", d->group);
	gw_write_text(w, "month", month);
	gw_write_text(w, "format", format_name(d->format));
	gw_write_text(w, "locale", d->locale);
	om_jw_key(w, "issued_at");
	om_jw_time(w, d->issued_us);
	gw_write_text(w, "total", d->total);
	gw_write_text(w, "currency", d->currency);
	write_hash(w, &d->sha256);
	gw_write_count(w, "bytes", d->bytes);
	gw_write_text(w, "filename", d->filename);
	write_code(w, d->verification_code);
	gw_write_text(w, "corrects", d->corrects);
	gw_write_text(w, "corrected_by", d->corrected_by);
	gw_write_text(w, "cancels", d->cancels);
	gw_write_text(w, "cancelled_by", d->cancelled_by);
	gw_write_text(w, "reason", d->reason);
	gw_write_count(w, "unsettled", d->unsettled);
	write_files(w, d, write_file);
	om_jw_close(w, '}');
}

/* ---- reading ---- */

om_status
gw_document_ask(struct gw_app *app, struct gw_req *rq, Om__DocumentQuery *q, Om__Document **out, om_err *e)
{
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	om_status s;

	req.body_case = OM__REQUEST__BODY_DOCUMENT;
	req.document = q;
	s = gw_peers_ask_costd(app->peers, &req, rq->arena, &rep, e);
	if (s != OM_OK)
		return s;
	if (rep->body_case != OM__REPLY__BODY_DOCUMENT)
		return gw_read_mismatch(e);
	*out = rep->document->document;
	return om_msg_has(*out, "document", e);
}

static om_status
ask_list(struct gw_app *app, struct gw_req *rq, Om__DocumentsQuery *q, Om__DocumentsReply **out, om_err *e)
{
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	om_status s;

	req.body_case = OM__REQUEST__BODY_DOCUMENTS;
	req.documents = q;
	s = gw_peers_ask_costd(app->peers, &req, rq->arena, &rep, e);
	if (s != OM_OK)
		return s;
	if (rep->body_case != OM__REPLY__BODY_DOCUMENTS)
		return gw_read_mismatch(e);
	*out = rep->documents;
	return OM_OK;
}

static om_status
read_list(struct gw_req *rq, Om__DocumentsQuery *q, om_err *e)
{
	const char *year = gw_req_arg(rq, "year"), *month = gw_req_arg(rq, "month"), *kind = gw_req_arg(rq, "kind");
	uint64_t y = 0;
	om_status s = OM_OK;

	if (year != NULL && (!om_u64_parse(year, 2199, &y) || y < 2000))
		return om_fail(e, OM_INVALID, "year: must be from 2000 to 2199");
	q->has_year = year != NULL;
	q->year = (uint32_t)y;
	q->has_of_year = q->has_of_month = month != NULL;
	q->has_kind = kind != NULL;
	if (month != NULL)
		s = gw_document_month(month, &q->of_year, &q->of_month, e);
	if (s == OM_OK && kind != NULL)
		s = gw_document_kind(kind, &q->kind, e);
	if (s == OM_OK)
		s = gw_query_text(rq, "user", 1, 128, &q->user, e);
	if (s == OM_OK)
		s = gw_query_text(rq, "group", 1, 256, &q->group, e);
	if (s == OM_OK)
		s = gw_query_text(rq, "cursor", 1, 1024, &q->cursor, e);
	q->has_limit = 1;
	return s == OM_OK ? gw_query_limit(rq, 1000, 100, &q->limit, e) : s;
}

om_status
gw_api_documents(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__DocumentsQuery q = OM__DOCUMENTS_QUERY__INIT;
	Om__DocumentsReply none = OM__DOCUMENTS_REPLY__INIT, *found = &none;
	struct om_jw w;
	om_status s = read_list(rq, &q, e);

	if (s == OM_OK)
		s = ask_list(app, rq, &q, &found, e);
	if (s != OM_OK)
		return s;
	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	om_jw_key(&w, "items");
	om_jw_open(&w, '[');
	for (size_t i = 0; i < found->n_items; i++)
		gw_document_write(&w, found->items[i]);
	om_jw_close(&w, ']');
	gw_write_text(&w, "next_cursor", found->next_cursor);
	om_jw_close(&w, '}');
	return OM_OK;
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
gw_api_document(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__DocumentQuery q = OM__DOCUMENT_QUERY__INIT;
	Om__Document *found = NULL;
	struct om_jw w;
	om_status s = gw_document_number(rq, &q.number, e);

	q.by_case = OM__DOCUMENT_QUERY__BY_NUMBER;
	if (s == OM_OK)
		s = gw_document_ask(app, rq, &q, &found, e);
	if (s != OM_OK || found == NULL)
		return s;
	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	gw_document_write(&w, found);
	return OM_OK;
}

/* ---- the file ---- */

/* read_which reads which of its files is asked for. */
static om_status
read_which(struct gw_req *rq, Om__DocumentFileQuery *q, om_err *e)
{
	const char *format = gw_req_arg(rq, "format"), *duplicate = gw_req_arg(rq, "duplicate");
	om_status s = gw_document_number(rq, &q->number, e);

	if (s == OM_OK && format != NULL)
		s = gw_document_format(format, &q->format, e);
	if (s != OM_OK)
		return s;
	if (duplicate != NULL && strcmp(duplicate, "0") != 0 && strcmp(duplicate, "1") != 0)
		return om_fail(e, OM_INVALID, "duplicate: must be 0 or 1");
	q->has_format = format != NULL;
	q->has_duplicate = q->duplicate = duplicate != NULL && duplicate[0] == '1';
	return OM_OK;
}

/* ask_part gives a part of the file, and the file it belongs to. */
static om_status
ask_part(struct gw_app *app, struct gw_req *rq, Om__DocumentFileQuery *q, Om__DocumentFileReply **out,
    Om__DocumentPart *file, om_err *e)
{
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	om_status s;

	req.body_case = OM__REQUEST__BODY_DOCUMENT_FILE;
	req.document_file = q;
	s = gw_peers_ask_costd(app->peers, &req, rq->arena, &rep, e);
	if (s != OM_OK)
		return s;
	if (rep->body_case != OM__REPLY__BODY_DOCUMENT_FILE)
		return gw_read_mismatch(e);
	*out = rep->document_file;
	if ((*out)->file == NULL && (s = om_msg_has((*out)->document, "document", e)) != OM_OK)
		return s;
	*file = (*out)->file != NULL ? *(*out)->file : first_file((*out)->document);
	if (q->has_format && file->format != q->format) /* a costd that knows of one file only, as the next */
		return om_fail(e, OM_NOT_FOUND, "the document has no file of this format");
	if ((q->duplicate != 0) != (file->duplicate != 0))
		return om_fail(e, OM_NOT_FOUND, "there is no duplicate of this document");
	return OM_OK;
}

/* take_file puts the parts together and holds them against the hash. */
static om_status
take_file(struct gw_app *app, struct gw_req *rq, Om__DocumentFileQuery *q, Om__DocumentFileReply *part,
    const Om__DocumentPart *file, struct gw_reply *rp, om_err *e)
{
	unsigned char sum[OM_SHA256], *data;
	Om__DocumentPart again;
	om_status s = OM_OK;

	if (file->bytes == part->data.len) {
		data = part->data.data;
	} else {
		data = file->bytes <= MAX_FILE ? om_arena_alloc(rq->arena, file->bytes) : NULL;
		if (data == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		while (s == OM_OK) {
			if (part->data.len > file->bytes - q->offset ||
			    (part->data.len < PART_BYTES && q->offset + part->data.len < file->bytes))
				return gw_read_mismatch(e);
			memcpy(data + q->offset, part->data.data, part->data.len);
			q->offset += part->data.len;
			if (q->offset == file->bytes)
				break;
			s = ask_part(app, rq, q, &part, &again, e);
		}
		if (s != OM_OK)
			return s;
	}
	s = om_sha256(&(struct om_bytes){.data = data, .n = file->bytes}, 1, sum);
	if (s == OM_OK && (file->sha256.len != OM_SHA256 || memcmp(sum, file->sha256.data, OM_SHA256) != 0))
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
gw_api_document_file(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__DocumentFileQuery q = OM__DOCUMENT_FILE_QUERY__INIT;
	Om__DocumentPart file = OM__DOCUMENT_PART__INIT;
	Om__DocumentFileReply *part = NULL;
	char etag[2 * 16 + 3] = "\"";
	om_status s = read_which(rq, &q, e);

	if (s == OM_OK)
		s = ask_part(app, rq, &q, &part, &file, e);
	if (s != OM_OK)
		return s;
	if (part == NULL || file.sha256.len != OM_SHA256)
		return gw_read_mismatch(e);
	om_hex(file.sha256.data, 16, etag + 1);
	etag[33] = '"';
	etag[34] = '\0';
	gw_reply_header(rp, "ETag", "%s", etag);
	write_last_modified(rp, file.made_us);
	rp->cache_control = "private, no-cache";
	if (gw_etag_matches(rq, etag)) {
		rp->status = 304;
		return OM_OK;
	}
	s = take_file(app, rq, &q, part, &file, rp, e);
	if (s != OM_OK)
		return s;
	gw_reply_header(rp, "Content-Disposition", "attachment; filename=\"%s\"", file.filename);
	rp->type = file.format == OM__FORMAT__FORMAT_PDF
	    ? "application/pdf"
	    : "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
	return OM_OK;
}

/* ---- verification ---- */

static void
write_verified_file(struct om_jw *w, const Om__DocumentPart *p)
{
	om_jw_open(w, '{');
	gw_write_text(w, "format", format_name(p->format));
	write_bool(w, "duplicate", p->duplicate != 0);
	write_hash(w, &p->sha256);
	om_jw_close(w, '}');
}

static void
write_verified(struct gw_reply *rp, const Om__Document *d)
{
	struct om_jw w;

	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	gw_write_text(&w, "number", d->number);
	gw_write_text(&w, "kind", kind_name(d->kind));
	om_jw_key(&w, "issued_at");
	om_jw_time(&w, d->issued_us);
	gw_write_text(&w, "total", d->total);
	gw_write_text(&w, "currency", d->currency);
	write_hash(&w, &d->sha256);
	gw_write_text(&w, "corrected_by", d->corrected_by);
	gw_write_text(&w, "cancels", d->cancels);
	gw_write_text(&w, "cancelled_by", d->cancelled_by);
	write_files(&w, d, write_verified_file);
	om_jw_close(&w, '}');
}

om_status
gw_api_verify(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__DocumentQuery q = OM__DOCUMENT_QUERY__INIT;
	Om__Document *found = NULL;
	int64_t wait_s;
	om_status s = gw_throttle_begin(app->verify_throttle, rq->client, om_mono_ms(), &wait_s);

	if (s != OM_OK) {
		gw_reply_header(rp, "Retry-After", "%lld", (long long)wait_s);
		return om_fail(e, s, "too many unknown codes; try again in %lld s", (long long)wait_s);
	}
	q.by_case = OM__DOCUMENT_QUERY__BY_VERIFICATION_CODE;
	q.verification_code = om_arena_printf(rq->arena, "%.64s", rq->param[0]);
	s = q.verification_code != NULL ? gw_document_ask(app, rq, &q, &found, e)
					: om_fail(e, OM_NOMEM, "out of memory");
	if (s == OM_OK && found != NULL) {
		gw_throttle_succeed(app->verify_throttle, rq->client);
		write_verified(rp, found);
		return OM_OK;
	}
	if (s == OM_NOT_FOUND) {
		om_stat_add(&st_unknown, 1);
		return om_fail(e, OM_NOT_FOUND, "no document has this code");
	}
	gw_throttle_undo(app->verify_throttle, rq->client);
	return s;
}
