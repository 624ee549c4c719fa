/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "book.h"

#include "book_in.h"
#include "verify.h"
#include "base/invariant.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_UNITS     32767u       /* UTF-16 units in a cell */
#define EXACT_INTEGER (1ull << 53) /* beyond it, binary64 has gaps */

/* The library writes a workbook's dates with gmtime, whose result all threads share:
 * one workbook at a time is closed. */
static pthread_mutex_t closing = PTHREAD_MUTEX_INITIALIZER;

static const char *const number_formats[SHAPES] = {
    [COUNT] = "#,##0",
    [MONEY] = "#,##0.00################",
    [CENTS] = "#,##0.00",
    [DAY] = "yyyy-mm-dd",
    [INSTANT] = "yyyy-mm-dd hh:mm:ss",
};

void
rd_book_check(struct rd_book *b, lxw_error rc)
{
	if (rc != LXW_NO_ERROR && b->status == OM_OK)
		b->status = om_fail(&b->why, rc == LXW_ERROR_MEMORY_MALLOC_FAILED ? OM_NOMEM : OM_INTERNAL,
		    "libxlsxwriter: %.150s", lxw_strerror(rc));
}

void
rd_book_fail(struct rd_book *b, om_status s, const char *why)
{
	if (b->status == OM_OK)
		b->status = om_fail(&b->why, s, "%s", why);
}

/* dress sets the format's colours, borders and fonts by its style. */
static void
dress(lxw_format *f, rd_cell_style style)
{
	switch (style) {
	case RD_S_CELL:
		break;
	case RD_S_HEAD:
		format_set_bold(f);
		format_set_text_wrap(f);
		format_set_align(f, LXW_ALIGN_VERTICAL_CENTER);
		format_set_font_color(f, WHITE);
		format_set_bg_color(f, ACCENT);
		break;
	case RD_S_TOTAL:
		format_set_bold(f);
		format_set_top(f, LXW_BORDER_DOUBLE);
		format_set_top_color(f, ACCENT);
		break;
	case RD_S_TITLE:
		format_set_bold(f);
		format_set_font_size(f, 18);
		break;
	case RD_S_MUTED:
		format_set_font_color(f, GREY);
		format_set_align(f, LXW_ALIGN_VERTICAL_TOP);
		break;
	case RD_S_WRAP:
		format_set_text_wrap(f);
		format_set_align(f, LXW_ALIGN_VERTICAL_TOP);
		break;
	case RD_S_DUE:
		format_set_bold(f);
		format_set_font_color(f, ACCENT);
		format_set_bg_color(f, TINT);
		break;
	}
}

/* format_of makes a format when it is first used. */
static lxw_format *
format_of(struct rd_book *b, rd_cell_style style, shape sh)
{
	lxw_format *f = b->format[style][sh];

	if (f != NULL)
		return f;
	f = workbook_add_format(b->book);
	if (f == NULL) {
		rd_book_fail(b, OM_NOMEM, "out of memory");
		return NULL;
	}
	if (sh == CENTS && b->digits != 2)
		format_set_num_format(f, b->digits == 0 ? "#,##0" : "#,##0.000");
	else if (number_formats[sh] != NULL)
		format_set_num_format(f, number_formats[sh]);
	if (sh == TEXT_INDENT)
		format_set_indent(f, 1);
	if (sh == TEXT_RIGHT)
		format_set_align(f, LXW_ALIGN_RIGHT);
	if (sh == DAY || sh == INSTANT)
		format_set_align(f, LXW_ALIGN_LEFT);
	dress(f, style);
	b->format[style][sh] = f;
	return f;
}

