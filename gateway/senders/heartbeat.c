/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a plugin says of itself every minute; GET /senders lists it. */
#include "senders.h"

#include "answer/names.h"
#include "answer/reply.h"
#include "peers/ask.h"
#include "tags/tags.h"
#include "base/text.h"

#include <string.h>

#define SENDER_ID     16
#define VERSION_CHARS 64
#define REASON_CHARS  256

static om_status
read_tap(const json_t *o, Om__Tap *out, om_err *e)
{
	const char *text = NULL;
	int tap = 0;
	om_status s;

	if (om_json_text(o, "", "tap", VERSION_CHARS, &text, NULL) != OM_OK || text == NULL)
		text = "";
	s = gw_enum_read(&om__tap__descriptor, "tap", text, strlen(text), "", &tap, e);
	*out = (Om__Tap)tap;
	return s;
}

/* read_version gives what fits; NULL for everything else. */
static char *
read_version(const json_t *o, const char *key, struct om_arena *a)
{
	const char *text = NULL;

	if (om_json_text(o, "", key, VERSION_CHARS, &text, NULL) != OM_OK || text == NULL || text[0] == '\0')
		return NULL;
	return om_arena_strdup(a, text);
}

/* read_reason cuts a text that is too long, and takes control characters out. */
static char *
read_reason(const json_t *o, struct om_arena *a)
{
	const json_t *v = json_object_get(o, "reason");
	const char *p = json_is_string(v) ? json_string_value(v) : "", *end = p + strlen(p);
	char *out = om_arena_alloc(a, (size_t)(end - p) + 1), *to = out;

	for (unsigned n = 0; out != NULL && p < end && n < REASON_CHARS;) {
		const char *from = p;
		uint32_t cp = om_utf8_next(&p, end);

		if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
			continue;
		memcpy(to, from, (size_t)(p - from));
		to += p - from;
		n++;
	}
	if (out != NULL)
		*to = '\0';
	return out != NULL && out[0] != '\0' ? out : NULL;
}

/* read_count: what is no whole number from 0 on is the default. */
static uint64_t
read_count(const json_t *o, const char *key, int64_t otherwise)
{
	int64_t n = otherwise;
	bool has = false;

	return om_json_int(o, "", key, 0, INT64_MAX, &n, &has, NULL) == OM_OK && has ? (uint64_t)n
										     : (uint64_t)otherwise;
}

static om_status
read_sender(const json_t *o, struct om_arena *a, Om__Sender *s, om_err *e)
{
	const json_t *id = json_object_get(o, "sender");
	unsigned char *bytes = om_arena_alloc(a, SENDER_ID);
	om_status status;

	if (bytes == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (!json_is_object(o))
		return om_fail(e, OM_INVALID, "the body must be an object");
	s->plugin = read_version(o, "plugin", a);
	if (s->plugin == NULL)
		return om_fail(e, OM_INVALID, "plugin: must be a text of 1 to %d characters", VERSION_CHARS);
	status = read_tap(o, &s->tap, e);
	s->has_sender = json_is_string(id) && om_uuid_parse(json_string_value(id), bytes);
	if (s->has_sender)
		s->sender = (ProtobufCBinaryData){.len = SENDER_ID, .data = bytes};
	s->openwebui = read_version(o, "openwebui", a);
	s->reason = read_reason(o, a);
	s->processes = read_count(o, "processes", 1);
	s->seen = read_count(o, "seen", 0);
	s->missed = read_count(o, "missed", 0);
	s->faults = read_count(o, "faults", 0);
	s->unnamed = read_count(o, "unnamed", 0);
	s->queued = read_count(o, "queued", 0);
	s->rejected = read_count(o, "rejected", 0);
	return status;
}

om_status
gw_heartbeat_take(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_HEARTBEAT, OM__REPLY__BODY_HEARTBEAT};
	Om__HeartbeatQuery q = OM__HEARTBEAT_QUERY__INIT;
	const Om__HeartbeatReply *taken;
	Om__Sender said = OM__SENDER__INIT;
	json_t *doc = NULL;
	struct om_jw w;
	om_status s = om_json_parse_mended(rq->body, rq->n_body, (struct om_json_place){.line = 0}, &doc, e);

	if (s == OM_OK)
		s = read_sender(doc, rq->arena, &said, e);
	json_decref(doc);
	q.sender = &said;
	if (s == OM_OK)
		s = gw_ask_costd(parts->peers, ask, &q, rq->arena, &taken, e);
	if (s != OM_OK)
		return s;
	rp->quiet = true;
	gw_reply_header(rp, GW_TAG_KEY_HEADER, "%s", parts->tag_key);
	w = gw_reply_json(rp);
	om_jw_open(&w, '{');
	gw_write_bool(&w, "ok", true);
	om_jw_close(&w, '}');
	return OM_OK;
}
