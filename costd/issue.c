/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "issue.h"

#include "digest.h"
#include "document.h"
#include "log.h"
#include "period.h"
#include "stats.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

#define LEASE_ID    16
#define QUERY_BYTES ((size_t)64 * 1024)
#define FIRST_YEAR  2000
#define LAST_YEAR   2199

static struct om_stat issued =
    OM_COUNTER("owui_metering_documents_issued_total", NULL, "Documents that were given a number and stored.");
static struct om_stat taken_over =
    OM_COUNTER("owui_metering_document_numbers_taken_over_total", NULL, "Numbers whose issuer did not finish in time.");

/* The one row of `issuing`. */
struct state {
	bool found;
	struct cd_number last;
	om_time last_us;
	bool held;
	unsigned char lease_id[LEASE_ID];
	om_time until_us;
	struct cd_number next;
	om_time next_us;
	char code[CD_CODE + 1];
};

static om_status
keep_state(void *arg, const struct cd_val *v, om_err *e)
{
	struct state *st = arg;

	st->found = true;
	st->last = (struct cd_number){.year = (int)v[0].i, .seq = (int)v[1].i};
	st->last_us = v[2].i;
	st->held = v[3].kind == CD_TEXT && v[3].n == LEASE_ID;
	if (!st->held)
		return OM_OK;
	if (v[8].kind != CD_TEXT || v[8].n != CD_CODE)
		return om_fail(e, OM_DAMAGED, "issuing: the code is malformed");
	memcpy(st->lease_id, v[3].p, LEASE_ID);
	st->until_us = v[4].i;
	st->next = (struct cd_number){.year = (int)v[5].i, .seq = (int)v[6].i};
	st->next_us = v[7].i;
	memcpy(st->code, v[8].p, CD_CODE + 1);
	return OM_OK;
}

/* lock_state holds the row until the transaction ends: everybody who issues
 * passes here. */
static om_status
lock_state(struct cd_db *db, struct state *st, om_err *e)
{
	om_status s;

	*st = (struct state){.found = false};
	s = cd_db_query(db,
	    "SELECT year,seq,issued_us,lease_id,lease_until_us,lease_year,lease_seq,lease_us,lease_code FROM issuing "
	    "WHERE id=1 FOR UPDATE",
	    NULL, 0, keep_state, st, e);
	return s == OM_OK && !st->found ? om_fail(e, OM_DAMAGED, "issuing: its row is missing") : s;
}

/* ---- what is asked for ---- */

static om_status
check_query(const Om__IssueQuery *q, om_time now, om_err *e)
{
	struct cd_period month;
	bool user = q->user != NULL, group = q->group != NULL;
	om_status s;

	if (!om_text_token(q->request, 128))
		return om_fail(e, OM_INVALID, "request: must be 1 to 128 printable characters");
	if ((unsigned)q->kind > OM__DOCUMENT_KIND__DOCUMENT_REPORT)
		return om_fail(e, OM_INVALID, "kind: unknown");
	if (user != (q->kind == OM__DOCUMENT_KIND__DOCUMENT_STATEMENT))
		return om_fail(e, OM_INVALID, "user: goes with a statement, and with nothing else");
	if (group != (q->kind == OM__DOCUMENT_KIND__DOCUMENT_GROUP_STATEMENT))
		return om_fail(e, OM_INVALID, "group: goes with a group's statement, and with nothing else");
	if (q->format != OM__FORMAT__FORMAT_PDF && q->format != OM__FORMAT__FORMAT_XLSX)
		return om_fail(e, OM_INVALID, "format: must be pdf or xlsx");
	if (q->year < FIRST_YEAR || q->year > LAST_YEAR)
		return om_fail(e, OM_INVALID, "month: must lie in the years %d to %d", FIRST_YEAR, LAST_YEAR);
	s = cd_period_month(q->year, q->month, &month, e);
	if (s == OM_OK && month.from_day > om_zone_day(now))
		s = om_fail(e, OM_INVALID, "month: has not begun yet");
	return s;
}

/* hash_query: two requests are the same when all but their name is. */
static om_status
hash_query(const Om__IssueQuery *q, unsigned char out[OM_SHA256], om_err *e)
{
	Om__IssueQuery copy = *q;
	char none[] = "";
	struct om_buf b;
	om_status s;

	copy.request = none;
	om_buf_init(&b, QUERY_BYTES);
	om_msg_pack(&copy.base, &b);
	s = om_buf_done(&b, e);
	if (s == OM_OK && om_sha256(&(struct om_bytes){.data = b.data, .n = b.len}, 1, out) != OM_OK)
		s = om_fail(e, OM_INTERNAL, "SHA-256 failed");
	om_buf_fini(&b);
	return s;
}

