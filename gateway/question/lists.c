/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* lists.c - the questions of lists, and of one generation. */
#include "question.h"

#include "base/invariant.h"
#include "base/json.h"
#include "base/money.h"
#include "base/text.h"
#include "wire/fit.h"

#include <string.h>

#define PAGE_MOST  1000
#define PAGE_USUAL 100
#define ID_CHARS   160 /* "owui:" and a turn id is longer than the provider's ids */

static void *
member(ProtobufCMessage *m, const char *name, bool quantifier)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);

	om_check(f != NULL);
	return (char *)m + (quantifier ? f->quantifier_offset : f->offset);
}

om_status
gw_read_page(struct gw_req *rq, void *question, om_err *e)
{
	om_status s = gw_argument_text(rq, "cursor", 1, 1024, member(question, "cursor", false), e);

	*(protobuf_c_boolean *)member(question, "limit", true) = true;
	return s == OM_OK ? gw_argument_limit(rq, PAGE_MOST, PAGE_USUAL, member(question, "limit", false), e) : s;
}

/* read_text_and_page reads a text into the member of its name, and the page. */
static om_status
read_text_and_page(struct gw_req *rq, void *question, const char *name, size_t min, size_t max, om_err *e)
{
	om_status s = gw_argument_text(rq, name, min, max, member(question, name, false), e);

	return s == OM_OK ? gw_read_page(rq, question, e) : s;
}

om_status
gw_read_users(struct gw_req *rq, void *question, om_err *e)
{
	return read_text_and_page(rq, question, "q", 0, 200, e);
}

om_status
gw_read_letters(struct gw_req *rq, void *question, om_err *e)
{
	Om__DeadLettersQuery *q = question;
	om_status s = gw_argument_flag(rq, "set_aside", &q->has_aside, &q->aside, e);

	return s == OM_OK ? gw_read_page(rq, q, e) : s;
}

om_status
gw_read_prices(struct gw_req *rq, void *question, om_err *e)
{
	return read_text_and_page(rq, question, "model", 0, 256, e);
}

static om_status
read_year(struct gw_req *rq, Om__DocumentsQuery *q, om_err *e)
{
	const char *text = gw_req_arg(rq, "year");
	uint64_t year = 0;

	if (text != NULL && (!om_u64_parse(text, 2199, &year) || year < 2000))
		return om_fail(e, OM_INVALID, "year: must be from 2000 to 2199");
	q->has_year = text != NULL;
	q->year = (uint32_t)year;
	return OM_OK;
}

om_status
gw_read_documents(struct gw_req *rq, void *question, om_err *e)
{
	const char *month = gw_req_arg(rq, "month"), *kind = gw_req_arg(rq, "kind");
	Om__DocumentsQuery *q = question;
	om_status s = read_year(rq, q, e);

	q->has_of_year = q->has_of_month = month != NULL;
	q->has_kind = kind != NULL;
	if (s == OM_OK && month != NULL)
		s = gw_read_month(month, &q->of_year, &q->of_month, e);
	if (s == OM_OK && kind != NULL)
		s = gw_read_kind(kind, &q->kind, e);
	if (s == OM_OK)
		s = gw_argument_text(rq, "user", 1, 128, &q->user, e);
	if (s == OM_OK)
		s = gw_argument_text(rq, "group", 1, 256, &q->group, e);
	return s == OM_OK ? gw_read_page(rq, q, e) : s;
}

/* copy gives a copy in the arena; NULL of what is not there. */
static om_status
copy(const struct gw_req *rq, const char *text, char **out, om_err *e)
{
	*out = text != NULL ? om_arena_strdup(rq->arena, text) : NULL;
	return text == NULL || *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

/* read_id copies the id of the path. */
static om_status
read_id(const struct gw_req *rq, char **out, om_err *e)
{
	if (om_utf8_length(rq->param[0], strlen(rq->param[0])) > ID_CHARS)
		return om_fail(e, OM_NOT_FOUND, "no generation with this id is in the ledger");
	return copy(rq, rq->param[0], out, e);
}

om_status
gw_read_generation(struct gw_req *rq, void *question, om_err *e)
{
	return read_id(rq, &((Om__GenerationQuery *)question)->generation_id, e);
}

om_status
gw_read_unpair(struct gw_req *rq, void *question, om_err *e)
{
	return read_id(rq, &((Om__UnpairQuery *)question)->generation_id, e);
}

om_status
gw_read_disputes(struct gw_req *rq, void *question, om_err *e)
{
	return read_text_and_page(rq, question, "mark", 1, 16, e);
}

static om_status
read_text(const struct gw_req *rq, const json_t *doc, const char *key, size_t max, char **out, om_err *e)
{
	const char *text = NULL;
	om_status s = om_json_text(doc, "", key, max, &text, e);

	return s == OM_OK ? copy(rq, text, out, e) : s;
}

static om_status
read_amount(const struct gw_req *rq, const json_t *doc, const char *key, char **out, om_err *e)
{
	char text[OM_MONEY_TEXT];
	om_money cost = OM_MONEY_ZERO;
	bool has = false;
	om_status s = om_json_money(doc, "", key, &cost, &has, e);

	return s == OM_OK ? copy(rq, has ? om_money_text(cost, text) : NULL, out, e) : s;
}

static om_status
read_tokens(const json_t *doc, const char *key, protobuf_c_boolean *has_out, int64_t *out, om_err *e)
{
	bool has = false;
	om_status s = om_json_int(doc, "", key, 0, OM_FIT_TOKENS_MAX, out, &has, e);

	*has_out = has;
	return s;
}

om_status
gw_read_decision(struct gw_req *rq, void *question, om_err *e)
{
	Om__DecisionQuery *q = question;
	json_t *doc = NULL;
	om_status s = read_id(rq, &q->generation_id, e);

	if (s == OM_OK)
		s = om_json_parse_object(rq->body, rq->n_body, &doc, e);
	if (s == OM_OK)
		s = read_amount(rq, doc, "cost", &q->cost, e);
	if (s == OM_OK)
		s = read_tokens(doc, "prompt_tokens", &q->has_prompt_tokens, &q->prompt_tokens, e);
	if (s == OM_OK)
		s = read_tokens(doc, "completion_tokens", &q->has_completion_tokens, &q->completion_tokens, e);
	if (s == OM_OK)
		s = read_text(rq, doc, "user", 128, &q->user, e);
	if (s == OM_OK)
		s = read_text(rq, doc, "reason", 500, &q->reason, e);
	if (s == OM_OK && q->reason == NULL)
		s = om_fail(e, OM_INVALID, "reason: is missing");
	json_decref(doc);
	return s;
}
