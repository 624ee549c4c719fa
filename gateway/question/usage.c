/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* usage.c - the questions about usage and generations, whose filters are alike. */
#include "question.h"

#include "answer/names.h"

#include <stddef.h>
#include <string.h>

#define ID_CHARS 160 /* "owui:" and a turn id is longer than the provider's ids */

/* read_names reads a comma list of an enum's names, each at most once, into an array of
 * the arena. */
static om_status
read_names(struct gw_req *rq, const char *arg, const ProtobufCEnumDescriptor *d, int **out, size_t *n_out, om_err *e)
{
	const char *p = gw_req_arg(rq, arg);

	*n_out = 0;
	*out = om_arena_array(rq->arena, d->n_values, sizeof **out);
	if (*out == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	while (p != NULL) {
		size_t n = strcspn(p, ","), seen = 0;
		int value = 0;
		bool known = gw_enum_find(d, p, n, &value);

		while (known && seen < *n_out && (*out)[seen] != value)
			seen++;
		if (!known || seen < *n_out) /* reading "", which is no name, gives the text of this failure, too */
			return gw_enum_read(d, arg, "", 0, ", each at most once", &value, e);
		(*out)[(*n_out)++] = value;
		p = p[n] == ',' ? p + n + 1 : NULL;
	}
	return OM_OK;
}

/* The texts of a filter, and how long they may be. */
static const struct {
	const char *name;
	size_t offset; /* of a char * in Om__Filter */
	bool rows;     /* totals do not know it */
	size_t least, most;
} filters[] = {
#define OM_DIMENSION_KEY(NAME, name, FIELD, how, least, most) {#name, offsetof(Om__Filter, name), false, least, most},
#define OM_DIMENSION_ROW(NAME, name, FIELD, least, most)      {#name, offsetof(Om__Filter, name), true, least, most},
#include "messages/dimensions.def"
};

/* read_filter reads the texts of a filter; rows: also those that only single rows can be filtered by. */
static om_status
read_filter(struct gw_req *rq, bool rows, Om__Filter *f, om_err *e)
{
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < sizeof filters / sizeof filters[0]; i++)
		if (rows || !filters[i].rows)
			s = gw_argument_text(rq, filters[i].name, filters[i].least, filters[i].most,
			    (char **)(void *)((char *)f + filters[i].offset), e);
	return s;
}

/* begin makes filter and period, which both questions have. */
static om_status
begin(struct gw_req *rq, bool rows, Om__Filter **filter, Om__Period **period, om_err *e)
{
	om_status s;

	*filter = om_msg_new(rq->arena, &om__filter__descriptor);
	*period = om_msg_new(rq->arena, &om__period__descriptor);
	if (*filter == NULL || *period == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = read_filter(rq, rows, *filter, e);
	return s == OM_OK ? gw_argument_period(rq, *period, e) : s;
}

om_status
gw_read_usage(struct gw_req *rq, void *question, om_err *e)
{
	Om__UsageQuery *q = question;
	int *dimensions = NULL;
	om_status s = read_names(rq, "group_by", &om__dimension__descriptor, &dimensions, &q->n_group_by, e);

	if (s != OM_OK)
		return s;
	q->group_by = om_arena_array(rq->arena, q->n_group_by + 1, sizeof *q->group_by);
	if (q->group_by == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < q->n_group_by; i++)
		q->group_by[i] = (Om__Dimension)dimensions[i];
	q->has_limit = 1;
	s = begin(rq, false, &q->filter, &q->period, e);
	return s == OM_OK ? gw_argument_limit(rq, 10000, 10000, &q->limit, e) : s;
}

/* read_states reads which states of a generation and of its cost are asked for. */
static om_status
read_states(struct gw_req *rq, Om__Filter *f, om_err *e)
{
	int *states = NULL, *costs = NULL;
	om_status s = read_names(rq, "state", &om__state__descriptor, &states, &f->n_states, e);

	if (s == OM_OK)
		s = read_names(rq, "cost_state", &om__cost_state__descriptor, &costs, &f->n_cost_states, e);
	if (s != OM_OK)
		return s;
	f->states = om_arena_array(rq->arena, f->n_states + 1, sizeof *f->states);
	f->cost_states = om_arena_array(rq->arena, f->n_cost_states + 1, sizeof *f->cost_states);
	if (f->states == NULL || f->cost_states == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < f->n_states; i++)
		f->states[i] = (Om__State)states[i];
	for (size_t i = 0; i < f->n_cost_states; i++)
		f->cost_states[i] = (Om__CostState)costs[i];
	return OM_OK;
}

om_status
gw_read_generations(struct gw_req *rq, void *question, om_err *e)
{
	Om__GenerationsQuery *q = question;
	om_status s = begin(rq, true, &q->filter, &q->period, e);
	Om__Filter *f = q->filter;

	if (s != OM_OK || (s = read_states(rq, f, e)) != OM_OK ||
	    (s = gw_argument_text(rq, "generation_id", 1, ID_CHARS, &f->generation_id, e)) != OM_OK ||
	    (s = gw_argument_text(rq, "chat_id", 1, 256, &f->chat_id, e)) != OM_OK ||
	    (s = gw_argument_flag(rq, "unsettled", &f->has_unsettled, &f->unsettled, e)) != OM_OK)
		return s;
	return gw_read_page(rq, q, e);
}
