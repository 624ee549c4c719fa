/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "describe.h"

#define VALUE_BYTES ((size_t)128 * 1024)

static om_status
describe_one(const struct om_conf_opt *o, const void *conf, struct om_arena *a, Om__Setting **out, struct om_buf *text,
    om_err *e)
{
	Om__Setting *s = om_msg_new(a, &om__setting__descriptor);
	om_status st;

	if (s == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	om_buf_reset(text);
	s->name = om_arena_strdup(a, o->name);
	s->description = om_arena_strdup(a, o->help);
	s->masked = o->kind == OM_CONF_SECRET && om_conf_is_set(o, conf);
	s->is_default = om_conf_is_default(o, conf);
	if (om_conf_text(o, conf, text)) {
		st = om_buf_done(text, e);
		if (st != OM_OK)
			return st;
		s->value = om_arena_strndup(a, text->data != NULL ? text->data : "", text->len);
	}
	*out = s;
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

om_status
om_settings_describe(
    const struct om_service *svc, const void *conf, struct om_arena *a, Om__SettingsReply *out, om_err *e)
{
	struct om_buf text;
	om_status s = OM_OK;

	out->service = om_arena_strdup(a, svc->name);
	out->version = om_arena_strdup(a, OM_PROGRAM_VERSION);
	out->settings = om_arena_array(a, svc->n_settings + 1, sizeof(Om__Setting *));
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	om_buf_init(&text, VALUE_BYTES);
	for (size_t i = 0; s == OM_OK && i < svc->n_settings; i++)
		s = describe_one(&svc->settings[i], conf, a, &out->settings[out->n_settings++], &text, e);
	om_buf_fini(&text);
	return s;
}
