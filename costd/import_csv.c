/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * OpenRouter's activity export: one line per generation with what was charged for
 * it.  Columns go by their names; the file is RFC 4180 text.
 */
#include "import.h"

#include "record.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FIELDS 256u
#define MAX_LINE   ((size_t)256 * 1024)

typedef enum column {
	GENERATION,
	CREATED,
	COST,
	BYOK,
	PROMPT,
	COMPLETION,
	REASONING,
	CACHED,
	MODEL,
	PROVIDER,
	CANCELLED,
	FINISH,
	USER,
	N_COLUMNS,
} column;

static const char *const names[N_COLUMNS] = {"generation_id", "created_at", "cost_total", "byok_usage_inference",
    "tokens_prompt", "tokens_completion", "tokens_reasoning", "tokens_cached", "model_permaslug", "provider_name",
    "cancelled", "finish_reason_normalized", "user"};

struct csv {
	FILE *f;               /* owned */
	char *text;            /* owned; the fields of a line, one behind the other */
	size_t at[MAX_FIELDS]; /* where each begins */
	size_t n;
	int64_t line, next_line; /* of the record and behind it */
	size_t where[N_COLUMNS]; /* field of a column; MAX_FIELDS: none */
};

/* read_line reads one record, which may go over several lines; *end at the end. */
static om_status
read_line(struct csv *c, bool *end, om_err *e)
{
	bool quoted = false, was_quoted = false, any = false, over = false;
	size_t used = 0;
	int ch;

	c->n = 1;
	c->at[0] = 0;
	c->line = c->next_line;
	while (!over && (ch = getc(c->f)) != EOF) {
		any = true;
		if (used + 2 > MAX_LINE)
			return om_fail(e, OM_INVALID, "line %lld is too long", (long long)c->line);
		if (ch == '\n')
			c->next_line++;
		if (quoted) {
			if (ch != '"') {
				c->text[used++] = (char)ch;
			} else if ((ch = getc(c->f)) == '"') {
				c->text[used++] = '"';
			} else {
				quoted = false;
				was_quoted = true;
				if (ch != EOF)
					(void)ungetc(ch, c->f);
			}
		} else if (ch == '"' && used == c->at[c->n - 1] && !was_quoted) {
			quoted = true;
		} else if (ch == ',') {
			c->text[used++] = '\0';
			if (c->n == MAX_FIELDS)
				return om_fail(e, OM_INVALID, "line %lld has too many fields", (long long)c->line);
			c->at[c->n++] = used;
			was_quoted = false;
		} else if (ch == '\n') {
			over = true;
		} else if (ch != '\r') {
			c->text[used++] = (char)ch;
		}
	}
	c->text[used] = '\0';
	*end = !any;
	if (ferror(c->f))
		return om_fail(e, OM_INVALID, "the file cannot be read");
	return quoted ? om_fail(e, OM_INVALID, "line %lld: a quote is not closed", (long long)c->line) : OM_OK;
}

static om_status
read_header(struct csv *c, om_err *e)
{
	bool end = false;
	om_status s = read_line(c, &end, e);

	if (s != OM_OK)
		return s;
	if (strncmp(c->text, "\xef\xbb\xbf", 3) == 0)
		c->at[0] = 3;
	for (size_t k = 0; k < N_COLUMNS; k++) {
		c->where[k] = MAX_FIELDS;
		for (size_t i = 0; i < c->n; i++)
			if (strcmp(c->text + c->at[i], names[k]) == 0)
				c->where[k] = i;
	}
	if (end || c->where[GENERATION] == MAX_FIELDS || c->where[CREATED] == MAX_FIELDS ||
	    c->where[COST] == MAX_FIELDS)
		return om_fail(e, OM_INVALID,
		    "the file is neither the older OWUI-Metering's SQLite nor OpenRouter's activity export: its first "
		    "line "
		    "does not name generation_id, created_at and cost_total");
	return OM_OK;
}

/* field gives "" where there is none. */
static const char *
field(const struct csv *c, column k)
{
	return c->where[k] < c->n ? c->text + c->at[c->where[k]] : "";
}

static char *
copy(const struct csv *c, column k, struct om_arena *a)
{
	const char *text = field(c, k);

	return text[0] != '\0' ? om_arena_strdup(a, text) : NULL;
}

static bool
count(const struct csv *c, column k, protobuf_c_boolean *has, int64_t *out)
{
	uint64_t n = 0;
	const char *text = field(c, k);

	if (text[0] == '\0')
		return true;
	if (!om_u64_parse(text, INT64_MAX, &n))
		return false;
	*has = 1;
	*out = (int64_t)n;
	return true;
}

