/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The SQLite file of the older OWUI-Metering: tables `users` and `activities`.
 * An activity's id is one of Open WebUI's turn, and gets the key that the record
 * call gives it, or the trace and span ids of an OTLP span run together.
 */
#include "import.h"

#include "text.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define SECONDS_END 100000000000 /* greater numbers are milliseconds */
#define NO_USER     "nouserid"

/* Ids of spans have no dash: base64 of 16 and 8 bytes, or their hexadecimal digits
 * (which went through base64 twice and came out as they were). */
#define IS_SPAN(t) "(length(" t ".id) IN (36,48) AND instr(" t ".id,'-')=0)"

enum { ID, TIME, USER, MODEL, PROMPT, COMPLETION, COST, NAME, EMAIL, ROLE, REASONING, CACHED, PROVIDER, SPAN, TWICE };

static om_status
fail(sqlite3 *db, om_err *e)
{
	return om_fail(e, OM_INVALID, "the SQLite file cannot be read: %.160s", sqlite3_errmsg(db));
}

static bool
has_column(sqlite3 *db, const char *column)
{
	return sqlite3_table_column_metadata(db, NULL, "activities", column, NULL, NULL, NULL, NULL, NULL) == SQLITE_OK;
}

/* text copies a text; *bad is set when it holds a zero byte. */
static char *
text(struct cd_import *im, sqlite3_stmt *st, int column, bool *bad)
{
	const unsigned char *p = sqlite3_column_text(st, column);
	int n = sqlite3_column_bytes(st, column);

	if (p == NULL || n == 0)
		return NULL;
	if (strlen((const char *)p) != (size_t)n)
		*bad = true;
	return om_arena_strndup(cd_import_arena(im), (const char *)p, (size_t)n);
}

static void
tokens(sqlite3_stmt *st, int column, protobuf_c_boolean *has, int64_t *out)
{
	*has = sqlite3_column_type(st, column) != SQLITE_NULL;
	*out = sqlite3_column_int64(st, column);
}

/* cost: a binary number through its shortest decimal, a text as it stands. */
static bool
cost(struct cd_import *im, sqlite3_stmt *st, char **out)
{
	char buf[OM_MONEY_TEXT];
	om_money m;
	om_status s;

	*out = NULL;
	if (sqlite3_column_type(st, COST) == SQLITE_NULL)
		return true;
	if (sqlite3_column_type(st, COST) == SQLITE_FLOAT)
		s = om_money_from_double(sqlite3_column_double(st, COST), &m, NULL);
	else
		s = om_money_parse((const char *)sqlite3_column_text(st, COST), &m, NULL);
	if (s != OM_OK)
		return false;
	*out = om_arena_strdup(cd_import_arena(im), om_money_text(m, buf));
	return true;
}

/* span_id gives the hexadecimal digits of the second half of a span row's id. */
static bool
span_id(const char *id, char out[17])
{
	unsigned char raw[9];
	char half[16];
	size_t n = sizeof raw;

	if (strlen(id) == 48) {
		(void)snprintf(out, 17, "%s", id + 32);
		return true;
	}
	(void)snprintf(half, sizeof half, "%.11s", id + 24); /* without its padding */
	for (char *p = half; *p != '\0'; p++)
		*p = (char)(*p == '+' ? '-' : *p == '/' ? '_' : *p);
	if (!om_unb64url(half, raw, &n) || n != 8)
		return false;
	om_hex(raw, 8, out);
	return true;
}

