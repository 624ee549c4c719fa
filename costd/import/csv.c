/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * OpenRouter's activity export: one line per generation with what was charged for
 * it.  Columns go by their names; the file is RFC 4180 text, or what a spreadsheet made
 * of it: other separators, ends of lines, marks in numbers, times and words.
 */
#include "source.h"

#include "text.h"
#include "value/record.h"
#include "record.pb-c.h"

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
	char *text;            /* owned; the fields of a line, one after the other */
	size_t at[MAX_FIELDS]; /* where each begins */
	size_t n;
	int64_t line, next_line; /* where the record begins, and the line after it */
	char separator;          /* of fields */
	char mark;               /* before fractions: '.', ',' or, not known, 0 */
	size_t where[N_COLUMNS]; /* field of a column; MAX_FIELDS: none */
};

static int
next_char(struct csv *c)
{
	return getc_unlocked(c->f);
}

/* end_line steps over the second half of CR LF and counts the line. */
static void
end_line(struct csv *c, int ch)
{
	c->next_line++;
	if (ch == '\r' && (ch = next_char(c)) != '\n' && ch != EOF)
		(void)ungetc(ch, c->f);
}

/* add_quoted takes a character within quotes; *over is set after the last one. */
static void
add_quoted(struct csv *c, int ch, size_t *used, bool *over)
{
	if (ch == '"' && (ch = next_char(c)) != '"') {
		*over = true;
		if (ch != EOF)
			(void)ungetc(ch, c->f);
		return;
	}
	c->text[(*used)++] = (char)ch;
	if (ch == '\r' || ch == '\n') {
		end_line(c, ch);
		c->text[*used - 1] = '\n';
	}
}

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
	while (!over && (ch = next_char(c)) != EOF) {
		any = true;
		if (used + 2 > MAX_LINE)
			return om_fail(e, OM_INVALID, "line %lld is too long", (long long)c->line);
		if (quoted) {
			add_quoted(c, ch, &used, &was_quoted);
			quoted = !was_quoted;
		} else if (ch == '"' && used == c->at[c->n - 1] && !was_quoted) {
			quoted = true;
		} else if (ch == c->separator) {
			c->text[used++] = '\0';
			if (c->n == MAX_FIELDS)
				return om_fail(e, OM_INVALID, "line %lld has too many fields", (long long)c->line);
			c->at[c->n++] = used;
			was_quoted = false;
		} else if (ch == '\r' || ch == '\n') {
			end_line(c, ch);
			over = true;
		} else {
			c->text[used++] = (char)ch;
		}
	}
	c->text[used] = '\0';
	*end = !any;
	if (ferror(c->f))
		return om_fail(e, OM_INVALID, "the file cannot be read");
	return quoted ? om_fail(e, OM_INVALID, "line %lld: a quote is not closed", (long long)c->line) : OM_OK;
}

/* find_separator finds out what parts the fields of the first line, which is a
 * heading: the mark that is there most often.  A byte order mark before it is
 * stepped over. */
