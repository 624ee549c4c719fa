/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "workbook_fixture.h"

om_status
fx_xlsx(const struct rd_doc *d, struct rd_workdir *work, rd_paper paper, unsigned sheet_rows, struct om_arena *a,
    struct fx_book *out, om_err *e)
{
	const struct rd_xlsx_opts how = {.work = work, .paper = paper, .sheet_rows = sheet_rows};
	struct rd_task t;
	om_status s;

	*out = (struct fx_book){.data = NULL};
	rd_task_init(&t);
	s = rd_write_xlsx(d, &how, &t, a, e);
	if (s == OM_OK)
		s = rd_task_end(&t, e);
	if (s == OM_OK) {
		out->n = (size_t)atomic_load(&t.bytes);
		out->data = om_arena_alloc(a, out->n + 1);
		s = out->data != NULL ? rd_task_read(&t, 0, out->data, &out->n, e) : OM_NOMEM;
	}
	rd_task_fini(&t);
	return s;
}
