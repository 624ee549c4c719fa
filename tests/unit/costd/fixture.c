/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fixture.h"

#include "ledger/bring_up.h"
#include "store/store.h"
#include "base/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)1024 * 1024 * 1024)

static void
must(om_status s, const om_err *e)
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
	must(cd_db_open(&o, &db, &e), &e);
	must(cd_db_run(db, sql, &e), &e);
	cd_db_close(&db);
}

void
fx_open(struct fx *f)
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
	must(om_zone_open("UTC", &e), &e);
	on_server(f, "CREATE DATABASE");
	must(cd_store_init(&e), &e);
	must(cd_bring_up(&f->opts, &e), &e);
	must(cd_pool_new(&f->opts, 8, &f->pool, &e), &e);
	cd_pool_ready(f->pool);
	om_arena_init(&f->a, ARENA_BYTES);
	f->ledger = (struct cd_ledger){
	    .pool = f->pool,
	    .times =
		{
		    .delay_us = 5 * OM_SECOND,
		    .open_delay_us = 900 * OM_SECOND,
		    .max_delay_us = INT64_C(6) * 3600 * OM_SECOND,
		    .give_up_us = 7 * OM_DAY,
		},
	};
}

void
fx_close(struct fx *f)
{
	cd_pool_free(&f->pool);
	on_server(f, "DROP DATABASE");
	om_arena_fini(&f->a);
}

void
fx_run(struct fx *f, const char *sql)
{
	struct cd_db *db = NULL;
	om_err e = {.text = ""};

	must(cd_db_open(&f->opts, &db, &e), &e);
	must(cd_db_run(db, sql, &e), &e);
	must(cd_db_commit(db, &e), &e);
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

	must(cd_db_open(&f->opts, &db, &e), &e);
	must(cd_db_query(db, sql, NULL, 0, keep, d, &e), &e);
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

uint64_t
fx_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

bool
fx_same_cell(unsigned f, const struct cd_cell *a, const struct cd_cell *b)
{
	if (a->rank != b->rank || a->rank == CD_RANK_NONE)
		return a->rank == b->rank;
	switch (cd_fields[f].kind) {
	case CD_KIND_INT:
		return a->v.i == b->v.i;
	case CD_KIND_MONEY:
		return a->v.money.v == b->v.money.v;
	case CD_KIND_TEXT:
		break;
	}
	return a->v.text.n == b->v.text.n && memcmp(a->v.text.p, b->v.text.p, a->v.text.n) == 0;
}

uint64_t
fx_seed(void)
{
	const char *text = getenv("METERING_TEST_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : (uint64_t)om_now();

	print_message("METERING_TEST_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

Om__Record *
fx_record(struct om_arena *a, uint64_t id, const char *generation, const char *user, const char *cost)
{
	Om__Record *r = om_msg_new(a, &om__record__descriptor);

	assert_non_null(r);
	r->record_id.len = 16;
	r->record_id.data = om_arena_alloc(a, 16);
	for (unsigned i = 0; i < 8; i++)
		r->record_id.data[15 - i] = (unsigned char)(id >> (8 * i));
	r->generation_id = generation != NULL ? om_arena_strdup(a, generation) : NULL;
	r->state = OM__STATE__STATE_FINAL;
	r->user = om_msg_new(a, &om__user__descriptor);
	r->user->id = om_arena_strdup(a, user);
	r->source = om_arena_strdup(a, "filter-stream");
	r->model = om_arena_strdup(a, "anthropic/claude-x");
	r->provider = om_arena_strdup(a, "Anthropic");
	r->has_prompt_tokens = r->has_completion_tokens = true;
	r->prompt_tokens = 30;
	r->completion_tokens = 7;
	r->cost = cost != NULL ? om_arena_strdup(a, cost) : NULL;
	r->has_cost_state = cost != NULL;
	r->cost_state = OM__COST_STATE__COST_REPORTED;
	r->has_started_us = r->has_finished_us = true;
	r->started_us = (om_time)1795000000 * OM_SECOND;
	r->finished_us = r->started_us + 3 * OM_SECOND;
	r->received_us = r->finished_us;
	return r;
}

om_status
fx_submit(struct fx *f, Om__Record *const *r, size_t n, uint64_t first, Om__SubmitReply *out)
{
	static unsigned char spool[16] = "test spool 12345";
	Om__SubmitBatch b = OM__SUBMIT_BATCH__INIT;
	om_err e = {.text = ""};
	om_status s;

	b.spool_id = (ProtobufCBinaryData){.len = 16, .data = spool};
	b.first_seq = first;
	b.last_seq = first + n - 1;
	b.n_entries = n;
	b.entries = om_arena_array(&f->a, n, sizeof(Om__SpoolEntry *));
	for (size_t i = 0; i < n; i++) {
		Om__SpoolEntry *entry = om_msg_new(&f->a, &om__spool_entry__descriptor);

		entry->seq = first + i;
		entry->record.len = om__record__get_packed_size(r[i]);
		entry->record.data = om_arena_alloc(&f->a, entry->record.len + 1);
		(void)om__record__pack(r[i], entry->record.data);
		b.entries[i] = entry;
	}
	s = cd_ledger_submit(&f->ledger, &b, FX_DEADLINE, &f->a, out, &e);
	if (s != OM_OK)
		print_message("submit: %s\n", om_err_text(&e, s));
	else
		assert_int_equal(out->new_records + out->duplicate_records + out->refused_records, n);
	return s;
}
