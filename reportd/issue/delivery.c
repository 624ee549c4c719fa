/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "delivery.h"

#include "lease_keeper.h"
#include "month_folder.h"
#include "job/fetch.h"
#include "source/figures.h"
#include "terms/offer.h"
#include "documents.pb-c.h"
#include "envelope.pb-c.h"
#include "jobs.pb-c.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/text.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_MS     15000
#define TURN_MS     600000 /* to wait for other documents to be issued */
#define ARENA_BYTES ((size_t)512 * 1024 * 1024)
#define LIST_BYTES  ((size_t)256 * 1024 * 1024)

static struct om_stat months =
    OM_COUNTER("owui_metering_delivered_months_total", NULL, "Months whose folder was made.");

/* What a month's folder can hold. */
static const struct kind {
	const char *name;
	enum { REPORT, EACH_USER, TABLE } is; /* issued; issued, one each in a folder; as it is now */
	Om__Format format;
} kinds[] = {
    {"report.pdf", REPORT, OM__FORMAT__FORMAT_PDF},
    {"report.xlsx", REPORT, OM__FORMAT__FORMAT_XLSX},
    {"report.csv", TABLE, OM__FORMAT__FORMAT_CSV},
    {"report.focus.csv", TABLE, OM__FORMAT__FORMAT_FOCUS},
    {"statements.pdf", EACH_USER, OM__FORMAT__FORMAT_PDF},
    {"statements.xlsx", EACH_USER, OM__FORMAT__FORMAT_XLSX},
    {"statements.zip", TABLE, OM__FORMAT__FORMAT_ZIP},
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

struct rd_delivery {
	struct rd_delivery_opts opts;
	const atomic_bool *stop; /* borrowed */
};

/* One month under way. */
struct job {
	struct rd_delivery *d;
	Om__DeliveryTakeReply *due;
	char month[8];
	struct om_arena *a; /* as long as the month */
	struct rd_month_folder folder;

	struct rd_reading moment; /* everything that is made is of it */
	atomic_bool opened;       /* it is open: the keeper asks for it */
	Om__StatementReply *all;  /* everyone's month in it; NULL: the files are there already */
};

/* ---- the list of files ---- */

static bool
has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	while (*list != '\0') {
		size_t len;

		list += strspn(list, ", ");
		len = strcspn(list, ", ");
		if (len == n && strncmp(list, word, n) == 0)
			return true;
		list += len;
	}
	return false;
}

om_status
rd_delivery_files_check(const char *list, om_err *e)
{
	size_t words = 0;

	while (*list != '\0') {
		bool known = false;
		size_t len;

		list += strspn(list, ", ");
		len = strcspn(list, ", ");
		for (size_t i = 0; i < N_KINDS; i++)
			known = known || (strlen(kinds[i].name) == len && strncmp(list, kinds[i].name, len) == 0);
		if (len > 0 && !known)
			return om_fail(e, OM_INVALID,
			    "\"%.*s\" is none of report.pdf, .xlsx, .csv, .focus.csv and statements.pdf, .xlsx, .zip",
			    (int)(len < 40 ? len : 40), list);
		words += len > 0;
		list += len;
	}
	return words > 0 ? OM_OK : om_fail(e, OM_INVALID, "names no file");
}

/* ---- asking costd ---- */

static om_status
ask(struct rd_delivery *d, Om__Request *req, Om__Reply__BodyCase want, struct om_arena *a, Om__Reply **out, om_err *e)
{
	om_status s = om_wire_call(d->opts.issuing->costd, req, CALL_MS, a, out, e);

	if (s == OM_OK && (*out)->body_case != want)
		s = om_fail(e, OM_PROTOCOL, "costd answered something else");
	return s;
}

