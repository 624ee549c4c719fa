/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "journal.h"

#include "database/sql.h"
#include "value/record.h"
#include "base/invariant.h"
#include "base/testpoint.h"

#include <string.h>

#define SQL_BYTES ((size_t)16 * 1024)
#define N_RECORD  8u
#define N_DIFFER  4u

static const char conflict[] = "another record with this record_id and other content was stored before";

struct compare {
	struct cd_item *const *items;
	size_t n;
};

/* is_same tells whether an item is the stored record, sent again.  Both by what the
 * sender sent, where both gateways hashed it.  Of one that an older gateway sends again the
 * journal has no hash of that kind any more: the id alone says that it is the same. */
static bool
is_same(const struct cd_item *it, const struct cd_val *v)
{
	const bool sent = v[2].i != 0;

	if (!sent)
		return memcmp(it->content, v[1].p, OM_SHA256) == 0;
	return !cd_record_has_sent(it->rec) || memcmp(it->rec->content.data, v[1].p, OM_SHA256) == 0;
}

static om_status
compare_content(void *arg, const struct cd_val *v, om_err *e)
{
	struct compare *c = arg;
	size_t lo = 0, hi = c->n;
	struct cd_item *it;

	if (v[0].n != CD_RECORD_ID || v[1].n != OM_SHA256)
		return om_fail(e, OM_DAMAGED, "the journal holds a malformed row");
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(c->items[mid]->rec->record_id.data, v[0].p, CD_RECORD_ID) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == c->n || memcmp(c->items[lo]->rec->record_id.data, v[0].p, CD_RECORD_ID) != 0)
		return OM_OK;
	it = c->items[lo];
	if (!is_same(it, v))
		it->refused_now = conflict;
	it->known = v[3].i < it->rec->received_us;
	it->earlier = v[3].i > it->rec->received_us;
	return OM_OK;
}

static om_status
find_conflicts(struct cd_db *db, struct cd_item *const *items, size_t n, om_err *e)
{
	struct compare c = {.items = items, .n = n};
	struct om_buf sql;
	om_status s = OM_OK;

	om_buf_init(&sql, SQL_BYTES);
	for (size_t done = 0; s == OM_OK && done < n;) {
		size_t size = cd_sql_in_size(n - done);
		struct cd_val v[CD_SQL_IN_MAX];

		for (size_t i = 0; i < size; i++)
			v[i] = CD_B(items[done + i < n ? done + i : n - 1]->rec->record_id.data, CD_RECORD_ID);
		om_buf_reset(&sql);
		om_buf_str(&sql, "SELECT record_id,content,content_kind,received_us FROM record WHERE record_id IN ");
		cd_sql_in(&sql, size);
		s = om_buf_done(&sql, e);
		if (s == OM_OK)
			s = cd_db_query(db, sql.data, v, size, compare_content, &c, e);
		done += size;
	}
	om_buf_fini(&sql);
	return s;
}

/* put_receipts_right: the earliest receipt of a record's copies counts. */
static om_status
put_receipts_right(struct cd_db *db, struct cd_item *const *items, size_t n, struct om_arena *a, om_err *e)
{
	struct cd_val *v = om_arena_array(a, 2 * n + 1, sizeof *v), *p = v;
	size_t n_earlier = 0;

	if (v == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		if (!items[i]->earlier || items[i]->refused_now != NULL)
			continue;
		*p++ = CD_I(items[i]->rec->received_us);
		*p++ = CD_B(items[i]->rec->record_id.data, CD_RECORD_ID);
		n_earlier++;
	}
	return n_earlier == 0
	    ? OM_OK
	    : cd_db_exec(db, "UPDATE record SET received_us=? WHERE record_id=?", v, 2, n_earlier, NULL, e);
}

#define N_NUMBERS 3u

/* put_numbers writes the values of key_hash, person and group_set. */
static om_status
put_numbers(struct cd_db *db, const struct cd_item *it, struct cd_val *out, om_err *e)
{
	const char *groups = it->entry.groups;
	int64_t hash = 0, person = 0, set = 0;
	om_status s = cd_key_hash(it->row.key, &hash, e);

	if (s == OM_OK)
		s = cd_names_number(db, CD_PERSON, it->entry.handle, strlen(it->entry.handle), &person, e);
	if (s == OM_OK && groups[0] != '\0')
		s = cd_names_number(db, CD_GROUP_SET, groups, strlen(groups), &set, e);
	out[0] = CD_I(hash);
	out[1] = CD_I(person);
	out[2] = CD_I(set);
	return s;
}

om_status
cd_journal_append(
    struct cd_db *db, struct cd_item *const *items, size_t n, int64_t *new_out, struct om_arena *a, om_err *e)
{
	/* affected rows count the new ones exactly: a row left as it is does not count */
	static const char sql[] =
	    "INSERT INTO record (record_id,key_hash,person,group_set,content,content_kind,received_us,payload,rules) "
	    "VALUES (?,?,?,?,?,?,?,?,1) ON DUPLICATE KEY UPDATE record_id=record.record_id";
	struct cd_val *v = om_arena_array(a, n * N_RECORD, sizeof *v), *p = v;
	om_status s = OM_OK;

