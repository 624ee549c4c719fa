/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Life of a record: put (row in `record`, crc over receive time and payload),
 * committed, read by the forwarder, forgotten in the commit that counts it.  A
 * row whose checksum fails moves to `quarantine` in a transaction of its own.
 *
 * One connection, locking_mode=EXCLUSIVE: no shared memory file, and SQLite
 * 3.40's WAL-reset race, which needs two connections, cannot happen.
 * The spool asks for each checkpoint itself, so that it sees an error in one.
 */
#include "store_in.h"

#include "base/digest.h"
#include "base/invariant.h"
#include "base/log.h"
#include "base/testpoint.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define PAGE_BYTES       4096
#define CHECKPOINT_PAGES 1000
#define RESERVE_BYTES    ((uint64_t)4 * 1024 * 1024) /* or a sixteenth of a small disk */
#define SLACK_BYTES      ((uint64_t)64 * 1024)
#define VACUUM_PAGES     256
#define VACUUM_STEPS     8
#define SWEEP_ROWS       500
#define HOUR             (3600 * OM_SECOND)

static uint32_t
checksum(om_time received_us, const void *data, size_t n)
{
	unsigned char le[8];

	for (size_t i = 0; i < sizeof le; i++)
		le[i] = (unsigned char)((uint64_t)received_us >> (8 * i));
	return om_crc32(om_crc32(0, le, sizeof le), data, n);
}

/* step runs a prepared change to its end. */
static om_status
step(struct gw_store *st, enum statement which, const char *doing, om_err *e)
{
	om_status s = sqlite3_step(st->st[which]) == SQLITE_DONE ? OM_OK : gw_sqlite_fail(&st->db, doing, e);

	(void)sqlite3_reset(st->st[which]);
	return s;
}

static void
bind(struct gw_store *st, enum statement which, int at, int64_t v)
{
	(void)sqlite3_bind_int64(st->st[which], at, v);
}

/* ---- reading rows, setting damaged ones aside ---- */

static om_status
set_aside(struct gw_store *st, const uint64_t *seqs, size_t n, om_err *e)
{
	om_status s = gw_store_begin(st, e);
	int64_t dropped = 0;
	char text[128];

	for (size_t i = 0; s == OM_OK && i < n; i++) {
		bind(st, SET_ASIDE, 1, (int64_t)seqs[i]);
		bind(st, SET_ASIDE, 2, om_now());
		s = step(st, SET_ASIDE, "setting a damaged record aside", e);
		bind(st, DROP_DAMAGED, 1, (int64_t)seqs[i]);
		if (s == OM_OK)
			s = step(st, DROP_DAMAGED, "setting a damaged record aside", e);
		dropped += sqlite3_changes64(st->db.handle);
		st->next.totals.pending--;
		st->next.totals.quarantined++;
	}
	st->next.totals.oldest_us = -1;
	if (s == OM_OK && dropped == 0) /* read again they would be found again, for ever */
		s = om_fail(e, OM_IO, "the file is damaged: a row that was read from it cannot be found in it again");
	if (s == OM_OK)
		s = gw_store_commit(st, e);
	if (s != OM_OK) {
		gw_store_rollback(st);
		return s;
	}
	for (size_t i = 0; i < n; i++)
		om_log(OM_LOG_ERROR, "a damaged record was set aside", "seq", OM_I64(seqs[i]), NULL);
	(void)snprintf(text, sizeof text, "SELECT coalesce(sum(length(payload)),0) FROM record WHERE seq>%llu",
	    (unsigned long long)st->now.forgotten);
	return gw_sqlite_int(&st->db, text, &st->now.totals.pending_bytes, e);
}