/* keep tells costd that the month is still being written, and read. */
static om_status
keep(void *arg, om_err *e)
{
	struct job *j = arg;
	Om__DeliveryKeep q = OM__DELIVERY_KEEP__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	struct om_arena a;
	om_status s;

	om_arena_init(&a, (size_t)64 * 1024);
	q.lease_id = j->due->lease_id;
	req.body_case = OM__REQUEST__BODY_DELIVERY_KEEP;
	req.delivery_keep = &q;
	s = ask(j->d, &req, OM__REPLY__BODY_DELIVERY_KEEP, &a, &rep, e);
	om_arena_fini(&a);
	return s == OM_OK && atomic_load(&j->opened) ? rd_reading_keep(&j->moment, e) : s;
}

/* open_moment asks for everyone's month and has that snapshot kept open. */
static om_status
open_moment(struct job *j, om_err *e)
{
	Om__StatementQuery q = OM__STATEMENT_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	unsigned at = 0;
	om_status s;

	q.year = j->due->year;
	q.month = j->due->month;
	q.has_open_reading = q.open_reading = q.has_hold = q.hold = true;
	req.body_case = OM__REQUEST__BODY_STATEMENT;
	req.statement = &q;
	s = om_fleet_call(j->d->opts.issuing->fleet, &req, CALL_MS, j->a, &rep, &at, e);
	if (s == OM_OK && rep->body_case != OM__REPLY__BODY_STATEMENT)
		s = om_fail(e, OM_PROTOCOL, "costd answered something else");
	if (s == OM_OK)
		s = rd_statement_check(rep->statement, e);
	if (s == OM_OK)
		s = rd_reading_set(&j->moment, j->d->opts.issuing->fleet, at, rep->statement->reading_id, e);
	if (s != OM_OK)
		return s;
	j->all = rep->statement;
	atomic_store(&j->opened, true);
	return OM_OK;
}

/* ---- one issued document ---- */

/* name_request: the same for the same file of the same delivery, for ever. */
static om_status
name_request(const struct job *j, const struct kind *k, const char *user, char out[128], om_err *e)
{
	unsigned char sum[OM_SHA256];
	char hex[33] = "all";

	if (user != NULL) {
		if (om_sha256(&(struct om_bytes){.data = user, .n = strlen(user)}, 1, sum) != OM_OK)
			return om_fail(e, OM_INTERNAL, "SHA-256 failed");
		om_hex(sum, 16, hex);
	}
	(void)snprintf(out, 128, "delivery:%.32s:%s:%s", j->due->delivery_id, k->name, hex);
	return OM_OK;
}

/* copy_file copies the document's file of that format as it is in the database. */
static om_status
copy_file(struct job *j, char *number, Om__Format format, om_err *e)
{
	uint64_t n = 0, bytes = 0;
	om_status s;

	do {
		Om__DocumentFileQuery q = OM__DOCUMENT_FILE_QUERY__INIT;
		Om__Request req = OM__REQUEST__INIT;
		Om__Reply *rep = NULL;
		struct om_arena a;

		om_arena_init(&a, OM_WIRE_MAX_BYTES);
		q.number = number;
		q.offset = n;
		q.has_format = true;
		q.format = format;
		req.body_case = OM__REQUEST__BODY_DOCUMENT_FILE;
		req.document_file = &q;
		s = ask(j->d, &req, OM__REPLY__BODY_DOCUMENT_FILE, &a, &rep, e);
		if (s == OM_OK && rep->document_file->data.len == 0)
			s = om_fail(e, OM_PROTOCOL, "costd gave no part of the file");
		if (s == OM_OK && rep->document_file->file == NULL)
			s = om_msg_has(rep->document_file->document, "document", e);
		if (s == OM_OK) {
			bytes = rep->document_file->file != NULL ? rep->document_file->file->bytes
								 : rep->document_file->document->bytes;
			n += rep->document_file->data.len;
			s = rd_month_folder_write(
			    &j->folder, rep->document_file->data.data, rep->document_file->data.len, e);
		}
		om_arena_fini(&a);
	} while (s == OM_OK && n < bytes);
	return s == OM_OK && n != bytes ? om_fail(e, OM_PROTOCOL, "costd gave too much of the file") : s;
}

