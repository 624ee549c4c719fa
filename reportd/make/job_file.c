/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "make_in.h"

#include "xlsx/workbook.h"
#include "jobs.pb-c.h"
#include "statement.pb-c.h"
#include "base/invariant.h"

#include <stdio.h>
#include <string.h>

#define SMALL_FILE ((uint64_t)4 * 1024 * 1024) /* room on the disk wanted for what is not estimated */
#define TEXT_BYTES ((size_t)16 * 1024 * 1024)  /* a workbook's texts while it is made */
#define TEXT_CSV   "text/csv; charset=utf-8"
#define TEXT_XLSX  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

static const struct {
	const char *end, *content_type;
} kinds[] = {
    [OM__FORMAT__FORMAT_PDF] = {"pdf", "application/pdf"},
    [OM__FORMAT__FORMAT_XLSX] = {"xlsx", TEXT_XLSX},
    [OM__FORMAT__FORMAT_CSV] = {"csv", TEXT_CSV},
    [OM__FORMAT__FORMAT_FOCUS] = {"focus.csv", TEXT_CSV},
    [OM__FORMAT__FORMAT_ZIP] = {"zip", "application/zip"},
};

bool
rd_job_file_has_kind(Om__Format format)
{
	return (unsigned)format < sizeof kinds / sizeof kinds[0];
}

static void
copy_text(char *out, size_t room, const char *text, bool as_name)
{
	size_t n = strlen(text);

	if (n >= room) { /* cut between characters */
		for (n = room - 1; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
			continue;
	}
	memcpy(out, text, n);
	out[n] = '\0';
	for (char *p = out; as_name && *p != '\0'; p++)
		if (*p == '/' || *p == '\\')
			*p = '-';
}

void
rd_job_file_describe(struct rd_task *t, const char *stem, const char *shown, Om__Format format,
    const Om__StatementReply *r, const struct rd_doc *d)
{
	struct rd_task_facts f = {.content_type = kinds[format].content_type};
	char text[RD_TASK_NAME];

	om_check(rd_job_file_has_kind(format));
	(void)snprintf(f.name, sizeof f.name, "%.180s.%s", stem, kinds[format].end);
	copy_text(text, sizeof text - 12, shown, true);
	(void)snprintf(f.shown, sizeof f.shown, "%.186s.%s", text, kinds[format].end);
	if (d != NULL) {
		(void)om_money_text_fixed(d->due, d->digits, f.total);
		(void)snprintf(f.currency, sizeof f.currency, "%.7s", d->currency);
		f.unsettled = d->unsettled;
	}
	if (r != NULL && r->has_changed_us)
		f.changed = r->has_terms_changed_us && r->terms_changed_us > r->changed_us ? r->terms_changed_us
											   : r->changed_us;
	if (r != NULL && r->user != NULL && r->user->name != NULL)
		copy_text(f.user_name, sizeof f.user_name, r->user->name, false);
	rd_task_set_facts(t, &f);
}

static om_status
go_on(void *arg, om_err *e)
{
	return rd_task_go_on(arg, e);
}

static void
rows_read(void *arg, uint64_t rows)
{
	rd_task_progress(arg, rows);
}

struct rd_progress
rd_job_file_progress(struct rd_task *t)
{
	return (struct rd_progress){.go_on = go_on, .rows_read = rows_read, .arg = t};
}

om_status
rd_job_file_begin(struct rd_parts *w, struct rd_task *t, bool streams, uint64_t bytes, om_err *e)
{
	om_status s = rd_task_folder(t, w->work, bytes + SMALL_FILE, e);

	return s == OM_OK ? rd_task_begin(t, streams, e) : s;
}

om_status
rd_job_file_write_sheets(struct rd_parts *w, const struct rd_doc *d, rd_paper paper, struct rd_task *t, om_err *e)
{
	const struct rd_xlsx_opts how = {.work = w->work, .paper = paper};
	struct om_arena a;
	om_status s;

	om_arena_init(&a, TEXT_BYTES);
	s = rd_write_xlsx(d, &how, t, &a, e);
	om_arena_fini(&a);
	return s;
}
