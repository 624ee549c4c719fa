/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The body that filters written for the older OWUI-Metering send.  Its id is one
 * of Open WebUI's turn, not of the provider's generation: records that share it
 * are joined into one row.  A body sent again is the same record, unless it has no
 * time: then the receive time makes it another one of the same row.
 */
#include "event.h"

#include <stdlib.h>
#include <string.h>

#define SECONDS_END 100000000000 /* greater numbers are milliseconds */

static const char source[] = "metering-record";

static om_status
dup_text(struct om_arena *a, const char *text, char **out, om_err *e)
{
	*out = text != NULL && text[0] != '\0' ? om_arena_strdup(a, text) : NULL;
	if (text != NULL && text[0] != '\0' && *out == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	return OM_OK;
}

static om_status
read_user(const json_t *o, struct om_arena *a, Om__User *out, om_err *e)
{
	const char *id = NULL, *name = NULL, *email = NULL, *role = NULL;
	const json_t *user = NULL;
	om_status s = om_json_object(o, "", "user", &user, e);

	if (s == OM_OK && user == NULL)
		return om_fail(e, OM_INVALID, "user: is missing");
	if (s != OM_OK || (s = om_json_text(user, "user.", "id", 128, &id, e)) != OM_OK ||
	    (s = om_json_text(user, "user.", "name", 512, &name, e)) != OM_OK ||
	    (s = om_json_text(user, "user.", "email", 320, &email, e)) != OM_OK ||
	    (s = om_json_text(user, "user.", "role", 64, &role, e)) != OM_OK)
		return s;
	if (id == NULL || id[0] == '\0')
		return om_fail(e, OM_INVALID, "user.id: must be a text of 1 to 128 characters");
	if ((s = dup_text(a, id, &out->id, e)) != OM_OK || (s = dup_text(a, name, &out->name, e)) != OM_OK ||
	    (s = dup_text(a, email, &out->email, e)) != OM_OK)
		return s;
	return dup_text(a, role, &out->role, e);
}

static om_status
read_time(const json_t *activity, om_time now, Om__Record *out, om_err *e)
{
	int64_t t = 0;
	bool has = false;
	om_status s = om_json_int(activity, "activity.", "timestamp", 0, 100000000000000, &t, &has, e);

	if (s != OM_OK)
		return s;
	out->has_started_us = 1;
	out->started_us = !has ? now : t > SECONDS_END ? t * 1000 : t * OM_SECOND;
	return gw_event_time_check(out->started_us, "activity.timestamp", now, e);
}

static om_status
read_tokens(const json_t *activity, Om__Record *out, om_err *e)
{
	const struct {
		const char *key;
		int64_t *value;
		protobuf_c_boolean *has;
	} fields[] = {
	    {"prompt_token", &out->prompt_tokens, &out->has_prompt_tokens},
	    {"completion_token", &out->completion_tokens, &out->has_completion_tokens},
	    {"reasoning_token", &out->reasoning_tokens, &out->has_reasoning_tokens},
	    {"cached_tokens", &out->cached_tokens, &out->has_cached_tokens},
	};
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < sizeof fields / sizeof fields[0]; i++) {
		bool has = false;

		s = om_json_int(activity, "activity.", fields[i].key, 0, GW_TOKENS_MAX, fields[i].value, &has, e);
		*fields[i].has = has;
	}
	return s;
}

static om_status
read_activity(const json_t *activity, om_time now, struct om_arena *a, Om__Record *out, om_err *e)
{
	const char *id = NULL, *user_id = NULL, *model = NULL;
	om_status s;

	if ((s = om_json_text(activity, "activity.", "id", 128, &id, e)) != OM_OK ||
	    (s = om_json_text(activity, "activity.", "user_id", 128, &user_id, e)) != OM_OK ||
	    (s = om_json_text(activity, "activity.", "model", 256, &model, e)) != OM_OK)
		return s;
	if (id == NULL || id[0] == '\0')
		return om_fail(e, OM_INVALID, "activity.id: must be a text of 1 to 128 characters");
	if (user_id != NULL && strcmp(user_id, out->user->id) != 0)
		return om_fail(e, OM_INVALID, "activity.user_id: must be the same as user.id");
	if ((s = dup_text(a, id, &out->turn_id, e)) != OM_OK || (s = dup_text(a, model, &out->model, e)) != OM_OK ||
	    (s = dup_text(a, model, &out->requested_model, e)) != OM_OK ||
	    (s = read_time(activity, now, out, e)) != OM_OK || (s = read_tokens(activity, out, e)) != OM_OK ||
	    (s = gw_event_cost(activity, "activity.", "cost", a, &out->cost, e)) != OM_OK)
		return s;
	if (out->cost != NULL) {
		out->has_cost_state = 1;
		out->cost_state = OM__COST_STATE__COST_REPORTED;
	}
	return gw_event_derive_id(a, out, e);
}

om_status
gw_legacy_read(const json_t *o, om_time now, struct om_arena *a, Om__Record *out, om_err *e)
{
	const json_t *activity = NULL;
	om_status s;

	om__record__init(out);
	if (!json_is_object(o))
		return om_fail(e, OM_INVALID, "the body must be an object");
	out->user = om_arena_alloc(a, sizeof *out->user);
	if (out->user == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	om__user__init(out->user);
	s = read_user(o, a, out->user, e);
	if (s == OM_OK)
		s = om_json_object(o, "", "activity", &activity, e);
	if (s == OM_OK && activity == NULL)
		s = om_fail(e, OM_INVALID, "activity: is missing");
	if (s != OM_OK)
		return s;
	out->state = OM__STATE__STATE_FINAL;
	if ((s = dup_text(a, source, &out->source, e)) != OM_OK)
		return s;
	s = read_activity(activity, now, a, out, e);
	out->received_us = now;
	return s;
}