/* take_row copies the current row; false when it is damaged. */
static bool
take_row(sqlite3_stmt *q, struct om_arena *a, struct gw_row *row, bool *nomem)
{
	const void *data = sqlite3_column_blob(q, 3);
	size_t n = (size_t)sqlite3_column_bytes(q, 3);
	unsigned char *copy;

	row->seq = (uint64_t)sqlite3_column_int64(q, 0);
	row->received_us = sqlite3_column_int64(q, 1);
	if (data == NULL || sqlite3_column_type(q, 3) != SQLITE_BLOB || sqlite3_column_type(q, 2) != SQLITE_INTEGER ||
	    sqlite3_column_int64(q, 2) != (int64_t)checksum(row->received_us, data, n))
		return false;
	copy = om_arena_alloc(a, n);
	*nomem = copy == NULL;
	if (copy != NULL)
		memcpy(copy, data, n);
	row->data = copy;
	row->n = n;
	return true;
}

static om_status
read_once(struct gw_store *st, uint64_t after, size_t max_rows, size_t max_bytes, struct om_arena *a,
    struct gw_row **rows_out, size_t *n_out, size_t *n_damaged_out, om_err *e)
{
	struct gw_row *rows = om_arena_array(a, max_rows, sizeof *rows);
	uint64_t *damaged = om_arena_array(a, max_rows, sizeof *damaged);
	size_t n = 0, n_damaged = 0, bytes = 0;
	bool nomem = false;
	int rc = SQLITE_DONE;

	*rows_out = rows;
	*n_out = *n_damaged_out = 0;
	if (rows == NULL || damaged == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	bind(st, READ, 1, (int64_t)after);
	bind(st, READ, 2, (int64_t)max_rows);
	while (bytes < max_bytes && !nomem && (rc = sqlite3_step(st->st[READ])) == SQLITE_ROW) {
		if (take_row(st->st[READ], a, &rows[n], &nomem))
			bytes += rows[n++].n;
		else
			damaged[n_damaged++] = rows[n].seq;
	}
	if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
		om_status s = gw_sqlite_fail(&st->db, "reading the spool", e);

		(void)sqlite3_reset(st->st[READ]);
		return s;
	}
	(void)sqlite3_reset(st->st[READ]);
	if (nomem && --n == 0)
		return om_fail(e, OM_NOMEM, "out of memory");
	*n_out = n;
	*n_damaged_out = n_damaged;
	return n_damaged > 0 ? set_aside(st, damaged, n_damaged, e) : OM_OK;
}

/* gw_store_read_after goes on while all it finds is damaged. */
om_status
gw_store_read_after(struct gw_store *st, uint64_t after, size_t max_rows, size_t max_bytes, struct om_arena *a,
    struct gw_row **rows_out, size_t *n_out, om_err *e)
{
	size_t n_damaged;
	om_status s;

	do
		s = read_once(st, after, max_rows, max_bytes, a, rows_out, n_out, &n_damaged, e);
	while (s == OM_OK && *n_out == 0 && n_damaged > 0);
	return s;
}

const unsigned char *
gw_store_id(const struct gw_store *st)
{
	return st->id;
}

bool
gw_store_damaged(const struct gw_store *st)
{
	return st->damaged;
}

void
gw_store_totals(const struct gw_store *st, struct gw_store_totals *out)
{
	*out = st->now.totals;
	out->acknowledged_seq = st->now.forgotten;
}

/* ---- changing ---- */

om_status
gw_store_begin(struct gw_store *st, om_err *e)
{
	if (OM_MISTAKE("answer_before_commit") && sqlite3_get_autocommit(st->db.handle) == 0)
		(void)sqlite3_exec(st->db.handle, "COMMIT", NULL, NULL, NULL);
	om_check(sqlite3_get_autocommit(st->db.handle) != 0); /* one transaction at a time */
	st->next = st->now;
	return step(st, BEGIN, "beginning a transaction", e);
}

om_status
gw_store_put(struct gw_store *st, om_time received_us, const void *data, size_t n, om_err *e)
{
	om_status s;

	om_check(n > 0); /* a row without bytes would be taken for damage */
	om_check(sqlite3_get_autocommit(st->db.handle) == 0);
	bind(st, PUT, 1, received_us);
	bind(st, PUT, 2, checksum(received_us, data, n));
	(void)sqlite3_bind_blob64(st->st[PUT], 3, data, n, SQLITE_STATIC);
	s = step(st, PUT, "appending to the spool", e);
	(void)sqlite3_clear_bindings(st->st[PUT]);
	if (s == OM_OK) {
		st->next.totals.accepted++;
		st->next.totals.pending++;
		st->next.totals.pending_bytes += (int64_t)n;
		if (st->next.totals.oldest_us == 0)
			st->next.totals.oldest_us = received_us;
	}
	return s;
}