/* when reads "2026-09-30 09:53:25.217", which is UTC, or RFC 3339. */
static bool
when(const char *text, om_time *out)
{
	char iso[64];
	size_t n = strlen(text);

	if (n < 19 || n > 40)
		return false;
	(void)snprintf(iso, sizeof iso, "%s%s", text, strpbrk(text + 19, "Zz+-") == NULL ? "Z" : "");
	iso[10] = 'T';
	return om_time_parse(iso, out, NULL) == OM_OK;
}

static bool
amount(const char *text, struct om_arena *a, char **out, bool *zero)
{
	char buf[OM_MONEY_TEXT];
	om_money m;

	if (om_money_parse(text, &m, NULL) != OM_OK)
		return false;
	*zero = om_money_is_zero(m);
	*out = om_arena_strdup(a, om_money_text(m, buf));
	return true;
}

static om_status
add_line(struct cd_import *im, const struct csv *c, om_err *e)
{
	struct om_arena *a = cd_import_arena(im);
	Om__Record *r = cd_import_record(im);
	bool zero = true;
	char where[40];

	if (r == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(void)snprintf(where, sizeof where, "line %lld", (long long)c->line);
	r->generation_id = copy(c, GENERATION, a);
	if (r->generation_id == NULL) {
		cd_import_skip(im, where, "it has no generation id");
		return OM_OK;
	}
	if (!when(field(c, CREATED), &r->finished_us)) {
		cd_import_skip(im, where, "created_at is not a time");
		return OM_OK;
	}
	r->has_finished_us = 1;
	if (!amount(field(c, COST), a, &r->cost, &zero)) {
		cd_import_skip(im, where, "cost_total is not an amount");
		return OM_OK;
	}
	r->has_cost_state = 1;
	r->cost_state = OM__COST_STATE__COST_LOOKED_UP;
	if (field(c, BYOK)[0] != '\0' && amount(field(c, BYOK), a, &r->byok_cost, &zero) && !zero)
		r->has_is_byok = r->is_byok = 1;
	else
		r->byok_cost = NULL;
	if (!count(c, PROMPT, &r->has_prompt_tokens, &r->prompt_tokens) ||
	    !count(c, COMPLETION, &r->has_completion_tokens, &r->completion_tokens) ||
	    !count(c, REASONING, &r->has_reasoning_tokens, &r->reasoning_tokens) ||
	    !count(c, CACHED, &r->has_cached_tokens, &r->cached_tokens)) {
		cd_import_skip(im, where, "a count of tokens is not a number");
		return OM_OK;
	}
	r->state = strcmp(field(c, CANCELLED), "true") == 0 ? OM__STATE__STATE_CANCELLED
	    : strcmp(field(c, FINISH), "error") == 0        ? OM__STATE__STATE_ERROR
							    : OM__STATE__STATE_FINAL;
	r->model = copy(c, MODEL, a);
	r->provider = copy(c, PROVIDER, a);
	r->source = om_arena_strdup(a, CD_EXPORT);
	r->user->id = copy(c, USER, a);
	if (r->user->id == NULL)
		r->user->id = om_arena_strdup(a, OM_USER_UNKNOWN);
	return cd_import_add(im, where, NULL, e);
}

static om_status
read_lines(struct cd_import *im, struct csv *c, int64_t total, om_err *e)
{
	om_status s = read_header(c, e);
	bool end = false;

	while (s == OM_OK && !end) {
		s = read_line(c, &end, e);
		if (s == OM_OK && !end && (c->n > 1 || c->text[0] != '\0'))
			s = add_line(im, c, e);
		cd_import_progress(im, ftell(c->f), total);
	}
	return s;
}

om_status
cd_import_csv(struct cd_import *im, const char *path, om_err *e)
{
	struct csv *c = calloc(1, sizeof *c);
	struct stat st = {.st_size = 0};
	om_status s;

	if (c == NULL || (c->text = malloc(MAX_LINE)) == NULL) {
		free(c);
		return om_fail(e, OM_NOMEM, "out of memory");
	}
	c->next_line = 1;
	c->f = fopen(path, "re");
	s = c->f != NULL && fstat(fileno(c->f), &st) == 0 ? read_lines(im, c, (int64_t)st.st_size, e)
							  : om_fail(e, OM_INVALID, "%.200s cannot be opened", path);
	if (c->f != NULL)
		(void)fclose(c->f);
	free(c->text);
	free(c);
	return s;
}
