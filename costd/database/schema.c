/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "schema.h"

#include "lease.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "run/duty.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STATEMENT_BYTES ((size_t)256 * 1024)
#define TASK            "schema" /* its lease */
#define LEASE_US        (15 * OM_SECOND)
#define KEEP_MS         4000
#define WAIT_MS         5000 /* for another process that carries out the steps */
#define LOOK_MS         100

/* skip_comment steps over "-- …" or a block comment; false if there is none. */
static bool
skip_comment(const char **at)
{
	const char *end = NULL;

	if (strncmp(*at, "--", 2) == 0) {
		end = strchr(*at, '\n');
		*at = end != NULL ? end + 1 : *at + strlen(*at);
		return true;
	}
	if (strncmp(*at, "/*", 2) == 0) {
		end = strstr(*at + 2, "*/");
		*at = end != NULL ? end + 2 : *at + strlen(*at);
		return true;
	}
	return false;
}

/* quoted_length: bytes of a quoted text with its quotes; a doubled quote or one
 * after a backslash does not end it. */
static size_t
quoted_length(const char *p)
{
	char quote = *p;
	size_t n = 1;

	while (p[n] != '\0') {
		if (p[n] == '\\' && quote != '`' && p[n + 1] != '\0') {
			n += 2;
		} else if (p[n] == quote) {
			n++;
			if (p[n] != quote)
				return n;
			n++;
		} else {
			n++;
		}
	}
	return n;
}

char *
cd_schema_next(const char **at)
{
	struct om_buf b;
	char *out = NULL;
	size_t n = 0;

	om_buf_init(&b, STATEMENT_BYTES);
	while (**at != '\0') {
		if (skip_comment(at))
			continue;
		if (**at == ';') {
			(*at)++;
			if (b.len > 0)
				break;
		} else if (**at == '\'' || **at == '"' || **at == '`') {
			n = quoted_length(*at);
			om_buf_add(&b, *at, n);
			*at += n;
		} else if (strchr(" \t\r\n", **at) != NULL) {
			if (b.len > 0 && b.data[b.len - 1] != ' ')
				om_buf_chr(&b, ' ');
			(*at)++;
		} else {
			om_buf_chr(&b, **at);
			(*at)++;
		}
	}
	if (b.len > 0 && om_buf_done(&b, NULL) == OM_OK)
		out = om_buf_take(&b, &n);
	om_buf_fini(&b);
	return out;
}

static om_status
keep_int(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(int64_t *)arg = v[0].kind == CD_INT ? v[0].i : 0;
	return OM_OK;
}

static om_status
keep_checksum(void *arg, const struct cd_val *v, om_err *e)
{
	char *out = arg;

	if (v[0].n != (size_t)2 * OM_SHA256)
		return om_fail(e, OM_DAMAGED, "schema_migration: a checksum is malformed");
	memcpy(out, v[0].p, v[0].n + 1);
	return OM_OK;
}

/* ---- the lease ---- */

/* What holds off other processes, on this node and others, while steps are carried out. */
struct guard {
	const struct cd_db_opts *opts; /* borrowed */
	unsigned char id[CD_LEASE_ID];
	struct om_duties *duties; /* owned; keeps the lease */
	struct cd_db *db;         /* owned; the duty's connection, as the steps' own is busy */
};

static om_status
take_lease(struct cd_db *db, struct guard *g, bool *taken_out, om_err *e)
{
	struct cd_lease lease = {.taken = false};
	om_status s = cd_db_begin(db, e);

	if (s == OM_OK)
		s = cd_lease_take(db, &cd_lease_tasks, cd_t(TASK), om_now(), LEASE_US, &lease, e);
	if (s == OM_OK)
		s = cd_db_commit(db, e);
	if (s != OM_OK)
		cd_db_rollback(db);
	memcpy(g->id, lease.id, CD_LEASE_ID);
	*taken_out = s == OM_OK && lease.taken;
	return s;
}

/* wait_for_lease: OM_STORE when another process holds it for longer than this one waits. */
static om_status
wait_for_lease(struct cd_db *db, struct guard *g, om_err *e)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
	int64_t deadline = om_mono_ms() + WAIT_MS;
	bool taken = false;
	om_status s;

	for (;;) {
		s = take_lease(db, g, &taken, e);
		if (taken || (s != OM_OK && s != OM_STORE))
			return s;
		if (om_mono_ms() >= deadline)
			return om_fail(e, OM_STORE, "schema: another process carries out its steps");
		(void)nanosleep(&pause, NULL);
	}
}

