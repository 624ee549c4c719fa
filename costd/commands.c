/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "commands.h"

#include "settings.h"
#include "database/meta.h"
#include "documents/accept.h"
#include "import/run.h"
#include "ledger/bring_up.h"
#include "ledger/check.h"
#include "ledger/pairing.h"
#include "ledger/pairing_report.h"
#include "ledger/rebuild.h"
#include "store/store.h"
#include "terms/rows.h"
#include "base/log.h"
#include "base/zone.h"

#include <stdio.h>
#include <string.h>

#define LONG_S 86400 /* one statement may sum a large ledger */

/* What a command runs on. */
struct run {
	const struct cd_settings *conf;
	const char *file;     /* NULL: the command takes none */
	struct cd_db_opts db; /* of its settings */
};

typedef om_status command_fn(struct run *r, om_err *e);

static const struct cd_bring_up at_once = {.not_long = false};

/* on_database makes the database ready, by the one or the other function of
 * bring_up.h, and does the work on a connection of its own. */
static om_status
on_database(struct run *r,
    om_status (*make_ready)(const struct cd_db_opts *o, const struct cd_bring_up *how, om_err *e),
    om_status (*work)(struct cd_db *db, om_err *e), om_err *e)
{
	struct cd_db *db = NULL;
	om_status s = make_ready(&r->db, &at_once, e);

	if (s == OM_OK)
		s = cd_db_open(&r->db, &db, e);
	if (s == OM_OK)
		s = work(db, e);
	cd_db_close(&db);
	return s;
}

/* ---- costd --check ---- */

static om_status
check_and_print(struct cd_db *db, om_err *e)
{
	struct cd_check_result r;
	om_err why = {.text = ""};
	om_status terms = OM_OK, s = cd_db_begin_snapshot(db, e);

	if (s == OM_OK)
		s = cd_check_ledger(db, &r, e);
	if (s == OM_OK)
		terms = cd_terms_check_rows(db, &why);
	cd_db_rollback(db);
	if (s != OM_OK)
		return s;
	(void)printf("%lld records, %lld rows: %lld rows and %lld totals differ\n", (long long)r.records,
	    (long long)r.rows, (long long)r.wrong_rows, (long long)r.wrong_totals);
	if (r.wrong_rows > 0 || r.wrong_totals > 0) {
		if (terms != OM_OK)
			om_log(OM_LOG_ERROR, "terms cannot be read", "why", why.text, NULL);
		return om_fail(e, OM_DAMAGED, "differences were found");
	}
	return terms == OM_OK ? OM_OK : om_fail(e, terms, "%s", why.text);
}

static om_status
pair_and_check(struct cd_db *db, om_err *e)
{
	om_status s = cd_meta_check_zone(db, e);

	if (s == OM_OK)
		s = cd_pairing_upgrade(db, e);
	return s == OM_OK ? check_and_print(db, e) : s;
}

static om_status
check(struct run *r, om_err *e)
{
	r->db.read_s = LONG_S;
	return on_database(r, cd_bring_up_schema, pair_and_check, e);
}

/* ---- costd --rebuild-totals ---- */

static om_status
rebuild_and_print(struct cd_db *db, om_err *e)
{
	int64_t moved = 0;
	om_status s = cd_db_begin(db, e);

	if (s == OM_OK)
		s = cd_rebuild_totals(db, &moved, e);
	if (s == OM_OK)
		s = cd_db_commit(db, e);
	if (s != OM_OK) {
		cd_db_rollback(db);
		return s;
	}
	(void)printf(
	    "%lld rows moved to another day; totals made from scratch for %s\n", (long long)moved, om_zone_name());
	return OM_OK;
}

static om_status
rebuild(struct run *r, om_err *e)
{
	r->db.read_s = LONG_S;
	return on_database(r, cd_bring_up_schema, rebuild_and_print, e);
}

/* ---- costd --pair ---- */

static om_status
print_pairs(struct cd_db *db, om_err *e)
{
	return cd_pairing_report(db, stdout, e);
}

static om_status
pair(struct run *r, om_err *e)
{
	r->db.read_s = LONG_S;
	return on_database(r, cd_bring_up, print_pairs, e);
}

static om_status
pair_dry(struct run *r, om_err *e)
{
	r->db.read_s = LONG_S;
	return cd_pairing_dry_run(&r->db, stdout, e);
}

/* ---- costd --accept-clock ---- */

