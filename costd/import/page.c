/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "page.h"

#include "seen.h"
#include "database/sql.h"
#include "value/record.h"
#include "base/digest.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define PAGE        500u
#define MOST_MADE   2000u /* records that may be begun in a page's memory */
#define SQL_BYTES   ((size_t)16 * 1024)
#define ARENA_BYTES ((size_t)64 * 1024 * 1024)
#define REASONS     24u
#define FIRST_TIME  ((om_time)1577836800 * OM_SECOND) /* 2020-01-01: there was nothing before */
#define SAY_EVERY   ((int64_t)10000)

struct reason {
	char text[200];
	char first[80]; /* where */
	int64_t n;
};

/* A row on its way. */
struct line {
	Om__Record *rec;
	const char *where, *span;
	const char *key;
	bool same_id; /* the ledger has it by its own key */
	bool known;   /* the ledger has the call by another key */
};

struct cd_page {
	struct cd_ledger *ledger; /* borrowed */
	FILE *out;                /* borrowed */
	int64_t wait_ms;          /* for the ledger, each time */
	struct om_arena a;        /* of the page */
	struct line lines[PAGE];
	size_t n, made;
	Om__Record *next;
	struct om_fit notes; /* what could not be read of next */
	int64_t rows, added, duplicate, refused, skipped, said;
	struct reason reasons[REASONS];
	size_t n_reasons;
	struct reason repairs[OM_N_FIT];
	struct cd_seen *seen; /* owned; the ledger's generations of the days [from, to) */
	om_time from, to;
};

struct om_arena *
cd_page_arena(struct cd_page *page)
{
	return &page->a;
}

void
cd_page_note(struct cd_page *page, om_fit_field f, const char *why)
{
	om_fit_note(&page->notes, f, why);
}

void
cd_page_skip(struct cd_page *page, const char *where, const char *why)
{
	size_t i = 0;

	while (i < page->n_reasons && strcmp(page->reasons[i].text, why) != 0)
		i++;
	page->rows++;
	page->skipped++;
	if (i == REASONS)
		i--; /* the last place counts all other reasons */
	if (i == page->n_reasons) {
		page->n_reasons++;
		(void)snprintf(page->reasons[i].text, sizeof page->reasons[i].text, "%s",
		    i + 1 == REASONS ? "other reasons" : why);
		(void)snprintf(page->reasons[i].first, sizeof page->reasons[i].first, "%s", where);
	}
	page->reasons[i].n++;
}

void
cd_page_progress(struct cd_page *page, int64_t done, int64_t total)
{
	if (page->rows < page->said + SAY_EVERY)
		return;
	page->said = page->rows;
	(void)fprintf(page->out, "%lld rows, %lld %%\n", (long long)page->rows,
	    (long long)(total > 0 ? (done < total ? done : total) * 100 / total : 0));
	(void)fflush(page->out);
}

/* ---- does the ledger have it already? ---- */

struct load {
	struct cd_page *page;
	om_time last; /* of the last row */
	int64_t number;
	int64_t n;
};

static om_status
keep_seen(void *arg, const struct cd_val *v, om_err *e)
{
	struct load *l = arg;
	struct cd_seen_row row = {.key = v[0].p, .at = v[1].i};
	unsigned char sum[OM_SHA256];
	char span[17];

	row.turn = v[2].kind == CD_TEXT ? v[2].p : NULL;
	row.message = v[3].kind == CD_TEXT ? v[3].p : NULL;
	if (om_sha256(&(struct om_bytes){v[0].p, v[0].n}, 1, sum) != OM_OK)
		return om_fail(e, OM_INTERNAL, "SHA-256 failed");
	om_hex(sum, 8, span);
	row.span = span;
	l->number = v[4].i;
	l->last = v[1].i;
	l->n++;
	return cd_seen_add(l->page->seen, &row, e);
}

/* load_days reads the ledger's generations of the days, piece by piece. */
static om_status
load_days(struct cd_db *db, void *arg, om_err *e)
{
	static const char sql[] =
	    "SELECT generation_id,started_us,turn_id,message_id,number FROM generation FORCE INDEX (by_start) WHERE "
	    "started_us>=? AND started_us<? AND (started_us>? OR number>?) AND generation_id NOT LIKE "
	    "'" CD_TURN_PREFIX "%' ORDER BY started_us,number LIMIT 20000";
	struct cd_page *page = arg;
	struct load l = {.page = page, .last = page->from};
	om_status s = OM_OK;

	cd_seen_clear(page->seen);
	do {
		const struct cd_val v[] = {CD_I(l.last), CD_I(page->to), CD_I(l.last), CD_I(l.number)};

		l.n = 0;
		s = cd_db_query(db, sql, v, sizeof v / sizeof v[0], keep_seen, &l, e);
	} while (s == OM_OK && l.n > 0);
	return s == OM_OK ? cd_seen_sort(page->seen, e) : s;
}