om_status
rd_book_new(const struct rd_book_opts *o, struct rd_book **out, om_err *e)
{
	lxw_doc_properties p = {.created = (time_t)(o->created / OM_SECOND)};
	struct rd_book *b = calloc(1, sizeof *b);
	lxw_workbook_options opts = {.constant_memory = LXW_TRUE};
	char *tmp, *title, *author, *subject;

	*out = NULL;
	tmp = strdup(o->dir);
	title = strdup(o->title);
	author = strdup(o->author);
	subject = strdup(o->subject);
	if (b != NULL && tmp != NULL && title != NULL && author != NULL && subject != NULL) {
		b->paper = o->paper;
		b->zone = o->zone;
		b->digits = o->digits;
		(void)snprintf(b->header, sizeof b->header, "&L&8%.120s&R&8 %.80s", o->head_left, o->head_right);
		(void)snprintf(b->footer, sizeof b->footer, "&L&8&A&R&8%.120s", o->page_text);
		(void)snprintf(b->dir, sizeof b->dir, "%s", o->dir);
		(void)snprintf(b->path, sizeof b->path, "%s/book.xlsx", o->dir);
		opts.tmpdir = tmp;
		b->book = workbook_new_opt(b->path, &opts);
		p.title = title;
		p.author = author;
		p.subject = subject;
		if (b->book != NULL)
			rd_book_check(b, workbook_set_properties(b->book, &p));
	}
	free(tmp);
	free(title);
	free(author);
	free(subject);
	if (b == NULL || b->book == NULL) {
		free(b);
		return om_fail(e, OM_NOMEM, "out of memory");
	}
	*out = b;
	return OM_OK;
}

void
rd_book_free(struct rd_book **bp)
{
	struct rd_book *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	if (b->book != NULL) {
		lxw_workbook_free(b->book);
		rd_row_files_tidy(b->row_files, b->n_sheets, b->dir);
	}
	free(b);
}

/* ---- where ---- */

void
rd_book_sheet(struct rd_book *b, const char *name, bool landscape)
{
	if (b->status != OM_OK)
		return;
	if (b->n_sheets == MAX_SHEETS) {
		rd_book_fail(b, OM_INTERNAL, "too many sheets");
		return;
	}
	b->sheet = workbook_add_worksheet(b->book, name);
	if (b->sheet == NULL) {
		rd_book_fail(b, OM_FULL, "cannot begin a sheet; is the disk with WORK_DIR full?");
		return;
	}
	if (b->first == NULL)
		b->first = b->sheet;
	rd_row_file_set(&b->row_files[b->n_sheets], b->sheet->optimize_tmpfile);
	b->n_sheets++;
	b->row = 0;
	b->row_used = false;
	worksheet_set_paper(b->sheet, b->paper == RD_A4 ? 9 : 1);
	if (landscape)
		worksheet_set_landscape(b->sheet);
	worksheet_fit_to_pages(b->sheet, 1, 0);
	worksheet_set_margins(b->sheet, 0.6, 0.6, 0.8, 0.7);
	rd_book_check(b, worksheet_set_header(b->sheet, b->header));
	rd_book_check(b, worksheet_set_footer(b->sheet, b->footer));
}

bool
rd_book_ready(const struct rd_book *b)
{
	return b->status == OM_OK && b->sheet != NULL;
}

unsigned
rd_book_next(struct rd_book *b)
{
	b->row_used = false;
	return ++b->row;
}

unsigned
rd_book_at(const struct rd_book *b)
{
	return b->row;
}

static void
use_row(struct rd_book *b)
{
	om_check(b->n_sheets <= MAX_SHEETS);
	if (!b->row_used && b->n_sheets > 0)
		b->rows[b->n_sheets - 1]++;
	b->row_used = true;
}

/* ---- what ---- */

/* is_escape: "_x" and four hex digits and "_" would be read as one character. */
static bool
is_escape(const char *p)
{
	if (p[0] != '_' || p[1] != 'x')
		return false;
	for (int i = 2; i < 6; i++)
		if (!isxdigit((unsigned char)p[i]))
			return false;
	return p[6] == '_';
}

/* cell_text gives the text with escapes escaped and within the bound of a
 * cell: the text itself, or a copy in *own_out to be freed. */