struct request_scan {
	bool found;
	unsigned char params[OM_SHA256];
	struct cd_number number;
};

static om_status
keep_request(void *arg, const struct cd_val *v, om_err *e)
{
	struct request_scan *scan = arg;

	if (v[0].n != OM_SHA256)
		return om_fail(e, OM_DAMAGED, "document_request: a hash is malformed");
	scan->found = true;
	memcpy(scan->params, v[0].p, OM_SHA256);
	scan->number = (struct cd_number){.year = (int)v[1].i, .seq = (int)v[2].i};
	return OM_OK;
}

/* find_request gives the document that this request issued before, or NULL. */
static om_status
find_request(struct cd_db *db, const Om__IssueQuery *q, const unsigned char params[OM_SHA256], struct om_arena *a,
    Om__Document **out, om_err *e)
{
	struct request_scan scan = {.found = false};
	om_status s = cd_db_query(db, "SELECT params,year,seq FROM document_request WHERE request=?",
	    (struct cd_val[]){cd_t(q->request)}, 1, keep_request, &scan, e);

	*out = NULL;
	if (s != OM_OK || !scan.found)
		return s;
	if (memcmp(scan.params, params, OM_SHA256) != 0)
		return om_fail(e, OM_CONFLICT, "a request of this name issued another document");
	return cd_document_load(db, scan.number, a, out, e);
}

/* check_correction: of the same thing, and of one that still stands. */
static om_status
check_correction(struct cd_db *db, const Om__IssueQuery *q, struct om_arena *a, om_err *e)
{
	struct cd_number n;
	Om__Document *old = NULL;
	om_status s;

	if (q->corrects == NULL)
		return OM_OK;
	if (!cd_number_parse(q->corrects, &n))
		return om_fail(e, OM_NOT_FOUND, "corrects: there is no document %.30s", q->corrects);
	s = cd_document_load(db, n, a, &old, e);
	if (s == OM_NOT_FOUND)
		return om_fail(e, s, "corrects: there is no document %.30s", q->corrects);
	if (s != OM_OK)
		return s;
	if (old->corrected_by != NULL)
		return om_fail(e, OM_CONFLICT, "corrects: %s was corrected by %s already; correct that one",
		    old->number, old->corrected_by);
	if (old->kind != q->kind || old->year != q->year || old->month != q->month ||
	    (q->user != NULL && (old->user == NULL || strcmp(old->user, q->user) != 0)) ||
	    (q->group != NULL && (old->group == NULL || strcmp(old->group, q->group) != 0)))
		return om_fail(
		    e, OM_CONFLICT, "corrects: %s is about something else; a correction is of the same", old->number);
	return OM_OK;
}

/* ---- begin ---- */

struct begin {
	const Om__IssueQuery *q;
	om_time now;
	unsigned char params[OM_SHA256];
	unsigned char lease_id[LEASE_ID];
	char code[CD_CODE + 1];
	struct om_arena *a;
	Om__IssueBeginReply *out;
};

static int
year_of(om_time t)
{
	int year, month, day;

	om_day_to_civil(om_zone_day(t), &year, &month, &day);
	return year;
}

static om_status
hold_number(struct cd_db *db, const struct begin *b, struct state *st, om_err *e)
{
	/* dates of issue rise, even where clocks differ or are set back */
	om_time at = b->now > st->last_us ? b->now : st->last_us + 1;
	int year = year_of(at);
	struct cd_number next = {.year = year, .seq = year == st->last.year ? st->last.seq + 1 : 1};
	const struct cd_val v[] = {CD_B(b->lease_id, LEASE_ID), CD_I(b->now + (om_time)CD_ISSUE_KEEP_MS * 1000),
	    cd_t(b->q->request), CD_I(next.year), CD_I(next.seq), CD_I(at), cd_t(b->code)};
	char text[CD_NUMBER];

	b->out->number = om_arena_strdup(b->a, cd_number_text(next, text));
	b->out->has_issued_us = true;
	b->out->issued_us = at;
	return cd_db_exec(db,
	    "UPDATE issuing SET lease_id=?,lease_until_us=?,lease_request=?,lease_year=?,lease_seq=?,lease_us=?,"
	    "lease_code=? WHERE id=1",
	    v, 7, 1, NULL, e);
}

static om_status
begin(struct cd_db *db, void *arg, om_err *e)
{
	struct begin *b = arg;
	struct state st;
	om_status s = lock_state(db, &st, e);

	if (s == OM_OK)
		s = find_request(db, b->q, b->params, b->a, &b->out->document, e);
	if (s != OM_OK || b->out->document != NULL)
		return s;
	s = check_correction(db, b->q, b->a, e);
	if (s == OM_OK && st.held && st.until_us > b->now)
		return om_fail(e, OM_THROTTLED, "another document is being issued; try again");
	if (s == OM_OK && st.held)
		om_stat_add(&taken_over, 1);
	return s == OM_OK ? hold_number(db, b, &st, e) : s;
}

