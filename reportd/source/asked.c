/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "asked.h"

#include "wire/codec.h"

#include <string.h>

#define ZONE_BYTES ((size_t)1024 * 1024)

static const char *
copy_text(const char *text, struct om_arena *a)
{
	return text != NULL ? om_arena_strdup(a, text) : NULL;
}

static om_status
copy_zone(const Om__Zone *from, struct om_arena *a, const Om__Zone **out, om_err *e)
{
	Om__Zone same = *from, *copy = NULL;
	struct om_buf packed;
	om_status s;

	om_buf_init(&packed, ZONE_BYTES);
	om_msg_pack(&same.base, &packed);
	s = om_buf_done(&packed, e);
	if (s == OM_OK)
		s = om_msg_unpack(&om__zone__descriptor, packed.data, packed.len, a, &copy, e);
	om_buf_fini(&packed);
	*out = copy;
	return s;
}

om_status
rd_asked_copy(const struct rd_asked *from, struct om_arena *a, struct rd_asked *out, om_err *e)
{
	*out = *from;
	out->issue.number = copy_text(from->issue.number, a);
	out->issue.code = copy_text(from->issue.code, a);
	out->issue.verify_url = copy_text(from->issue.verify_url, a);
	out->issue.corrects = copy_text(from->issue.corrects, a);
	out->issue.cancels = copy_text(from->issue.cancels, a);
	out->issue.reason = copy_text(from->issue.reason, a);
	out->terms = copy_text(from->terms, a);
	out->figures.data = om_arena_alloc(a, from->figures.len + 1);
	if (a->failed || out->figures.data == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (from->figures.len > 0)
		memcpy(out->figures.data, from->figures.data, from->figures.len);
	return from->zone != NULL ? copy_zone(from->zone, a, &out->zone, e) : OM_OK;
}