static void
print_accepted(const struct cd_accepted *done, om_time now)
{
	char before[CD_NUMBER], number[CD_NUMBER], dated[OM_TIME_TEXT], last[OM_TIME_TEXT], clock[OM_TIME_TEXT];

	(void)om_time_text(done->before_us, dated);
	(void)om_time_text(done->now_us, last);
	(void)om_time_text(now, clock);
	if (!done->changed)
		(void)printf(
		    "nothing to do: the last date of issue, %s, does not lie ahead of the clock, %s\n", dated, clock);
	else if (done->now.year == 0)
		(void)printf(
		    "%s of %s lies ahead of the clock, %s; no document is older: the next one is dated by the clock\n",
		    cd_number_text(done->before, before), dated, clock);
	else
		(void)printf("%s of %s lies ahead of the clock, %s; the last document is %s of %s now\n",
		    cd_number_text(done->before, before), dated, clock, cd_number_text(done->now, number), last);
}

static om_status
accept_and_print(struct cd_db *db, om_err *e)
{
	struct cd_accepted done;
	om_time now = om_now();
	om_status s = cd_db_begin(db, e);

	if (s == OM_OK)
		s = cd_accept_clock(db, now, &done, e);
	if (s == OM_OK)
		s = cd_db_commit(db, e);
	if (s != OM_OK)
		cd_db_rollback(db);
	else
		print_accepted(&done, now);
	return s;
}

static om_status
accept_clock(struct run *r, om_err *e)
{
	return on_database(r, cd_bring_up_schema, accept_and_print, e);
}

/* ---- costd import FILE ---- */

static om_status
import(struct run *r, om_err *e)
{
	struct cd_ledger ledger = {
	    .books = true,
	    .times =
		{
		    .delay_us = r->conf->lookup_delay_us,
		    .open_delay_us = r->conf->lookup_open_delay_us,
		    .max_delay_us = r->conf->lookup_max_delay_us,
		    .give_up_us = r->conf->lookup_give_up_us,
		},
	};
	om_status s = cd_bring_up(&r->db, &at_once, e);

	r->db.read_s = CD_IMPORT_READ_S;
	if (s == OM_OK)
		s = cd_pool_new(&r->db, 1, &ledger.pool, e);
	if (s != OM_OK)
		return s;
	cd_pool_ready(ledger.pool);
	s = cd_import_run(&ledger, r->file, stdout, e);
	cd_pool_free(&ledger.pool);
	return s;
}

/* ---- the table ---- */

static const struct command {
	const char *words[2]; /* of the command line; NULL: fewer */
	bool takes_file;      /* one more word */
	om_log_level log;
	command_fn *run;
} commands[] = {
    {.words = {"--check"}, .log = OM_LOG_INFO, .run = check},
    {.words = {"--rebuild-totals"}, .log = OM_LOG_INFO, .run = rebuild},
    {.words = {"--pair"}, .log = OM_LOG_INFO, .run = pair},
    {.words = {"--pair", "--dry-run"}, .log = OM_LOG_INFO, .run = pair_dry},
    {.words = {"--accept-clock"}, .log = OM_LOG_INFO, .run = accept_clock},
    {.words = {"import"}, .takes_file = true, .log = OM_LOG_ERROR, .run = import},
};

static bool
is_named(const struct command *c, int argc, char **argv)
{
	int n = c->words[1] != NULL ? 2 : 1;

	if (argc != 1 + n + (c->takes_file ? 1 : 0))
		return false;
	for (int i = 0; i < n; i++)
		if (strcmp(argv[1 + i], c->words[i]) != 0)
			return false;
	return true;
}

static om_status
run_with(const struct command *c, const struct cd_settings *conf, const char *file, om_err *e)
{
	struct run r = {.conf = conf, .file = file};
	om_status s = om_zone_open(conf->timezone, e);

	cd_settings_db(conf, &r.db);
	if (s == OM_OK)
		s = cd_store_init(e);
	return s == OM_OK ? c->run(&r, e) : s;
}

static int
run_command(const struct command *c, const char *file)
{
	struct cd_settings conf = {0};
	om_err e = {.text = ""};
	om_status s;
	int code = 2;

	om_log_init("costd", c->log);
	s = om_conf_load(cd_settings_table, CD_N_SETTINGS, &conf, &e);
	if (s == OM_OK) {
		s = run_with(c, &conf, file, &e);
		code = s == OM_OK ? 0 : 1;
	}
	if (s != OM_OK)
		(void)fprintf(stderr, "costd: %s\n", om_err_text(&e, s));
	om_conf_fini(cd_settings_table, CD_N_SETTINGS, &conf);
	return code;
}

bool
cd_commands_run(int argc, char **argv, int *code_out)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (is_named(&commands[i], argc, argv)) {
			*code_out = run_command(&commands[i], commands[i].takes_file ? argv[argc - 1] : NULL);
			return true;
		}
	}
	return false;
}
