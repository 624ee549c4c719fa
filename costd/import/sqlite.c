/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The SQLite file of the older OWUI-Metering: tables `users` and `activities`.
 * An activity's id is one of Open WebUI's turn, and gets the key that the record
 * call gives it, or the trace and span ids of an OTLP span run together.
 */
#include "source.h"

#include "seen.h"
#include "text.h"
#include "value/record.h"
#include "record.pb-c.h"
#include "base/text.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define SECONDS_END 100000000000    /* greater numbers are milliseconds */
#define MILLIS_END  100000000000000 /* and beyond these microseconds */
#define NO_USER     "nouserid"

/* Ids of spans have no dash: base64 of 16 and 8 bytes, or their hexadecimal digits
 * (which went through base64 twice and came out as they were). */
#define IS_SPAN(t) "(length(" t ".id) IN (36,48) AND instr(" t ".id,'-')=0)"

enum { ID, TIME, USER, MODEL, PROMPT, COMPLETION, COST, NAME, EMAIL, ROLE, REASONING, CACHED, PROVIDER, SPAN };

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

/* text copies a text up to its first zero byte. */
static char *
text(struct cd_page *page, sqlite3_stmt *st, int column, om_fit_field f)
{
	const unsigned char *p = sqlite3_column_text(st, column);
	int n = sqlite3_column_bytes(st, column);

	if (p == NULL || n == 0)
		return NULL;
	if (strlen((const char *)p) != (size_t)n)
		cd_page_note(page, f, "a zero byte: cut there");
	return p[0] != '\0' ? om_arena_strdup(cd_page_arena(page), (const char *)p) : NULL;
}

/* row_id copies an id; one with a zero byte is known by its hash, like one too long. */
static char *
row_id(struct cd_page *page, sqlite3_stmt *st)
{
	const char *p = (const char *)sqlite3_column_text(st, ID);
	size_t n = (size_t)sqlite3_column_bytes(st, ID);

	if (p == NULL || n == 0 || strlen(p) == n)
		return p != NULL && n > 0 ? om_arena_strdup(cd_page_arena(page), p) : NULL;
	cd_page_note(page, OM_FIT_TURN_ID, "a zero byte: \"long:\" and its SHA-256 stand for it");
	return om_fit_long(p, n, cd_page_arena(page));
}

/* whole reads a count of any type; false when it is none. */
static bool
whole(sqlite3_stmt *st, int column, int64_t *out)
{
	const om_i128 one = 1000000000000000000; /* of om_money */
	om_money m;

	switch (sqlite3_column_type(st, column)) {
	case SQLITE_INTEGER:
		*out = sqlite3_column_int64(st, column);
		return true;
	case SQLITE_FLOAT:
		if (om_money_from_double(sqlite3_column_double(st, column), &m, NULL) != OM_OK || m.v % one != 0 ||
		    m.v / one > INT64_MAX || m.v / one < INT64_MIN)
			return false;
		*out = (int64_t)(m.v / one);
		return true;
	case SQLITE_TEXT:
		return cd_number_whole((const char *)sqlite3_column_text(st, column), '.', out);
	default:
		return false;
	}
}

static void
tokens(struct cd_page *page, sqlite3_stmt *st, int column, om_fit_field f, protobuf_c_boolean *has, int64_t *out)
{
	if (sqlite3_column_type(st, column) == SQLITE_NULL)
		return;
	*has = whole(st, column, out);
	if (!*has)
		cd_page_note(page, f, "no whole number: left out");
}

/* read_cost: a binary number through its shortest decimal, a text as it stands. */
static bool
read_cost(sqlite3_stmt *st, int column, om_money *out)
{
	const char *p;

	if (sqlite3_column_type(st, column) == SQLITE_FLOAT)
		return om_money_from_double(sqlite3_column_double(st, column), out, NULL) == OM_OK;
	p = (const char *)sqlite3_column_text(st, column);
	return p != NULL && om_money_parse(p, out, NULL) == OM_OK;
}

