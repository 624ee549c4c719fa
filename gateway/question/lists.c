/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* lists.c - the questions of lists, and of one generation. */
#include "question.h"

#include "base/invariant.h"
#include "base/text.h"

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

om_status
gw_read_users(struct gw_req *rq, void *question, om_err *e)
{
	Om__UsersQuery *q = question;
	om_status s = gw_argument_text(rq, "q", 0, 200, &q->q, e);

	return s == OM_OK ? gw_read_page(rq, q, e) : s;
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
	Om__PricesQuery *q = question;
	om_status s = gw_argument_text(rq, "model", 0, 256, &q->model, e);

	return s == OM_OK ? gw_read_page(rq, q, e) : s;
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

/* read_id copies the id of the path. */
static om_status
read_id(const struct gw_req *rq, char **out, om_err *e)
{
	if (om_utf8_length(rq->param[0], strlen(rq->param[0])) > ID_CHARS)
		return om_fail(e, OM_NOT_FOUND, "no generation with this id is in the ledger");
	*out = om_arena_strdup(rq->arena, rq->param[0]);
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
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