static om_time
day_of(om_time t)
{
	return t - (t % OM_DAY + OM_DAY) % OM_DAY;
}

/* cover has the generations of the page's days in memory.  The older file is read in
 * the order of time, so that each day is read about twice. */
static om_status
cover(struct cd_page *page, om_err *e)
{
	om_time from = INT64_MAX, to = 0;

	for (size_t i = 0; i < page->n; i++) {
		om_time at = cd_record_seen_us(page->lines[i].rec);

		from = at < from ? at : from;
		to = at > to ? at : to;
	}
	from -= CD_SEEN_TURN;
	to += CD_SEEN_TURN;
	if (from >= page->from && to < page->to)
		return OM_OK;
	page->from = day_of(from);
	page->to = day_of(to) + OM_DAY;
	return cd_pool_run(page->ledger->pool, CD_TX_SNAPSHOT, om_mono_ms() + page->wait_ms, load_days, page, e);
}

static int
by_key(const void *a, const void *b)
{
	return strcmp((*(const struct line *const *)a)->key, (*(const struct line *const *)b)->key);
}

struct keys {
	struct line *by_key[PAGE];
	size_t n;
};

static om_status
keep_same(void *arg, const struct cd_val *v, om_err *e)
{
	struct keys *p = arg;
	struct line key = {.key = v[0].p}, *want = &key, **at;

	(void)e;
	at = bsearch(&want, p->by_key, p->n, sizeof(struct line *), by_key);
	if (at == NULL)
		return OM_OK;
	while (at > p->by_key && strcmp(at[-1]->key, v[0].p) == 0)
		at--;
	for (; at < p->by_key + p->n && strcmp((*at)->key, v[0].p) == 0; at++)
		(*at)->same_id = true;
	return OM_OK;
}

/* find_same finds the rows that the ledger has by their own keys. */
static om_status
find_same(struct cd_db *db, void *arg, om_err *e)
{
	struct keys *p = arg;
	struct cd_val v[CD_SQL_IN_MAX];
	size_t size = cd_sql_in_size(p->n);
	struct om_buf sql;
	om_status s;

	/* the last key fills up what is left */
	for (size_t i = 0; i < size; i++)
		v[i] = cd_t(p->by_key[i < p->n ? i : p->n - 1]->key);
	om_buf_init(&sql, SQL_BYTES);
	om_buf_str(&sql, "SELECT generation_id FROM generation FORCE INDEX (by_id) WHERE generation_id IN ");
	cd_sql_in(&sql, size);
	s = om_buf_done(&sql, e);
	if (s == OM_OK)
		s = cd_db_query(db, sql.data, v, size, keep_same, p, e);
	om_buf_fini(&sql);
	return s;
}

/* search_page finds turns and spans whose generations the ledger has, and does not have
 * their own key.  What may be one call by its tokens and time goes into the ledger, which
 * pairs it: if one of two such rows were left out here, the ledger would pair the other
 * with a third. */
static om_status
search_page(struct cd_page *page, om_err *e)
{
	struct keys p = {.n = page->n};
	om_status s;

	if (page->lines[0].rec->generation_id != NULL)
		return OM_OK; /* rows of OpenRouter's export have their generations' ids as keys */
	for (size_t i = 0; i < page->n; i++)
		p.by_key[i] = &page->lines[i];
	qsort(p.by_key, p.n, sizeof(struct line *), by_key);
	s = cover(page, e);
	if (s == OM_OK)
		s = cd_pool_run(page->ledger->pool, CD_TX_SNAPSHOT, om_mono_ms() + page->wait_ms, find_same, &p, e);
	for (size_t i = 0; s == OM_OK && i < page->n; i++) {
		struct line *l = &page->lines[i];
		om_time at = cd_record_seen_us(l->rec);

		l->known = !l->same_id &&
		    (cd_seen_has(page->seen, l->rec->turn_id, at) || cd_seen_has_span(page->seen, l->span, at));
	}
	return s;
}

