/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sqlite_in.h"

#include "base/invariant.h"

#include <errno.h>
#include <string.h>

struct gw_sqlite_row {
	sqlite3_stmt *statement;
};

static int
note_wal(void *arg, sqlite3 *handle, const char *name, int pages)
{
	struct gw_sqlite *db = arg;

	(void)handle;
	(void)name;
	db->wal_pages = pages;
	return SQLITE_OK;
}

om_status
gw_sqlite_open(struct gw_sqlite *db, const char *path, om_err *e)
{
	om_status s;

	if (sqlite3_open_v2(
		path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return db->handle != NULL ? gw_sqlite_fail(db, "opening the spool", e)
					  : om_fail(e, OM_NOMEM, "out of memory");
	(void)sqlite3_extended_result_codes(db->handle, 1);
	(void)sqlite3_wal_hook(db->handle, note_wal, db); /* also ends automatic checkpoints */
	s = gw_sqlite_run(
	    db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL;", e);
	if (s == OM_OK)
		s = gw_sqlite_run(db,
		    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
		    " PRAGMA cache_size=-4096; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;",
		    e);
	return s;
}

void
gw_sqlite_close(struct gw_sqlite *db)
{
	if (db->failed) /* a disk that failed once is not asked to sync again */
		(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	(void)sqlite3_close(db->handle);
	db->handle = NULL;
}

om_status
gw_sqlite_fail(struct gw_sqlite *db, const char *doing, om_err *e)
{
	int rc = sqlite3_extended_errcode(db->handle), sys = sqlite3_system_errno(db->handle);

	if ((rc & 0xff) == SQLITE_FULL ||
	    ((rc & 0xff) == SQLITE_IOERR && rc != SQLITE_IOERR_FSYNC &&
		(sys == ENOSPC || sys == EDQUOT || sys == EFBIG)))
		return om_fail(e, OM_FULL, "%s: no space left for the spool", doing);
	if ((rc & 0xff) == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM)
		return om_fail(e, OM_NOMEM, "%s: out of memory", doing);
	db->failed = true;
	return om_fail(e, OM_IO, "%s: %s (%d%s%s)", doing, sqlite3_errmsg(db->handle), rc, sys != 0 ? ", " : "",
	    sys != 0 ? strerror(sys) : "");
}

om_status
gw_sqlite_run(struct gw_sqlite *db, const char *sql, om_err *e)
{
	return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? OM_OK : gw_sqlite_fail(db, sql, e);
}

om_status
gw_sqlite_int(struct gw_sqlite *db, const char *sql, int64_t *out, om_err *e)
{
	sqlite3_stmt *q = NULL;
	om_status s = OM_OK;

	*out = 0;
	if (sqlite3_prepare_v2(db->handle, sql, -1, &q, NULL) != SQLITE_OK || sqlite3_step(q) != SQLITE_ROW)
		s = gw_sqlite_fail(db, sql, e);
	else
		*out = sqlite3_column_int64(q, 0);
	(void)sqlite3_finalize(q);
	return s;
}

om_status
gw_sqlite_each(struct gw_sqlite *db, const char *sql, const struct gw_sqlite_value *values, size_t n,
    void (*each)(void *arg, const struct gw_sqlite_row *row), void *arg, om_err *e)
{
	struct gw_sqlite_row row = {.statement = NULL};
	om_status s = OM_OK;
	int rc;

	if (sqlite3_prepare_v2(db->handle, sql, -1, &row.statement, NULL) != SQLITE_OK)
		return gw_sqlite_fail(db, sql, e);
	om_check(sqlite3_bind_parameter_count(row.statement) == (int)n);
	for (size_t i = 0; i < n; i++) {
		if (values[i].text != NULL)
			(void)sqlite3_bind_text(row.statement, (int)i + 1, values[i].text, -1, SQLITE_STATIC);
		else
			(void)sqlite3_bind_int64(row.statement, (int)i + 1, values[i].number);
	}
	while ((rc = sqlite3_step(row.statement)) == SQLITE_ROW)
		if (each != NULL)
			each(arg, &row);
	if (rc != SQLITE_DONE)
		s = gw_sqlite_fail(db, sql, e);
	(void)sqlite3_finalize(row.statement);
	return s;
}

const char *
gw_sqlite_text(const struct gw_sqlite_row *row, int column)
{
	return (const char *)sqlite3_column_text(row->statement, column);
}

int64_t
gw_sqlite_number(const struct gw_sqlite_row *row, int column)
{
	return sqlite3_column_int64(row->statement, column);
}

om_status
gw_sqlite_checkpoint(struct gw_sqlite *db, bool truncate, om_err *e)
{
	int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;

	if (sqlite3_wal_checkpoint_v2(db->handle, NULL, mode, NULL, NULL) != SQLITE_OK)
		return gw_sqlite_fail(db, "moving the log into the spool", e);
	if (truncate)
		db->wal_pages = 0;
	return OM_OK;
}