/* file_of finds the file that was issued in that format. */
static const Om__DocumentPart *
file_of(const Om__Document *d, Om__Format format)
{
	for (size_t i = 0; i < d->n_files; i++)
		if (d->files[i]->format == format && !d->files[i]->duplicate)
			return d->files[i];
	return NULL;
}

static om_status
put_document(struct job *j, const struct kind *k, const Om__Document *d, om_err *e)
{
	const Om__DocumentPart *f = file_of(d, k->format);
	char name[RD_FOLDER_FILE_NAME];
	om_status s;

	if (f == NULL || f->sha256.len != OM_SHA256)
		return om_fail(e, OM_PROTOCOL, "costd does not have the file of %s", d->number);
	(void)snprintf(name, sizeof name, "%s%s", k->is == EACH_USER ? "statements/" : "", f->filename);
	s = rd_month_folder_begin(&j->folder, name, e);
	if (s == OM_OK)
		s = copy_file(j, d->number, k->format, e);
	if (s == OM_OK)
		s = rd_month_folder_end(&j->folder, &(struct rd_folder_document){d->number, d->total, d->currency}, e);
	if (s == OM_OK && memcmp(j->folder.files[j->folder.n - 1].sha256, f->sha256.data, OM_SHA256) != 0)
		s = om_fail(e, OM_DAMAGED, "%s: what was written is not what was issued", d->number);
	return s;
}

