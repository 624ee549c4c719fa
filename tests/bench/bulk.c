/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * bulk - the floor of `bench ledger`: the rows of one ledger, bulk-inserted into
 * the same tables of an empty one, in transactions of N records, by Connector/C
 * and nothing else.
 *
 *   DATABASE_PASSWORD=… bulk SOCKET USER FROM TO N      prints seconds and rows
 */
#include "database/db.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)2048 * 1024 * 1024)
#define MAX_COLUMNS 48u
#define MAX_ROWS    ((size_t)400000)

/* A table and the columns it is read and written by. */
static const struct table {
	const char *name, *read, *write;
	size_t n_columns;
} tables[] = {
    {"record", "record_id,key_hash,person,group_set,content,content_kind,rules,received_us,payload",
	"record_id,key_hash,person,group_set,content,content_kind,rules,received_us,payload", 9},
    {"generation",
	"generation_id,user_id,started_us,CAST(day AS CHAR),finished_us,state,cost_state,cost,byok_cost,is_byok,"
	"prompt_tokens,completion_tokens,reasoning_tokens,cached_tokens,cache_write_tokens,model,provider,"
	"requested_model,origin,task,source,chat_id,message_id,turn_id,user_groups,ranks,received_us,requests,"
	"unsettled,link_kind,disputed,odd_day,unproven,marked",
	"generation_id,user_id,started_us,day,finished_us,state,cost_state,cost,byok_cost,is_byok,prompt_tokens,"
	"completion_tokens,reasoning_tokens,cached_tokens,cache_write_tokens,model,provider,requested_model,origin,"
	"task,source,chat_id,message_id,turn_id,user_groups,ranks,received_us,requests,unsettled,link_kind,disputed,"
	"odd_day,unproven,marked",
	34},
    {"usage_day",
	"CAST(day AS CHAR),user_id,user_groups,model,provider,origin,task,source,platform,requests,prompt_tokens,"
	"completion_tokens,reasoning_tokens,cached_tokens,cache_write_tokens,images,cost,byok_cost,disputed_cost,"
	"unsettled,changed_us",
	"day,user_id,user_groups,model,provider,origin,task,source,platform,requests,prompt_tokens,completion_tokens,"
	"reasoning_tokens,cached_tokens,cache_write_tokens,images,cost,byok_cost,disputed_cost,unsettled,changed_us",
	21},
    {"usage_sum",
	"cube,CAST(day AS CHAR),user_id,user_groups,model,provider,origin,task,source,platform,requests,"
	"prompt_tokens,completion_tokens,reasoning_tokens,cached_tokens,cache_write_tokens,images,cost,byok_cost,"
	"disputed_cost,unsettled",
	"cube,day,user_id,user_groups,model,provider,origin,task,source,platform,requests,prompt_tokens,"
	"completion_tokens,reasoning_tokens,cached_tokens,cache_write_tokens,images,cost,byok_cost,disputed_cost,"
	"unsettled",
	21},
    {"batch",
	"spool_id,first_seq,last_seq,new_records,duplicate_records,refused_records,deliveries,committed_us,received_us",
	"spool_id,first_seq,last_seq,new_records,duplicate_records,refused_records,deliveries,committed_us,received_us",
	9},
};
#define N_TABLES (sizeof tables / sizeof tables[0])

struct rows {
	struct cd_val *v;
	size_t n, n_columns;
	struct om_arena *a;
};

static void
must(om_status s, const om_err *e)
{
	if (s == OM_OK)
		return;
	(void)fprintf(stderr, "bulk: %s\n", om_err_text(e, s));
	exit(1);
}

static om_status
keep(void *arg, const struct cd_val *v, om_err *e)
{
	struct rows *r = arg;

	if (r->n == MAX_ROWS)
		return om_fail(e, OM_TOO_LARGE, "more than %zu rows", MAX_ROWS);
	for (size_t i = 0; i < r->n_columns; i++) {
		struct cd_val *to = &r->v[r->n * r->n_columns + i];

		*to = v[i];
		if (v[i].kind == CD_TEXT) { /* bytes, zeros among them */
			char *copy = om_arena_alloc(r->a, v[i].n + 1);

			if (copy == NULL)
				break;
			memcpy(copy, v[i].p, v[i].n);
			to->p = copy;
		}
	}
	r->n++;
	return r->a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

static struct cd_db *
open_db(char **argv, char *name)
{
	const struct cd_db_opts o = {.socket = argv[1],
	    .user = argv[2],
	    .password = getenv("DATABASE_PASSWORD"),
	    .database = name,
	    .connect_s = 5,
	    .read_s = 600};
	struct cd_db *db = NULL;
	om_err e = {.text = ""};

	must(cd_db_open(&o, &db, &e), &e);
	return db;
}

static void
read_table(struct cd_db *db, const struct table *t, struct rows *r)
{
	char sql[1024];
	om_err e = {.text = ""};

	(void)snprintf(sql, sizeof sql, "SELECT %s FROM %s", t->read, t->name);
	must(cd_db_query(db, sql, NULL, 0, keep, r, &e), &e);
}

static void
write_piece(struct cd_db *db, const struct table *t, const struct rows *r, size_t from, size_t to)
{
	char sql[1400], marks[2 * MAX_COLUMNS] = "?";
	om_err e = {.text = ""};

	if (from >= to)
		return;
	for (size_t i = 1; i < t->n_columns; i++)
		memcpy(marks + 2 * i - 1, ",?", 3);
	(void)snprintf(sql, sizeof sql, "INSERT INTO %s (%s) VALUES (%s)", t->name, t->write, marks);
	must(cd_db_exec(db, sql, r->v + from * t->n_columns, t->n_columns, to - from, NULL, &e), &e);
}

int
main(int argc, char **argv)
{
	struct rows rows[N_TABLES];
	struct om_arena a;
	struct cd_db *db;
	om_err e = {.text = ""};
	size_t size, pieces;
	int64_t began;

	if (argc != 6 || (size = strtoul(argv[5], NULL, 10)) == 0) {
		(void)fprintf(stderr, "usage: bulk SOCKET USER FROM TO N\n");
		return 2;
	}
	om_arena_init(&a, ARENA_BYTES);
	db = open_db(argv, argv[3]);
	for (size_t i = 0; i < N_TABLES; i++) {
		rows[i] = (struct rows){.n_columns = tables[i].n_columns, .a = &a};
		rows[i].v = calloc(MAX_ROWS * tables[i].n_columns, sizeof *rows[i].v);
		if (rows[i].v == NULL)
			return 1;
		read_table(db, &tables[i], &rows[i]);
	}
	cd_db_close(&db);
	db = open_db(argv, argv[4]);
	pieces = (rows[0].n + size - 1) / size;
	began = om_mono_ms();
	for (size_t p = 0; p < pieces; p++) {
		must(cd_db_run(db, "START TRANSACTION", &e), &e); /* without the guard of cd_db_begin */
		for (size_t i = 0; i < N_TABLES; i++)
			write_piece(db, &tables[i], &rows[i], rows[i].n * p / pieces, rows[i].n * (p + 1) / pieces);
		must(cd_db_commit(db, &e), &e);
	}
	(void)printf("%lld.%03lld %zu\n", (long long)((om_mono_ms() - began) / 1000),
	    (long long)((om_mono_ms() - began) % 1000), rows[0].n);
	cd_db_close(&db);
	om_arena_fini(&a);
	for (size_t i = 0; i < N_TABLES; i++)
		free(rows[i].v);
	return 0;
}