static char *
cost(struct cd_page *page, sqlite3_stmt *st)
{
	char buf[OM_MONEY_TEXT];
	om_money m;

	if (sqlite3_column_type(st, COST) == SQLITE_NULL)
		return NULL;
	if (read_cost(st, COST, &m))
		return om_arena_strdup(cd_page_arena(page), om_money_text(m, buf));
	cd_page_note(page, OM_FIT_COST, "no amount: left out");
	return NULL;
}

static om_time
time_of(int64_t n)
{
	return n > MILLIS_END ? n : n > SECONDS_END ? n * 1000 : n > -SECONDS_END ? n * OM_SECOND : 0;
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

/* is_twice: the file has the span's call by its turn, too; each turn stands for one. */
static om_status
is_twice(struct cd_seen *turns, const Om__Record *r, bool *out, om_err *e)
{
	struct cd_seen_row like = {.at = r->started_us, .user = r->user->id};

	*out = false;
	if (r->cost == NULL || !r->has_prompt_tokens || !r->has_completion_tokens)
		return OM_OK;
	like.has_usage = true;
	like.prompt = r->prompt_tokens;
	like.completion = r->completion_tokens;
	return om_money_parse(r->cost, &like.cost, e) == OM_OK ? cd_seen_take(turns, &like, out, e) : OM_INVALID;
}

static om_status
read_row(struct cd_page *page, sqlite3_stmt *st, Om__Record *r, om_err *e)
{
	r->turn_id = row_id(page, st);
	r->user->id = text(page, st, USER, OM_FIT_USER_ID);
	if (r->user->id == NULL || strcmp(r->user->id, NO_USER) == 0)
		r->user->id = om_arena_strdup(cd_page_arena(page), OM_USER_UNKNOWN);
	r->user->name = text(page, st, NAME, OM_FIT_USER_NAME);
	r->user->email = text(page, st, EMAIL, OM_FIT_USER_EMAIL);
	r->user->role = text(page, st, ROLE, OM_FIT_USER_ROLE);
	r->model = text(page, st, MODEL, OM_FIT_MODEL);
	r->requested_model = r->model;
	r->provider = text(page, st, PROVIDER, OM_FIT_PROVIDER);
	r->source = om_arena_strdup(cd_page_arena(page), CD_IMPORT);
	r->state = OM__STATE__STATE_FINAL;
	tokens(page, st, PROMPT, OM_FIT_PROMPT_TOKENS, &r->has_prompt_tokens, &r->prompt_tokens);
	tokens(page, st, COMPLETION, OM_FIT_COMPLETION_TOKENS, &r->has_completion_tokens, &r->completion_tokens);
	tokens(page, st, REASONING, OM_FIT_REASONING_TOKENS, &r->has_reasoning_tokens, &r->reasoning_tokens);
	tokens(page, st, CACHED, OM_FIT_CACHED_TOKENS, &r->has_cached_tokens, &r->cached_tokens);
	r->has_started_us = 1;
	r->started_us = time_of(sqlite3_column_int64(st, TIME));
	r->cost = cost(page, st);
	r->has_cost_state = r->cost != NULL;
	r->cost_state = OM__COST_STATE__COST_REPORTED;
	return cd_page_arena(page)->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

static om_status
add_row(struct cd_page *page, sqlite3_stmt *st, struct cd_seen *turns, om_err *e)
{
	bool of_trace = sqlite3_column_int(st, SPAN) != 0, twice = false;
	char where[80], span[17];
	const char *why = NULL;
	Om__Record *r;
	om_status s = cd_page_record(page, &r, e);

	(void)snprintf(where, sizeof where, "id %.60s",
	    sqlite3_column_text(st, ID) != NULL ? (const char *)sqlite3_column_text(st, ID) : "null");
	if (s == OM_OK)
		s = read_row(page, st, r, e);
	if (s != OM_OK)
		return s;
	if (r->turn_id == NULL)
		why = "it has no id"; /* pitfall 7 of tests/functional/test_pitfalls.py */
	else if (of_trace && r->model == NULL && r->prompt_tokens == 0 && r->completion_tokens == 0)
		why = "a span of a trace without usage";
	else if (of_trace)
		s = is_twice(turns, r, &twice, e);
	if (twice)
		why = "a span of a call that the file has by its turn too"; /* test_pitfalls.py, pitfall 1 */
	if (s == OM_OK && why == NULL)
		return cd_page_add(page, where, of_trace && span_id(r->turn_id, span) ? span : NULL, e);
	if (s == OM_OK)
		cd_page_skip(page, where, why);
	return s;
}

static om_status
keep_turn(struct cd_seen *turns, sqlite3_stmt *st, om_err *e)
{
	const char *id = (const char *)sqlite3_column_text(st, 0), *user = (const char *)sqlite3_column_text(st, 2);
	struct cd_seen_row row = {.key = id, .at = time_of(sqlite3_column_int64(st, 1)), .user = user};

	if (user == NULL || user[0] == '\0' || strcmp(user, NO_USER) == 0)
		row.user = OM_USER_UNKNOWN;
	row.has_usage =
	    read_cost(st, 3, &row.cost) && whole(st, 4, &row.prompt) && whole(st, 5, &row.completion) && id != NULL;
	return row.has_usage ? cd_seen_add(turns, &row, e) : OM_OK;
}

/* find_turns reads all turns, if there are spans that may be one of them. */
static om_status
find_turns(sqlite3 *db, struct cd_seen *turns, om_err *e)
{
	static const char sql[] =
	    "SELECT a.id,a.timestamp,a.user_id,a.cost,a.prompt_token,a.completion_token FROM activities AS a WHERE "
	    "NOT " IS_SPAN("a") " AND EXISTS (SELECT 1 FROM activities AS s WHERE " IS_SPAN("s") ")";
	sqlite3_stmt *st = NULL;
	om_status s = sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK ? OM_OK : fail(db, e);
	int rv;

	while (s == OM_OK && (rv = sqlite3_step(st)) != SQLITE_DONE)
		s = rv == SQLITE_ROW ? keep_turn(turns, st, e) : fail(db, e);
	(void)sqlite3_finalize(st);
	return s == OM_OK ? cd_seen_sort(turns, e) : s;
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
read_rows(struct cd_page *page, sqlite3 *db, struct cd_seen *turns, om_err *e)
{
	int64_t total = 0, done = 0;
	sqlite3_stmt *st = NULL;
	char sql[1000];
	om_status s = count_rows(db, &total, e);
	int rv;

	if (s == OM_OK)
		s = find_turns(db, turns, e);
	if (s != OM_OK)
		return s;
	(void)snprintf(sql, sizeof sql,
	    "SELECT "
	    "a.id,a.timestamp,a.user_id,a.model,a.prompt_token,a.completion_token,a.cost,u.name,u.email,u.role,%s,%s,%"
	    "s," IS_SPAN("a") " FROM activities AS a LEFT JOIN users AS u ON u.id=a.user_id ORDER BY a.timestamp,a.id",
	    has_column(db, "reasoning_token") ? "a.reasoning_token" : "NULL",
	    has_column(db, "cached_tokens") ? "a.cached_tokens" : "NULL",
	    has_column(db, "provider") ? "a.provider" : "NULL");
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		return fail(db, e);
	while (s == OM_OK && (rv = sqlite3_step(st)) != SQLITE_DONE) {
		s = rv == SQLITE_ROW ? add_row(page, st, turns, e) : fail(db, e);
		cd_page_progress(page, ++done, total);
	}
	(void)sqlite3_finalize(st);
	return s;
}

static bool
is_sqlite(const char *path)
{
	static const char magic[] = "SQLite format 3";
	char head[sizeof magic] = "";
	FILE *f = fopen(path, "re");
	bool is;

	if (f == NULL)
		return false;
	is = fread(head, 1, sizeof head, f) == sizeof head && memcmp(head, magic, sizeof magic) == 0;
	(void)fclose(f);
	return is;
}

static om_status
read_sqlite(struct cd_page *page, const char *path, om_err *e)
{
	struct cd_seen *turns = NULL;
	sqlite3 *db = NULL;
	om_status s = cd_seen_new(&turns, e);

	if (s == OM_OK && sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		s = fail(db, e);
	if (s == OM_OK)
		s = read_rows(page, db, turns, e);
	(void)sqlite3_close(db);
	cd_seen_free(&turns);
	return s;
}

const struct cd_source cd_source_sqlite = {.is_mine = is_sqlite, .read = read_sqlite};