/* deliver_document takes what was issued of it already, if it shows this moment. */
static om_status
deliver_document(struct job *j, const struct kind *k, const char *user, Om__Figures *now, om_err *e)
{
	const struct rd_moment of = {.in = &j->moment, .now = now};
	Om__IssueQuery q = OM__ISSUE_QUERY__INIT;
	Om__IssueReply *made = NULL;
	char request[128];
	struct om_arena a;
	om_status s = name_request(j, k, user, request, e);

	om_arena_init(&a, ARENA_BYTES);
	q.request = request;
	q.kind = user != NULL ? OM__DOCUMENT_KIND__DOCUMENT_STATEMENT : OM__DOCUMENT_KIND__DOCUMENT_REPORT;
	q.user = user != NULL ? om_arena_strdup(&a, user) : NULL;
	q.year = j->due->year;
	q.month = j->due->month;
	q.format = k->format;
	q.act = OM__ISSUE_ACT__ISSUE_TAKE;
	q.locale = j->d->opts.locale != NULL ? om_arena_strdup(&a, j->d->opts.locale) : NULL;
	if (s == OM_OK && a.failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	if (s == OM_OK)
		s = rd_issue(j->d->opts.issuing, &q, &of, om_mono_ms() + TURN_MS, &a, &made, e);
	if (s == OM_OK)
		s = put_document(j, k, made->document, e);
	om_arena_fini(&a);
	return s;
}

/* deliver_users: all statements together amount to the month. */
static om_status
deliver_users(struct job *j, const struct kind *k, om_err *e)
{
	struct rd_figures sum = {.requests = 0}, one, total;
	om_status s = rd_figures_read(j->all->total, &total, e);

	for (size_t i = 0; s == OM_OK && i < j->all->n_users; i++) {
		const Om__UsageRow *u = j->all->users[i];

		if (atomic_load(j->d->stop))
			return om_fail(e, OM_UNAVAILABLE, "reportd is stopping");
		if (u->user == NULL)
			return om_fail(e, OM_PROTOCOL, "costd sent a user without an id");
		s = rd_figures_read(u->figures, &one, e);
		if (s == OM_OK)
			s = rd_figures_add(&sum, &one, e);
		if (s == OM_OK)
			s = deliver_document(j, k, u->user, u->figures, e);
	}
	return s == OM_OK ? rd_figures_same("statements", &sum, &total, e) : s;
}

/* ---- one table ---- */

static om_status
begin_table(void *arg, const char *name, om_err *e)
{
	return rd_month_folder_begin(arg, name, e);
}

static om_status
write_table(void *arg, const void *data, size_t n, om_err *e)
{
	return rd_month_folder_write(arg, data, n, e);
}

static om_status
deliver_table(struct job *j, const struct kind *k, om_err *e)
{
	const struct rd_fetch f = {.jobs = j->d->opts.issuing->jobs,
	    .stop = j->d->stop,
	    .begin = begin_table,
	    .write = write_table,
	    .arg = &j->folder};
	Om__RenderQuery q = OM__RENDER_QUERY__INIT;
	const struct rd_asked more = {.query = &q, .reading = j->moment};
	om_status s;

	q.year = j->due->year;
	q.month = j->due->month;
	q.format = k->format;
	q.locale = j->d->opts.locale != NULL ? om_arena_strdup(j->a, j->d->opts.locale) : NULL;
	s = rd_fetch(&f, &q, &more, e);
	return s == OM_OK ? rd_month_folder_end(&j->folder, NULL, e) : s;
}

/* ---- one month ---- */

static om_status
deliver_kind(struct job *j, const struct kind *k, om_err *e)
{
	switch (k->is) {
	case REPORT:
		return deliver_document(j, k, NULL, j->all->total, e);
	case EACH_USER:
		return deliver_users(j, k, e);
	case TABLE:
		break;
	}
	return deliver_table(j, k, e);
}

static om_status
fill_folder(struct job *j, om_err *e)
{
	om_status s = open_moment(j, e);

	if (s == OM_OK)
		j->folder.totals = j->all->total;

	for (size_t i = 0; s == OM_OK && i < N_KINDS; i++) {
		if (!has_word(j->d->opts.files, kinds[i].name))
			continue;
		if (atomic_load(j->d->stop))
			s = om_fail(e, OM_UNAVAILABLE, "reportd is stopping");
		else
			s = deliver_kind(j, &kinds[i], e);
	}
	return s == OM_OK ? rd_month_folder_publish(&j->folder, e) : s;
}

static om_status
report_done(struct job *j, om_err *e)
{
	Om__DeliveryDone q = OM__DELIVERY_DONE__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	Om__DeliveredFile *files = om_arena_array(j->a, j->folder.n + 1, sizeof *files);

	q.files = om_arena_array(j->a, j->folder.n + 1, sizeof(Om__DeliveredFile *));
	if (files == NULL || q.files == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < j->folder.n; i++) {
		const struct rd_folder_file *f = &j->folder.files[i];

		files[i] = (Om__DeliveredFile)OM__DELIVERED_FILE__INIT;
		files[i].name = om_arena_strdup(j->a, f->name);
		files[i].bytes = f->bytes;
		files[i].sha256.len = OM_SHA256;
		files[i].sha256.data = j->folder.files[i].sha256;
		files[i].number = f->number != NULL ? om_arena_strdup(j->a, f->number) : NULL;
		files[i].total = f->total != NULL ? om_arena_strdup(j->a, f->total) : NULL;
		files[i].currency = f->currency != NULL ? om_arena_strdup(j->a, f->currency) : NULL;
		q.files[i] = &files[i];
	}
	if (j->a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	q.n_files = j->folder.n;
	q.totals = j->all != NULL ? j->all->total : j->folder.totals;
	q.lease_id = j->due->lease_id;
	req.body_case = OM__REQUEST__BODY_DELIVERY_DONE;
	req.delivery_done = &q;
	return ask(j->d, &req, OM__REPLY__BODY_DELIVERY_DONE, j->a, &rep, e);
}

static void
report_failure(struct job *j, const char *why)
{
	Om__DeliveryFail q = OM__DELIVERY_FAIL__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	om_err e = {.text = ""};
	om_status s;

	q.lease_id = j->due->lease_id;
	q.failure = om_arena_strdup(j->a, why);
	req.body_case = OM__REQUEST__BODY_DELIVERY_FAIL;
	req.delivery_fail = &q;
	s = q.failure != NULL ? ask(j->d, &req, OM__REPLY__BODY_DELIVERY_FAIL, j->a, &rep, &e) : OM_NOMEM;
	om_log(OM_LOG_ERROR, "a month's files were not written", "month", j->month, "why", why, "not_reported",
	    s != OM_OK ? om_err_text(&e, s) : NULL, NULL);
}

static void
deliver(struct job *j)
{
	struct rd_lease_keeper k;
	om_err e = {.text = ""};
	int64_t every_ms = j->due->has_keep_ms && j->due->keep_ms >= 3000 ? j->due->keep_ms / 3 : 1000;
	om_status s = rd_lease_keeper_start(&k, j->d->opts.issuing->duties, every_ms, keep, j, &e);

	if (s == OM_OK) {
		s = rd_month_folder_open(j->d->opts.dir, j->month, j->due->delivery_id, j->a, &j->folder, &e);
		if (s == OM_OK && !j->folder.done)
			s = fill_folder(j, &e);
		if (s == OM_OK)
			s = report_done(j, &e);
		rd_month_folder_close(&j->folder);
		rd_lease_keeper_stop(&k);
		rd_reading_end(&j->moment);
	}
	if (s == OM_OK) {
		om_stat_add(&months, 1);
		om_log(
		    OM_LOG_INFO, "a month's files were written", "month", j->month, "files", OM_I64(j->folder.n), NULL);
	} else if (atomic_load(j->d->stop)) {
		om_log(OM_LOG_WARN, "a month's files are left for the next start", "month", j->month, NULL);
	} else {
		report_failure(j, om_err_text(&e, s));
	}
}

om_status
rd_delivery_turn(void *arg, struct om_duty_turn *t, om_err *e)
{
	struct rd_delivery *d = arg;
	Om__DeliveryTake q = OM__DELIVERY_TAKE__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__DeliveryTakeReply *due = NULL;
	Om__Reply *rep = NULL;
	struct om_arena a;
	om_status s;

	om_arena_init(&a, LIST_BYTES);
	req.body_case = OM__REQUEST__BODY_DELIVERY_TAKE;
	req.delivery_take = &q;
	/* A month whose terms were never heard of would not be held back. */
	s = rd_offering_made(d->opts.offering, e);
	if (s == OM_OK)
		s = ask(d, &req, OM__REPLY__BODY_DELIVERY_TAKE, &a, &rep, e);
	due = s == OM_OK ? rep->delivery_take : NULL;
	if (s == OM_OK && due->has_lease_id && due->delivery_id != NULL && due->month >= 1 && due->month <= 12 &&
	    due->year <= 9999) {
		struct job j = {.d = d, .due = due, .a = &a, .folder = {.parent = -1, .dir = -1, .file = -1}};

		(void)snprintf(
		    j.month, sizeof j.month, "%04u-%02u", (unsigned)due->year % 10000, (unsigned)due->month % 100);
		deliver(&j);
		om_duty_again(t);
	}
	om_arena_fini(&a);
	return s;
}

om_status
rd_delivery_new(const struct rd_delivery_opts *o, struct rd_delivery **out, om_err *e)
{
	struct rd_delivery *d;
	om_err why = {.text = ""};
	om_status s = rd_month_folder_check(o->dir, &why);

	*out = NULL;
	if (s != OM_OK)
		return om_fail(e, s, "DELIVERY_DIR: %s", why.text);
	d = calloc(1, sizeof *d);
	if (d == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	om_stat_register(&months);
	d->opts = *o;
	d->stop = om_duties_stopping(o->issuing->duties);
	*out = d;
	return OM_OK;
}

void
rd_delivery_free(struct rd_delivery **dp)
{
	free(*dp);
	*dp = NULL;
}