static om_status
keep_lease(void *arg, struct om_duty_turn *t, om_err *e)
{
	struct guard *g = arg;
	om_status s = OM_OK;

	(void)t;
	if (g->db == NULL)
		s = cd_db_open(g->opts, &g->db, e);
	if (s == OM_OK)
		s = cd_db_begin(g->db, e);
	if (s == OM_OK)
		s = cd_lease_keep(g->db, &cd_lease_tasks, cd_t(TASK), g->id, om_now(), LEASE_US, e);
	if (s == OM_OK)
		s = cd_db_commit(g->db, e);
	if (s != OM_OK)
		cd_db_close(&g->db);
	return s;
}

static om_status
start_keeping(struct guard *g, om_err *e)
{
	const struct om_duty row = {.name = TASK,
	    .failed = "the schema's lease cannot be kept",
	    .every_ms = KEEP_MS,
	    .asleep = true,
	    .run = keep_lease,
	    .arg = g};
	om_status s = om_duties_new(1, NULL, &g->duties, e);

	if (s == OM_OK)
		s = om_duties_add(g->duties, &row, NULL, e);
	if (s == OM_OK)
		s = om_duties_start(g->duties, e);
	if (s == OM_OK)
		om_duties_wake_in(g->duties, TASK, KEEP_MS);
	return s;
}

/* end_lease gives the lease back; where that fails, it runs out by itself. */
static void
end_lease(struct cd_db *db, struct guard *g)
{
	const struct cd_lease_end free_now = {.next_us = 1} /* at once */;

	om_duties_free(&g->duties);
	cd_db_close(&g->db);
	if (cd_db_broken(db))
		return;
	cd_db_rollback(db);
	if (cd_db_begin(db, NULL) != OM_OK ||
	    cd_lease_done(db, &cd_lease_tasks, cd_t(TASK), g->id, &free_now, NULL) != OM_OK ||
	    cd_db_commit(db, NULL) != OM_OK)
		cd_db_rollback(db);
}

/* check_lease looks, in the transaction under way, whether the lease is still this
 * process's: a step can take longer than the lease, as where the nodes of a cluster wait
 * for a change of a table, and another process then takes the lease. */
static om_status
check_lease(struct cd_db *db, const struct guard *g, om_err *e)
{
	om_status s = cd_lease_keep(db, &cd_lease_tasks, cd_t(TASK), g->id, om_now(), LEASE_US, e);

	return s == OM_CONFLICT ? om_fail(e, OM_STORE, "schema: another process took it over") : s;
}

/* ---- the steps ---- */

struct cd_schema_turn {
	const struct guard *guard;
	const struct cd_schema_how *how;
};

om_status
cd_schema_hold(struct cd_schema_turn *turn, struct cd_db *db, om_err *e)
{
	const struct cd_schema_how *how = turn->how;

	if (how->stopping != NULL && atomic_load(how->stopping))
		return om_fail(e, OM_UNAVAILABLE, "schema: the service ends; the next start goes on");
	return check_lease(db, turn->guard, e);
}

void
cd_schema_tell(struct cd_schema_turn *turn, const char *text)
{
	if (turn->how->tell != NULL)
		turn->how->tell(turn->how->tell_arg, text);
}

static om_status
run_work(struct cd_db *db, unsigned version, const struct guard *g, const struct cd_schema_how *how, om_err *e)
{
	struct cd_schema_turn turn = {.guard = g, .how = how};
	om_status s = OM_OK;

	for (const struct cd_schema_work *w = how->work; s == OM_OK && w != NULL && w->version != 0; w++)
		if (w->version == version)
			s = w->run(db, &turn, version, e);
	return s;
}

static om_status
run_script(struct cd_db *db, const char *sql, om_err *e)
{
	om_status s = OM_OK;
	char *statement;

	while (s == OM_OK && (statement = cd_schema_next(&sql)) != NULL) {
		s = cd_db_run(db, statement, e);
		free(statement);
	}
	return s;
}

/* find_step tells whether a step was carried out, with this text. */
static om_status
find_step(struct cd_db *db, const struct cd_migration *m, char hex[2 * OM_SHA256 + 1], bool *done_out, om_err *e)
{
	const struct om_bytes text = {.data = m->sql, .n = strlen(m->sql)};
	char known[2 * OM_SHA256 + 1] = "";
	unsigned char sum[OM_SHA256];
	om_status s;

	*done_out = false;
	if (om_sha256(&text, 1, sum) != OM_OK)
		return om_fail(e, OM_INTERNAL, "SHA-256 failed");
	om_hex(sum, sizeof sum, hex);
	s = cd_db_query(db, "SELECT checksum FROM schema_migration WHERE version=?",
	    (struct cd_val[]){CD_I(m->version)}, 1, keep_checksum, known, e);
	if (s != OM_OK)
		return s;
	*done_out = known[0] != '\0';
	if (*done_out && strcmp(known, hex) != 0)
		return om_fail(e, OM_VERSION,
		    "schema: %.60s was carried out with another text (checksum %.12s…, now %.12s…); "
		    "use the program that made this database, or a newer one",
		    m->name, known, hex);
	return OM_OK;
}