static const char *
cell_text(struct rd_book *b, const char *text, char **own_out)
{
	static const char escaped[] = "_x005F_", ellipsis[] = "\xe2\x80\xa6";
	size_t n = strlen(text), escapes = 0, units = 0, at = 0;
	const char *p, *end = text + n;
	char *out;

	*own_out = NULL;
	for (p = text; p < end; p++)
		escapes += is_escape(p);
	if (escapes == 0 && n <= MAX_UNITS)
		return text;
	out = malloc(n + escapes * (sizeof escaped - 2) + sizeof ellipsis);
	if (out == NULL) {
		rd_book_fail(b, OM_NOMEM, "out of memory");
		return "";
	}
	for (p = text; p < end;) {
		const char *from = p;
		bool escape = is_escape(p);
		uint32_t c = om_utf8_next(&p, end);

		units += escape ? sizeof escaped - 1 : c > 0xffff ? 2 : 1;
		if (units > MAX_UNITS - 1) {
			memcpy(out + at, ellipsis, sizeof ellipsis - 1);
			at += sizeof ellipsis - 1;
			break;
		}
		if (escape) {
			memcpy(out + at, escaped, sizeof escaped - 1);
			at += sizeof escaped - 1;
		} else {
			memcpy(out + at, from, (size_t)(p - from));
			at += (size_t)(p - from);
		}
	}
	out[at] = '\0';
	*own_out = out;
	return out;
}

void
rd_book_text(struct rd_book *b, unsigned col, rd_cell_style style, rd_align align, const char *text)
{
	static const shape shapes[] = {[RD_LEFT] = TEXT, [RD_RIGHT] = TEXT_RIGHT, [RD_INDENT] = TEXT_INDENT};
	lxw_format *f = rd_book_ready(b) ? format_of(b, style, shapes[align]) : NULL;
	char *own;

	if (f == NULL)
		return;
	text = cell_text(b, text, &own);
	if (text[0] != '\0')
		rd_book_check(b, worksheet_write_string(b->sheet, b->row, (lxw_col_t)col, text, f));
	else
		rd_book_check(b, worksheet_write_blank(b->sheet, b->row, (lxw_col_t)col, f));
	free(own);
	use_row(b);
}

static void
number(struct rd_book *b, unsigned col, rd_cell_style style, shape sh, double v)
{
	lxw_format *f = rd_book_ready(b) ? format_of(b, style, sh) : NULL;

	if (f == NULL)
		return;
	rd_book_check(b, worksheet_write_number(b->sheet, b->row, (lxw_col_t)col, v, f));
	use_row(b);
}

void
rd_book_count(struct rd_book *b, unsigned col, rd_cell_style style, uint64_t n)
{
	char text[24];

	if (n <= EXACT_INTEGER) {
		number(b, col, style, COUNT, (double)n);
		return;
	}
	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)n);
	rd_book_text(b, col, style, RD_RIGHT, text);
}

void
rd_book_money(struct rd_book *b, unsigned col, rd_cell_style style, om_money m)
{
	number(b, col, style, MONEY, om_money_to_double(m));
}

void
rd_book_cents(struct rd_book *b, unsigned col, rd_cell_style style, om_money m)
{
	number(b, col, style, CENTS, om_money_to_double(m));
}

static void
formula(struct rd_book *b, unsigned col, rd_cell_style style, shape sh, const char *text, double v)
{
	lxw_format *f = rd_book_ready(b) ? format_of(b, style, sh) : NULL;

	if (f == NULL)
		return;
	rd_book_check(b, worksheet_write_formula_num(b->sheet, b->row, (lxw_col_t)col, text, f, v));
	use_row(b);
}

void
rd_book_sum_count(struct rd_book *b, unsigned col, rd_cell_style style, const char *text, uint64_t n)
{
	if (n <= EXACT_INTEGER)
		formula(b, col, style, COUNT, text, (double)n);
	else
		rd_book_count(b, col, style, n);
}

void
rd_book_sum_money(struct rd_book *b, unsigned col, rd_cell_style style, const char *text, om_money m)
{
	formula(b, col, style, MONEY, text, om_money_to_double(m));
}

void
rd_book_sum_cents(struct rd_book *b, unsigned col, rd_cell_style style, const char *text, om_money m)
{
	formula(b, col, style, CENTS, text, om_money_to_double(m));
}

