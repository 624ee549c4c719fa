/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "requests.h"

#include "csv.h"
#include "source/figures.h"
#include "source/usage_key.h"
#include "base/invariant.h"

#include <stddef.h>
#include <string.h>

static const char *const states[] = {"open", "error", "cancelled", "final"};
static const char *const cost_states[] = {"unknown", "estimated", "reported", "looked_up"};

const char *
rd_state_name(Om__State s)
{
	return (unsigned)s < sizeof states / sizeof states[0] ? states[s] : "";
}

const char *
rd_cost_state_name(Om__CostState s)
{
	return (unsigned)s < sizeof cost_states / sizeof cost_states[0] ? cost_states[s] : "";
}

const char *
rd_unsettled_name(const Om__Generation *g)
{
	return !g->has_unsettled ? "" : g->unsettled ? "true" : "false";
}

/* ---- single requests ---- */

static const char *const request_columns[] = {"started_at", "finished_at", "day", "user", "user_name", "model",
    "provider", "requested_model", "origin", "task", "source", "state", "cost_state", "prompt_tokens", "cached_tokens",
    "cache_write_tokens", "reasoning_tokens", "completion_tokens", "is_byok", "byok_cost", "cost", "currency",
    "generation_id", "chat_id", "message_id", "turn_id", "platform", "requests", "unsettled", "kind"};

/* A column of single requests: a field of Generation, written by its kind. */
struct column {
	const char *name;
	const ProtobufCFieldDescriptor *field; /* NULL: the currency */
	bool is_time, is_plain;                /* is_plain: a text that the program makes */
};

#define MAX_COLUMNS 64u

static struct column
column_of(const char *name)
{
	struct column c = {.name = name};
	const char *field = name;

	if (strcmp(name, "started_at") == 0)
		field = "started_us";
	if (strcmp(name, "finished_at") == 0)
		field = "finished_us";
	c.field = protobuf_c_message_descriptor_get_field_by_name(&om__generation__descriptor, field);
	c.is_time = field != name;
	c.is_plain = strcmp(name, "day") == 0 || strcmp(name, "cost") == 0 || strcmp(name, "byok_cost") == 0;
	return c;
}

/* choose_columns gives those of request_columns, and after them the figures that they do
 * not name: what came later stands last, so that readers by place go on reading. */
static size_t
choose_columns(struct column out[MAX_COLUMNS])
{
	const size_t named = sizeof request_columns / sizeof request_columns[0];
	size_t n = 0;

	for (size_t i = 0; i < named; i++)
		out[n++] = column_of(request_columns[i]);
	for (rd_figure i = 0; i < RD_N_FIGURES; i++) {
		bool is_there = false;

		for (size_t k = 0; k < named; k++)
			is_there = is_there || strcmp(request_columns[k], rd_figure_name(i)) == 0;
		om_check(n < MAX_COLUMNS);
		if (!is_there)
			out[n++] = column_of(rd_figure_name(i));
	}
	return n;
}

/* is_there tells whether a field that may be absent is not; one with a default always is. */
static bool
is_there(const ProtobufCFieldDescriptor *f, const Om__Generation *g)
{
	protobuf_c_boolean has;

	if (f->label != PROTOBUF_C_LABEL_OPTIONAL || f->default_value != NULL)
		return true;
	memcpy(&has, (const char *)g + f->quantifier_offset, sizeof has);
	return has;
}

