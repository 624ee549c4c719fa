/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Opening the store: its folder, its lock, the file and its shape, and a first
 * look at every record.
 */
#include "store_in.h"

#include "base/digest.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define SCHEMA_VERSION 1
#define PAGE_BYTES     4096

static const char *const sql[N_STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [PUT] = "INSERT INTO record(received_us,crc,payload) VALUES(?1,?2,?3)",
    [RANGE] = "SELECT count(*),coalesce(sum(length(payload)),0) FROM record WHERE seq>?1 AND seq<=?2",
    [SWEEP] = ("DELETE FROM record WHERE seq IN"
	       " (SELECT seq FROM record WHERE seq<=?1 ORDER BY seq LIMIT ?2)"),
    [COUNT] = ("UPDATE totals SET accepted=accepted+?1, new_records=new_records+?2,"
	       " duplicate_records=duplicate_records+?3, refused_records=refused_records+?4, forgotten_seq=?5"),
    [READ] = "SELECT seq,received_us,crc,payload FROM record WHERE seq>?1 ORDER BY seq LIMIT ?2",
    [SET_ASIDE] = "INSERT INTO quarantine SELECT seq,received_us,crc,payload,?2 FROM record WHERE seq=?1",
    [DROP_DAMAGED] = "DELETE FROM record WHERE seq=?1",
    [REFUSE] = ("INSERT INTO refusal(door,sender,reason,count,first_us,last_us) VALUES(?1,?2,?3,?4,?5,?5)"
		" ON CONFLICT(door,sender,reason) DO UPDATE SET count=count+?4,last_us=max(last_us,?5)"),
    [REFUSE_HOUR] = ("INSERT INTO refusal_hour(hour,count) VALUES(?1,?2)"
		     " ON CONFLICT(hour) DO UPDATE SET count=count+?2"),
    [DROP_REFUSALS] = ("DELETE FROM refusal WHERE rowid IN"
		       " (SELECT rowid FROM refusal ORDER BY last_us DESC,rowid DESC LIMIT -1 OFFSET ?1)"),
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS record(seq INTEGER PRIMARY KEY AUTOINCREMENT, received_us INTEGER NOT NULL,"
    " crc INTEGER NOT NULL, payload BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS quarantine(seq INTEGER PRIMARY KEY, received_us, crc, payload, found_us INTEGER);"
    "CREATE TABLE IF NOT EXISTS totals(one INTEGER PRIMARY KEY CHECK(one=1), spool_id BLOB NOT NULL,"
    " accepted INTEGER NOT NULL DEFAULT 0, new_records INTEGER NOT NULL DEFAULT 0,"
    " duplicate_records INTEGER NOT NULL DEFAULT 0, refused_records INTEGER NOT NULL DEFAULT 0,"
    " forgotten_seq INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE IF NOT EXISTS refusal(door TEXT NOT NULL, sender TEXT NOT NULL, reason TEXT NOT NULL,"
    " count INTEGER NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, UNIQUE(door,sender,reason));"
    /* a line for each hour with any, for ever: a year of them is a third of a megabyte */
    "CREATE TABLE IF NOT EXISTS refusal_hour(hour INTEGER PRIMARY KEY, count INTEGER NOT NULL);";

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
	struct stat file;
	int64_t version;
	om_status s;

	(void)snprintf(path, sizeof path, "%s/spool.db", st->dir);
	/* SQLite would take less than a page for a file yet to be made */
	if (stat(path, &file) == 0 && file.st_size > 0 && file.st_size < PAGE_BYTES)
		return om_fail(e, OM_IO, "the file is cut off or no spool: it has %lld bytes", (long long)file.st_size);
	s = gw_sqlite_open(&st->db, path, e);
	if (s == OM_OK)
		s = gw_sqlite_int(&st->db, "PRAGMA user_version", &version, e);
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
	om_status s = gw_sqlite_int(&st->db, "PRAGMA synchronous", &sync_level, e);

	if (s != OM_OK)
		return s;
	if (sqlite3_prepare_v2(st->db.handle, "PRAGMA journal_mode", -1, &q, NULL) == SQLITE_OK &&
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
		s = gw_sqlite_run(&st->db, "BEGIN IMMEDIATE", e);
	if (s == OM_OK)
		s = gw_sqlite_run(&st->db, schema, e);
	if (s == OM_OK) {
		if (sqlite3_prepare_v2(st->db.handle, "INSERT OR IGNORE INTO totals(one,spool_id) VALUES(1,?1)", -1, &q,
			NULL) != SQLITE_OK ||
		    sqlite3_bind_blob(q, 1, id, sizeof id, SQLITE_STATIC) != SQLITE_OK ||
		    sqlite3_step(q) != SQLITE_DONE)
			s = gw_sqlite_fail(&st->db, "making the spool", e);
		(void)sqlite3_finalize(q);
	}
	if (s == OM_OK)
		s = gw_sqlite_run(&st->db, "PRAGMA user_version=1", e);
	if (s == OM_OK)
		s = gw_sqlite_run(&st->db, "COMMIT", e);
	return s;
}

static om_status
load_hours(struct gw_store *st, om_err *e)
{
	struct gw_store_totals *t = &st->now.totals;
	sqlite3_stmt *q = NULL;
	om_status s = OM_OK;
	int rc = SQLITE_ERROR;

	if (sqlite3_prepare_v2(st->db.handle, "SELECT hour,count FROM refusal_hour ORDER BY hour", -1, &q, NULL) ==
	    SQLITE_OK)
		while ((rc = sqlite3_step(q)) == SQLITE_ROW)
			gw_store_count_refused(t, sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1));
	if (rc != SQLITE_DONE)
		s = gw_sqlite_fail(&st->db, "reading what was refused", e);
	(void)sqlite3_finalize(q);
	return s;
}

static om_status
load_totals(struct gw_store *st, om_err *e)
{
	struct gw_store_totals *t = &st->now.totals;
	sqlite3_stmt *q = NULL;
	om_status s = OM_OK;

	if (sqlite3_prepare_v2(st->db.handle,
		"SELECT spool_id,accepted,new_records,duplicate_records,refused_records,forgotten_seq,"
		"(SELECT count(*) FROM quarantine),"
		"(SELECT count(*) FROM record WHERE seq<=forgotten_seq),"
		"(SELECT count(*) FROM record WHERE seq>forgotten_seq),"
		"(SELECT coalesce(sum(length(payload)),0) FROM record WHERE seq>forgotten_seq),"
		"(SELECT received_us FROM record WHERE seq>forgotten_seq ORDER BY seq LIMIT 1) FROM totals",
		-1, &q, NULL) != SQLITE_OK ||
	    sqlite3_step(q) != SQLITE_ROW) {
		s = gw_sqlite_fail(&st->db, "reading the spool", e);
	} else if (sqlite3_column_bytes(q, 0) != GW_SPOOL_ID) {
		s = om_fail(e, OM_DAMAGED, "the spool's own id is damaged");
	} else {
		memcpy(st->id, sqlite3_column_blob(q, 0), GW_SPOOL_ID);
		t->accepted = sqlite3_column_int64(q, 1);
		t->new_records = sqlite3_column_int64(q, 2);
		t->duplicate_records = sqlite3_column_int64(q, 3);
		t->refused_records = sqlite3_column_int64(q, 4);
		st->now.forgotten = (uint64_t)sqlite3_column_int64(q, 5);
		t->quarantined = sqlite3_column_int64(q, 6);
		st->now.unswept = sqlite3_column_int64(q, 7);
		t->pending = sqlite3_column_int64(q, 8);
		t->pending_bytes = sqlite3_column_int64(q, 9);
		t->oldest_us = sqlite3_column_int64(q, 10);
	}
	(void)sqlite3_finalize(q);
	if (s == OM_OK)
		s = load_hours(st, e);
	st->next = st->now;
	return s;
}

static om_status
prepare(struct gw_store *st, om_err *e)
{
	for (size_t i = 0; i < N_STATEMENTS; i++)
		if (sqlite3_prepare_v3(st->db.handle, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &st->st[i], NULL) !=
		    SQLITE_OK)
			return gw_sqlite_fail(&st->db, sql[i], e);
	return OM_OK;
}

/* check_all reads every record once, so that damage is known at start. */
static om_status
check_all(struct gw_store *st, om_err *e)
{
	uint64_t after = st->now.forgotten;

	for (;;) {
		struct gw_row *rows;
		struct om_arena a;
		om_status s;
		size_t n;

		om_arena_init(&a, (size_t)256 * 1024 * 1024);
		s = gw_store_read_after(st, after, 1000, (size_t)4 * 1024 * 1024, &a, &rows, &n, e);
		if (s == OM_OK && n > 0)
			after = rows[n - 1].seq;
		om_arena_fini(&a);
		if (s == OM_FULL)
			return OM_OK; /* no space to set one aside: later */
		if (s != OM_OK || n == 0)
			return s;
	}
}

/* check_file looks for damage that no record's checksum shows: pages that refer to each
 * other wrongly, and records that are counted but missing. */
static om_status
check_file(struct gw_store *st, om_err *e)
{
	const struct gw_store_totals *t = &st->now.totals;
	int64_t missing =
	    t->accepted - t->new_records - t->duplicate_records - t->refused_records - t->pending - t->quarantined;
	sqlite3_stmt *q = NULL;
	const char *said = NULL;

	if (sqlite3_prepare_v2(st->db.handle, "PRAGMA quick_check(1)", -1, &q, NULL) != SQLITE_OK ||
	    sqlite3_step(q) != SQLITE_ROW || (said = (const char *)sqlite3_column_text(q, 0)) == NULL) {
		om_status s = gw_sqlite_fail(&st->db, "checking the spool", e);

		(void)sqlite3_finalize(q);
		return s;
	}
	if (strcmp(said, "ok") != 0 || missing != 0) {
		st->damaged = true;
		om_log(OM_LOG_ERROR, "the spool's file is damaged; what can be read is delivered, the rest stays in it",
		    "why", said, "missing", OM_I64(missing), NULL);
	}
	(void)sqlite3_finalize(q);
	return OM_OK;
}

/* settle writes what a log of the process before holds into the file and starts a new log.
 * After a failed sync the old one may look whole from memory and not be so on
 * the disk; commits appended to it would be lost with it. */
static om_status
settle(struct gw_store *st, om_err *e)
{
	om_status s = gw_sqlite_checkpoint(&st->db, true, e);

	return s == OM_FULL ? OM_OK : s;
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
		s = gw_wal_check(st, &why);
	if (s == OM_OK)
		s = open_db(st, &why);
	if (s == OM_OK)
		s = check_pragmas(st, &why);
	if (s == OM_OK)
		s = make_schema(st, &why);
	if (s == OM_OK)
		s = prepare(st, &why);
	if (s == OM_OK)
		s = settle(st, &why);
	if (s == OM_OK)
		s = load_totals(st, &why);
	if (s == OM_OK)
		s = check_all(st, &why);
	if (s == OM_OK)
		s = check_file(st, &why);
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
	gw_sqlite_close(&st->db);
	if (st->lock_fd >= 0)
		(void)close(st->lock_fd);
	free(st);
}
