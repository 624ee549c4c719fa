/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "import.h"

#include "bring_up.h"
#include "digest.h"
#include "log.h"
#include "record.h"
#include "settings.h"
#include "store.h"
#include "zone.h"

#include <stdlib.h>
#include <string.h>

#define PAGE        500u
#define ARENA_BYTES ((size_t)64 * 1024 * 1024)
#define READ_S      600
#define DEADLINE    (om_mono_ms() + (int64_t)READ_S * 1000)
#define REASONS     24u
#define NEAR_US     (900 * OM_SECOND)  /* two files' times of one call differ at most so much */
#define TURN_US     (3600 * OM_SECOND) /* a turn's start and its end */
#define SAY_EVERY   ((int64_t)10000)

struct reason {
	char text[200];
	char first[80]; /* where */
	int64_t n;
};

/* A row on its way. */
struct line {
	Om__Record *rec;
	const char *where, *span;
	char *known;  /* the key the ledger has the call by, if another */
	bool same_id; /* the ledger has it by its own key */
};

struct cd_import {
	struct cd_ledger *ledger; /* borrowed */
	FILE *out;                /* borrowed */
	struct om_arena a;        /* of the page */
	struct line lines[PAGE];
	size_t n;
	Om__Record *next;
	int64_t rows, added, duplicate, refused, skipped, said;
	struct reason reasons[REASONS];
	size_t n_reasons;
	uint64_t *taken; /* owned; hashes of the keys that counted for a row */
	size_t n_taken, cap_taken;
};

Om__Record *
cd_import_record(struct cd_import *im)
{
	im->next = om_msg_new(&im->a, &om__record__descriptor);
	if (im->next != NULL)
		im->next->user = om_msg_new(&im->a, &om__user__descriptor);
	return im->a.failed ? NULL : im->next;
}

struct om_arena *
cd_import_arena(struct cd_import *im)
{
	return &im->a;
}

void
cd_import_skip(struct cd_import *im, const char *where, const char *why)
{
	size_t i = 0;

	while (i < im->n_reasons && strcmp(im->reasons[i].text, why) != 0)
		i++;
	im->rows++;
	im->skipped++;
	if (i == REASONS)
		i--; /* the last one stands for all others */
	if (i == im->n_reasons) {
		im->n_reasons++;
		(void)snprintf(
		    im->reasons[i].text, sizeof im->reasons[i].text, "%s", i + 1 == REASONS ? "other reasons" : why);
		(void)snprintf(im->reasons[i].first, sizeof im->reasons[i].first, "%s", where);
	}
	im->reasons[i].n++;
}

void
cd_import_progress(struct cd_import *im, int64_t done, int64_t total)
{
	if (im->rows < im->said + SAY_EVERY)
		return;
	im->said = im->rows;
	(void)fprintf(im->out, "%lld rows, %lld %%\n", (long long)im->rows,
	    (long long)(total > 0 ? (done < total ? done : total) * 100 / total : 0));
	(void)fflush(im->out);
}

/* ---- does the ledger have it already? ---- */

static uint64_t
hash_key(const char *key)
{
	unsigned char sum[OM_SHA256] = {0};
	uint64_t h;

	if (om_sha256(&(struct om_bytes){.data = key, .n = strlen(key)}, 1, sum) != OM_OK)
		return 0;
	memcpy(&h, sum, sizeof h);
	return h;
}

static bool
is_taken(const struct cd_import *im, const char *key)
{
	uint64_t h = hash_key(key);

	for (size_t i = im->n_taken; i-- > 0;)
		if (im->taken[i] == h)
			return true;
	return false;
}

