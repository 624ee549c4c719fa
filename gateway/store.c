/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Life of a record: put (row in `record`, crc over receive time and payload),
 * committed, read by the forwarder, forgotten in the commit that counts it.  A
 * row whose checksum fails moves to `quarantine` in a transaction of its own.
 *
 * One connection, locking_mode=EXCLUSIVE: no shared memory file, and SQLite
 * 3.40's WAL-reset race, which needs two connections, cannot happen.
 * Checkpoints are ours, so that an error in one is seen.
 */
#include "store.h"

#include "digest.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PAGE_BYTES       4096
#define CHECKPOINT_PAGES 1000
#define SCHEMA_VERSION   1
#define RESERVE_BYTES    ((uint64_t)4 * 1024 * 1024) /* or a sixteenth of a small disk */
#define SLACK_BYTES      (64 * 1024)
#define VACUUM_PAGES     2048

enum statement {
	PUT,
	FORGET,
	COUNT,
	READ,
	SET_ASIDE,
	DROP_DAMAGED,
	END_SESSION,
	DROP_SESSIONS,
	N_STATEMENTS,
};

static const char *const sql[N_STATEMENTS] = {
    [PUT] = "INSERT INTO record(received_us,crc,payload) VALUES(?1,?2,?3)",
    [FORGET] = "DELETE FROM record WHERE seq BETWEEN ?1 AND ?2 RETURNING length(payload)",
    [COUNT] = "UPDATE totals SET accepted=accepted+?1, new_records=new_records+?2,"
	      " duplicate_records=duplicate_records+?3, refused_records=refused_records+?4",
    [READ] = "SELECT seq,received_us,crc,payload FROM record WHERE seq>?1 ORDER BY seq LIMIT ?2",
    [SET_ASIDE] = "INSERT INTO quarantine SELECT seq,received_us,crc,payload,?2 FROM record WHERE seq=?1",
    [DROP_DAMAGED] = "DELETE FROM record WHERE seq=?1",
    [END_SESSION] = "INSERT OR REPLACE INTO ended_session(id,expires_us) VALUES(?1,?2)",
    [DROP_SESSIONS] = "DELETE FROM ended_session WHERE expires_us<=?1",
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS record(seq INTEGER PRIMARY KEY AUTOINCREMENT, received_us INTEGER NOT NULL,"
    " crc INTEGER NOT NULL, payload BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS quarantine(seq INTEGER PRIMARY KEY, received_us, crc, payload, found_us INTEGER);"
    "CREATE TABLE IF NOT EXISTS totals(one INTEGER PRIMARY KEY CHECK(one=1), spool_id BLOB NOT NULL,"
    " accepted INTEGER NOT NULL DEFAULT 0, new_records INTEGER NOT NULL DEFAULT 0,"
    " duplicate_records INTEGER NOT NULL DEFAULT 0, refused_records INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE IF NOT EXISTS ended_session(id TEXT PRIMARY KEY, expires_us INTEGER NOT NULL) WITHOUT ROWID;";

struct gw_store {
	char dir[3200];
	int lock_fd;
	sqlite3 *db;
	sqlite3_stmt *st[N_STATEMENTS];
	unsigned char id[GW_SPOOL_ID];
	int wal_pages;                    /* after the last commit */
	struct gw_store_totals now, next; /* committed; with the open transaction's changes */
};

/* fail turns SQLite's last error into a status. */
static om_status
fail(struct gw_store *st, const char *doing, om_err *e)
{
	int rc = sqlite3_extended_errcode(st->db), sys = sqlite3_system_errno(st->db);

	if ((rc & 0xff) == SQLITE_FULL ||
	    ((rc & 0xff) == SQLITE_IOERR && rc != SQLITE_IOERR_FSYNC &&
		(sys == ENOSPC || sys == EDQUOT || sys == EFBIG)))
		return om_fail(e, OM_FULL, "%s: no space left for the spool", doing);
	if ((rc & 0xff) == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM)
		return om_fail(e, OM_NOMEM, "%s: out of memory", doing);
	return om_fail(e, OM_IO, "%s: %s (%d%s%s)", doing, sqlite3_errmsg(st->db), rc, sys != 0 ? ", " : "",
	    sys != 0 ? strerror(sys) : "");
}

static om_status
run(struct gw_store *st, const char *text, om_err *e)
{
	return sqlite3_exec(st->db, text, NULL, NULL, NULL) == SQLITE_OK ? OM_OK : fail(st, text, e);
}

/* query_int gives the first column of the first row. */
static om_status
query_int(struct gw_store *st, const char *text, int64_t *out, om_err *e)
{
	sqlite3_stmt *q = NULL;
	om_status s = OM_OK;

	*out = 0;
	if (sqlite3_prepare_v2(st->db, text, -1, &q, NULL) != SQLITE_OK || sqlite3_step(q) != SQLITE_ROW)
		s = fail(st, text, e);
	else
		*out = sqlite3_column_int64(q, 0);
	(void)sqlite3_finalize(q);
	return s;
}

static uint32_t
checksum(om_time received_us, const void *data, size_t n)
{
	unsigned char le[8];

	for (size_t i = 0; i < sizeof le; i++)
		le[i] = (unsigned char)((uint64_t)received_us >> (8 * i));
	return om_crc32(om_crc32(0, le, sizeof le), data, n);
}

static int
note_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct gw_store *st = arg;

	(void)db;
	(void)name;
	st->wal_pages = pages;
	return SQLITE_OK;
}

/* step runs a prepared change to its end. */
static om_status
step(struct gw_store *st, enum statement which, const char *doing, om_err *e)
{
	om_status s = sqlite3_step(st->st[which]) == SQLITE_DONE ? OM_OK : fail(st, doing, e);

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

	for (size_t i = 0; s == OM_OK && i < n; i++) {
		bind(st, SET_ASIDE, 1, (int64_t)seqs[i]);
		bind(st, SET_ASIDE, 2, om_now());
		s = step(st, SET_ASIDE, "setting a damaged record aside", e);
		bind(st, DROP_DAMAGED, 1, (int64_t)seqs[i]);
		if (s == OM_OK)
			s = step(st, DROP_DAMAGED, "setting a damaged record aside", e);
		st->next.pending--;
		st->next.quarantined++;
	}
	st->next.oldest_us = -1;
	if (s == OM_OK)
		s = gw_store_commit(st, e);
	if (s != OM_OK) {
		gw_store_rollback(st);
		return s;
	}
	for (size_t i = 0; i < n; i++)
		om_log(OM_LOG_ERROR, "a damaged record was set aside", "seq", OM_I64(seqs[i]), NULL);
	return query_int(st, "SELECT coalesce(sum(length(payload)),0) FROM record", &st->now.pending_bytes, e);
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
		om_status s = fail(st, "reading the spool", e);

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

/* read_after goes on while all it finds is damaged. */
static om_status
read_after(struct gw_store *st, uint64_t after, size_t max_rows, size_t max_bytes, struct om_arena *a,
    struct gw_row **rows_out, size_t *n_out, om_err *e)
{
	size_t n_damaged;
	om_status s;

	do
		s = read_once(st, after, max_rows, max_bytes, a, rows_out, n_out, &n_damaged, e);
	while (s == OM_OK && *n_out == 0 && n_damaged > 0);
	return s;
}

/* ---- opening ---- */

static om_status
make_dir(struct gw_store *st, const char *dir, om_err *e)
{
	struct statfs fs;
	int fd;

	if (snprintf(st->dir, sizeof st->dir, "%s", dir) >= (int)sizeof st->dir)
		return om_fail(e, OM_INVALID, "SPOOL_DIR: the path is too long");
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return om_fail(e, OM_IO, "SPOOL_DIR: cannot make %.120s: %s", dir, strerror(errno));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return om_fail(e, OM_IO, "SPOOL_DIR: cannot open %.120s: %s", dir, strerror(errno));
	if (fstatfs(fd, &fs) == 0 && (fs.f_type == 0x01021994 || (unsigned long)fs.f_type == 0x858458f6ul))
		om_log(OM_LOG_WARN, "the spool is on a file system in memory; a restart loses it", "dir", dir, NULL);
	(void)close(fd);
	return OM_OK;
}

static om_status
take_lock(struct gw_store *st, om_err *e)
{
	char path[3300];

	(void)snprintf(path, sizeof path, "%s/spool.lock", st->dir);
	st->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (st->lock_fd < 0)
		return om_fail(e, OM_IO, "cannot open %.160s: %s", path, strerror(errno));
	if (flock(st->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return om_fail(e, OM_UNAVAILABLE, "the spool in %.160s is in use by another process", st->dir);
	return OM_OK;
}

static om_status
open_db(struct gw_store *st, om_err *e)
{
	char path[3300];
	int64_t version;
	om_status s;

	(void)snprintf(path, sizeof path, "%s/spool.db", st->dir);
	if (sqlite3_open_v2(path, &st->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		return st->db != NULL ? fail(st, "opening the spool", e) : om_fail(e, OM_NOMEM, "out of memory");
	(void)sqlite3_extended_result_codes(st->db, 1);
	(void)sqlite3_wal_hook(st->db, note_wal, st); /* also ends automatic checkpoints */
	s = run(st, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL;", e);
	if (s == OM_OK)
		s = run(st,
		    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
		    " PRAGMA cache_size=-4096; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;",
		    e);
	if (s == OM_OK)
		s = query_int(st, "PRAGMA user_version", &version, e);
	if (s == OM_OK && version > SCHEMA_VERSION)
		return om_fail(e, OM_VERSION, "the spool was written by a newer gateway (version %lld, this one %d)",
		    (long long)version, SCHEMA_VERSION);
	return s;
}

static om_status
check_pragmas(struct gw_store *st, om_err *e)
{
	sqlite3_stmt *q = NULL;
	int64_t sync_level = 0;
	bool wal = false;
	om_status s = query_int(st, "PRAGMA synchronous", &sync_level, e);

	if (s != OM_OK)
		return s;
	if (sqlite3_prepare_v2(st->db, "PRAGMA journal_mode", -1, &q, NULL) == SQLITE_OK &&
	    sqlite3_step(q) == SQLITE_ROW)
		wal = strcmp((const char *)sqlite3_column_text(q, 0), "wal") == 0;
	(void)sqlite3_finalize(q);
	if (!wal || sync_level != 2)
		return om_fail(e, OM_IO, "the spool cannot be put into WAL mode with full synchronisation");
	return OM_OK;
}

static om_status
make_schema(struct gw_store *st, om_err *e)
{
	unsigned char id[GW_SPOOL_ID];
	sqlite3_stmt *q = NULL;
	om_status s = om_random(id, sizeof id, e);

	if (s == OM_OK)
		s = run(st, "BEGIN IMMEDIATE", e);
	if (s == OM_OK)
		s = run(st, schema, e);
	if (s == OM_OK) {
		if (sqlite3_prepare_v2(
			st->db, "INSERT OR IGNORE INTO totals(one,spool_id) VALUES(1,?1)", -1, &q, NULL) != SQLITE_OK ||
		    sqlite3_bind_blob(q, 1, id, sizeof id, SQLITE_STATIC) != SQLITE_OK ||
		    sqlite3_step(q) != SQLITE_DONE)
			s = fail(st, "making the spool", e);
		(void)sqlite3_finalize(q);
	}
	if (s == OM_OK)
		s = run(st, "PRAGMA user_version=1", e);
	if (s == OM_OK)
		s = run(st, "COMMIT", e);
	return s;
}

static om_status
load_totals(struct gw_store *st, om_err *e)
{
	sqlite3_stmt *q = NULL;
	om_status s = OM_OK;

	if (sqlite3_prepare_v2(st->db,
		"SELECT spool_id,accepted,new_records,duplicate_records,refused_records,"
		"(SELECT count(*) FROM quarantine),(SELECT count(*) FROM record),"
		"(SELECT coalesce(sum(length(payload)),0) FROM record),"
		"(SELECT received_us FROM record ORDER BY seq LIMIT 1) FROM totals",
		-1, &q, NULL) != SQLITE_OK ||
	    sqlite3_step(q) != SQLITE_ROW) {
		s = fail(st, "reading the spool", e);
	} else if (sqlite3_column_bytes(q, 0) != GW_SPOOL_ID) {
		s = om_fail(e, OM_DAMAGED, "the spool's own id is damaged");
	} else {
		memcpy(st->id, sqlite3_column_blob(q, 0), GW_SPOOL_ID);
		st->now.accepted = sqlite3_column_int64(q, 1);
		st->now.new_records = sqlite3_column_int64(q, 2);
		st->now.duplicate_records = sqlite3_column_int64(q, 3);
		st->now.refused_records = sqlite3_column_int64(q, 4);
		st->now.quarantined = sqlite3_column_int64(q, 5);
		st->now.pending = sqlite3_column_int64(q, 6);
		st->now.pending_bytes = sqlite3_column_int64(q, 7);
		st->now.oldest_us = sqlite3_column_int64(q, 8);
		st->next = st->now;
	}
	(void)sqlite3_finalize(q);
	return s;
}

static om_status
prepare(struct gw_store *st, om_err *e)
{
	for (size_t i = 0; i < N_STATEMENTS; i++)
		if (sqlite3_prepare_v3(st->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &st->st[i], NULL) != SQLITE_OK)
			return fail(st, sql[i], e);
	return OM_OK;
}

/* check_all reads every record once, so that damage is known at start. */
static om_status
check_all(struct gw_store *st, om_err *e)
{
	uint64_t after = 0;

	for (;;) {
		struct gw_row *rows;
		struct om_arena a;
		om_status s;
		size_t n;

		om_arena_init(&a, (size_t)256 * 1024 * 1024);
		s = read_after(st, after, 1000, (size_t)4 * 1024 * 1024, &a, &rows, &n, e);
		if (s == OM_OK && n > 0)
			after = rows[n - 1].seq;
		om_arena_fini(&a);
		if (s == OM_FULL)
			return OM_OK; /* no space to set one aside: later */
		if (s != OM_OK || n == 0)
			return s;
	}
}

static void
sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		(void)fsync(fd);
		(void)close(fd);
	}
}

om_status
gw_store_open(const char *dir, struct gw_store **out, om_err *e)
{
	struct gw_store *st = calloc(1, sizeof *st);
	om_err why = {.text = ""};
	om_status s;

	*out = NULL;
	if (st == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	st->lock_fd = -1;
	s = make_dir(st, dir, &why);
	if (s == OM_OK)
		s = take_lock(st, &why);
	if (s == OM_OK)
		s = open_db(st, &why);
	if (s == OM_OK)
		s = check_pragmas(st, &why);
	if (s == OM_OK)
		s = make_schema(st, &why);
	if (s == OM_OK)
		s = prepare(st, &why);
	if (s == OM_OK)
		s = load_totals(st, &why);
	if (s == OM_OK)
		s = check_all(st, &why);
	if (s != OM_OK) {
		gw_store_close(&st);
		return om_fail(e, s, "spool: %s", why.text);
	}
	sync_dir(dir);
	*out = st;
	return OM_OK;
}

void
gw_store_close(struct gw_store **stp)
{
	struct gw_store *st = *stp;

	*stp = NULL;
	if (st == NULL)
		return;
	for (size_t i = 0; i < N_STATEMENTS; i++)
		(void)sqlite3_finalize(st->st[i]);
	(void)sqlite3_close(st->db);
	if (st->lock_fd >= 0)
		(void)close(st->lock_fd);
	free(st);
}

const unsigned char *
gw_store_id(const struct gw_store *st)
{
	return st->id;
}

void
gw_store_totals(const struct gw_store *st, struct gw_store_totals *out)
{
	*out = st->now;
}

/* ---- changing ---- */

om_status
gw_store_begin(struct gw_store *st, om_err *e)
{
	st->next = st->now;
	return run(st, "BEGIN IMMEDIATE", e);
}

om_status
gw_store_put(struct gw_store *st, om_time received_us, const void *data, size_t n, om_err *e)
{
	om_status s;

	bind(st, PUT, 1, received_us);
	bind(st, PUT, 2, checksum(received_us, data, n));
	(void)sqlite3_bind_blob64(st->st[PUT], 3, data, n, SQLITE_STATIC);
	s = step(st, PUT, "appending to the spool", e);
	(void)sqlite3_clear_bindings(st->st[PUT]);
	if (s == OM_OK) {
		st->next.accepted++;
		st->next.pending++;
		st->next.pending_bytes += (int64_t)n;
		if (st->next.oldest_us == 0)
			st->next.oldest_us = received_us;
	}
	return s;
}

om_status
gw_store_forget(struct gw_store *st, uint64_t first, uint64_t last, uint32_t new_records, uint32_t duplicates,
    uint32_t refused, om_err *e)
{
	int64_t expected = (int64_t)new_records + duplicates + refused, n = 0;
	int rc;

	bind(st, FORGET, 1, (int64_t)first);
	bind(st, FORGET, 2, (int64_t)last);
	while ((rc = sqlite3_step(st->st[FORGET])) == SQLITE_ROW) {
		st->next.pending_bytes -= sqlite3_column_int64(st->st[FORGET], 0);
		n++;
	}
	if (rc != SQLITE_DONE) {
		om_status s = fail(st, "deleting what is acknowledged", e);

		(void)sqlite3_reset(st->st[FORGET]);
		return s;
	}
	(void)sqlite3_reset(st->st[FORGET]);
	if (n != expected)
		return om_fail(e, OM_INTERNAL, "%lld records were acknowledged, the spool holds %lld of them",
		    (long long)expected, (long long)n);
	st->next.pending -= n;
	st->next.new_records += new_records;
	st->next.duplicate_records += duplicates;
	st->next.refused_records += refused;
	st->next.oldest_us = -1; /* looked up at commit */
	return OM_OK;
}

om_status
gw_store_end_session(struct gw_store *st, const char *id, om_time expires_at, om_time now, om_err *e)
{
	om_status s;

	bind(st, DROP_SESSIONS, 1, now);
	s = step(st, DROP_SESSIONS, "ending a session", e);
	if (s != OM_OK)
		return s;
	(void)sqlite3_bind_text(st->st[END_SESSION], 1, id, -1, SQLITE_STATIC);
	bind(st, END_SESSION, 2, expires_at);
	s = step(st, END_SESSION, "ending a session", e);
	(void)sqlite3_clear_bindings(st->st[END_SESSION]);
	return s;
}

om_status
gw_store_commit(struct gw_store *st, om_err *e)
{
	om_status s;

	bind(st, COUNT, 1, st->next.accepted - st->now.accepted);
	bind(st, COUNT, 2, st->next.new_records - st->now.new_records);
	bind(st, COUNT, 3, st->next.duplicate_records - st->now.duplicate_records);
	bind(st, COUNT, 4, st->next.refused_records - st->now.refused_records);
	s = step(st, COUNT, "counting", e);
	if (s == OM_OK && st->next.oldest_us < 0) {
		s = query_int(st, "SELECT coalesce((SELECT received_us FROM record ORDER BY seq LIMIT 1),0)",
		    &st->next.oldest_us, e);
	}
	if (s == OM_OK)
		s = run(st, "COMMIT", e);
	if (s == OM_OK)
		st->now = st->next;
	return s;
}

void
gw_store_rollback(struct gw_store *st)
{
	if (sqlite3_get_autocommit(st->db) == 0)
		(void)sqlite3_exec(st->db, "ROLLBACK", NULL, NULL, NULL);
	st->next = st->now;
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
			return OM_OK; /* SQLite will say */
		free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
		reserve = (uint64_t)fs.f_blocks * fs.f_frsize / 16;
		if (reserve > RESERVE_BYTES)
			reserve = RESERVE_BYTES;
		/* the log takes the pages first, then the file, unless it has free ones */
		need = reserve + SLACK_BYTES + bytes * 2;
		grow = need + bytes + (uint64_t)st->wal_pages * PAGE_BYTES;
		if (free_bytes >= grow)
			return OM_OK;
		s = query_int(st, "PRAGMA freelist_count", &free_pages, e);
		if (s != OM_OK)
			return s;
		if (free_bytes >= need && (uint64_t)free_pages * PAGE_BYTES >= grow - need)
			return OM_OK;
		if (round > 0 || st->wal_pages == 0)
			return om_fail(e, OM_FULL, "the disk of the spool is nearly full");
		s = gw_store_tidy(st, true, e);
		if (s != OM_OK)
			return s;
	}
}

om_status
gw_store_tidy(struct gw_store *st, bool idle, om_err *e)
{
	int64_t free_pages;
	om_status s;

	if (st->wal_pages >= CHECKPOINT_PAGES || (idle && st->wal_pages > 0)) {
		int mode = idle ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;

		if (sqlite3_wal_checkpoint_v2(st->db, NULL, mode, NULL, NULL) != SQLITE_OK) {
			s = fail(st, "moving the log into the spool", e);
			return s == OM_FULL ? OM_OK : s; /* the log keeps it */
		}
		if (idle)
			st->wal_pages = 0;
	}
	if (!idle || st->now.pending > 0)
		return OM_OK;
	s = query_int(st, "PRAGMA freelist_count", &free_pages, e);
	if (s == OM_OK && free_pages > VACUUM_PAGES) {
		s = run(st, "PRAGMA incremental_vacuum(1024)", e);
		if (s == OM_FULL)
			s = OM_OK;
	}
	return s;
}

om_status
gw_store_read(struct gw_store *st, size_t max_rows, size_t max_bytes, struct om_arena *a, struct gw_row **rows_out,
    size_t *n_out, om_err *e)
{
	return read_after(st, 0, max_rows, max_bytes, a, rows_out, n_out, e);
}

om_status
gw_store_ended_sessions(
    struct gw_store *st, om_time now, void (*each)(void *arg, const char *id, om_time expires_at), void *arg, om_err *e)
{
	sqlite3_stmt *q = NULL;
	om_status s = OM_OK;
	int rc;

	if (sqlite3_prepare_v2(st->db, "SELECT id,expires_us FROM ended_session WHERE expires_us>?1", -1, &q, NULL) !=
	    SQLITE_OK)
		return fail(st, "reading ended sessions", e);
	(void)sqlite3_bind_int64(q, 1, now);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
		const unsigned char *id = sqlite3_column_text(q, 0);

		if (id != NULL)
			each(arg, (const char *)id, sqlite3_column_int64(q, 1));
	}
	if (rc != SQLITE_DONE)
		s = fail(st, "reading ended sessions", e);
	(void)sqlite3_finalize(q);
	return s;
}
