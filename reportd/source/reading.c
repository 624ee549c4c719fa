/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "reading.h"

#include "envelope.pb-c.h"
#include "statement.pb-c.h"
#include "base/invariant.h"

#include <string.h>

#define CALL_MS     15000
#define END_MS      2000
#define REPLY_BYTES ((size_t)64 * 1024)

om_status
rd_reading_set(struct rd_reading *r, struct om_fleet *costd, unsigned at, ProtobufCBinaryData id, om_err *e)
{
	*r = (struct rd_reading){.n = 0};
	if (at >= om_fleet_size(costd) || id.len == 0 || id.len > sizeof r->id)
		return om_fail(e, OM_PROTOCOL, "costd named a reading with %zu bytes", id.len);
	r->costd = om_fleet_at(costd, at);
	r->at = at;
	r->n = id.len;
	memcpy(r->id, id.data, id.len);
	return OM_OK;
}

ProtobufCBinaryData
rd_reading_id(struct rd_reading *r)
{
	return (ProtobufCBinaryData){.len = r->n, .data = r->id};
}

static om_status
ask(struct rd_reading *r, Om__RowsQuery *q, int deadline_ms, om_err *e)
{
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	struct om_arena a;
	om_status s;

	om_check(r->n > 0 && r->n <= sizeof r->id && r->costd != NULL);
	q->reading_id = rd_reading_id(r);
	req.body_case = OM__REQUEST__BODY_ROWS;
	req.rows = q;
	om_arena_init(&a, REPLY_BYTES);
	s = om_wire_call(r->costd, &req, deadline_ms, &a, &rep, e);
	om_arena_fini(&a);
	return s;
}

om_status
rd_reading_keep(struct rd_reading *r, om_err *e)
{
	Om__RowsQuery q = OM__ROWS_QUERY__INIT;

	q.has_keep = q.keep = true;
	return ask(r, &q, CALL_MS, e);
}

void
rd_reading_end(struct rd_reading *r)
{
	Om__RowsQuery q = OM__ROWS_QUERY__INIT;
	struct om_wire_watch before;
	om_err e;

	if (r->n == 0)
		return;
	q.has_limit = true;
	before = om_wire_watch((struct om_wire_watch){.go_on = NULL}); /* of a cancelled file, too */
	if (ask(r, &q, END_MS, &e) != OM_OK)
		r->costd = NULL;
	(void)om_wire_watch(before);
	r->n = 0;
}
