/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "db.h"

#include "base/digest.h"
#include "base/invariant.h"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define KEPT_STATEMENTS 64u
#define BULK_ROWS       2000u
#define BULK_BYTES      ((size_t)4 * 1024 * 1024) /* under max_allowed_packet's default of 16 MiB */
#define LEAST_CELL      64u                       /* bytes for a number or date as text */

struct kept {
	char *sql; /* owned */
	uint32_t hash;
	uint64_t used;
	MYSQL_STMT *st; /* owned */
};

struct cd_db {
	MYSQL *my; /* owned */
	bool broken;
	bool guarded;   /* this transaction has the savepoint, which a server's own rollback would remove */
	uint64_t clock; /* of statement use */
	struct kept kept[KEPT_STATEMENTS];
};

struct cd_val
cd_t(const char *text)
{
	return text == NULL ? CD_NONE : CD_B(text, strlen(text));
}

struct cd_val
cd_m(om_money m, struct om_arena *a)
{
	char buf[OM_MONEY_TEXT];

	return cd_t(om_arena_strdup(a, om_money_text(m, buf)));
}

om_status
cd_db_error_status(unsigned number, bool *broken_out)
{
	*broken_out = false;
	switch (number) {
	case ER_DATA_OUT_OF_RANGE:
	case ER_DATA_TOO_LONG:
	case ER_WARN_DATA_OUT_OF_RANGE:
	case ER_TRUNCATED_WRONG_VALUE_FOR_FIELD:
	case ER_TRUNCATED_WRONG_VALUE:
	case WARN_DATA_TRUNCATED:
	case ER_BAD_NULL_ERROR:
	case ER_INVALID_CHARACTER_STRING:
	case ER_CONSTRAINT_FAILED:
	case ER_TOO_LONG_KEY:
	case ER_DIVISION_BY_ZERO:
		return OM_STORE_DATA;
	case ER_SERVER_SHUTDOWN:
	case ER_CONNECTION_KILLED:
	case ER_UNKNOWN_COM_ERROR: /* Galera without quorum: another node may have one */
	case ER_OPTION_PREVENTS_STATEMENT:
	case ER_NET_READ_ERROR:
	case ER_NET_READ_INTERRUPTED:
	case ER_NET_ERROR_ON_WRITE:
	case ER_NET_WRITE_INTERRUPTED:
	case ER_CON_COUNT_ERROR:
		*broken_out = true;
		return OM_UNAVAILABLE;
	default:
		/* 2000 to 2999 are the client's own: lost, refused, out of step */
		*broken_out = number >= CR_MIN_ERROR && number <= 2999;
		return *broken_out ? OM_UNAVAILABLE : OM_STORE;
	}
}

static om_status
fail_with(struct cd_db *db, unsigned number, const char *text, const char *what, om_err *e)
{
	bool broken;
	om_status s = cd_db_error_status(number, &broken);

	if (broken)
		db->broken = true;
	return om_fail(e, s, "database: %s: %s (%u)", what, text, number);
}

static om_status
fail_db(struct cd_db *db, const char *what, om_err *e)
{
	return fail_with(db, mysql_errno(db->my), mysql_error(db->my), what, e);
}

static om_status
fail_st(struct cd_db *db, MYSQL_STMT *st, const char *sql, om_err *e)
{
	char what[41];

	(void)strncpy(what, sql, sizeof what - 1);
	what[sizeof what - 1] = '\0';
	return fail_with(db, mysql_stmt_errno(st), mysql_stmt_error(st), what, e);
}

static om_status
set_options(MYSQL *my, const struct cd_db_opts *o)
{
	const my_bool off = 0, on = 1;
	const unsigned no_infile = 0;
	int rv = 0;

	rv |= mysql_optionsv(my, MYSQL_OPT_CONNECT_TIMEOUT, (const void *)&o->connect_s);
	rv |= mysql_optionsv(my, MYSQL_OPT_READ_TIMEOUT, (const void *)&o->read_s);
	rv |= mysql_optionsv(my, MYSQL_OPT_WRITE_TIMEOUT, (const void *)&o->read_s);
	rv |= mysql_optionsv(my, MYSQL_OPT_RECONNECT, (const void *)&off);
	rv |= mysql_optionsv(my, MYSQL_OPT_LOCAL_INFILE, (const void *)&no_infile);
	rv |= mysql_optionsv(my, MYSQL_SET_CHARSET_NAME, (const void *)"utf8mb4");
	if (o->tls_ca != NULL) {
		rv |= mysql_optionsv(my, MYSQL_OPT_SSL_CA, (const void *)o->tls_ca);
		rv |= mysql_optionsv(my, MYSQL_OPT_SSL_ENFORCE, (const void *)&on);
		rv |= mysql_optionsv(my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, (const void *)&on);
	}
	return rv == 0 ? OM_OK : OM_INTERNAL;
}

