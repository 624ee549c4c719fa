/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The body that filters written for the older OWUI-Metering send.  Its id is one
 * of Open WebUI's turn, not of the provider's generation: records that share it
 * are joined into one row.  A body sent again is the same record.  Filters raise
 * where the answer is not 200, in a user's chat: only a body without an id of an
 * activity is refused.
 */
#include "record.h"
#include "record.pb-c.h"

#include <stdlib.h>
#include <string.h>

#define ONE         ((om_i128)1000000000000000000) /* the om_money of 1 */
#define SECONDS_END (100000000000 * ONE)           /* greater numbers are milliseconds */
#define TIME_MAX    (100000000000000 * ONE)

static const char source[] = "metering-record";

/* read_time leaves a time that is none to the receipt. */
static void
read_time(const json_t *activity, struct om_fit *notes, Om__Record *out)
{
	om_money t = OM_MONEY_ZERO;
	bool has = false;

	if (om_json_money(activity, "", "timestamp", &t, &has, NULL) != OM_OK || t.v < 0 || t.v > TIME_MAX) {
		om_fit_note(notes, OM_FIT_STARTED_AT, "not seconds or milliseconds since 1970: left out");
		return;
	}
	if (json_is_string(json_object_get(activity, "timestamp")))
		om_fit_note(notes, OM_FIT_STARTED_AT, "a text: taken as the number that it holds");
	out->has_started_us = has;
	out->started_us = (om_time)(t.v > SECONDS_END ? t.v / (ONE / 1000) : t.v / (ONE / 1000000));
}

static void
read_tokens(const json_t *activity, struct om_fit *notes, Om__Record *out)
{
	const struct {
		const char *key;
		om_fit_field field;
		int64_t *value;
		protobuf_c_boolean *has;
	} fields[] = {
	    {"prompt_token", OM_FIT_PROMPT_TOKENS, &out->prompt_tokens, &out->has_prompt_tokens},
	    {"completion_token", OM_FIT_COMPLETION_TOKENS, &out->completion_tokens, &out->has_completion_tokens},
	    {"reasoning_token", OM_FIT_REASONING_TOKENS, &out->reasoning_tokens, &out->has_reasoning_tokens},
	    {"cached_tokens", OM_FIT_CACHED_TOKENS, &out->cached_tokens, &out->has_cached_tokens},
	};

	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		gw_record_count(activity, fields[i].key, fields[i].field, notes, fields[i].value, fields[i].has);
}

/* read_user takes what the activity says of the user only where the member `user` says nothing. */
static om_status
read_user(const json_t *o, const json_t *activity, struct om_arena *a, struct om_fit *notes, Om__Record *out, om_err *e)
{
	const json_t *user = gw_record_object(o, "user", OM_FIT_USER, notes);
	char *other = NULL;
	om_status s = gw_record_user(user, a, notes, out, e);

	if (s == OM_OK)
		s = gw_record_id(activity, "user_id", OM_FIT_USER_ID, a, notes, &other, e);
	if (s != OM_OK || other == NULL)
		return s;
	if (out->user->id == NULL)
		out->user->id = other;
	else if (strcmp(other, out->user->id) != 0)
		om_fit_note(notes, OM_FIT_USER_ID, "activity.user_id is another: user.id counts");
	return OM_OK;
}

static om_status
read_activity(const json_t *activity, struct om_arena *a, struct om_fit *notes, Om__Record *out, om_err *e)
{
	om_status s;

	if ((s = gw_record_id(activity, "id", OM_FIT_TURN_ID, a, notes, &out->turn_id, e)) != OM_OK ||
	    (s = gw_record_text(activity, "model", OM_FIT_MODEL, a, notes, &out->model, e)) != OM_OK ||
	    (s = gw_record_cost(activity, "cost", OM_FIT_COST, a, notes, &out->cost, e)) != OM_OK)
		return s;
	if (out->turn_id == NULL)
		return om_fail(e, OM_INVALID, "activity.id: is missing");
	out->requested_model = out->model;
	read_time(activity, notes, out);
	read_tokens(activity, notes, out);
	if (out->cost != NULL) {
		out->has_cost_state = 1;
		out->cost_state = OM__COST_STATE__COST_REPORTED;
	}
	return OM_OK;
}

om_status
gw_legacy_read(const json_t *o, om_time now, struct om_arena *a, Om__Record *out, struct om_fit *notes, om_err *e)
{
	const json_t *activity;
	om_status s;

	om__record__init(out);
	*notes = (struct om_fit){.changed = false};
	if (!json_is_object(o))
		return om_fail(e, OM_INVALID, "the body must be an object");
	activity = json_object_get(o, "activity");
	if (!json_is_object(activity))
		return om_fail(e, OM_INVALID, "activity: is missing or no object");
	out->state = OM__STATE__STATE_FINAL;
	out->source = om_arena_strdup(a, source);
	if (out->source == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if ((s = read_activity(activity, a, notes, out, e)) != OM_OK ||
	    (s = read_user(o, activity, a, notes, out, e)) != OM_OK)
		return s;
	return gw_record_finish(o, now, a, out, notes, e);
}
