/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "statement_fixture.h"

#include "document/statement.h"

#include <stdlib.h>

static const char *const team[] = {"Ada", "Grace"};

const struct fx_shape fx_shapes[FX_SHAPES] = {
    {.max_rows = 1000},
    {.n_models = 1, .n_requests = 1, .max_rows = 1000},
    {.n_models = 500, .n_requests = 2, .max_rows = 100000},
    {.users = fx_scripts, .n_users = 7, .n_models = 3, .n_requests = 4, .byok = true, .unsettled = 1, .max_rows = 1000},
    {.users = team,
	.n_users = 2,
	.n_models = 40,
	.n_requests = 3,
	.price = "1234567.890123456789012345",
	.max_rows = 7},
};

const struct rd_doc *
fx_statement(struct om_arena *a, const struct fx_shape *shape)
{
	const struct rd_terms terms = {.fee = {(om_i128)1 << 60}};
	struct rd_month m = fx_month(shape);
	const struct rd_doc *d = NULL;

	if (rd_statement_new(fx_reply(a, shape), &m, &terms, a, &d, NULL) != OM_OK)
		abort();
	return d;
}
