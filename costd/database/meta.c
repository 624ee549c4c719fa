/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "meta.h"

#include "base/log.h"
#include "base/text.h"
#include "base/zone.h"
#include "run/service.h"

#include <stdio.h>
#include <string.h>

static om_status
keep_zone(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	(void)snprintf(arg, CD_ZONE_BYTES, "%s", v[0].kind == CD_TEXT ? v[0].p : "");
	return OM_OK;
}

om_status
cd_meta_take_zone(struct cd_db *db, char out[CD_ZONE_BYTES], om_err *e)
{
	out[0] = '\0';
	return cd_db_query(
	    db, "SELECT value FROM meta WHERE name='report_timezone' FOR UPDATE", NULL, 0, keep_zone, out, e);
}

om_status
cd_meta_set_zone(struct cd_db *db, const char *name, om_err *e)
{
	return cd_db_exec(db,
	    "INSERT INTO meta (name,value) VALUES ('report_timezone',?) ON DUPLICATE KEY UPDATE value=VALUES(value)",
	    (struct cd_val[]){cd_t(name)}, 1, 1, NULL, e);
}

om_status
cd_meta_check_zone(struct cd_db *db, om_err *e)
{
	char known[CD_ZONE_BYTES];
	om_status s = cd_db_exec(db,
	    "INSERT INTO meta (name,value) VALUES ('report_timezone',?) ON DUPLICATE KEY UPDATE name=meta.name",
	    (struct cd_val[]){cd_t(om_zone_name())}, 1, 1, NULL, e);

	if (s == OM_OK)
		s = cd_meta_take_zone(db, known, e);
	if (s == OM_OK)
		s = cd_db_commit(db, e);
	if (s == OM_OK && strcmp(known, om_zone_name()) != 0)
		s = om_fail(e, OM_INVALID,
		    "REPORT_TIMEZONE is %.64s, but the days in the database belong to %.64s; set it back, or run "
		    "costd --rebuild-totals once to move them",
		    om_zone_name(), known);
	return s;
}

om_status
cd_meta_guard_zone(struct cd_db *db, om_err *e)
{
	char known[CD_ZONE_BYTES] = "";
	om_status s = cd_db_query(
	    db, "SELECT value FROM meta WHERE name='report_timezone' LOCK IN SHARE MODE", NULL, 0, keep_zone, known, e);

	if (s != OM_OK || strcmp(known, om_zone_name()) == 0)
		return s;
	s = om_fail(
	    e, OM_INTERNAL, "the days in the database were moved to time zone %.64s; set REPORT_TIMEZONE to it", known);
	om_service_give_up(e != NULL ? e->text : "the reporting time zone was changed");
	return s;
}

om_status
cd_meta_take_totals(struct cd_db *db, om_err *e)
{
	return cd_db_run(
	    db, "INSERT INTO meta (name,value) VALUES ('totals_shape','') ON DUPLICATE KEY UPDATE name=meta.name", e);
}

om_status
cd_meta_totals_are_new(struct cd_db *db, const char *shape, bool *out, om_err *e)
{
	*out = false;
	return cd_db_query(db, "SELECT 1 FROM meta WHERE name='totals_shape' AND value=?",
	    (struct cd_val[]){cd_t(shape)}, 1, cd_found, out, e);
}

om_status
cd_meta_set_totals(struct cd_db *db, const char *shape, om_err *e)
{
	return cd_db_exec(db,
	    "INSERT INTO meta (name,value) VALUES ('totals_shape',?) ON DUPLICATE KEY UPDATE value=VALUES(value)",
	    (struct cd_val[]){cd_t(shape)}, 1, 1, NULL, e);
}

/* The server's variables that say whether a crash can lose a commit. */
struct server {
	int64_t flush; /* innodb_flush_log_at_trx_commit */
	bool logs, is_cluster;
};

static om_status
keep_server(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(struct server *)arg = (struct server){.flush = v[0].i, .logs = v[1].i != 0, .is_cluster = v[2].i != 0};
	return OM_OK;
}

om_status
cd_meta_check_server(struct cd_db *db, om_err *e)
{
	/* not every server has the variable wsrep_on */
	static const char sql[] = "SELECT @@GLOBAL.innodb_flush_log_at_trx_commit,"
				  "@@GLOBAL.log_bin AND @@GLOBAL.log_slave_updates AND @@GLOBAL.sync_binlog=1,"
				  "EXISTS(SELECT 1 FROM information_schema.GLOBAL_VARIABLES WHERE "
				  "VARIABLE_NAME='WSREP_ON' AND VARIABLE_VALUE='ON')";
	struct server sv = {.flush = 1, .logs = true};
	om_status s = cd_db_query(db, sql, NULL, 0, keep_server, &sv, e);

	if (s == OM_OK && sv.flush != 1)
		om_log(OM_LOG_WARN,
		    "the database may lose committed records when its machine fails: set "
		    "innodb_flush_log_at_trx_commit=1",
		    "value", OM_I64(sv.flush), NULL);
	if (s == OM_OK && sv.is_cluster && !sv.logs)
		om_log(OM_LOG_WARN,
		    "the cluster may lose committed records when all its nodes fail at once: set log_bin, "
		    "log_slave_updates=1 and sync_binlog=1 on each",
		    NULL);
	return s;
}

static om_status
keep_number(void *arg, const struct cd_val *v, om_err *e)
{
	bool minus = v[0].n > 0 && v[0].p[0] == '-';
	uint64_t n = 0;

	if (!om_u64_parse(v[0].p + minus, INT64_MAX, &n))
		return om_fail(e, OM_DAMAGED, "the table meta holds a text in place of a number");
	*(int64_t *)arg = minus ? -(int64_t)n : (int64_t)n;
	return OM_OK;
}

om_status
cd_meta_get_int(struct cd_db *db, const char *name, int64_t *out, om_err *e)
{
	*out = 0;
	return cd_db_query(
	    db, "SELECT value FROM meta WHERE name=?", (struct cd_val[]){cd_t(name)}, 1, keep_number, out, e);
}

om_status
cd_meta_take_int(struct cd_db *db, const char *name, int64_t *out, om_err *e)
{
	/* only a row that exists can be locked */
	om_status s =
	    cd_db_exec(db, "INSERT INTO meta (name,value) VALUES (?,'0') ON DUPLICATE KEY UPDATE name=meta.name",
		(struct cd_val[]){cd_t(name)}, 1, 1, NULL, e);

	*out = 0;
	return s == OM_OK ? cd_db_query(db, "SELECT value FROM meta WHERE name=? FOR UPDATE",
				(struct cd_val[]){cd_t(name)}, 1, keep_number, out, e)
			  : s;
}

om_status
cd_meta_set_int(struct cd_db *db, const char *name, int64_t v, om_err *e)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%lld", (long long)v);
	return cd_db_exec(db, "INSERT INTO meta (name,value) VALUES (?,?) ON DUPLICATE KEY UPDATE value=VALUES(value)",
	    (struct cd_val[]){cd_t(name), cd_t(text)}, 2, 1, NULL, e);
}
