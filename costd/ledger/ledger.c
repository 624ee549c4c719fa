/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "ledger.h"

#include "items.h"
#include "write.h"
#include "database/meta.h"
#include "names/names.h"
#include "pairs/pairs.h"
#include "store/store.h"
#include "value/record.h"
#include "base/invariant.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/testpoint.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define SCRATCH_BYTES ((size_t)512 * 1024 * 1024) /* a ceiling; a batch of 1000 records takes about 4 MiB */

#define RECORDS_HELP "Records delivered to the ledger."
static struct om_stat stat_new = OM_COUNTER("owui_metering_ledger_records_total", "result=\"new\"", RECORDS_HELP);
static struct om_stat stat_duplicate =
    OM_COUNTER("owui_metering_ledger_records_total", "result=\"duplicate\"", RECORDS_HELP);
static struct om_stat stat_refused =
    OM_COUNTER("owui_metering_ledger_records_total", "result=\"refused\"", RECORDS_HELP);
static struct om_stat stat_batch =
    OM_HISTOGRAM("owui_metering_ledger_batch_seconds", NULL, "Time from a batch to its commit.");

/* One batch through its tries. */
struct run {
	struct cd_ledger *l;
	struct cd_item *items; /* ascending by record id, then seq */
	size_t n;
	const Om__SubmitBatch *batch; /* NULL for a look-up */
	bool one_by_one;              /* the batch holds a record that the database refuses: find it */

	/* results of the last try */
	int64_t n_new, n_refused;
	om_time next; /* earliest look-up planned */
	uint64_t missing_first, missing_last;
};

static const char *
refusal(const struct cd_item *it)
{
	return it->refused != NULL ? it->refused : it->refused_now;
}

static int
cmp_key(const void *pa, const void *pb)
{
	const struct cd_item *const *a = pa, *const *b = pb;

	return cd_store_key_cmp((*a)->row.key, (*b)->row.key);
}

static bool
any_earlier(struct cd_item *const *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (items[i]->earlier)
			return true;
	return false;
}