om_status
cd_issue_begin(struct cd_pool *p, const Om__IssueBegin *q, om_time now, int64_t deadline_ms, struct om_arena *a,
    Om__IssueBeginReply *out, om_err *e)
{
	struct begin b = {.q = q->query, .now = now, .a = a, .out = out};
	om_err why = {.text = ""};
	om_status s = check_query(q->query, now, e);

	om_stat_register(&taken_over);
	if (s == OM_OK)
		s = hash_query(q->query, b.params, e);
	if (s == OM_OK)
		s = om_random(b.lease_id, LEASE_ID, e);
	if (s == OM_OK)
		s = cd_code_make(b.code, e);
	if (s != OM_OK)
		return s;
	s = cd_pool_run(p, CD_TX_WRITE, deadline_ms, begin, &b, &why);
	if (s != OM_OK)
		return om_fail(e, s, "%s", om_err_text(&why, s));
	if (out->document == NULL) {
		out->has_lease_id = true;
		out->lease_id = cd_bytes(b.lease_id, LEASE_ID, a);
		out->verification_code = om_arena_strdup(a, b.code);
		out->has_keep_ms = true;
		out->keep_ms = CD_ISSUE_KEEP_MS;
	}
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

/* ---- keep ---- */

struct keep {
	const Om__IssueKeep *q;
	om_time now;
};

static const char lost[] = "the number was not kept in time and is another's; issue the document again";

static bool
is_mine(const struct state *st, const ProtobufCBinaryData *lease)
{
	return st->held && lease->len == LEASE_ID && memcmp(st->lease_id, lease->data, LEASE_ID) == 0;
}

static om_status
keep(struct cd_db *db, void *arg, om_err *e)
{
	struct keep *k = arg;
	struct state st;
	om_status s = lock_state(db, &st, e);

	if (s != OM_OK)
		return s;
	if (k->q->give_back)
		return is_mine(&st, &k->q->lease_id)
		    ? cd_db_run(db, "UPDATE issuing SET lease_id=NULL,lease_until_us=NULL WHERE id=1", e)
		    : OM_OK;
	if (!is_mine(&st, &k->q->lease_id))
		return om_fail(e, OM_CONFLICT, "%s", lost);
	return cd_db_exec(db, "UPDATE issuing SET lease_until_us=? WHERE id=1",
	    (struct cd_val[]){CD_I(k->now + (om_time)CD_ISSUE_KEEP_MS * 1000)}, 1, 1, NULL, e);
}

om_status
cd_issue_keep(struct cd_pool *p, const Om__IssueKeep *q, om_time now, int64_t deadline_ms, om_err *e)
{
	struct keep k = {.q = q, .now = now};

	return cd_pool_run(p, CD_TX_WRITE, deadline_ms, keep, &k, e);
}

/* ---- finish ---- */

struct finish {
	const Om__IssueFinish *q;
	unsigned char params[OM_SHA256], sha256[OM_SHA256];
	struct om_arena *a;
	Om__IssueReply *out;
};

static om_status
store_document(struct cd_db *db, const struct finish *f, const struct state *st, om_err *e)
{
	static const char sql[] =
	    "INSERT INTO document (year,seq,kind,user_id,user_name,group_name,of_month,format,locale,paper,issued_us,"
	    "total,currency,sha256,bytes,filename,content_type,code,corrects_year,corrects_seq,unsettled,figures,terms)"
	    " "
	    "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
	const Om__IssueFinish *q = f->q;
	const Om__IssueQuery *of = q->query;
	struct cd_number old = {.year = 0};
	bool corrects = of->corrects != NULL && cd_number_parse(of->corrects, &old);
	char month[OM_DAY_TEXT];
	const struct cd_val v[] = {CD_I(st->next.year), CD_I(st->next.seq), CD_I((int64_t)of->kind), cd_t(of->user),
	    cd_t(q->user_name), cd_t(of->group),
	    cd_t(om_day_text(om_day_from_civil((int)of->year, (int)of->month, 1), month)), CD_I((int64_t)of->format),
	    cd_t(of->locale), cd_t(of->paper), CD_I(st->next_us), cd_t(q->total), cd_t(q->currency),
	    CD_B(f->sha256, OM_SHA256), CD_I((int64_t)q->file.len), cd_t(q->filename), cd_t(q->content_type),
	    cd_t(st->code), corrects ? CD_I(old.year) : CD_NONE, corrects ? CD_I(old.seq) : CD_NONE,
	    CD_I((int64_t)q->unsettled), CD_B(q->figures.data, q->figures.len), cd_t(q->terms)};
	om_status s = cd_db_exec(db, sql, v, sizeof v / sizeof v[0], 1, NULL, e);

	if (s == OM_OK && corrects)
		s = cd_db_exec(db, "INSERT INTO document_correction (year,seq,by_year,by_seq) VALUES (?,?,?,?)",
		    (struct cd_val[]){CD_I(old.year), CD_I(old.seq), CD_I(st->next.year), CD_I(st->next.seq)}, 4, 1,
		    NULL, e);
	if (s == OM_OK)
		s = cd_db_exec(db, "INSERT INTO document_code (code,year,seq) VALUES (?,?,?)",
		    (struct cd_val[]){cd_t(st->code), CD_I(st->next.year), CD_I(st->next.seq)}, 3, 1, NULL, e);
	if (s == OM_OK)
		s = cd_db_exec(db, "INSERT INTO document_request (request,params,year,seq) VALUES (?,?,?,?)",
		    (struct cd_val[]){
			cd_t(of->request), CD_B(f->params, OM_SHA256), CD_I(st->next.year), CD_I(st->next.seq)},
		    4, 1, NULL, e);
	return s;
}

static om_status
store_file(struct cd_db *db, const struct finish *f, const struct state *st, om_err *e)
{
	const ProtobufCBinaryData *file = &f->q->file;
	size_t n = (file->len + CD_CHUNK_BYTES - 1) / CD_CHUNK_BYTES;
	struct cd_val *v = om_arena_array(f->a, 4 * n + 1, sizeof *v);

	if (v == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		size_t at = i * CD_CHUNK_BYTES, left = file->len - at;

		v[4 * i] = CD_I(st->next.year);
		v[4 * i + 1] = CD_I(st->next.seq);
		v[4 * i + 2] = CD_I((int64_t)i);
		v[4 * i + 3] = CD_B(file->data + at, left < CD_CHUNK_BYTES ? left : CD_CHUNK_BYTES);
	}
	return cd_db_exec(db, "INSERT INTO document_chunk (year,seq,part,data) VALUES (?,?,?,?)", v, 4, n, NULL, e);
}

static om_status
finish(struct cd_db *db, void *arg, om_err *e)
{
	struct finish *f = arg;
	struct state st;
	om_status s = lock_state(db, &st, e);

	if (s == OM_OK)
		s = find_request(db, f->q->query, f->params, f->a, &f->out->document, e);
	f->out->known = f->out->document != NULL;
	if (s != OM_OK || f->out->known)
		return s;
	if (!is_mine(&st, &f->q->lease_id))
		return om_fail(e, OM_CONFLICT, "%s", lost);
	s = store_document(db, f, &st, e);
	if (s == OM_OK)
		s = store_file(db, f, &st, e);
	if (s == OM_OK)
		s = cd_db_exec(db,
		    "UPDATE issuing SET year=?,seq=?,issued_us=?,lease_id=NULL,lease_until_us=NULL WHERE id=1",
		    (struct cd_val[]){CD_I(st.next.year), CD_I(st.next.seq), CD_I(st.next_us)}, 3, 1, NULL, e);
	return s == OM_OK ? cd_document_load(db, st.next, f->a, &f->out->document, e) : s;
}

om_status
cd_issue_finish(struct cd_pool *p, const Om__IssueFinish *q, int64_t deadline_ms, struct om_arena *a,
    Om__IssueReply *out, om_err *e)
{
	struct finish f = {.q = q, .a = a, .out = out};
	om_status s = hash_query(q->query, f.params, e);

	om_stat_register(&issued);
	if (s == OM_OK && q->file.len == 0)
		s = om_fail(e, OM_INVALID, "file: is empty");
	if (s == OM_OK && q->file.len > CD_FILE_BYTES)
		s = om_fail(e, OM_TOO_LARGE, "a file of more than %zu MiB cannot be issued", CD_FILE_BYTES >> 20);
	if (s == OM_OK && om_sha256(&(struct om_bytes){.data = q->file.data, .n = q->file.len}, 1, f.sha256) != OM_OK)
		s = om_fail(e, OM_INTERNAL, "SHA-256 failed");
	if (s == OM_OK)
		s = cd_pool_run(p, CD_TX_WRITE, deadline_ms, finish, &f, e);
	if (s != OM_OK || out->known)
		return s;
	om_stat_add(&issued, 1);
	om_log(OM_LOG_INFO, "document issued", "number", out->document->number, "file", out->document->filename,
	    "bytes", OM_I64(q->file.len), NULL);
	return OM_OK;
}