static om_status
find_separator(struct csv *c, om_err *e)
{
	static const char marks[] = ",;\t";
	size_t seen[sizeof marks] = {0}, most = 0;
	unsigned char head[3] = {0};
	const char *at;
	long begin;
	int ch;

	if (fread(head, 1, sizeof head, c->f) >= 2 &&
	    (memcmp(head, "\xff\xfe", 2) == 0 || memcmp(head, "\xfe\xff", 2) == 0))
		return om_fail(e, OM_INVALID, "the file is UTF-16; save it as UTF-8");
	begin = memcmp(head, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	if (fseek(c->f, begin, SEEK_SET) != 0)
		return om_fail(e, OM_INVALID, "the file cannot be read twice");
	while ((ch = next_char(c)) != EOF && ch != '\r' && ch != '\n')
		if (ch != '\0' && (at = strchr(marks, ch)) != NULL)
			seen[at - marks]++;
	for (size_t i = 1; i < sizeof marks - 1; i++)
		most = seen[i] > seen[most] ? i : most;
	c->separator = marks[most];
	c->next_line = 1;
	return fseek(c->f, begin, SEEK_SET) == 0 ? OM_OK : om_fail(e, OM_INVALID, "the file cannot be read twice");
}

static om_status
read_header(struct csv *c, om_err *e)
{
	bool end = false;
	om_status s = find_separator(c, e);

	if (s == OM_OK)
		s = read_line(c, &end, e);
	if (s != OM_OK)
		return s;
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

static void
count(struct cd_page *page, const struct csv *c, column k, om_fit_field f, protobuf_c_boolean *has, int64_t *out)
{
	const char *text = field(c, k);

	if (text[0] == '\0')
		return;
	*has = cd_number_whole(text, c->mark, out);
	if (!*has)
		cd_page_note(page, f, "no whole number: left out");
}

/* amount gives an amount, or NULL where there is none or one that is not understood. */
static char *
amount(struct cd_page *page, const struct csv *c, column k, om_fit_field f)
{
	const char *text = field(c, k);
	char plain[CD_NUMBER_TEXT], buf[OM_MONEY_TEXT];
	om_money m;

	if (text[0] == '\0' && k != COST)
		return NULL;
	if (!cd_number_plain(text, c->mark, plain) || om_money_parse(plain, &m, NULL) != OM_OK) {
		cd_page_note(page, f, "no amount, or one that can be read in two ways: left out");
		return NULL;
	}
	return om_money_is_zero(m) && k != COST ? NULL : om_arena_strdup(cd_page_arena(page), om_money_text(m, buf));
}

static Om__State
state_of(struct cd_page *page, const struct csv *c)
{
	bool cancelled = false;

	if (!cd_bool_read(field(c, CANCELLED), &cancelled))
		cd_page_note(page, OM_FIT_STATE, "cancelled is neither true nor false: taken as false");
	if (cancelled)
		return OM__STATE__STATE_CANCELLED;
	return strcmp(field(c, FINISH), "error") == 0 ? OM__STATE__STATE_ERROR : OM__STATE__STATE_FINAL;
}

static bool
is_empty(const struct csv *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->text[c->at[i]] != '\0')
			return false;
	return true;
}

static om_status
add_line(struct cd_page *page, const struct csv *c, om_err *e)
{
	struct om_arena *a = cd_page_arena(page);
	Om__Record *r;
	om_status s = cd_page_record(page, &r, e);
	char where[40];

	if (s != OM_OK)
		return s;
	(void)snprintf(where, sizeof where, "line %lld", (long long)c->line);
	r->generation_id = copy(c, GENERATION, a);
	if (r->generation_id == NULL) {
		cd_page_skip(page, where, "it has no generation id");
		return OM_OK;
	}
	if (!cd_time_read(field(c, CREATED), &r->finished_us)) {
		cd_page_skip(page, where, "created_at is not a time");
		return OM_OK;
	}
	r->has_finished_us = 1;
	r->cost = amount(page, c, COST, OM_FIT_COST);
	r->has_cost_state = r->cost != NULL;
	r->cost_state = OM__COST_STATE__COST_LOOKED_UP;
	r->byok_cost = amount(page, c, BYOK, OM_FIT_BYOK_COST);
	r->has_is_byok = r->is_byok = r->byok_cost != NULL;
	count(page, c, PROMPT, OM_FIT_PROMPT_TOKENS, &r->has_prompt_tokens, &r->prompt_tokens);
	count(page, c, COMPLETION, OM_FIT_COMPLETION_TOKENS, &r->has_completion_tokens, &r->completion_tokens);
	count(page, c, REASONING, OM_FIT_REASONING_TOKENS, &r->has_reasoning_tokens, &r->reasoning_tokens);
	count(page, c, CACHED, OM_FIT_CACHED_TOKENS, &r->has_cached_tokens, &r->cached_tokens);
	r->state = state_of(page, c);
	r->model = copy(c, MODEL, a);
	r->provider = copy(c, PROVIDER, a);
	r->source = om_arena_strdup(a, CD_EXPORT);
	r->user->id = copy(c, USER, a);
	if (r->user->id == NULL)
		r->user->id = om_arena_strdup(a, OM_USER_UNKNOWN);
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : cd_page_add(page, where, NULL, e);
}

/* find_mark reads the file once for the marks in its amounts.  What is wrong with it
 * is told when it is read again. */
static om_status
find_mark(struct csv *c, om_err *e)
{
	struct cd_marks marks = {.point = false};
	om_err why;
	om_status s = read_header(c, e);
	bool end = false;

	if (s != OM_OK)
		return s;
	while (!end && read_line(c, &end, &why) == OM_OK) {
		cd_marks_note(&marks, field(c, COST));
		cd_marks_note(&marks, field(c, BYOK));
	}
	c->mark = cd_marks_of(&marks, c->separator);
	rewind(c->f);
	return OM_OK;
}

static om_status
read_lines(struct cd_page *page, struct csv *c, int64_t total, om_err *e)
{
	om_status s = find_mark(c, e);
	bool end = false;

	if (s == OM_OK)
		s = read_header(c, e);
	while (s == OM_OK && !end) {
		s = read_line(c, &end, e);
		if (s == OM_OK && !end && !is_empty(c))
			s = add_line(page, c, e);
		cd_page_progress(page, (int64_t)ftello(c->f), total);
	}
	return s;
}

/* Any file: that it has the columns is seen when its heading is read. */
static bool
is_csv(const char *path)
{
	(void)path;
	return true;
}

static om_status
read_csv(struct cd_page *page, const char *path, om_err *e)
{
	struct csv *c = calloc(1, sizeof *c);
	struct stat st = {.st_size = 0};
	om_status s;

	if (c == NULL || (c->text = malloc(MAX_LINE)) == NULL) {
		free(c);
		return om_fail(e, OM_NOMEM, "out of memory");
	}
	c->f = fopen(path, "re");
	s = c->f != NULL && fstat(fileno(c->f), &st) == 0 ? read_lines(page, c, (int64_t)st.st_size, e)
							  : om_fail(e, OM_INVALID, "%.200s cannot be opened", path);
	if (c->f != NULL)
		(void)fclose(c->f);
	free(c->text);
	free(c);
	return s;
}

const struct cd_source cd_source_csv = {.is_mine = is_csv, .read = read_csv};