/* store_set stores n items, ascending by record id. */
static om_status
store_set(struct run *r, struct cd_db *db, struct cd_item *const *items, size_t n, struct om_arena *a, om_err *e)
{
	struct cd_item **by_key = om_arena_array(a, n + 1, sizeof(void *));
	int64_t n_new = 0;
	size_t kept = 0;
	om_status s;

	if (by_key == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = cd_journal_append(db, items, n, &n_new, a, e);
	if (s != OM_OK)
		return s;
	OM_CRASH_POINT("costd_after_journal");
	for (size_t i = 0; i < n; i++)
		if (items[i]->refused_now == NULL)
			by_key[kept++] = items[i];
	if (n_new > 0 || any_earlier(by_key, kept)) { /* otherwise every record is in its row already */
		qsort(by_key, kept, sizeof(void *), cmp_key);
		s = cd_write_items(db, by_key, kept, &r->l->times, &r->next, a, e);
	}
	if (s == OM_OK)
		r->n_new += n_new;
	return s;
}

/* store_halves stores what the database takes and marks what it refuses, by
 * halving down to the single record. */
static om_status
store_halves(struct run *r, struct cd_db *db, struct cd_item *const *items, size_t n, struct om_arena *a, om_err *e)
{
	om_err why = {.text = ""};
	om_status s = cd_db_run(db, "SAVEPOINT half", e);

	om_check(n > 0);
	if (s != OM_OK)
		return s;
	s = store_set(r, db, items, n, a, &why);
	if (s != OM_STORE_DATA)
		return s == OM_OK ? s : om_fail(e, s, "%s", om_err_text(&why, s));
	s = cd_db_run(db, "ROLLBACK TO SAVEPOINT half", e);
	if (s != OM_OK)
		return s;
	for (size_t i = 0; i < n; i++)
		items[i]->refused_now = NULL;
	if (n == 1) {
		items[0]->refused_now = om_arena_strdup(a, why.text);
		return items[0]->refused_now != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
	}
	s = store_halves(r, db, items, n / 2, a, e);
	return s == OM_OK ? store_halves(r, db, items + n / 2, n - n / 2, a, e) : s;
}

/* may_be_parts: one of the items may be of a row that is part of another. */
static bool
may_be_parts(struct cd_item *const *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (cd_row_is_of_turn(&items[i]->row) || items[i]->row.cell[CD_F_REQUEST].rank != CD_RANK_NONE)
			return true;
	return false;
}

static om_status
try_once(struct run *r, struct cd_db *db, struct om_arena *a, om_err *e)
{
	struct cd_item **good = om_arena_array(a, r->n + 1, sizeof(void *));
	size_t n_good = 0;
	om_status s;

	if (good == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	r->n_new = 0;
	r->n_refused = 0;
	r->next = INT64_MAX;
	for (size_t i = 0; i < r->n; i++) {
		r->items[i].refused_now = NULL;
		if (r->items[i].refused == NULL && !r->items[i].repeated) {
			om_check(r->items[i].rec != NULL && r->items[i].row.key.n > 0);
			good[n_good++] = &r->items[i];
		}
	}
	s = cd_meta_guard_zone(db, e);
	if (s == OM_OK)
		s = cd_names_check(db, e);
	if (s == OM_OK && n_good > 0)
		s = cd_pairs_guard(db, may_be_parts(good, n_good), e);
	if (s == OM_OK && n_good > 0)
		s = r->one_by_one ? store_halves(r, db, good, n_good, a, e) : store_set(r, db, good, n_good, a, e);
	for (size_t i = 0; i < r->n; i++)
		r->n_refused += refusal(&r->items[i]) != NULL;
	om_check(r->n_refused <= (int64_t)r->n);
	if (s == OM_OK && r->batch != NULL) {
		struct cd_batch d = {
		    .spool_id = r->batch->spool_id.data,
		    .first_seq = r->batch->first_seq,
		    .last_seq = r->batch->last_seq,
		    .new_records = (uint32_t)r->n_new,
		    .duplicate_records = (uint32_t)((int64_t)r->n - r->n_new - r->n_refused),
		    .refused_records = (uint32_t)r->n_refused,
		    .after_seq = r->batch->has_after_seq ? r->batch->after_seq : 0,
		};

		for (size_t i = 0; i < r->n; i++)
			if (r->items[i].rec != NULL && r->items[i].rec->received_us > d.received_us)
				d.received_us = r->items[i].rec->received_us;
		s = cd_dead_bury(db, d.spool_id, r->items, r->n, a, e);
		if (s == OM_OK)
			s = cd_journal_batch(db, &d, e);
		r->missing_first = d.missing_first;
		r->missing_last = d.missing_last;
	}
	return s;
}

static om_status
work(struct cd_db *db, void *arg, om_err *e)
{
	struct om_arena a;
	om_status s;

	om_arena_init(&a, SCRATCH_BYTES);
	s = try_once(arg, db, &a, e);
	om_arena_fini(&a);
	return s;
}

/* tell_planned tells the duty of look-ups, after the commit, when the next is due. */
static void
tell_planned(const struct run *r)
{
	if (r->next != INT64_MAX && r->l->planned != NULL)
		r->l->planned(r->l->planned_arg, r->next);
}

static om_status
store_batch(struct run *r, int64_t deadline_ms, om_err *e)
{
	om_err why = {.text = ""};
	om_status s = cd_pool_run(r->l->pool, CD_TX_WRITE, deadline_ms, work, r, &why);

	if (s == OM_STORE_DATA && r->batch != NULL) {
		om_log(OM_LOG_WARN, "the database refuses a record of the batch; costd finds out which", "why",
		    why.text, NULL);
		r->one_by_one = true;
		s = cd_pool_run(r->l->pool, CD_TX_WRITE, deadline_ms, work, r, &why);
	}
	if (s != OM_OK)
		return om_fail(e, s, "%s", om_err_text(&why, s));
	tell_planned(r);
	return OM_OK;
}

static om_status
check_batch(const Om__SubmitBatch *b, om_err *e)
{
	uint64_t least = b->first_seq;

	if (b->spool_id.len != 16)
		return om_fail(e, OM_INVALID, "spool_id: must have 16 bytes, has %zu", b->spool_id.len);
	if (b->first_seq > b->last_seq || b->last_seq > INT64_MAX)
		return om_fail(e, OM_INVALID, "first_seq and last_seq are not a range");
	for (size_t i = 0; i < b->n_entries; i++) {
		uint64_t seq = b->entries[i]->seq;

		if (seq < least || seq > b->last_seq)
			return om_fail(e, OM_INVALID, "entry %zu: seq is out of order or range", i);
		least = seq + 1;
	}
	return OM_OK;
}

/* tell_missing logs the batches that are missing since a backup was restored. */
static void
tell_missing(const struct run *r)
{
	char spool[2 * 16 + 1];

	om_hex(r->batch->spool_id.data, 16, spool);
	om_log(OM_LOG_ERROR,
	    "records that were acknowledged once are not in the database: it was put back to an earlier state", "spool",
	    spool, "first_seq", OM_I64(r->missing_first), "last_seq", OM_I64(r->missing_last), NULL);
}

om_status
cd_ledger_submit(struct cd_ledger *l, const Om__SubmitBatch *b, int64_t deadline_ms, struct om_arena *a,
    Om__SubmitReply *out, om_err *e)
{
	struct run r = {.l = l, .n = b->n_entries, .batch = b};
	om_time began = om_now();
	om_status s = check_batch(b, e);

	if (s != OM_OK)
		return s;
	s = cd_pool_gate(l->pool, e);
	if (s != OM_OK)
		return s;
	r.items = om_arena_array(a, r.n + 1, sizeof *r.items);
	if (r.items == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < r.n; i++) {
		r.items[i].seq = b->entries[i]->seq;
		r.items[i].packed = b->entries[i]->record.data;
		r.items[i].n_packed = b->entries[i]->record.len;
		s = cd_item_read_delivered(&r.items[i], l->books, a, e);
	}
	if (s == OM_OK)
		s = cd_items_learn(l->pool, r.items, r.n, deadline_ms, a, e);
	if (s != OM_OK)
		return s;
	cd_items_sort(r.items, r.n);
	s = store_batch(&r, deadline_ms, e);
	if (s != OM_OK)
		return s;
	out->spool_id = b->spool_id;
	out->first_seq = b->first_seq;
	out->last_seq = b->last_seq;
	out->new_records = (uint32_t)r.n_new;
	out->refused_records = (uint32_t)r.n_refused;
	out->duplicate_records = (uint32_t)((int64_t)r.n - r.n_new - r.n_refused);
	if (r.missing_last > 0)
		tell_missing(&r);
	om_stat_add(&stat_new, out->new_records);
	om_stat_add(&stat_duplicate, out->duplicate_records);
	om_stat_add(&stat_refused, out->refused_records);
	om_stat_observe_us(&stat_batch, om_now() - began);
	om_log(out->refused_records > 0 ? OM_LOG_WARN : OM_LOG_DEBUG, "batch committed", "entries", OM_I64(r.n), "new",
	    OM_I64(out->new_records), "duplicate", OM_I64(out->duplicate_records), "refused",
	    OM_I64(out->refused_records), NULL);
	return OM_OK;
}

om_status
cd_ledger_settle(struct cd_ledger *l, Om__Record *rec, int64_t deadline_ms, struct om_arena *a, om_err *e)
{
	struct cd_item item = {.seq = 0};
	struct run r = {.l = l, .items = &item, .n = 1};
	struct om_buf b;
	om_status s = cd_pool_gate(l->pool, e);

	if (s != OM_OK)
		return s;
	om_buf_init(&b, (size_t)1024 * 1024);
	om_msg_pack(&rec->base, &b);
	s = om_buf_done(&b, e);
	item.packed = b.data;
	item.n_packed = b.len;
	if (s == OM_OK)
		s = cd_item_read(&item, a, e);
	if (s == OM_OK)
		s = cd_items_learn(l->pool, &item, 1, deadline_ms, a, e);
	if (s == OM_OK && item.refused != NULL)
		s = om_fail(e, OM_INVALID, "%s", item.refused);
	if (s == OM_OK)
		s = store_batch(&r, deadline_ms, e);
	om_buf_fini(&b);
	return s;
}

/* ---- dead letters, once more ---- */

struct retry {
	struct run run;
	const struct cd_letter_key *key;
	cd_retried became;
};

/* retry_once carries on with a letter that is locked. */
static om_status
retry_once(struct retry *t, struct cd_db *db, const char *record, size_t n, struct om_arena *a, om_err *e)
{
	struct cd_item item = {.seq = t->key->seq, .packed = record, .n_packed = n};
	const char *why;
	om_status s = cd_item_read_delivered(&item, t->run.l->books, a, e);

	om_check(t->run.batch == NULL); /* or the letter would be stored once more */
	t->run.items = &item;
	t->run.n = 1;
	t->run.one_by_one = true;
	if (s == OM_OK)
		s = try_once(&t->run, db, a, e);
	t->run.items = NULL;
	if (s != OM_OK)
		return s;
	why = refusal(&item);
	t->became = why != NULL ? CD_RETRIED_REFUSED : t->run.n_new > 0 ? CD_RETRIED_STORED : CD_RETRIED_DUPLICATE;
	return cd_dead_release(db, t->key, why, a, e);
}

static om_status
retry_work(struct cd_db *db, void *arg, om_err *e)
{
	struct retry *t = arg;
	const char *record = NULL;
	struct om_arena a;
	size_t n = 0;
	om_status s;

	t->became = CD_RETRIED_GONE;
	t->run.next = INT64_MAX;
	om_arena_init(&a, SCRATCH_BYTES);
	s = cd_dead_lock(db, t->key, &a, &record, &n, e);
	if (s == OM_OK && record != NULL)
		s = retry_once(t, db, record, n, &a, e);
	om_arena_fini(&a);
	return s;
}

/* A letter's record, before it is locked for the retry. */
struct peek {
	const struct cd_letter_key *key;
	const char *record; /* NULL: there is no such letter */
	size_t n;
	struct om_arena a;
};

static om_status
peek_work(struct cd_db *db, void *arg, om_err *e)
{
	struct peek *p = arg;

	return cd_dead_lock(db, p->key, &p->a, &p->record, &p->n, e);
}

/* learn_letter gives numbers to the names in a letter's record, before the transaction that stores it. */
static om_status
learn_letter(struct cd_pool *p, const struct cd_letter_key *key, int64_t deadline_ms, bool books, om_err *e)
{
	struct peek peek = {.key = key};
	struct cd_item item = {.seq = key->seq};
	om_status s = cd_pool_gate(p, e);

	if (s != OM_OK)
		return s;
	om_arena_init(&peek.a, SCRATCH_BYTES);
	s = cd_pool_run(p, CD_TX_WRITE, deadline_ms, peek_work, &peek, e);
	if (s == OM_OK && peek.record != NULL) {
		item.packed = peek.record;
		item.n_packed = peek.n;
		s = cd_item_read_delivered(&item, books, &peek.a, e);
		if (s == OM_OK)
			s = cd_items_learn(p, &item, 1, deadline_ms, &peek.a, e);
	}
	om_arena_fini(&peek.a);
	return s;
}

om_status
cd_ledger_retry(struct cd_ledger *l, const struct cd_letter_key *key, int64_t deadline_ms, cd_retried *out, om_err *e)
{
	struct retry t = {.run = {.l = l}, .key = key};
	om_status s = learn_letter(l->pool, key, deadline_ms, l->books, e);

	if (s == OM_OK)
		s = cd_pool_run(l->pool, CD_TX_WRITE, deadline_ms, retry_work, &t, e);
	if (s != OM_OK)
		return s;
	tell_planned(&t.run);
	*out = t.became;
	return OM_OK;
}