/* apply_one: the note is committed only while the lease is this process's. */
static om_status
apply_one(
    struct cd_db *db, const struct cd_migration *m, const struct guard *g, const struct cd_schema_how *how, om_err *e)
{
	char hex[2 * OM_SHA256 + 1];
	bool done = false;
	om_status s = find_step(db, m, hex, &done, e);

	if (s != OM_OK || done)
		return s;
	s = check_lease(db, g, e);
	if (s == OM_OK)
		s = cd_db_commit(db, e);
	if (s != OM_OK)
		return s;
	om_log(OM_LOG_INFO, "schema is brought forward", "step", m->name, NULL);
	s = run_script(db, m->sql, e);
	if (s == OM_OK)
		s = run_work(db, m->version, g, how, e);
	if (s == OM_OK)
		s = check_lease(db, g, e);
	if (s == OM_OK)
		s = cd_db_exec(db, "INSERT INTO schema_migration (version,name,checksum,applied_us) VALUES (?,?,?,?)",
		    (struct cd_val[]){CD_I(m->version), cd_t(m->name), cd_t(hex), CD_I(om_now())}, 4, 1, NULL, e);
	return s == OM_OK ? cd_db_commit(db, e) : s;
}

/* apply_all carries out what is missing, under the lease. */
static om_status
apply_all(const struct cd_db_opts *o, struct cd_db *db, const struct cd_migration *m, size_t n,
    const struct cd_schema_how *how, om_err *e)
{
	struct guard g = {.opts = o};
	om_status s = wait_for_lease(db, &g, e);

	if (s != OM_OK)
		return s;
	s = start_keeping(&g, e);
	for (size_t i = 0; s == OM_OK && i < n; i++)
		s = apply_one(db, &m[i], &g, how, e);
	end_lease(db, &g);
	return s;
}

/* make_tables makes those that the steps themselves need. */
static om_status
make_tables(struct cd_db *db, om_err *e)
{
	static const char steps[] =
	    "CREATE TABLE IF NOT EXISTS schema_migration (version INT NOT NULL, name VARCHAR(128) NOT NULL,"
	    "checksum CHAR(64) NOT NULL, applied_us BIGINT NOT NULL, PRIMARY KEY (version)) "
	    "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin";
	om_status s = cd_db_run(db, steps, e);

	return s == OM_OK ? cd_db_run(db, cd_lease_table, e) : s;
}

/* check_steps tells whether all steps are carried out. */
static om_status
check_steps(struct cd_db *db, const struct cd_migration *m, size_t n, bool *done_out, om_err *e)
{
	char hex[2 * OM_SHA256 + 1];
	int64_t newest = 0;
	om_status s = make_tables(db, e);

	*done_out = true;
	if (s == OM_OK)
		s = cd_db_query(
		    db, "SELECT COALESCE(MAX(version),0) FROM schema_migration", NULL, 0, keep_int, &newest, e);
	if (s == OM_OK && newest > (int64_t)m[n - 1].version)
		s = om_fail(e, OM_VERSION,
		    "schema: the database is at step %lld, this program has %u steps; use a newer program",
		    (long long)newest, m[n - 1].version);
	for (size_t i = 0; s == OM_OK && *done_out && i < n; i++)
		s = find_step(db, &m[i], hex, done_out, e);
	cd_db_rollback(db);
	return s;
}

om_status
cd_schema_check(struct cd_db *db, const struct cd_migration *m, size_t n, om_err *e)
{
	bool done = true;

	return check_steps(db, m, n, &done, e);
}

om_status
cd_schema_apply(const struct cd_db_opts *o, struct cd_db *db, const struct cd_migration *m, size_t n,
    const struct cd_schema_how *how, om_err *e)
{
	bool done = true;
	om_status s = check_steps(db, m, n, &done, e);

	return s == OM_OK && !done ? apply_all(o, db, m, n, how, e) : s;
}

om_status
cd_schema_step(struct cd_db *db, unsigned *out, om_err *e)
{
	int64_t newest = 0;
	om_status s =
	    cd_db_query(db, "SELECT COALESCE(MAX(version),0) FROM schema_migration", NULL, 0, keep_int, &newest, e);

	cd_db_rollback(db);
	*out = (unsigned)newest;
	return s;
}

bool
cd_schema_is_current(struct cd_db *db, const struct cd_migration *m, size_t n)
{
	unsigned step = 0;

	return cd_schema_step(db, &step, NULL) == OM_OK && step == m[n - 1].version;
}
