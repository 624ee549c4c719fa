/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "settle.h"

#include "answer/reply.h"
#include "peers/ask.h"
#include "spool/spool.h"
#include "envelope.pb-c.h"
#include "settle.pb-c.h"
#include "base/text.h"

#include <string.h>

#define SPOOL_ID 16u

/* read_retry reads which letter; no members mean all. */
static om_status
read_retry(
    const struct gw_req *rq, Om__RetryQuery *q, Om__DeadLetterNumber *one, unsigned char spool_id[SPOOL_ID], om_err *e)
{
	const char *spool = NULL;
	bool has_seq = false;
	int64_t seq = 0;
	json_t *doc = NULL;
	om_status s = om_json_parse(rq->body, rq->n_body, &doc, e);

	if (s == OM_OK && !json_is_object(doc))
		s = om_fail(e, OM_INVALID, "the body must be an object");
	if (s == OM_OK)
		s = om_json_text(doc, "", "spool_id", 64, &spool, e);
	if (s == OM_OK)
		s = om_json_int(doc, "", "seq", 0, INT64_MAX, &seq, &has_seq, e);
	if (s == OM_OK && (spool != NULL) != has_seq)
		s = om_fail(e, OM_INVALID, "spool_id and seq: give both, or neither for all dead letters");
	if (s == OM_OK && spool != NULL) {
		if (strlen(spool) != (size_t)2 * SPOOL_ID || !om_unhex(spool, (size_t)2 * SPOOL_ID, spool_id))
			s = om_fail(e, OM_INVALID, "spool_id: must be 32 hexadecimal digits");
		one->spool_id = (ProtobufCBinaryData){.len = SPOOL_ID, .data = spool_id};
		one->seq = (uint64_t)seq;
		q->which_case = OM__RETRY_QUERY__WHICH_ONE;
		q->one = one;
	}
	json_decref(doc);
	return s;
}

om_status
gw_dead_letters_retry(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_RETRY, OM__REPLY__BODY_RETRY};
	Om__RetryQuery q = OM__RETRY_QUERY__INIT;
	Om__DeadLetterNumber one = OM__DEAD_LETTER_NUMBER__INIT;
	Om__AllDeadLetters all = OM__ALL_DEAD_LETTERS__INIT;
	unsigned char spool_id[SPOOL_ID];
	const Om__RetryReply *retried;
	om_status s;

	q.which_case = OM__RETRY_QUERY__WHICH_ALL;
	q.all = &all;
	s = read_retry(rq, &q, &one, spool_id, e);
	if (s == OM_OK)
		s = gw_ask_costd(parts->peers, ask, &q, rq->arena, &retried, e);
	if (s == OM_OK)
		gw_reply_message(rp, &retried->base);
	return s;
}

static void
write_refused(struct om_jw *w, const struct gw_refusal *r)
{
	om_jw_open(w, '{');
	gw_write_text(w, "door", r->door);
	gw_write_text(w, "sender", r->sender);
	gw_write_text(w, "reason", r->reason);
	gw_write_int(w, "count", r->count);
	gw_write_time(w, "first_at", r->first_us);
	gw_write_time(w, "last_at", r->last_us);
	om_jw_close(w, '}');
}

om_status
gw_refused_list(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	struct gw_refusal *list;
	struct om_jw w;
	size_t n;
	om_status s = gw_spool_refusals(parts->spool, rq->arena, &list, &n, e);

	if (s != OM_OK)
		return s;
	w = gw_reply_json(rp);
	om_jw_open(&w, '{');
	gw_write_open(&w, "items", '[');
	for (size_t i = 0; i < n; i++)
		write_refused(&w, &list[i]);
	om_jw_close(&w, ']');
	gw_write_null(&w, "next_cursor");
	om_jw_close(&w, '}');
	return OM_OK;
}