static om_status
add_row(struct cd_import *im, sqlite3_stmt *st, om_err *e)
{
	Om__Record *r = cd_import_record(im);
	int64_t at = sqlite3_column_int64(st, TIME);
	bool bad = false, of_trace = sqlite3_column_int(st, SPAN) != 0;
	char where[80], span[17];

	if (r == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(void)snprintf(where, sizeof where, "id %.60s",
	    sqlite3_column_text(st, ID) != NULL ? (const char *)sqlite3_column_text(st, ID) : "null");
	r->turn_id = text(im, st, ID, &bad);
	r->user->id = text(im, st, USER, &bad);
	if (r->user->id == NULL || strcmp(r->user->id, NO_USER) == 0)
		r->user->id = om_arena_strdup(cd_import_arena(im), OM_USER_UNKNOWN);
	r->user->name = text(im, st, NAME, &bad);
	r->user->email = text(im, st, EMAIL, &bad);
	r->user->role = text(im, st, ROLE, &bad);
	r->model = text(im, st, MODEL, &bad);
	r->requested_model = r->model;
	r->provider = text(im, st, PROVIDER, &bad);
	r->source = om_arena_strdup(cd_import_arena(im), "import");
	r->state = OM__STATE__STATE_FINAL;
	tokens(st, PROMPT, &r->has_prompt_tokens, &r->prompt_tokens);
	tokens(st, COMPLETION, &r->has_completion_tokens, &r->completion_tokens);
	tokens(st, REASONING, &r->has_reasoning_tokens, &r->reasoning_tokens);
	tokens(st, CACHED, &r->has_cached_tokens, &r->cached_tokens);
	r->has_started_us = 1;
	r->started_us = at > INT64_MAX / OM_SECOND ? 0 : at > SECONDS_END ? at * 1000 : at * OM_SECOND;
	if (bad || !cost(im, st, &r->cost)) {
		cd_import_skip(im, where, bad ? "a text holds a zero byte" : "the cost is not an amount");
		return OM_OK;
	}
	r->has_cost_state = r->cost != NULL;
	r->cost_state = OM__COST_STATE__COST_REPORTED;
	if (r->turn_id == NULL) {
		cd_import_skip(im, where, "it has no id"); /* pitfall 7 */
		return OM_OK;
	}
	if (of_trace && r->model == NULL && r->prompt_tokens == 0 && r->completion_tokens == 0) {
		cd_import_skip(im, where, "a span of a trace without usage");
		return OM_OK;
	}
	if (sqlite3_column_int(st, TWICE) != 0) { /* pitfall 1 */
		cd_import_skip(im, where, "a span of a call that the file has by its turn too");
		return OM_OK;
	}
	return cd_import_add(im, where, of_trace && span_id(r->turn_id, span) ? span : NULL, e);
}

static om_status
count_rows(sqlite3 *db, int64_t *out, om_err *e)
{
	sqlite3_stmt *st = NULL;
	om_status s = OM_OK;

	if (sqlite3_prepare_v2(db, "SELECT COUNT(*) FROM activities", -1, &st, NULL) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW)
		s = fail(db, e);
	else
		*out = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return s;
}

static om_status
read_rows(struct cd_import *im, sqlite3 *db, om_err *e)
{
	int64_t total = 0, done = 0;
	sqlite3_stmt *st = NULL;
	char sql[1400];
	om_status s = count_rows(db, &total, e);
	int rv;

	if (s != OM_OK)
		return s;
	(void)snprintf(sql, sizeof sql,
	    "SELECT "
	    "a.id,a.timestamp,a.user_id,a.model,a.prompt_token,a.completion_token,a.cost,u.name,u.email,u.role,%s,%s,%"
	    "s," IS_SPAN("a") "," IS_SPAN(
		"a") " AND EXISTS (SELECT 1 FROM activities AS f WHERE f.timestamp BETWEEN "
		     "CASE WHEN a.timestamp>100000000000 THEN a.timestamp/1000 ELSE a.timestamp END-900 AND "
		     "CASE WHEN a.timestamp>100000000000 THEN a.timestamp/1000 ELSE a.timestamp END+900 AND "
		     "NOT " IS_SPAN(
			 "f") " AND f.prompt_token=a.prompt_token AND f.completion_token=a.completion_token AND "
			      "f.cost=a.cost) "
			      "FROM activities AS a LEFT JOIN users AS u ON u.id=a.user_id ORDER BY a.timestamp,a.id",
	    has_column(db, "reasoning_token") ? "a.reasoning_token" : "NULL",
	    has_column(db, "cached_tokens") ? "a.cached_tokens" : "NULL",
	    has_column(db, "provider") ? "a.provider" : "NULL");
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		return fail(db, e);
	while (s == OM_OK && (rv = sqlite3_step(st)) != SQLITE_DONE) {
		s = rv == SQLITE_ROW ? add_row(im, st, e) : fail(db, e);
		cd_import_progress(im, ++done, total);
	}
	(void)sqlite3_finalize(st);
	return s;
}

om_status
cd_import_sqlite(struct cd_import *im, const char *path, om_err *e)
{
	sqlite3 *db = NULL;
	om_status s;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		s = fail(db, e);
	else
		s = read_rows(im, db, e);
	(void)sqlite3_close(db);
	return s;
}
