/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "database_fixture.h"

#include "database/meta.h"
#include "database/schema.h"
#include "base/buf.h"
#include "base/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)1024 * 1024 * 1024)

void
fx_ok(om_status s, const om_err *e)
{
	if (s != OM_OK)
		fail_msg("%s", om_err_text(e, s));
}

static void
on_server(struct fx *f, const char *fmt)
{
	struct cd_db_opts o = f->opts;
	struct cd_db *db = NULL;
	om_err e = {.text = ""};
	char sql[256];

	o.database = NULL;
	(void)snprintf(sql, sizeof sql, "%s `%s`", fmt, f->name);
	fx_ok(cd_db_open(&o, &db, &e), &e);
	fx_ok(cd_db_run(db, sql, &e), &e);
	cd_db_close(&db);
}

static const struct cd_schema_how no_rows = {.work = NULL}; /* there are none to copy */

/* make_views: the tables with texts in place of numbers, for the tests to look at. */
static void
make_views(struct cd_db *db)
{
	FILE *file = fopen(CD_VIEWS, "r");
	static char text[64 * 1024];
	const char *at = text;
	om_err e = {.text = ""};
	char *sql;
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof text - 1, file);
	text[n] = '\0';
	(void)fclose(file);
	while ((sql = cd_schema_next(&at)) != NULL) {
		fx_ok(cd_db_run(db, sql, &e), &e);
		free(sql);
	}
}

static void
make_schema(const struct cd_db_opts *o)
{
	struct cd_db *db = NULL;
	om_err e = {.text = ""};

	fx_ok(cd_db_open(o, &db, &e), &e);
	fx_ok(cd_schema_apply(o, db, cd_migrations, cd_n_migrations, &no_rows, &e), &e);
	fx_ok(cd_meta_check_zone(db, &e), &e);
	make_views(db);
	cd_db_close(&db);
}

void
fx_open_database(struct fx *f)
{
	static int count;
	om_err e = {.text = ""};

	memset(f, 0, sizeof *f);
	f->opts = (struct cd_db_opts){
	    .socket = getenv("METERING_TEST_DATABASE_SOCKET"),
	    .user = "root",
	    .database = f->name,
	    .connect_s = 5,
	    .read_s = 30,
	};
	if (f->opts.socket == NULL)
		skip();
	(void)snprintf(f->name, sizeof f->name, "metering_test_%ld_%d", (long)getpid(), count++);
	fx_ok(om_zone_open("UTC", &e), &e);
	on_server(f, "CREATE DATABASE");
	make_schema(&f->opts);
	fx_ok(cd_pool_new(&f->opts, 8, &f->pool, &e), &e);
	cd_pool_ready(f->pool);
	om_arena_init(&f->a, ARENA_BYTES);
}

void
fx_close(struct fx *f)
{
	free(f->ledger);
	cd_pool_free(&f->pool);
	on_server(f, "DROP DATABASE");
	om_arena_fini(&f->a);
}

void
fx_run(struct fx *f, const char *sql)
{
	struct cd_db *db = NULL;
	om_err e = {.text = ""};

	fx_ok(cd_db_open(&f->opts, &db, &e), &e);
	fx_ok(cd_db_run(db, sql, &e), &e);
	fx_ok(cd_db_commit(db, &e), &e);
	cd_db_close(&db);
}

struct dump {
	struct om_buf out;
	int64_t first;
	size_t n_cols;
};

static om_status
keep(void *arg, const struct cd_val *v, om_err *e)
{
	struct dump *d = arg;

	(void)e;
	d->first = v[0].i;
	if (v[0].kind == CD_TEXT)
		om_buf_add(&d->out, v[0].p, v[0].n);
	om_buf_chr(&d->out, '\n');
	return OM_OK;
}

static void
query(struct fx *f, const char *sql, struct dump *d)
{
	struct cd_db *db = NULL;
	om_err e = {.text = ""};

	fx_ok(cd_db_open(&f->opts, &db, &e), &e);
	fx_ok(cd_db_query(db, sql, NULL, 0, keep, d, &e), &e);
	cd_db_close(&db);
}

int64_t
fx_int(struct fx *f, const char *sql)
{
	struct dump d = {.first = 0};

	om_buf_init(&d.out, (size_t)1024 * 1024);
	query(f, sql, &d);
	om_buf_fini(&d.out);
	return d.first;
}

char *
fx_text(struct fx *f, const char *sql)
{
	struct dump d = {.first = 0};
	char *text;

	om_buf_init(&d.out, (size_t)64 * 1024 * 1024);
	query(f, sql, &d);
	text = om_arena_strndup(&f->a, d.out.data != NULL ? d.out.data : "", d.out.len);
	om_buf_fini(&d.out);
	assert_non_null(text);
	return text;
}