om_status
gw_store_forget(struct gw_store *st, uint64_t first, uint64_t last, uint32_t new_records, uint32_t duplicates,
    uint32_t refused, om_err *e)
{
	int64_t expected = (int64_t)new_records + duplicates + refused, n = -1, bytes = 0;
	om_status s = OM_OK;

	/* everything after what is forgotten: a gap would forget what costd does not have */
	bind(st, RANGE, 1, (int64_t)st->next.forgotten);
	bind(st, RANGE, 2, (int64_t)last);
	if (sqlite3_step(st->st[RANGE]) == SQLITE_ROW) {
		n = sqlite3_column_int64(st->st[RANGE], 0);
		bytes = sqlite3_column_int64(st->st[RANGE], 1);
	} else {
		s = gw_sqlite_fail(&st->db, "forgetting what is acknowledged", e);
	}
	(void)sqlite3_reset(st->st[RANGE]);
	if (s != OM_OK)
		return s;
	if (n != expected || first <= st->next.forgotten || last < first)
		return om_fail(e, OM_INTERNAL, "%lld records were acknowledged, the spool holds %lld of them",
		    (long long)expected, (long long)n);
	st->next.forgotten = last;
	st->next.unswept += n;
	st->next.totals.pending -= n;
	st->next.totals.pending_bytes -= bytes;
	st->next.totals.new_records += new_records;
	st->next.totals.duplicate_records += duplicates;
	st->next.totals.refused_records += refused;
	st->next.totals.oldest_us = -1; /* looked up at commit */
	return OM_OK;
}

om_status
gw_store_sweep(struct gw_store *st, int max_rows, om_err *e)
{
	om_status s;

	if (st->next.unswept == 0)
		return OM_OK;
	bind(st, SWEEP, 1, (int64_t)st->next.forgotten);
	bind(st, SWEEP, 2, max_rows);
	s = step(st, SWEEP, "deleting what is acknowledged", e);
	if (s == OM_OK)
		st->next.unswept -= sqlite3_changes64(st->db.handle);
	return s;
}

/* ---- what was refused ---- */

void
gw_store_count_refused(struct gw_store_totals *t, int64_t hour, int64_t n)
{
	size_t at = (size_t)((hour % GW_HOURS + GW_HOURS) % GW_HOURS);

	t->turned_away += n;
	if (t->hours[at].hour > hour)
		return; /* the clock was put back by a day or more */
	if (t->hours[at].hour < hour)
		t->hours[at].count = 0;
	t->hours[at].hour = hour;
	t->hours[at].count += n;
}

int64_t
gw_turned_away(const struct gw_store_totals *t, om_time now)
{
	int64_t hour = now / HOUR, n = 0;

	for (size_t i = 0; i < GW_HOURS; i++)
		if (t->hours[i].hour > hour - GW_HOURS && t->hours[i].hour <= hour)
			n += t->hours[i].count;
	return n;
}