/* ---- a page into the ledger ---- */

/* submit sends the page as a batch of a spool of its own, named by its content:
 * what is sent again is the same batch. */
static om_status
submit(struct cd_page *page, om_err *e)
{
	Om__SubmitReply rep = OM__SUBMIT_REPLY__INIT;
	Om__SubmitBatch b = OM__SUBMIT_BATCH__INIT;
	struct om_bytes *ids = om_arena_array(&page->a, PAGE, sizeof *ids);
	unsigned char sum[OM_SHA256];
	om_status s = OM_OK;

	b.entries = om_arena_array(&page->a, PAGE, sizeof(void *));
	if (ids == NULL || b.entries == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < page->n; i++) {
		Om__SpoolEntry *entry;
		struct om_buf packed;

		if (page->lines[i].known)
			continue;
		entry = om_msg_new(&page->a, &om__spool_entry__descriptor);
		om_buf_init(&packed, (size_t)1024 * 1024);
		om_msg_pack(&page->lines[i].rec->base, &packed);
		s = om_buf_done(&packed, e);
		if (s == OM_OK && entry != NULL) {
			entry->seq = b.n_entries + 1;
			entry->record.len = packed.len;
			entry->record.data = om_arena_alloc(&page->a, packed.len);
			if (entry->record.data != NULL)
				memcpy(entry->record.data, packed.data, packed.len);
			ids[b.n_entries] = (struct om_bytes){page->lines[i].rec->record_id.data, CD_RECORD_ID};
			b.entries[b.n_entries++] = entry;
		}
		om_buf_fini(&packed);
	}
	if (s == OM_OK && page->a.failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	if (s != OM_OK || b.n_entries == 0)
		return s;
	s = om_sha256(ids, b.n_entries, sum);
	b.spool_id = (ProtobufCBinaryData){.len = 16, .data = sum};
	b.first_seq = 1;
	b.last_seq = b.n_entries;
	if (s == OM_OK)
		s = cd_ledger_submit(page->ledger, &b, om_mono_ms() + page->wait_ms, &page->a, &rep, e);
	if (s != OM_OK)
		return s;
	page->rows += (int64_t)b.n_entries;
	page->added += rep.new_records;
	page->duplicate += rep.duplicate_records;
	page->refused += rep.refused_records;
	return OM_OK;
}

static om_status
flush(struct cd_page *page, om_err *e)
{
	om_status s = page->n > 0 ? search_page(page, e) : OM_OK;

	for (size_t i = 0; s == OM_OK && i < page->n; i++)
		if (page->lines[i].known)
			cd_page_skip(page, page->lines[i].where, "the ledger has this call by another id");
	if (s == OM_OK)
		s = submit(page, e);
	page->n = page->made = 0;
	om_arena_fini(&page->a);
	om_arena_init(&page->a, ARENA_BYTES);
	return s;
}

om_status
cd_page_record(struct cd_page *page, Om__Record **out, om_err *e)
{
	om_status s = page->made < MOST_MADE ? OM_OK : flush(page, e); /* most were left out */

	if (s != OM_OK)
		return s;
	page->made++;
	page->notes = (struct om_fit){.changed = false};
	page->next = om_msg_new(&page->a, &om__record__descriptor);
	if (page->next != NULL)
		page->next->user = om_msg_new(&page->a, &om__user__descriptor);
	*out = page->next;
	return page->a.failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

/* name_record gives the record an id by its content, as it was read: what is repaired
 * and added later is not part of it, so that a file is the same file to every release. */
static om_status
name_record(struct cd_page *page, Om__Record *r, om_err *e)
{
	unsigned char sum[OM_SHA256], *id = om_arena_alloc(&page->a, CD_RECORD_ID),
				      *content = om_arena_alloc(&page->a, OM_SHA256);
	om_status s;

	if (id == NULL || content == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	r->record_id = (ProtobufCBinaryData){.len = CD_RECORD_ID, .data = id};
	s = cd_record_content(r, sum, e);
	memcpy(id, sum, CD_RECORD_ID);
	if (s == OM_OK)
		s = cd_record_content(r, content, e);
	r->has_content = 1;
	r->content = (ProtobufCBinaryData){.len = OM_SHA256, .data = content};
	return s;
}

/* time_is_odd says why a row cannot be put on a day. */
static const char *
time_is_odd(const Om__Record *r)
{
	om_time at = r->has_started_us
	    ? r->started_us
	    : r->finished_us; /* rows of one kind of file have a start, those of the other an end */

	if (at > r->received_us + OM_FIT_AHEAD)
		return "its time is yet to come";
	return at < FIRST_TIME ? "its time is before 2020" : NULL;
}

/* count_repairs counts a row once per field. */
static void
count_repairs(struct cd_page *page, const char *where)
{
	for (unsigned f = 0; f < OM_N_FIT; f++) {
		struct reason *r = &page->repairs[f];

		if (page->notes.why[f] == NULL)
			continue;
		if (r->n++ > 0)
			continue;
		(void)snprintf(r->text, sizeof r->text, "%s", page->notes.why[f]);
		(void)snprintf(r->first, sizeof r->first, "%s", where);
	}
}

om_status
cd_page_add(struct cd_page *page, const char *where, const char *span, om_err *e)
{
	struct line *l = &page->lines[page->n];
	om_err why = {.text = ""};
	Om__Record *r = page->next;
	struct cd_row row;
	om_status s = name_record(page, r, e);

	if (s != OM_OK)
		return s;
	if (r->generation_id != NULL) { /* only rows of OpenRouter's export have one */
		r->platform = om_arena_strdup(&page->a, CD_OPENROUTER);
		if (r->platform == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
	}
	r->received_us = om_now();
	if (time_is_odd(r) != NULL) {
		cd_page_skip(page, where, time_is_odd(r));
		return OM_OK;
	}
	s = om_fit_record(r, &page->a, &page->notes, &why);
	if (s == OM_OK)
		s = cd_record_fit(r, &page->a, &why);
	if (s == OM_INVALID) {
		cd_page_skip(page, where, why.text);
		return OM_OK;
	}
	if (s == OM_OK)
		s = cd_record_row(r, &page->a, &row, &why);
	*l = (struct line){.rec = r, .where = om_arena_strdup(&page->a, where)};
	l->key = s == OM_OK ? om_arena_strndup(&page->a, row.key.p, row.key.n) : NULL;
	l->span = span != NULL ? om_arena_strdup(&page->a, span) : NULL;
	if (s != OM_OK || page->a.failed)
		return om_fail(e, s == OM_OK ? OM_NOMEM : s, "%s", s == OM_OK ? "out of memory" : why.text);
	count_repairs(page, where);
	return ++page->n < PAGE ? OM_OK : flush(page, e);
}

/* ---- the page itself ---- */

static void
report(const struct cd_page *page)
{
	(void)fprintf(page->out,
	    "%lld rows: %lld new, %lld known already, %lld refused (dead letters), %lld left out\n",
	    (long long)page->rows, (long long)page->added, (long long)page->duplicate, (long long)page->refused,
	    (long long)page->skipped);
	for (size_t i = 0; i < page->n_reasons; i++)
		(void)fprintf(page->out, "left out %lld: %s (the first: %s)\n", (long long)page->reasons[i].n,
		    page->reasons[i].text, page->reasons[i].first);
	for (unsigned f = 0; f < OM_N_FIT; f++)
		if (page->repairs[f].n > 0)
			(void)fprintf(page->out, "repaired %lld: %s: %s (the first: %s)\n",
			    (long long)page->repairs[f].n, om_fit_name((om_fit_field)f), page->repairs[f].text,
			    page->repairs[f].first);
	(void)fflush(page->out);
}

om_status
cd_page_new(struct cd_ledger *l, FILE *out, int64_t wait_ms, struct cd_page **page_out, om_err *e)
{
	struct cd_page *page = calloc(1, sizeof *page);
	om_status s;

	*page_out = page;
	if (page == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	page->ledger = l;
	page->out = out;
	page->wait_ms = wait_ms;
	om_arena_init(&page->a, ARENA_BYTES);
	s = cd_seen_new(&page->seen, e);
	if (s != OM_OK)
		cd_page_free(page_out);
	return s;
}

om_status
cd_page_finish(struct cd_page *page, om_status s, om_err *e)
{
	if (s == OM_OK)
		s = flush(page, e);
	if (s == OM_OK || page->rows > 0)
		report(page);
	return s;
}

void
cd_page_free(struct cd_page **page)
{
	if (*page == NULL)
		return;
	om_arena_fini(&(*page)->a);
	cd_seen_free(&(*page)->seen);
	free(*page);
	*page = NULL;
}
