/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "requests.h"

#include "csv.h"

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

static void
put_request(struct rd_csv *c, const Om__Generation *g)
{
	rd_csv_time(c, true, g->started_us);
	rd_csv_time(c, g->has_finished_us, g->finished_us);
	rd_csv_plain(c, g->day);
	rd_csv_text(c, g->user);
	rd_csv_text(c, g->user_name);
	rd_csv_text(c, g->model);
	rd_csv_text(c, g->provider);
	rd_csv_text(c, g->requested_model);
	rd_csv_text(c, g->origin);
	rd_csv_text(c, g->task);
	rd_csv_text(c, g->source);
	rd_csv_plain(c, rd_state_name(g->state));
	rd_csv_plain(c, rd_cost_state_name(g->cost_state));
	rd_csv_count(c, g->has_prompt_tokens, g->prompt_tokens);
	rd_csv_count(c, g->has_cached_tokens, g->cached_tokens);
	rd_csv_count(c, g->has_cache_write_tokens, g->cache_write_tokens);
	rd_csv_count(c, g->has_reasoning_tokens, g->reasoning_tokens);
	rd_csv_count(c, g->has_completion_tokens, g->completion_tokens);
	rd_csv_plain(c, !g->has_is_byok ? "" : g->is_byok ? "true" : "false");
	rd_csv_plain(c, g->byok_cost);
	rd_csv_plain(c, g->cost);
	rd_csv_plain(c, "USD");
	rd_csv_text(c, g->generation_id);
	rd_csv_text(c, g->chat_id);
	rd_csv_text(c, g->message_id);
	rd_csv_text(c, g->turn_id);
	rd_csv_text(c, g->platform);
	rd_csv_count(c, true, g->has_requests ? g->requests : 1);
	rd_csv_plain(c, rd_unsettled_name(g));
	rd_csv_text(c, g->kind);
}

om_status
rd_write_requests_csv(struct rd_rows *rows, struct rd_task *t, om_err *e)
{
	const Om__Generation *g = NULL;
	struct rd_csv c;
	om_status s;

	rd_csv_init(&c, t);
	for (size_t i = 0; i < sizeof request_columns / sizeof request_columns[0]; i++)
		rd_csv_plain(&c, request_columns[i]);
	s = rd_csv_row(&c, e);
	while (s == OM_OK && (s = rd_rows_next(rows, &g, e)) == OM_OK && g != NULL) {
		put_request(&c, g);
		s = rd_csv_row(&c, e);
	}
	if (s == OM_OK)
		s = rd_csv_done(&c, e);
	rd_csv_fini(&c);
	return s;
}

/* ---- totals ---- */

static const struct {
	Om__Dimension group;
	const char *name;
	size_t offset; /* of a char * in Om__UsageRow */
} groups[] = {
    {OM__DIMENSION__DIMENSION_DAY, "day", offsetof(Om__UsageRow, day)},
    {OM__DIMENSION__DIMENSION_MONTH, "month", offsetof(Om__UsageRow, month)},
    {OM__DIMENSION__DIMENSION_HOUR, "hour", offsetof(Om__UsageRow, hour)},
    {OM__DIMENSION__DIMENSION_USER, "user", offsetof(Om__UsageRow, user)},
    {OM__DIMENSION__DIMENSION_GROUP, "group", offsetof(Om__UsageRow, group)},
    {OM__DIMENSION__DIMENSION_MODEL, "model", offsetof(Om__UsageRow, model)},
    {OM__DIMENSION__DIMENSION_PROVIDER, "provider", offsetof(Om__UsageRow, provider)},
    {OM__DIMENSION__DIMENSION_ORIGIN, "origin", offsetof(Om__UsageRow, origin)},
    {OM__DIMENSION__DIMENSION_TASK, "task", offsetof(Om__UsageRow, task)},
    {OM__DIMENSION__DIMENSION_SOURCE, "source", offsetof(Om__UsageRow, source)},
};

const char *
rd_usage_key(const Om__UsageRow *row, Om__Dimension group, const char **name_out)
{
	const char *value = NULL;

	*name_out = "";
	for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
		if (groups[i].group == group) {
			*name_out = groups[i].name;
			if (row != NULL)
				memcpy(&value, (const char *)row + groups[i].offset, sizeof value);
		}
	return value;
}

static void
put_figures(struct rd_csv *c, const Om__Figures *f)
{
	rd_csv_count(c, true, (int64_t)f->requests);
	rd_csv_count(c, true, (int64_t)f->prompt_tokens);
	rd_csv_count(c, true, (int64_t)f->cached_tokens);
	rd_csv_count(c, true, (int64_t)f->cache_write_tokens);
	rd_csv_count(c, true, (int64_t)f->reasoning_tokens);
	rd_csv_count(c, true, (int64_t)f->completion_tokens);
	rd_csv_count(c, true, (int64_t)f->unsettled);
	rd_csv_plain(c, f->byok_cost);
	rd_csv_plain(c, f->cost);
	rd_csv_plain(c, "USD");
}

om_status
rd_write_usage_csv(const Om__UsageReply *u, struct rd_task *t, om_err *e)
{
	static const char *const figures[] = {"requests", "prompt_tokens", "cached_tokens", "cache_write_tokens",
	    "reasoning_tokens", "completion_tokens", "unsettled", "byok_cost", "cost", "currency"};
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
	for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
		rd_csv_plain(&c, figures[i]);
	s = rd_csv_row(&c, e);
	for (size_t r = 0; s == OM_OK && r < u->n_rows; r++) {
		for (size_t i = 0; i < u->n_group_by; i++) {
			rd_csv_text(&c, rd_usage_key(u->rows[r], u->group_by[i], &name));
			if (u->group_by[i] == OM__DIMENSION__DIMENSION_USER)
				rd_csv_text(&c, u->rows[r]->user_name);
		}
		put_figures(&c, u->rows[r]->figures);
		s = rd_csv_row(&c, e);
	}
	if (s == OM_OK && u->n_group_by == 0) { /* the total alone */
		put_figures(&c, u->total);
		s = rd_csv_row(&c, e);
	}
	if (s == OM_OK)
		s = rd_csv_done(&c, e);
	rd_csv_fini(&c);
	return s;
}
