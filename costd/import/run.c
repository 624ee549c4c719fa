/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "run.h"

#include "source.h"

/* The CSV file is the last: it has no mark of its own, and says what is wrong with a
 * file that is of no kind. */
static const struct cd_source *const sources[] = {&cd_source_sqlite, &cd_source_csv};

om_status
cd_import_run(struct cd_ledger *l, const char *path, FILE *out, om_err *e)
{
	struct cd_page *page;
	size_t i = 0;
	om_status s = cd_page_new(l, out, (int64_t)CD_IMPORT_READ_S * 1000, &page, e);

	if (s != OM_OK)
		return s;
	while (i + 1 < sizeof sources / sizeof sources[0] && !sources[i]->is_mine(path))
		i++;
	s = sources[i]->read(page, path, e);
	s = cd_page_finish(page, s, e);
	cd_page_free(&page);
	return s;
}
