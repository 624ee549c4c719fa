/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "column.h"

#include "base/money.h"

#include <string.h>

char *
cd_column_text(const struct cd_val *v, struct om_arena *a)
{
	return v->kind == CD_TEXT ? om_arena_strndup(a, v->p, v->n) : NULL;
}

char *
cd_column_money(const struct cd_val *v, struct om_arena *a, om_err *e)
{
	char buf[OM_MONEY_TEXT];
	om_money m;

	if (v->kind != CD_TEXT || om_money_parse(v->p, &m, e) != OM_OK)
		return NULL;
	return om_arena_strdup(a, om_money_text(m, buf));
}

ProtobufCBinaryData
cd_column_bytes(const void *data, size_t n, struct om_arena *a)
{
	ProtobufCBinaryData out = {.len = n, .data = om_arena_alloc(a, n + 1)};

	if (out.data == NULL)
		return (ProtobufCBinaryData){.len = 0};
	memcpy(out.data, data, n);
	return out;
}