om_status
gw_store_refuse(struct gw_store *st, const struct gw_refusal *r, om_err *e)
{
	int64_t hour = r->last_us / HOUR;
	om_status s;

	(void)sqlite3_bind_text(st->st[REFUSE], 1, r->door, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(st->st[REFUSE], 2, r->sender, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(st->st[REFUSE], 3, r->reason, -1, SQLITE_STATIC);
	bind(st, REFUSE, 4, r->count);
	bind(st, REFUSE, 5, r->last_us);
	s = step(st, REFUSE, "noting what was refused", e);
	(void)sqlite3_clear_bindings(st->st[REFUSE]);
	bind(st, REFUSE_HOUR, 1, hour);
	bind(st, REFUSE_HOUR, 2, r->count);
	if (s == OM_OK)
		s = step(st, REFUSE_HOUR, "noting what was refused", e);
	bind(st, DROP_REFUSALS, 1, GW_REFUSALS_MAX);
	if (s == OM_OK)
		s = step(st, DROP_REFUSALS, "noting what was refused", e);
	if (s == OM_OK)
		gw_store_count_refused(&st->next.totals, hour, r->count);
	return s;
}

static const char *
text_at(sqlite3_stmt *q, int column, struct om_arena *a)
{
	const unsigned char *text = sqlite3_column_text(q, column);

	return om_arena_strdup(a, text != NULL ? (const char *)text : "");
}

om_status
gw_store_refusals(struct gw_store *st, struct om_arena *a, struct gw_refusal **out, size_t *n_out, om_err *e)
{
	struct gw_refusal *list = om_arena_array(a, GW_REFUSALS_MAX, sizeof *list);
	sqlite3_stmt *q = NULL;
	om_status s = OM_OK;
	int rc = SQLITE_ERROR;
	size_t n = 0;

	*out = list;
	*n_out = 0;
	if (sqlite3_prepare_v2(st->db.handle,
		"SELECT door,sender,reason,count,first_us,last_us FROM refusal ORDER BY last_us DESC,rowid DESC", -1,
		&q, NULL) == SQLITE_OK)
		while (list != NULL && n < GW_REFUSALS_MAX && (rc = sqlite3_step(q)) == SQLITE_ROW)
			list[n++] = (struct gw_refusal){.door = text_at(q, 0, a),
			    .sender = text_at(q, 1, a),
			    .reason = text_at(q, 2, a),
			    .count = sqlite3_column_int64(q, 3),
			    .first_us = sqlite3_column_int64(q, 4),
			    .last_us = sqlite3_column_int64(q, 5)};
	if (list != NULL && rc != SQLITE_DONE && rc != SQLITE_ROW)
		s = gw_sqlite_fail(&st->db, "reading what was refused", e);
	(void)sqlite3_finalize(q);
	if (s == OM_OK && a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	*n_out = n;
	return s;
}

om_status
gw_store_commit(struct gw_store *st, om_err *e)
{
	const struct gw_store_totals *was = &st->now.totals;
	struct gw_store_totals *is = &st->next.totals;
	char text[160];
	om_status s;

	om_check(st->next.forgotten >= st->now.forgotten); /* numbers only go up */
	om_check(is->accepted >= was->accepted && is->turned_away >= was->turned_away);
	bind(st, COUNT, 1, is->accepted - was->accepted);
	bind(st, COUNT, 2, is->new_records - was->new_records);
	bind(st, COUNT, 3, is->duplicate_records - was->duplicate_records);
	bind(st, COUNT, 4, is->refused_records - was->refused_records);
	bind(st, COUNT, 5, (int64_t)st->next.forgotten);
	s = step(st, COUNT, "counting", e);
	if (s == OM_OK && is->oldest_us < 0) {
		(void)snprintf(text, sizeof text,
		    "SELECT coalesce((SELECT received_us FROM record WHERE seq>%llu ORDER BY seq LIMIT 1),0)",
		    (unsigned long long)st->next.forgotten);
		s = gw_sqlite_int(&st->db, text, &is->oldest_us, e);
	}
	OM_CRASH_POINT("gateway_before_commit");
	if (s == OM_OK && !OM_MISTAKE("answer_before_commit"))
		s = step(st, COMMIT, "committing", e);
	OM_CRASH_POINT("gateway_after_commit");
	if (s == OM_OK)
		st->now = st->next;
	return s;
}

void
gw_store_rollback(struct gw_store *st)
{
	if (sqlite3_get_autocommit(st->db.handle) == 0)
		(void)sqlite3_exec(st->db.handle, "ROLLBACK", NULL, NULL, NULL);
	st->next = st->now;
	if (st->db.wal_pages == 0)
		st->db.wal_pages = 1; /* what was undone may still take space in the log */
}

om_status
gw_store_room(struct gw_store *st, size_t bytes, om_err *e)
{
	for (int round = 0;; round++) {
		int64_t free_pages = 0;
		uint64_t free_bytes, reserve, grow, need;
		struct statvfs fs;
		om_status s;

		if (statvfs(st->dir, &fs) != 0)
			return OM_OK; /* without an answer SQLite notices a full disk itself */
		free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
		reserve = (uint64_t)fs.f_blocks * fs.f_frsize / 16;
		if (reserve > RESERVE_BYTES)
			reserve = RESERVE_BYTES;
		/* the log takes the pages first; then the file, unless it has free ones
		 * inside: those may be filled when the file may no longer grow */
		need = SLACK_BYTES + bytes * 2;
		grow = bytes + (uint64_t)st->db.wal_pages * PAGE_BYTES;
		if (free_bytes >= reserve + need + grow)
			return OM_OK;
		s = gw_sqlite_int(&st->db, "PRAGMA freelist_count", &free_pages, e);
		if (s != OM_OK)
			return s;
		if (free_bytes >= reserve / 2 + need && (uint64_t)free_pages * PAGE_BYTES >= grow)
			return OM_OK;
		if (round > 0 || st->db.wal_pages == 0)
			return om_fail(e, OM_FULL, "the disk of the spool is nearly full");
		s = gw_store_tidy(st, true, e);
		if (s != OM_OK)
			return s;
	}
}

/* sweep_alone deletes in a transaction of its own. */
static om_status
sweep_alone(struct gw_store *st, int max_rows, om_err *e)
{
	om_status s = gw_store_begin(st, e);

	if (s == OM_OK)
		s = gw_store_sweep(st, max_rows, e);
	if (s == OM_OK)
		s = gw_store_commit(st, e);
	if (s != OM_OK)
		gw_store_rollback(st);
	return s;
}

/* sweep_all goes on in smaller steps, with a short log, where space is scarce. */
static om_status
sweep_all(struct gw_store *st, om_err *e)
{
	om_status s = OM_OK;

	for (int rows = SWEEP_ROWS; st->now.unswept > 0 && rows > 0;) {
		s = sweep_alone(st, rows, e);
		if (s == OM_OK && rows == SWEEP_ROWS)
			break; /* space is plenty: the rest can wait for the next time */
		if (s == OM_FULL)
			rows /= 4;
		else if (s != OM_OK)
			return s;
		s = gw_sqlite_checkpoint(&st->db, true, e);
		if (s != OM_OK && s != OM_FULL)
			return s;
	}
	return s;
}

/* shrink gives the file's free pages back once nothing is left in it. */
static om_status
shrink(struct gw_store *st, om_err *e)
{
	om_status s = OM_OK;

	if (st->now.totals.pending > 0 || st->now.unswept > 0)
		return OM_OK;
	for (int i = 0; s == OM_OK && i < VACUUM_STEPS; i++) {
		int64_t free_pages = 0;

		s = gw_sqlite_int(&st->db, "PRAGMA freelist_count", &free_pages, e);
		if (s != OM_OK || free_pages <= VACUUM_PAGES)
			return s;
		s = gw_sqlite_run(&st->db, "PRAGMA incremental_vacuum(256)", e);
		if (s != OM_OK)
			gw_store_rollback(st);
	}
	return s;
}

/* A full disk is no failure here: the log keeps what could not be moved, and rows
 * that could not be deleted are only rows. */
om_status
gw_store_tidy(struct gw_store *st, bool thorough, om_err *e)
{
	om_status s = thorough ? sweep_all(st, e) : OM_OK;

	if (s == OM_OK && thorough)
		s = shrink(st, e);
	if (s != OM_OK && s != OM_FULL)
		return s;
	if (st->db.wal_pages >= CHECKPOINT_PAGES || (thorough && st->db.wal_pages > 0))
		s = gw_sqlite_checkpoint(&st->db, thorough, e); /* the file shrinks here */
	return s == OM_FULL ? OM_OK : s;
}

om_status
gw_store_read(struct gw_store *st, size_t max_rows, size_t max_bytes, struct om_arena *a, struct gw_row **rows_out,
    size_t *n_out, om_err *e)
{
	return gw_store_read_after(st, st->now.forgotten, max_rows, max_bytes, a, rows_out, n_out, e);
}

struct gw_sqlite *
gw_store_db(struct gw_store *st)
{
	return &st->db;
}
