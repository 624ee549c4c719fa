/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "reply.h"

struct om_jw
gw_reply_json(struct gw_reply *rp)
{
	struct om_jw w;

	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	return w;
}

void
gw_reply_message(struct gw_reply *rp, const ProtobufCMessage *m)
{
	struct om_jw w = gw_reply_json(rp);

	gw_answer_message(&w, m);
}

void
gw_write_open(struct om_jw *w, const char *key, char bracket)
{
	om_jw_key(w, key);
	om_jw_open(w, bracket);
}

void
gw_write_text(struct om_jw *w, const char *key, const char *text)
{
	om_jw_key(w, key);
	om_jw_text(w, text);
}

void
gw_write_int(struct om_jw *w, const char *key, int64_t v)
{
	om_jw_key(w, key);
	om_jw_int(w, v);
}

void
gw_write_bool(struct om_jw *w, const char *key, bool v)
{
	om_jw_key(w, key);
	om_jw_bool(w, v);
}

void
gw_write_null(struct om_jw *w, const char *key)
{
	om_jw_key(w, key);
	om_jw_null(w);
}

void
gw_write_time(struct om_jw *w, const char *key, om_time t)
{
	om_jw_key(w, key);
	if (t != 0)
		om_jw_time(w, t);
	else
		om_jw_null(w);
}