static void
date(struct rd_book *b, unsigned col, rd_cell_style style, shape sh, lxw_datetime *t)
{
	lxw_format *f = rd_book_ready(b) ? format_of(b, style, sh) : NULL;

	if (f == NULL)
		return;
	rd_book_check(b, worksheet_write_datetime(b->sheet, b->row, (lxw_col_t)col, t, f));
	use_row(b);
}

void
rd_book_day(struct rd_book *b, unsigned col, rd_cell_style style, om_day d)
{
	lxw_datetime t = {.hour = 0};
	char text[OM_DAY_TEXT];

	om_day_to_civil(d, &t.year, &t.month, &t.day);
	if (t.year >= 1900 && t.year <= 9999)
		date(b, col, style, DAY, &t);
	else
		rd_book_text(b, col, style, RD_LEFT, om_day_text(d, text)); /* a spreadsheet has no such day */
}

void
rd_book_instant(struct rd_book *b, unsigned col, rd_cell_style style, om_time at)
{
	om_day day = om_zone_table_day(b->zone, at);
	char text[OM_TIME_TEXT];
	lxw_datetime t = {.year = 0};
	int64_t micros; /* of the day */
	unsigned second, millis;

	om_day_to_civil(day, &t.year, &t.month, &t.day);
	if (t.year < 1900 || t.year > 9999) { /* a spreadsheet has no such day */
		rd_book_text(b, col, style, RD_LEFT, om_zone_table_text(b->zone, at, text));
		return;
	}
	micros = at + om_zone_table_offset_s(b->zone, at) * OM_SECOND - day * OM_DAY;
	second = (unsigned)(micros / OM_SECOND);
	millis = (unsigned)(micros % OM_SECOND / 1000);
	t.hour = (int)(second / 3600);
	t.min = (int)(second / 60 % 60);
	t.sec = (double)(second % 60) + (double)millis / 1e3;
	date(b, col, style, INSTANT, &t);
}

void
rd_book_height(struct rd_book *b, unsigned lines)
{
	if (rd_book_ready(b))
		rd_book_check(b, worksheet_set_row(b->sheet, b->row, 15.0 * (double)lines, NULL));
}

void
rd_book_paragraph(struct rd_book *b, unsigned first, unsigned last, unsigned chars, const char *text)
{
	lxw_format *f = rd_book_ready(b) ? format_of(b, RD_S_WRAP, TEXT) : NULL;
	size_t n = om_utf8_length(text, strlen(text));
	char *own;

	if (f == NULL)
		return;
	rd_book_height(b, (unsigned)(n / chars) + 1);
	text = cell_text(b, text, &own);
	rd_book_check(b, worksheet_merge_range(b->sheet, b->row, (lxw_col_t)first, b->row, (lxw_col_t)last, text, f));
	free(own);
	use_row(b);
}

/* ---- the end ---- */

const char *
rd_book_path(const struct rd_book *b)
{
	return b->path;
}

static om_status
look_into(const struct rd_book *b, om_err *e)
{
	int fd = open(b->path, O_RDONLY | O_CLOEXEC);
	om_status s;

	if (fd < 0)
		return om_fail(e, OM_IO, "the workbook cannot be read back: %s", strerror(errno));
	s = rd_xlsx_verify(fd, b->rows, b->n_sheets, e);
	(void)close(fd);
	return s;
}

om_status
rd_book_done(struct rd_book *b, om_err *e)
{
	lxw_error rc;
	om_status s;

	if (b->status != OM_OK)
		return om_fail(e, b->status, "%s", b->why.text);
	s = rd_row_files_check(b->row_files, b->n_sheets, b->dir, e);
	if (s != OM_OK)
		return s;
	(void)pthread_mutex_lock(&closing);
	rc = workbook_close(b->book);
	(void)pthread_mutex_unlock(&closing);
	b->book = NULL; /* freed by closing */
	if (rc != LXW_NO_ERROR) {
		rd_row_files_tidy(b->row_files, b->n_sheets, b->dir);
		return om_fail(e, rc == LXW_ERROR_MEMORY_MALLOC_FAILED ? OM_NOMEM : OM_FULL,
		    "the workbook cannot be written: %.120s; is the disk with WORK_DIR full?", lxw_strerror(rc));
	}
	return look_into(b, e);
}
