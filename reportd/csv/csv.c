/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "csv.h"

#include "words/clean.h"
#include "base/invariant.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define FLUSH_BYTES ((size_t)64 * 1024)
#define MAX_BYTES   ((size_t)4 * 1024 * 1024)

void
rd_csv_init(struct rd_csv *c, struct rd_task *t)
{
	*c = (struct rd_csv){.task = t};
	om_buf_init(&c->buf, MAX_BYTES);
}

void
rd_csv_fini(struct rd_csv *c)
{
	om_buf_fini(&c->buf);
}

static void
begin_cell(struct rd_csv *c)
{
	if (c->cells++ > 0)
		om_buf_chr(&c->buf, ',');
}

/* add_valid appends text with U+FFFD in place of bad bytes, and quotes doubled. */
static void
add_valid(struct om_buf *b, const char *text, size_t n)
{
	const char *end = text + n, *from = text, *p = text;

	while (p < end) {
		const char *at = p;
		uint32_t code = om_utf8_next(&p, end);
		bool bad = code == 0xfffd && p - at == 1;
		char put[4];

		if (!bad && code != '"')
			continue;
		om_buf_add(b, from, (size_t)(at - from));
		if (bad)
			om_buf_add(b, put, rd_utf8_put(0xfffd, put));
		else
			om_buf_str(b, "\"\"");
		from = p;
	}
	om_buf_add(b, from, (size_t)(end - from));
}

void
rd_csv_text(struct rd_csv *c, const char *text)
{
	size_t n = text != NULL ? strlen(text) : 0;
	bool formula = n > 0 && rd_is_formula(text);
	bool quoted = n > 0 && strcspn(text, "\",\r\n") < n;

	begin_cell(c);
	if (n == 0)
		return;
	if (text[0] == ' ' || text[n - 1] == ' ')
		quoted = true; /* some readers trim */
	if (quoted)
		om_buf_chr(&c->buf, '"');
	if (formula)
		om_buf_chr(&c->buf, '\'');
	if (!quoted && om_utf8_valid(text, n))
		om_buf_add(&c->buf, text, n);
	else
		add_valid(&c->buf, text, n);
	if (quoted)
		om_buf_chr(&c->buf, '"');
}

void
rd_csv_plain(struct rd_csv *c, const char *text)
{
	begin_cell(c);
	om_buf_str(&c->buf, text != NULL ? text : "");
}

void
rd_csv_count(struct rd_csv *c, bool has, int64_t n)
{
	char text[24] = "";

	if (has)
		(void)snprintf(text, sizeof text, "%lld", (long long)n);
	rd_csv_plain(c, text);
}

void
rd_csv_time(struct rd_csv *c, bool has, om_time t)
{
	char text[OM_TIME_TEXT] = "";

	rd_csv_plain(c, has ? om_time_text(t, text) : "");
}

static void
flush(struct rd_csv *c)
{
	if (c->status == OM_OK)
		c->status = om_buf_done(&c->buf, &c->why);
	if (c->status == OM_OK)
		c->status = rd_task_write(c->task, c->buf.data != NULL ? c->buf.data : "", c->buf.len, &c->why);
	om_buf_reset(&c->buf);
}

om_status
rd_csv_row(struct rd_csv *c, om_err *e)
{
	c->columns = c->columns == 0 ? c->cells : c->columns;
	om_check(c->cells > 0 && c->cells == c->columns); /* as many as in the first row */
	c->cells = 0;
	om_buf_str(&c->buf, "\r\n");
	if (c->buf.len >= FLUSH_BYTES)
		flush(c);
	return c->status == OM_OK ? OM_OK : om_fail(e, c->status, "%s", c->why.text);
}

om_status
rd_csv_done(struct rd_csv *c, om_err *e)
{
	flush(c);
	return c->status == OM_OK ? OM_OK : om_fail(e, c->status, "%s", c->why.text);
}
