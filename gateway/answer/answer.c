/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "answer.h"

om_status
gw_read_mismatch(om_err *e)
{
	return om_fail(e, OM_UNAVAILABLE, "the answer from behind is not about the question");
}

void
gw_write_count(struct om_jw *w, const char *key, uint64_t v)
{
	om_jw_key(w, key);
	om_jw_int(w, (int64_t)(v <= INT64_MAX ? v : INT64_MAX));
}

void
gw_write_text(struct om_jw *w, const char *key, const char *text)
{
	om_jw_key(w, key);
	om_jw_text(w, text);
}

void
gw_write_int(struct om_jw *w, const char *key, protobuf_c_boolean has, int64_t v)
{
	om_jw_key(w, key);
	if (has)
		om_jw_int(w, v);
	else
		om_jw_null(w);
}

void
gw_write_time(struct om_jw *w, const char *key, protobuf_c_boolean has, om_time t)
{
	om_jw_key(w, key);
	if (has)
		om_jw_time(w, t);
	else
		om_jw_null(w);
}
