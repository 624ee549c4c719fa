/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Settlement: prices, what has no settled cost and why, dead letters, discrepancies, and what
 * the doors could not take. */
#include "routes.h"
#include "answer/answer.h"
#include "http/arguments.h"
#include "peers/peers.h"
#include "spool/spool.h"
#include "envelope.pb-c.h"
#include "settle.pb-c.h"
#include "base/text.h"

#include <string.h>

#define SPOOL_ID 16u

/* A page is asked for in the same words by every list. */
#define READ_PAGE(rq, q, e)                                                          \
	((s = gw_query_text((rq), "cursor", 1, 1024, &(q)->cursor, (e))) != OM_OK || \
	    (s = gw_query_limit((rq), 1000, 100, &(q)->limit, (e))) != OM_OK)

static om_status
ask(struct gw_app *app, struct gw_req *rq, Om__Request *req, unsigned wanted, Om__Reply **rep, om_err *e)
{
	om_status s = gw_peers_ask_costd(app->peers, req, rq->arena, rep, e);

	if (s == OM_OK && (unsigned)(*rep)->body_case != wanted)
		s = gw_read_mismatch(e);
	return s;
}

static void
begin_list(struct gw_reply *rp, struct om_jw *w)
{
	rp->type = "application/json";
	om_jw_init(w, &rp->body);
	om_jw_open(w, '{');
	om_jw_key(w, "items");
	om_jw_open(w, '[');
}

static void
end_list(struct om_jw *w, const char *next_cursor)
{
	om_jw_close(w, ']');
	gw_write_text(w, "next_cursor", next_cursor);
	om_jw_close(w, '}');
}

static void
write_time(struct om_jw *w, const char *key, bool has, om_time t)
{
	om_jw_key(w, key);
	if (has)
		om_jw_time(w, t);
	else
		om_jw_null(w);
}

om_status
gw_api_prices(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__PricesQuery q = OM__PRICES_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	struct om_jw w;
	om_status s;

	if (READ_PAGE(rq, &q, e) || (s = gw_query_text(rq, "model", 0, 256, &q.model, e)) != OM_OK)
		return s;
	q.has_limit = 1;
	req.body_case = OM__REQUEST__BODY_PRICES;
	req.prices = &q;
	s = ask(app, rq, &req, OM__REPLY__BODY_PRICES, &rep, e);
	if (s != OM_OK)
		return s;
	begin_list(rp, &w);
	for (size_t i = 0; i < rep->prices->n_items; i++) {
		const Om__PriceLine *p = rep->prices->items[i];

		om_jw_open(&w, '{');
		gw_write_text(&w, "model", p->model);
		write_time(&w, "valid_from", true, p->valid_from_us);
		write_time(&w, "valid_until", p->has_valid_until_us != 0, p->valid_until_us);
		om_jw_key(&w, "pricing");
		om_jw_raw(&w, p->pricing);
		om_jw_close(&w, '}');
	}
	end_list(&w, rep->prices->next_cursor);
	return OM_OK;
}

static const char *
reason_name(Om__UnsettledReason r)
{
	static const char *const names[] = {"waiting", "retrying", "given_up", "not_looked_up", "no_key", "no_price"};

	return (unsigned)r < sizeof names / sizeof names[0] ? names[r] : "waiting";
}

static const char *
no_estimate_name(Om__NoEstimate n)
{
	static const char *const names[] = {NULL, "no_tokens", "no_model", "no_price", "unpriced"};

	return (unsigned)n < sizeof names / sizeof names[0] ? names[n] : NULL;
}

om_status
gw_api_unsettled(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__UnsettledQuery q = OM__UNSETTLED_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	struct om_jw w;
	om_status s;

	if (READ_PAGE(rq, &q, e))
		return s;
	q.has_limit = 1;
	req.body_case = OM__REQUEST__BODY_UNSETTLED;
	req.unsettled = &q;
	s = ask(app, rq, &req, OM__REPLY__BODY_UNSETTLED, &rep, e);
	if (s != OM_OK)
		return s;
	begin_list(rp, &w);
	for (size_t i = 0; i < rep->unsettled->n_items; i++) {
		const Om__UnsettledItem *u = rep->unsettled->items[i];

		om_jw_open(&w, '{');
		gw_write_text(&w, "generation_id", u->generation_id);
		gw_write_text(&w, "user", u->user);
		gw_write_text(&w, "user_name", u->user_name);
		gw_write_text(&w, "model", u->model);
		gw_write_text(&w, "provider", u->provider);
		write_time(&w, "started_at", true, u->started_us);
		gw_write_text(&w, "cost_state", gw_cost_state_name(u->cost_state));
		gw_write_text(&w, "cost", u->cost);
		gw_write_text(&w, "reason", reason_name(u->reason));
		gw_write_text(&w, "missing", u->has_lacks_byok && u->lacks_byok ? "byok_cost" : "cost");
		gw_write_count(&w, "attempts", u->attempts);
		write_time(&w, "next_at", u->has_next_us != 0, u->next_us);
		om_jw_key(&w, "last_status");
		if (u->has_last_status)
			om_jw_int(&w, u->last_status);
		else
			om_jw_null(&w);
		gw_write_text(&w, "last_error", u->last_error);
		gw_write_text(&w, "no_estimate", no_estimate_name(u->no_estimate));
		om_jw_close(&w, '}');
	}
	end_list(&w, rep->unsettled->next_cursor);
	return OM_OK;
}

