/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * db.h - one connection to MariaDB; db.c is the only file that includes mysql.h.
 *
 * Room database
 *   Does      connections, transactions, statements (sql.h), values and messages of
 *             columns (column.h, fill.h), the schema, facts of the installation (meta.h)
 *   Owns      connections, prepared statements, the tables meta and schema_migration
 *   Promises  a commit is all or nothing, and the caller learns when its outcome is not
 *             known; what may succeed is tried again (pool.h)
 *   Never     reads a meaning into a table that is not its own
 *
 * Use       Statements are prepared once per connection and kept.  Values go in
 *           and out as struct cd_val; cd_db_run is for SQL without any
 *           value from outside.
 * Session   Strict sql_mode, autocommit off, READ COMMITTED, utf8mb4.
 * Failure   OM_UNAVAILABLE  no connection, or it is lost; cd_db_broken is true
 *                           and whether a commit under way happened is not known
 *           OM_STORE        the transaction may succeed when it is tried again
 *           OM_STORE_DATA   these values can never be stored
 *           After any failure roll back: MariaDB undoes one statement only.
 * Threads   One thread at a time; cd_db_cut from any.
 */
#ifndef CD_DB_H
#define CD_DB_H

#include "base/arena.h"
#include "base/money.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cd_db_opts {
	const char *host; /* one, or several by commas; NULL with a socket */
	unsigned port;
	const char *socket; /* NULL: TCP */
	const char *user;
	const char *password; /* NULL: none */
	const char *database;
	const char *tls_ca; /* NULL: no TLS */
	unsigned connect_s, read_s;
};

typedef enum cd_val_kind { CD_NULL, CD_INT, CD_TEXT } cd_val_kind;

struct cd_val {
	cd_val_kind kind;
	int64_t i;
	const char *p; /* borrowed; text and bytes, with a zero byte after it when read */
	size_t n;
};

#define CD_I(v)      ((struct cd_val){.kind = CD_INT, .i = (v)})
#define CD_B(p_, n_) ((struct cd_val){.kind = CD_TEXT, .p = (const char *)(p_), .n = (n_)})
#define CD_NONE      ((struct cd_val){.kind = CD_NULL})

/* cd_t is a text or null. */
struct cd_val cd_t(const char *text);

/* cd_m is an amount as decimal text in the arena; null when the arena is full
 * (its `failed` tells). */
struct cd_val cd_m(om_money m, struct om_arena *a);

struct cd_db;

/* A row of a result; the values live until the call returns. */
typedef om_status cd_row_fn(void *arg, const struct cd_val *row, om_err *e);

/* cd_found is for queries that ask whether there is a row: it sets the bool that arg points to. */
cd_row_fn cd_found;

om_status cd_db_open(const struct cd_db_opts *o, struct cd_db **out, om_err *e) OM_MUST;
void cd_db_close(struct cd_db **db);

bool cd_db_broken(const struct cd_db *db);

/* cd_db_cut ends a statement that hangs in another thread by shutting down the
 * connection's socket. */
void cd_db_cut(struct cd_db *db);

/* cd_db_run sends one statement of fixed text and drops its result. */
om_status cd_db_run(struct cd_db *db, const char *sql, om_err *e) OM_MUST;

/* cd_db_exec carries the statement out for each of n_rows rows of n_params
 * values (row after row) with bulk arrays, in pieces the server takes.
 * *affected_out is the sum; NULL is allowed. */
om_status cd_db_exec(struct cd_db *db, const char *sql, const struct cd_val *params, size_t n_params, size_t n_rows,
    int64_t *affected_out, om_err *e) OM_MUST;

/* cd_db_query calls fn for each row; a failing fn ends it. */
om_status cd_db_query(struct cd_db *db, const char *sql, const struct cd_val *params, size_t n_params, cd_row_fn *fn,
    void *arg, om_err *e) OM_MUST;

/* A column of a result. */
struct cd_column {
	const char *name; /* as the query calls it */
	bool is_decimal;  /* its values are texts of amounts */
};
typedef om_status cd_columns_fn(void *arg, const struct cd_column *columns, size_t n, om_err *e);

/* cd_db_query_named calls columns once, then fn for each row. */
om_status cd_db_query_named(struct cd_db *db, const char *sql, const struct cd_val *params, size_t n_params,
    cd_columns_fn *columns, cd_row_fn *fn, void *arg, om_err *e) OM_MUST;

om_status cd_db_begin(struct cd_db *db, om_err *e) OM_MUST;
/* cd_db_begin_snapshot: reads see one state of the database until the end. */
om_status cd_db_begin_snapshot(struct cd_db *db, om_err *e) OM_MUST;
/*
 * cd_db_commit stores all since cd_db_begin, or nothing: it fails with OM_STORE when
 * the server ended that transaction by itself and began another by itself.  A node of a
 * cluster does (MariaDB 10.11.19, Galera 26.4.23, seen): it answers OK to a bulk
 * statement in the middle of which another node's transaction rolled it back.
 */
om_status cd_db_commit(struct cd_db *db, om_err *e) OM_MUST;
void cd_db_rollback(struct cd_db *db);
/* cd_db_is_writing: cd_db_begin was called, and neither commit nor rollback since. */
bool cd_db_is_writing(const struct cd_db *db);

/* cd_db_error_status sorts a server's or client's error number. */
om_status cd_db_error_status(unsigned number, bool *broken_out);

#endif