static void
put_cell(struct rd_csv *c, const struct column *column, const Om__Generation *g)
{
	const ProtobufCFieldDescriptor *f = column->field;
	const void *at = (const char *)g + f->offset;
	const char *text;
	int64_t n;

	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		memcpy(&text, at, sizeof text);
		if (column->is_plain)
			rd_csv_plain(c, text);
		else
			rd_csv_text(c, text);
		break;
	case PROTOBUF_C_TYPE_INT64:
		memcpy(&n, at, sizeof n);
		if (column->is_time)
			rd_csv_time(c, is_there(f, g), n);
		else
			rd_csv_count(c, is_there(f, g), n);
		break;
	case PROTOBUF_C_TYPE_UINT32: /* requests; a reply that leaves them out means one */
		rd_csv_count(c, true, g->has_requests ? g->requests : 1);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		rd_csv_plain(c, !is_there(f, g) ? "" : *(const protobuf_c_boolean *)at ? "true" : "false");
		break;
	case PROTOBUF_C_TYPE_ENUM:
		rd_csv_plain(c,
		    f->descriptor == &om__state__descriptor ? rd_state_name(g->state)
							    : rd_cost_state_name(g->cost_state));
		break;
	default:
		om_check(false);
	}
}

om_status
rd_write_requests_csv(struct rd_rows *rows, struct rd_task *t, om_err *e)
{
	struct column columns[MAX_COLUMNS];
	const size_t n = choose_columns(columns);
	const Om__Generation *g = NULL;
	struct rd_csv c;
	om_status s;

	rd_csv_init(&c, t);
	for (size_t i = 0; i < n; i++)
		rd_csv_plain(&c, columns[i].name);
	s = rd_csv_row(&c, e);
	while (s == OM_OK && (s = rd_rows_next(rows, &g, e)) == OM_OK && g != NULL) {
		for (size_t i = 0; i < n; i++)
			if (columns[i].field != NULL)
				put_cell(&c, &columns[i], g);
			else
				rd_csv_plain(&c, "USD");
		s = rd_csv_row(&c, e);
	}
	if (s == OM_OK)
		s = rd_csv_done(&c, e);
	rd_csv_fini(&c);
	return s;
}

/* ---- totals ---- */

/* put_figures writes the figures' cells, or without them their columns; the currency stands
 * after the cost. */
static void
put_figures(struct rd_csv *c, const Om__Figures *f)
{
	bool head = f == NULL;

#define CELL_COUNT(name) rd_csv_count(c, true, (int64_t)f->name)
#define CELL_MONEY(name) rd_csv_plain(c, f->name)
#define OM_FIGURE(name, kind)                   \
	if (head)                               \
		rd_csv_plain(c, #name);         \
	else                                    \
		CELL_##kind(name);              \
	if (RD_FIGURE_##name == RD_FIGURE_cost) \
		rd_csv_plain(c, head ? "currency" : "USD");
#include "messages/figures.def"
}

/* put_told ends a row with the figures that costd told. */
static om_status
put_told(struct rd_csv *c, const Om__Figures *f, om_err *e)
{
	om_status s = om_msg_has(f, "figures", e);

	if (s != OM_OK)
		return s;
	put_figures(c, f);
	return rd_csv_row(c, e);
}

om_status
rd_write_usage_csv(const Om__UsageReply *u, struct rd_task *t, om_err *e)
{
	const char *name;
	struct rd_csv c;
	om_status s;

	rd_csv_init(&c, t);
	for (size_t i = 0; i < u->n_group_by; i++) {
		(void)rd_usage_key(NULL, u->group_by[i], &name);
		rd_csv_plain(&c, name);
		if (u->group_by[i] == OM__DIMENSION__DIMENSION_USER)
			rd_csv_plain(&c, "user_name");
	}
	put_figures(&c, NULL);
	s = rd_csv_row(&c, e);
	for (size_t r = 0; s == OM_OK && r < u->n_rows; r++) {
		for (size_t i = 0; i < u->n_group_by; i++) {
			rd_csv_text(&c, rd_usage_key(u->rows[r], u->group_by[i], &name));
			if (u->group_by[i] == OM__DIMENSION__DIMENSION_USER)
				rd_csv_text(&c, u->rows[r]->user_name);
		}
		s = put_told(&c, u->rows[r]->figures, e);
	}
	if (s == OM_OK && u->n_group_by == 0) { /* the total alone */
		s = put_told(&c, u->total, e);
	}
	if (s == OM_OK)
		s = rd_csv_done(&c, e);
	rd_csv_fini(&c);
	return s;
}