om_status
gw_api_dead_letters(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__DeadLettersQuery q = OM__DEAD_LETTERS_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	struct om_jw w;
	om_status s;

	if (READ_PAGE(rq, &q, e))
		return s;
	q.has_limit = 1;
	req.body_case = OM__REQUEST__BODY_DEAD_LETTERS;
	req.dead_letters = &q;
	s = ask(app, rq, &req, OM__REPLY__BODY_DEAD_LETTERS, &rep, e);
	if (s != OM_OK)
		return s;
	begin_list(rp, &w);
	for (size_t i = 0; i < rep->dead_letters->n_items; i++) {
		const Om__DeadLetter *d = rep->dead_letters->items[i];
		char spool[2 * SPOOL_ID + 1] = "";

		if (d->spool_id.len == SPOOL_ID)
			om_hex(d->spool_id.data, SPOOL_ID, spool);
		om_jw_open(&w, '{');
		gw_write_text(&w, "spool_id", spool);
		gw_write_count(&w, "seq", d->seq);
		write_time(&w, "at", true, d->at_us);
		gw_write_text(&w, "reason", d->reason);
		gw_write_count(&w, "bytes", d->bytes);
		gw_write_text(&w, "generation_id", d->generation_id);
		gw_write_text(&w, "turn_id", d->turn_id);
		gw_write_text(&w, "user", d->user);
		gw_write_text(&w, "model", d->model);
		gw_write_text(&w, "cost", d->cost);
		write_time(&w, "started_at", d->has_started_us != 0, d->started_us);
		om_jw_close(&w, '}');
	}
	end_list(&w, rep->dead_letters->next_cursor);
	return OM_OK;
}

/* read_retry reads which letter; no members mean all. */
static om_status
read_retry(const struct gw_req *rq, Om__RetryQuery *q, Om__DeadLetterNumber *one, unsigned char spool_id[SPOOL_ID],
    om_err *e)
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
gw_api_retry_dead_letters(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__RetryQuery q = OM__RETRY_QUERY__INIT;
	Om__DeadLetterNumber one = OM__DEAD_LETTER_NUMBER__INIT;
	Om__AllDeadLetters all = OM__ALL_DEAD_LETTERS__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	unsigned char spool_id[SPOOL_ID];
	struct om_jw w;
	om_status s;

	q.which_case = OM__RETRY_QUERY__WHICH_ALL;
	q.all = &all;
	s = read_retry(rq, &q, &one, spool_id, e);
	if (s != OM_OK)
		return s;
	req.body_case = OM__REQUEST__BODY_RETRY;
	req.retry = &q;
	s = ask(app, rq, &req, OM__REPLY__BODY_RETRY, &rep, e);
	if (s != OM_OK)
		return s;
	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	gw_write_count(&w, "tried", rep->retry->tried);
	gw_write_count(&w, "stored", rep->retry->stored);
	gw_write_count(&w, "duplicate", rep->retry->duplicate);
	gw_write_count(&w, "refused", rep->retry->refused);
	om_jw_key(&w, "more");
	om_jw_bool(&w, rep->retry->more);
	om_jw_close(&w, '}');
	return OM_OK;
}

om_status
gw_api_discrepancies(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__DiscrepanciesQuery q = OM__DISCREPANCIES_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	struct om_jw w;
	om_status s;

	if (READ_PAGE(rq, &q, e))
		return s;
	q.has_limit = 1;
	req.body_case = OM__REQUEST__BODY_DISCREPANCIES;
	req.discrepancies = &q;
	s = ask(app, rq, &req, OM__REPLY__BODY_DISCREPANCIES, &rep, e);
	if (s != OM_OK)
		return s;
	begin_list(rp, &w);
	for (size_t i = 0; i < rep->discrepancies->n_items; i++) {
		const Om__Discrepancy *d = rep->discrepancies->items[i];

		om_jw_open(&w, '{');
		gw_write_text(&w, "generation_id", d->generation_id);
		gw_write_text(&w, "user", d->user);
		gw_write_text(&w, "user_name", d->user_name);
		gw_write_text(&w, "model", d->model);
		gw_write_text(&w, "provider", d->provider);
		write_time(&w, "started_at", true, d->started_us);
		write_time(&w, "found_at", true, d->found_us);
		gw_write_text(&w, "reported", d->reported);
		gw_write_text(&w, "looked_up", d->looked_up);
		gw_write_text(&w, "difference", d->difference);
		om_jw_close(&w, '}');
	}
	end_list(&w, rep->discrepancies->next_cursor);
	return OM_OK;
}

om_status
gw_api_refused(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	struct gw_refusal *list;
	struct om_jw w;
	size_t n;
	om_status s = gw_spool_refusals(app->spool, rq->arena, &list, &n, e);

	if (s != OM_OK)
		return s;
	begin_list(rp, &w);
	for (size_t i = 0; i < n; i++) {
		om_jw_open(&w, '{');
		gw_write_text(&w, "door", list[i].door);
		gw_write_text(&w, "sender", list[i].sender);
		gw_write_text(&w, "reason", list[i].reason);
		gw_write_int(&w, "count", true, list[i].count);
		write_time(&w, "first_at", true, list[i].first_us);
		write_time(&w, "last_at", true, list[i].last_us);
		om_jw_close(&w, '}');
	}
	end_list(&w, NULL);
	return OM_OK;
}
