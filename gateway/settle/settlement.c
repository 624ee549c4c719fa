/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "settle.h"

#include "answer/reply.h"
#include "peers/ask.h"
#include "spool/spool.h"
#include "envelope.pb-c.h"
#include "settle.pb-c.h"
#include "base/text.h"

#include <string.h>

#define SPOOL_ID     16u
#define LETTERS_MAX  500u
#define REASON_CHARS 255u

/* read_number reads the letter that an object names; without its members *named_out is false. */
static om_status
read_number(const json_t *o, Om__DeadLetterNumber *out, unsigned char spool_id[SPOOL_ID], bool *named_out, om_err *e)
{
	const char *spool = NULL;
	int64_t seq = 0;
	om_status s = om_json_text(o, "", "spool_id", 64, &spool, e);

	if (s == OM_OK)
		s = om_json_int(o, "", "seq", 0, INT64_MAX, &seq, named_out, e);
	if (s == OM_OK && (spool != NULL) != *named_out)
		s = om_fail(e, OM_INVALID, "spool_id and seq: give both, or neither for all dead letters");
	if (s != OM_OK || spool == NULL)
		return s;
	if (strlen(spool) != (size_t)2 * SPOOL_ID || !om_unhex(spool, (size_t)2 * SPOOL_ID, spool_id))
		return om_fail(e, OM_INVALID, "spool_id: must be 32 hexadecimal digits");
	out->spool_id = (ProtobufCBinaryData){.len = SPOOL_ID, .data = spool_id};
	out->seq = (uint64_t)seq;
	return OM_OK;
}

/* read_retry reads which letter; no members mean all. */
static om_status
read_retry(
    const struct gw_req *rq, Om__RetryQuery *q, Om__DeadLetterNumber *one, unsigned char spool_id[SPOOL_ID], om_err *e)
{
	json_t *doc = NULL;
	bool named = false;
	om_status s = om_json_parse_object(rq->body, rq->n_body, &doc, e);

	if (s == OM_OK)
		s = read_number(doc, one, spool_id, &named, e);
	if (named) {
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

/* add_letter reads one of the letters that are named. */
static om_status
add_letter(const json_t *o, Om__SetAsideQuery *q, struct om_arena *a, om_err *e)
{
	Om__DeadLetterNumber *one = om_arena_alloc(a, sizeof *one);
	unsigned char *spool_id = om_arena_alloc(a, SPOOL_ID);
	bool named = false;
	om_status s;

	if (one == NULL || spool_id == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	om__dead_letter_number__init(one);
	s = read_number(o, one, spool_id, &named, e);
	if (named)
		q->letters[q->n_letters++] = one;
	return s;
}

/* read_letters reads a list of letters, or the members of one, or that all are meant. */
static om_status
read_letters(const json_t *doc, Om__SetAsideQuery *q, struct om_arena *a, om_err *e)
{
	const json_t *list = json_object_get(doc, "letters");
	size_t n = json_array_size(list);
	om_status s = OM_OK;

	if (list != NULL && (!json_is_array(list) || n == 0 || n > LETTERS_MAX))
		return om_fail(e, OM_INVALID, "letters: must be a list of 1 to %u", LETTERS_MAX);
	q->letters = om_arena_array(a, n + 1, sizeof(void *));
	if (q->letters == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (list == NULL)
		return add_letter(doc, q, a, e);
	for (size_t i = 0; s == OM_OK && i < n; i++) {
		s = add_letter(json_array_get(list, i), q, a, e);
		if (s == OM_OK && q->n_letters != i + 1)
			s = om_fail(e, OM_INVALID, "letters: each must have spool_id and seq");
	}
	return s;
}

om_status
gw_dead_letters_set_aside(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_SET_ASIDE, OM__REPLY__BODY_SET_ASIDE};
	Om__SetAsideQuery q = OM__SET_ASIDE_QUERY__INIT;
	const Om__SetAsideReply *done;
	const char *reason = NULL;
	json_t *doc = NULL;
	om_status s = om_json_parse_object(rq->body, rq->n_body, &doc, e);

	if (s == OM_OK)
		s = om_json_text(doc, "", "reason", REASON_CHARS, &reason, e);
	if (s == OM_OK && (reason == NULL || reason[0] == '\0'))
		s = om_fail(e, OM_INVALID, "reason: must say why, in 1 to %u characters", REASON_CHARS);
	if (s == OM_OK && (q.reason = om_arena_strdup(rq->arena, reason)) == NULL)
		s = om_fail(e, OM_NOMEM, "out of memory");
	if (s == OM_OK)
		s = read_letters(doc, &q, rq->arena, e);
	json_decref(doc);
	if (s == OM_OK)
		s = gw_ask_costd(parts->peers, ask, &q, rq->arena, &done, e);
	if (s == OM_OK)
		gw_reply_message(rp, &done->base);
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