static om_status
take(struct cd_import *im, const char *key, om_err *e)
{
	if (im->n_taken == im->cap_taken) {
		size_t cap = im->cap_taken == 0 ? 1024 : 2 * im->cap_taken;
		uint64_t *p = realloc(im->taken, cap * sizeof *p);

		if (p == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		im->taken = p;
		im->cap_taken = cap;
	}
	im->taken[im->n_taken++] = hash_key(key);
	return OM_OK;
}

struct search {
	struct cd_import *im;
	struct line *l;
	bool one_to_one; /* what counted for another row is passed over */
};

static om_status
keep_known(void *arg, const struct cd_val *v, om_err *e)
{
	struct search *s = arg;

	if (s->l->known != NULL || (s->one_to_one && is_taken(s->im, v[0].p)))
		return OM_OK;
	s->l->known = om_arena_strndup(&s->im->a, v[0].p, v[0].n);
	return s->l->known != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

static om_status
keep_same(void *arg, const struct cd_val *v, om_err *e)
{
	(void)v;
	(void)e;
	*(bool *)arg = true;
	return OM_OK;
}

#define BETWEEN "SELECT generation_id FROM generation FORCE INDEX (by_start) WHERE started_us>=? AND started_us<=? AND "

static om_status
find_turn(struct cd_db *db, struct search *w, om_time at, om_err *e)
{
	const char *turn = w->l->rec->turn_id;

	return cd_db_query(db,
	    BETWEEN "generation_id NOT LIKE '" CD_TURN_PREFIX "%' AND (message_id=? OR turn_id=?) LIMIT 1",
	    (struct cd_val[]){CD_I(at - TURN_US), CD_I(at + TURN_US), cd_t(turn), cd_t(turn)}, 4, keep_known, w, e);
}

static om_status
find_span(struct cd_db *db, struct search *w, om_time at, om_err *e)
{
	return cd_db_query(db, BETWEEN "LEFT(SHA2(generation_id,256),16)=? LIMIT 1",
	    (struct cd_val[]){CD_I(at - TURN_US), CD_I(at + TURN_US), cd_t(w->l->span)}, 3, keep_known, w, e);
}

/* find_alike looks for the call among the rows that have the other kind of key. */
static om_status
find_alike(struct cd_db *db, struct search *w, om_time at, om_err *e)
{
	static const char turns[] = BETWEEN "generation_id LIKE '" CD_TURN_PREFIX
					    "%' AND cost=? AND prompt_tokens=? AND completion_tokens=? AND "
					    "(user_id=? OR user_id=? OR ?=?) ORDER BY started_us,generation_id";
	static const char generations[] = BETWEEN
	    "generation_id NOT LIKE '" CD_TURN_PREFIX "%' AND cost=? AND prompt_tokens=? AND completion_tokens=? "
	    "AND (user_id=? OR user_id=? OR ?=?) ORDER BY started_us,generation_id";
	const Om__Record *r = w->l->rec;
	const struct cd_val v[] = {
	    CD_I(at - NEAR_US),
	    CD_I(at + NEAR_US),
	    cd_t(r->cost),
	    CD_I(r->prompt_tokens),
	    CD_I(r->completion_tokens),
	    cd_t(r->user->id),
	    cd_t(OM_USER_UNKNOWN),
	    cd_t(r->user->id),
	    cd_t(OM_USER_UNKNOWN),
	};

	if (r->cost == NULL || !r->has_prompt_tokens || !r->has_completion_tokens)
		return OM_OK;
	w->one_to_one = true;
	return cd_db_query(
	    db, r->generation_id != NULL ? turns : generations, v, sizeof v / sizeof v[0], keep_known, w, e);
}

static om_status
search_page(struct cd_db *db, void *arg, om_err *e)
{
	struct cd_import *im = arg;
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < im->n; i++) {
		struct line *l = &im->lines[i];
		struct search w = {.im = im, .l = l};
		om_time at = cd_record_seen_us(l->rec);
		struct cd_row row;

		l->known = NULL;
		l->same_id = false;
		s = cd_record_row(l->rec, &im->a, &row, e);
		if (s == OM_OK)
			s = cd_db_query(db, "SELECT 1 FROM generation WHERE generation_id=?",
			    (struct cd_val[]){CD_B(row.key.p, row.key.n)}, 1, keep_same, &l->same_id, e);
		if (s == OM_OK && !l->same_id && l->rec->turn_id != NULL)
			s = find_turn(db, &w, at, e);
		if (s == OM_OK && !l->same_id && l->known == NULL && l->span != NULL)
			s = find_span(db, &w, at, e);
		if (s == OM_OK && !l->same_id && l->known == NULL) {
			s = find_alike(db, &w, at, e);
			if (s == OM_OK && l->known != NULL)
				s = take(im, l->known, e);
		}
	}
	return s;
}

/* ---- a page into the ledger ---- */

/* submit sends the page as a batch of a spool of its own, named by its content:
 * what is sent again is the same batch. */
static om_status
submit(struct cd_import *im, om_err *e)
{
	Om__SubmitReply rep = OM__SUBMIT_REPLY__INIT;
	Om__SubmitBatch b = OM__SUBMIT_BATCH__INIT;
	struct om_bytes *ids = om_arena_array(&im->a, PAGE, sizeof *ids);
	unsigned char sum[OM_SHA256];
	om_status s = OM_OK;

	b.entries = om_arena_array(&im->a, PAGE, sizeof(void *));
	if (ids == NULL || b.entries == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < im->n; i++) {
		Om__SpoolEntry *entry;
		struct om_buf packed;

		if (im->lines[i].known != NULL)
			continue;
		entry = om_msg_new(&im->a, &om__spool_entry__descriptor);
		om_buf_init(&packed, (size_t)1024 * 1024);
		om_msg_pack(&im->lines[i].rec->base, &packed);
		s = om_buf_done(&packed, e);
		if (s == OM_OK && entry != NULL) {
			entry->seq = b.n_entries + 1;
			entry->record.len = packed.len;
			entry->record.data = om_arena_alloc(&im->a, packed.len);
			if (entry->record.data != NULL)
				memcpy(entry->record.data, packed.data, packed.len);
			ids[b.n_entries] = (struct om_bytes){im->lines[i].rec->record_id.data, CD_RECORD_ID};
			b.entries[b.n_entries++] = entry;
		}
		om_buf_fini(&packed);
	}
	if (s == OM_OK && im->a.failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	if (s != OM_OK || b.n_entries == 0)
		return s;
	s = om_sha256(ids, b.n_entries, sum);
	b.spool_id = (ProtobufCBinaryData){.len = 16, .data = sum};
	b.first_seq = 1;
	b.last_seq = b.n_entries;
	if (s == OM_OK)
		s = cd_ledger_submit(im->ledger, &b, DEADLINE, &im->a, &rep, e);
	if (s != OM_OK)
		return s;
	im->rows += (int64_t)b.n_entries;
	im->added += rep.new_records;
	im->duplicate += rep.duplicate_records;
	im->refused += rep.refused_records;
	return OM_OK;
}

static om_status
flush(struct cd_import *im, om_err *e)
{
	om_status s = im->n > 0 ? cd_pool_run(im->ledger->pool, CD_TX_SNAPSHOT, DEADLINE, search_page, im, e) : OM_OK;

	for (size_t i = 0; s == OM_OK && i < im->n; i++)
		if (im->lines[i].known != NULL)
			cd_import_skip(im, im->lines[i].where, "the ledger has this call by another id");
	if (s == OM_OK)
		s = submit(im, e);
	im->n = 0;
	om_arena_fini(&im->a);
	om_arena_init(&im->a, ARENA_BYTES);
	return s;
}

om_status
cd_import_add(struct cd_import *im, const char *where, const char *span, om_err *e)
{
	unsigned char sum[OM_SHA256], *id = om_arena_alloc(&im->a, CD_RECORD_ID);
	om_err why = {.text = ""};
	Om__Record *r = im->next;
	struct line *l = &im->lines[im->n];
	om_status s;

	if (id == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	r->record_id = (ProtobufCBinaryData){.len = CD_RECORD_ID, .data = id};
	if (cd_record_fit(r, &im->a, &why) != OM_OK) {
		cd_import_skip(im, where, why.text);
		return OM_OK;
	}
	s = cd_record_content(r, sum, e);
	if (s != OM_OK)
		return s;
	memcpy(id, sum, CD_RECORD_ID);
	r->received_us = om_now();
	*l = (struct line){.rec = r, .where = om_arena_strdup(&im->a, where)};
	if (span != NULL)
		l->span = om_arena_strdup(&im->a, span);
	if (im->a.failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	return ++im->n < PAGE ? OM_OK : flush(im, e);
}

/* ---- the command ---- */

static void
report(const struct cd_import *im)
{
	(void)fprintf(im->out, "%lld rows: %lld new, %lld known already, %lld refused (dead letters), %lld left out\n",
	    (long long)im->rows, (long long)im->added, (long long)im->duplicate, (long long)im->refused,
	    (long long)im->skipped);
	for (size_t i = 0; i < im->n_reasons; i++)
		(void)fprintf(im->out, "left out %lld: %s (the first: %s)\n", (long long)im->reasons[i].n,
		    im->reasons[i].text, im->reasons[i].first);
	(void)fflush(im->out);
}

static om_status
is_sqlite(const char *path, bool *out, om_err *e)
{
	static const char magic[] = "SQLite format 3";
	char head[sizeof magic] = "";
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return om_fail(e, OM_INVALID, "%.200s cannot be opened", path);
	*out = fread(head, 1, sizeof head, f) == sizeof head && memcmp(head, magic, sizeof magic) == 0;
	(void)fclose(f);
	return OM_OK;
}

om_status
cd_import_run(struct cd_ledger *l, const char *path, FILE *out, om_err *e)
{
	struct cd_import *im = calloc(1, sizeof *im);
	bool sqlite = false;
	om_status s;

	if (im == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	im->ledger = l;
	im->out = out;
	om_arena_init(&im->a, ARENA_BYTES);
	s = is_sqlite(path, &sqlite, e);
	if (s == OM_OK)
		s = sqlite ? cd_import_sqlite(im, path, e) : cd_import_csv(im, path, e);
	if (s == OM_OK)
		s = flush(im, e);
	if (s == OM_OK || im->rows > 0)
		report(im);
	om_arena_fini(&im->a);
	free(im->taken);
	free(im);
	return s;
}

static om_status
carry_out(const struct cd_settings *conf, const char *path, om_err *e)
{
	struct cd_ledger ledger = {
	    .books = true,
	    .times =
		{
		    .delay_us = conf->lookup_delay_us,
		    .open_delay_us = conf->lookup_open_delay_us,
		    .max_delay_us = conf->lookup_max_delay_us,
		    .give_up_us = conf->lookup_give_up_us,
		},
	};
	struct cd_db_opts o;
	om_status s = om_zone_open(conf->timezone, e);

	cd_settings_db(conf, &o);
	if (s == OM_OK)
		s = cd_store_init(e);
	if (s == OM_OK)
		s = cd_bring_up(&o, e);
	o.read_s = READ_S;
	if (s == OM_OK)
		s = cd_pool_new(&o, 1, &ledger.pool, e);
	if (s != OM_OK)
		return s;
	cd_pool_ready(ledger.pool);
	s = cd_import_run(&ledger, path, stdout, e);
	cd_pool_free(&ledger.pool);
	return s;
}

int
cd_import_main(const char *path)
{
	struct cd_settings conf = {0};
	om_err e = {.text = ""};
	om_status s;
	int rc = 2;

	om_log_init("costd", OM_LOG_ERROR);
	s = om_conf_load(cd_settings_table, CD_N_SETTINGS, &conf, &e);
	if (s == OM_OK) {
		s = carry_out(&conf, path, &e);
		rc = s == OM_OK ? 0 : 1;
	}
	if (s != OM_OK)
		(void)fprintf(stderr, "costd: %s\n", om_err_text(&e, s));
	om_conf_fini(cd_settings_table, CD_N_SETTINGS, &conf);
	return rc;
}