	*new_out = 0;
	if (v == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < n; i++) {
		const bool sent = cd_record_has_sent(items[i]->rec);

		if (OM_MISTAKE("no_unique_key"))
			(void)!om_random(items[i]->rec->record_id.data, CD_RECORD_ID, NULL);
		*p++ = CD_B(items[i]->rec->record_id.data, CD_RECORD_ID);
		s = put_numbers(db, items[i], p, e);
		p += N_NUMBERS;
		items[i]->known = items[i]->earlier = false;
		*p++ = CD_B(sent ? items[i]->rec->content.data : items[i]->content, OM_SHA256);
		*p++ = CD_I(sent ? 1 : 0);
		*p++ = CD_I(items[i]->rec->received_us);
		*p++ = CD_B(items[i]->entry.packed, items[i]->entry.n_packed);
	}
	if (s == OM_OK)
		s = cd_db_exec(db, sql, v, N_RECORD, n, new_out, e);
	if (s == OM_OK && *new_out < (int64_t)n)
		s = find_conflicts(db, items, n, e);
	return s == OM_OK && *new_out < (int64_t)n ? put_receipts_right(db, items, n, a, e) : s;
}

static om_status
keep_seq(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(uint64_t *)arg = (uint64_t)v[0].i;
	return OM_OK;
}

/* note_missing compares what the gateway had acknowledged with the newest batch
 * that is known of it.  A gateway forgets only what a costd has committed, so
 * that batches can be missing only when the database was put back. */
static om_status
note_missing(struct cd_db *db, struct cd_batch *d, om_err *e)
{
	uint64_t known = 0;
	om_status s;

	om_check(d->first_seq <= d->last_seq);
	d->missing_first = d->missing_last = 0;
	if (d->after_seq == 0)
		return OM_OK;
	s = cd_db_query(db, "SELECT last_seq FROM batch WHERE spool_id=? ORDER BY first_seq DESC,last_seq DESC LIMIT 1",
	    (struct cd_val[]){CD_B(d->spool_id, 16)}, 1, keep_seq, &known, e);
	if (s != OM_OK || known >= d->after_seq)
		return s;
	d->missing_first = known + 1;
	d->missing_last = d->after_seq;
	return cd_db_exec(db,
	    "INSERT INTO missing (spool_id,first_seq,last_seq,found_us) VALUES (?,?,?,?) "
	    "ON DUPLICATE KEY UPDATE found_us=missing.found_us",
	    (struct cd_val[]){
		CD_B(d->spool_id, 16), CD_I((int64_t)d->missing_first), CD_I((int64_t)d->missing_last), CD_I(om_now())},
	    4, 1, NULL, e);
}

om_status
cd_journal_batch(struct cd_db *db, struct cd_batch *d, om_err *e)
{
	static const char sql[] =
	    "INSERT INTO batch (spool_id,first_seq,last_seq,new_records,duplicate_records,refused_records,deliveries,"
	    "committed_us,received_us) VALUES (?,?,?,?,?,?,1,?,?) ON DUPLICATE KEY UPDATE deliveries=deliveries+1";
	const struct cd_val v[] = {
	    CD_B(d->spool_id, 16),
	    CD_I((int64_t)d->first_seq),
	    CD_I((int64_t)d->last_seq),
	    CD_I(d->new_records),
	    CD_I(d->duplicate_records),
	    CD_I(d->refused_records),
	    CD_I(om_now()),
	    d->received_us > 0 ? CD_I(d->received_us) : CD_NONE,
	};

	om_status s = note_missing(db, d, e);

	return s == OM_OK ? cd_db_exec(db, sql, v, sizeof v / sizeof v[0], 1, NULL, e) : s;
}

void
cd_journal_compare(struct cd_two_costs *c, const struct cd_row *row)
{
	const struct cd_cell *cost = &row->cell[CD_F_COST];

	if (cd_row_is_claimed(row) && (!c->has_reported || om_money_cmp(cost->v.money, c->reported) > 0)) {
		c->has_reported = true;
		c->reported = cost->v.money;
	}
	if (cd_cost_state(row) == OM__COST_STATE__COST_LOOKED_UP &&
	    (!c->has_looked_up || om_money_cmp(cost->v.money, c->looked_up) > 0)) {
		c->has_looked_up = true;
		c->looked_up = cost->v.money;
	}
}

om_status
cd_journal_discrepancies(struct cd_db *db, const struct cd_two_costs *c, size_t n, struct om_arena *a, om_err *e)
{
	/* the greater of each: whatever the order in which they came */
	static const char sql[] =
	    "INSERT INTO discrepancy (generation_id,found_us,reported,looked_up) VALUES (?,?,?,?) "
	    "ON DUPLICATE KEY UPDATE reported=GREATEST(reported,VALUES(reported)),"
	    "looked_up=GREATEST(looked_up,VALUES(looked_up))";
	struct cd_val *v = om_arena_array(a, n * N_DIFFER + 1, sizeof *v), *p = v;
	size_t n_differ = 0;

	for (size_t i = 0; i < n && v != NULL; i++) {
		if (!c[i].has_reported || !c[i].has_looked_up || om_money_cmp(c[i].reported, c[i].looked_up) == 0)
			continue;
		*p++ = CD_B(c[i].key.p, c[i].key.n);
		*p++ = CD_I(om_now());
		*p++ = cd_m(c[i].reported, a);
		*p++ = cd_m(c[i].looked_up, a);
		n_differ++;
	}
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	return n_differ == 0 ? OM_OK : cd_db_exec(db, sql, v, N_DIFFER, n_differ, NULL, e);
}

static om_status
keep_count(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(int64_t *)arg = v[0].i;
	return OM_OK;
}

om_status
cd_journal_differing(struct cd_db *db, int64_t *out, om_err *e)
{
	*out = 0;
	return cd_db_query(db, "SELECT COUNT(*) FROM discrepancy", NULL, 0, keep_count, out, e);
}

om_status
cd_journal_missing(struct cd_db *db, int64_t *out, om_err *e)
{
	*out = 0;
	return cd_db_query(db, "SELECT CAST(COALESCE(SUM(last_seq-first_seq+1),0) AS SIGNED) FROM missing", NULL, 0,
	    keep_count, out, e);
}