om_status
cd_db_open(const struct cd_db_opts *o, struct cd_db **out, om_err *e)
{
	struct cd_db *db = calloc(1, sizeof *db);
	om_status s;

	*out = NULL;
	if (db == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	db->my = mysql_init(NULL);
	if (db->my == NULL) {
		free(db);
		return om_fail(e, OM_NOMEM, "out of memory");
	}
	s = set_options(db->my, o);
	if (s != OM_OK)
		s = om_fail(e, s, "database: an option is refused");
	else if (mysql_real_connect(db->my, o->socket != NULL ? NULL : o->host, o->user, o->password, o->database,
		     o->socket != NULL ? 0 : o->port, o->socket, 0) == NULL) {
		(void)fail_db(db, "cannot connect", e);
		s = OM_UNAVAILABLE;
	}
	if (s == OM_OK)
		s = cd_db_run(db,
		    "SET SESSION sql_mode='STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,NO_ENGINE_SUBSTITUTION,"
		    "NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO',autocommit=0,time_zone='+00:00',"
		    "collation_connection='utf8mb4_nopad_bin',innodb_lock_wait_timeout=3",
		    e);
	if (s == OM_OK)
		s = cd_db_run(db, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", e);
	/* in a cluster: reads see what was committed at another node before; not every server has the variable */
	if (s == OM_OK && cd_db_run(db, "SET SESSION wsrep_sync_wait=1", NULL) != OM_OK && db->broken)
		s = om_fail(e, OM_UNAVAILABLE, "database: the connection broke at once");
	if (s != OM_OK) {
		cd_db_close(&db);
		return s;
	}
	*out = db;
	return OM_OK;
}

void
cd_db_close(struct cd_db **dbp)
{
	struct cd_db *db = *dbp;

	*dbp = NULL;
	if (db == NULL)
		return;
	for (size_t i = 0; i < KEPT_STATEMENTS; i++) {
		if (db->kept[i].st != NULL)
			(void)mysql_stmt_close(db->kept[i].st);
		free(db->kept[i].sql);
	}
	mysql_close(db->my);
	free(db);
}

bool
cd_db_broken(const struct cd_db *db)
{
	return db->broken;
}

void
cd_db_cut(struct cd_db *db)
{
	my_socket fd = mysql_get_socket(db->my);

	if (fd != MARIADB_INVALID_SOCKET)
		(void)shutdown(fd, SHUT_RDWR);
}

om_status
cd_db_run(struct cd_db *db, const char *sql, om_err *e)
{
	MYSQL_RES *res;

	if (mysql_real_query(db->my, sql, strlen(sql)) != 0)
		return fail_db(db, sql, e);
	res = mysql_store_result(db->my);
	if (res != NULL)
		mysql_free_result(res);
	else if (mysql_errno(db->my) != 0)
		return fail_db(db, sql, e);
	return OM_OK;
}

/* prepare gives the kept statement for this text, or makes one; when there are too
 * many, the one unused for longest is closed. */
static om_status
prepare(struct cd_db *db, const char *sql, MYSQL_STMT **out, om_err *e)
{
	uint32_t hash = om_crc32(0, sql, strlen(sql));
	struct kept *k = &db->kept[0];
	om_status s;

	for (size_t i = 0; i < KEPT_STATEMENTS; i++) {
		struct kept *c = &db->kept[i];

		if (c->st != NULL && c->hash == hash && strcmp(c->sql, sql) == 0) {
			c->used = ++db->clock;
			*out = c->st;
			return OM_OK;
		}
		if (c->used < k->used)
			k = c;
	}
	if (k->st != NULL)
		(void)mysql_stmt_close(k->st);
	free(k->sql);
	*k = (struct kept){.hash = hash, .used = ++db->clock, .sql = strdup(sql), .st = mysql_stmt_init(db->my)};
	if (k->sql == NULL || k->st == NULL)
		s = om_fail(e, OM_NOMEM, "out of memory");
	else if (mysql_stmt_prepare(k->st, sql, strlen(sql)) != 0)
		s = fail_st(db, k->st, sql, e);
	else {
		*out = k->st;
		return OM_OK;
	}
	if (k->st != NULL)
		(void)mysql_stmt_close(k->st);
	free(k->sql);
	*k = (struct kept){.used = 0};
	return s;
}

/* The library's parameter buffers are not const; it only reads them. */
static void *
readable(const void *p)
{
	void *q;

	memcpy(&q, &p, sizeof q);
	return q;
}

/* One column of a bulk array. */
struct column {
	int64_t *ints;
	void **texts;
	unsigned long *lengths;
	char *nulls;
};

/* bind_column lays out one parameter of n rows; all values of a column are of
 * one kind or null. */
static bool
bind_column(MYSQL_BIND *b, const struct cd_val *first, size_t stride, size_t n, struct om_arena *a)
{
	static char empty[1];
	struct column c = {.nulls = om_arena_array(a, n, 1)};
	bool is_int = false;

	for (size_t r = 0; r < n && !is_int; r++)
		is_int = first[r * stride].kind == CD_INT;
	if (is_int) {
		c.ints = om_arena_array(a, n, sizeof *c.ints);
	} else {
		c.texts = om_arena_array(a, n, sizeof *c.texts);
		c.lengths = om_arena_array(a, n, sizeof *c.lengths);
	}
	if (a->failed)
		return false;
	for (size_t r = 0; r < n; r++) {
		const struct cd_val *v = &first[r * stride];

		c.nulls[r] = v->kind == CD_NULL ? STMT_INDICATOR_NULL : STMT_INDICATOR_NONE;
		if (is_int)
			c.ints[r] = v->i;
		else {
			c.texts[r] = v->kind == CD_TEXT && v->p != NULL ? readable(v->p) : empty;
			c.lengths[r] = v->kind == CD_TEXT ? v->n : 0;
		}
	}
	b->buffer_type = is_int ? MYSQL_TYPE_LONGLONG : MYSQL_TYPE_STRING;
	b->buffer = is_int ? (void *)c.ints : (void *)c.texts;
	b->length = c.lengths;
	b->u.indicator = c.nulls;
	return true;
}

/* bind_one lays out a single row, for servers' plain protocol. */
static void
bind_one(MYSQL_BIND *b, const struct cd_val *v)
{
	static char empty[1];

	switch (v->kind) {
	case CD_NULL:
		b->buffer_type = MYSQL_TYPE_NULL;
		break;
	case CD_INT:
		b->buffer_type = MYSQL_TYPE_LONGLONG;
		b->buffer = readable(&v->i);
		break;
	case CD_TEXT:
		b->buffer_type = MYSQL_TYPE_STRING;
		b->buffer = v->p != NULL ? readable(v->p) : empty;
		b->buffer_length = v->n;
		b->length_value = v->n;
		b->length = &b->length_value;
		break;
	}
}

static om_status
bind_and_execute(struct cd_db *db, MYSQL_STMT *st, const char *sql, const struct cd_val *params, size_t n_params,
    size_t n_rows, om_err *e)
{
	unsigned array = n_rows > 1 ? (unsigned)n_rows : 0;
	struct om_arena a;
	MYSQL_BIND *b;
	om_status s = OM_OK;

	om_arena_init(&a, (size_t)256 * 1024 * 1024);
	b = om_arena_array(&a, n_params + 1, sizeof *b);
	if (mysql_stmt_param_count(st) != n_params)
		s = om_fail(
		    e, OM_INTERNAL, "%zu values for %lu parameters: %.60s", n_params, mysql_stmt_param_count(st), sql);
	for (size_t i = 0; s == OM_OK && b != NULL && i < n_params; i++) {
		if (array == 0)
			bind_one(&b[i], &params[i]);
		else if (!bind_column(&b[i], params + i, n_params, n_rows, &a))
			break;
	}
	if (s == OM_OK && a.failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	if (s == OM_OK &&
	    (mysql_stmt_attr_set(st, STMT_ATTR_ARRAY_SIZE, &array) != 0 ||
		(n_params > 0 && mysql_stmt_bind_param(st, b) != 0) || mysql_stmt_execute(st) != 0))
		s = fail_st(db, st, sql, e);
	om_arena_fini(&a);
	return s;
}

om_status
cd_db_exec(struct cd_db *db, const char *sql, const struct cd_val *params, size_t n_params, size_t n_rows,
    int64_t *affected_out, om_err *e)
{
	MYSQL_STMT *st = NULL;
	int64_t affected = 0;
	om_status s = OM_OK;

	om_check(params != NULL || n_params == 0);
	for (size_t done = 0; s == OM_OK && done < n_rows;) {
		size_t n = 0, bytes = 0;

		while (done + n < n_rows && n < BULK_ROWS && (n == 0 || bytes < BULK_BYTES)) {
			for (size_t i = 0; i < n_params; i++)
				bytes += params[(done + n) * n_params + i].n + 16;
			n++;
		}
		s = prepare(db, sql, &st, e);
		if (s == OM_OK)
			s = bind_and_execute(db, st, sql, params + done * n_params, n_params, n, e);
		if (s == OM_OK)
			affected += (int64_t)mysql_stmt_affected_rows(st);
		done += n;
	}
	if (affected_out != NULL)
		*affected_out = affected;
	return s;
}

static bool
is_integer(enum enum_field_types t)
{
	return t == MYSQL_TYPE_TINY || t == MYSQL_TYPE_SHORT || t == MYSQL_TYPE_INT24 || t == MYSQL_TYPE_LONG ||
	    t == MYSQL_TYPE_LONGLONG || t == MYSQL_TYPE_YEAR;
}

struct out_cell {
	int64_t i;
	char *buf;
	unsigned long length;
	my_bool null, cut;
};

static om_status
bind_result(struct cd_db *db, MYSQL_STMT *st, const char *sql, MYSQL_RES *meta, struct out_cell *cells, unsigned n,
    struct om_arena *a, om_err *e)
{
	MYSQL_BIND *b = om_arena_array(a, n, sizeof *b);

	for (unsigned i = 0; i < n && !a->failed; i++) {
		const MYSQL_FIELD *f = mysql_fetch_field_direct(meta, i);
		unsigned long room = f->max_length < LEAST_CELL ? LEAST_CELL : f->max_length;

		b[i].is_null = &cells[i].null;
		b[i].error = &cells[i].cut;
		b[i].length = &cells[i].length;
		if (is_integer(f->type)) {
			b[i].buffer_type = MYSQL_TYPE_LONGLONG;
			b[i].buffer = &cells[i].i;
			continue;
		}
		cells[i].buf = om_arena_alloc(a, room + 1);
		b[i].buffer_type = MYSQL_TYPE_STRING;
		b[i].buffer = cells[i].buf;
		b[i].buffer_length = room;
	}
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (mysql_stmt_bind_result(st, b) != 0)
		return fail_st(db, st, sql, e);
	return OM_OK;
}

om_status
cd_found(void *arg, const struct cd_val *row, om_err *e)
{
	(void)row;
	(void)e;
	*(bool *)arg = true;
	return OM_OK;
}

/* name_columns tells what the columns are called. */
static om_status
name_columns(MYSQL_RES *meta, unsigned n, struct om_arena *a, cd_columns_fn *fn, void *arg, om_err *e)
{
	struct cd_column *columns = om_arena_array(a, n, sizeof *columns);

	if (columns == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (unsigned i = 0; i < n; i++) {
		const MYSQL_FIELD *f = mysql_fetch_field_direct(meta, i);

		columns[i] = (struct cd_column){.name = f->name, .is_decimal = f->type == MYSQL_TYPE_NEWDECIMAL};
	}
	return fn(arg, columns, n, e);
}

static om_status
fetch_all(
    struct cd_db *db, MYSQL_STMT *st, const char *sql, cd_columns_fn *columns, cd_row_fn *fn, void *arg, om_err *e)
{
	MYSQL_RES *meta = mysql_stmt_result_metadata(st);
	struct out_cell *cells;
	struct om_arena a;
	struct cd_val *row;
	unsigned n;
	om_status s;
	int rv;

	if (meta == NULL)
		return om_fail(e, OM_INTERNAL, "no result: %.60s", sql);
	n = mysql_num_fields(meta);
	om_arena_init(&a, (size_t)64 * 1024 * 1024);
	cells = om_arena_array(&a, n, sizeof *cells);
	row = om_arena_array(&a, n, sizeof *row);
	s = a.failed ? om_fail(e, OM_NOMEM, "out of memory") : bind_result(db, st, sql, meta, cells, n, &a, e);
	if (s == OM_OK && columns != NULL)
		s = name_columns(meta, n, &a, columns, arg, e);
	while (s == OM_OK && (rv = mysql_stmt_fetch(st)) != MYSQL_NO_DATA) {
		if (rv == MYSQL_DATA_TRUNCATED) {
			s = om_fail(e, OM_INTERNAL, "a value is longer than announced: %.60s", sql);
			break;
		}
		if (rv != 0) {
			s = fail_st(db, st, sql, e);
			break;
		}
		for (unsigned i = 0; i < n; i++) {
			if (cells[i].null)
				row[i] = CD_NONE;
			else if (cells[i].buf == NULL)
				row[i] = CD_I(cells[i].i);
			else {
				cells[i].buf[cells[i].length] = '\0';
				row[i] = CD_B(cells[i].buf, cells[i].length);
			}
		}
		s = fn(arg, row, e);
	}
	om_arena_fini(&a);
	mysql_free_result(meta);
	return s;
}

om_status
cd_db_query_named(struct cd_db *db, const char *sql, const struct cd_val *params, size_t n_params,
    cd_columns_fn *columns, cd_row_fn *fn, void *arg, om_err *e)
{
	const my_bool on = 1;
	MYSQL_STMT *st = NULL;
	om_status s = prepare(db, sql, &st, e);

	om_check(fn != NULL && (params != NULL || n_params == 0));
	if (s != OM_OK)
		return s;
	(void)mysql_stmt_attr_set(st, STMT_ATTR_UPDATE_MAX_LENGTH, &on);
	s = bind_and_execute(db, st, sql, params, n_params, 1, e);
	if (s == OM_OK && mysql_stmt_store_result(st) != 0)
		s = fail_st(db, st, sql, e);
	if (s == OM_OK)
		s = fetch_all(db, st, sql, columns, fn, arg, e);
	(void)mysql_stmt_free_result(st);
	return s;
}

om_status
cd_db_query(struct cd_db *db, const char *sql, const struct cd_val *params, size_t n_params, cd_row_fn *fn, void *arg,
    om_err *e)
{
	return cd_db_query_named(db, sql, params, n_params, NULL, fn, arg, e);
}

om_status
cd_db_begin(struct cd_db *db, om_err *e)
{
	om_status s = cd_db_run(db, "START TRANSACTION", e);

	if (s == OM_OK)
		s = cd_db_run(db, "SAVEPOINT whole", e);
	db->guarded = s == OM_OK;
	return s;
}

om_status
cd_db_begin_snapshot(struct cd_db *db, om_err *e)
{
	om_status s = cd_db_run(db, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", e);

	return s != OM_OK ? s : cd_db_run(db, "START TRANSACTION WITH CONSISTENT SNAPSHOT", e);
}

om_status
cd_db_commit(struct cd_db *db, om_err *e)
{
	om_status s = db->guarded ? cd_db_run(db, "RELEASE SAVEPOINT whole", e) : OM_OK;

	if (s != OM_OK)
		return s;
	db->guarded = false;
	return cd_db_run(db, "COMMIT", e);
}

bool
cd_db_is_writing(const struct cd_db *db)
{
	return db->guarded;
}

void
cd_db_rollback(struct cd_db *db)
{
	db->guarded = false;
	if (!db->broken && cd_db_run(db, "ROLLBACK", NULL) != OM_OK)
		db->broken = true;
}
