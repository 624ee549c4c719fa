/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the plugins say of themselves: taken every minute, listed for people. */
#include "routes.h"
#include "answer/answer.h"
#include "http/arguments.h"
#include "peers/peers.h"
#include "envelope.pb-c.h"
#include "senders.pb-c.h"
#include "base/text.h"

#include <string.h>

#define SENDER_ID     16
#define VERSION_CHARS 64
#define REASON_CHARS  256

static const char *const taps[] = {"off", "on", "does_not_fit"};

/* ---- a heartbeat ---- */

static om_status
read_tap(const json_t *o, Om__Tap *out, om_err *e)
{
	const char *text = NULL;

	if (om_json_text(o, "", "tap", VERSION_CHARS, &text, NULL) == OM_OK && text != NULL)
		for (unsigned i = 0; i < sizeof taps / sizeof taps[0]; i++)
			if (strcmp(text, taps[i]) == 0) {
				*out = (Om__Tap)i;
				return OM_OK;
			}
	return om_fail(e, OM_INVALID, "tap: must be on, off or does_not_fit");
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
gw_api_heartbeat(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__HeartbeatQuery q = OM__HEARTBEAT_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Sender said = OM__SENDER__INIT;
	Om__Reply *rep = NULL;
	json_t *doc = NULL;
	struct om_jw w;
	om_status s = om_json_parse_mended(rq->body, rq->n_body, (struct om_json_place){.line = 0}, &doc, e);

	if (s == OM_OK)
		s = read_sender(doc, rq->arena, &said, e);
	json_decref(doc);
	if (s != OM_OK)
		return s;
	q.sender = &said;
	req.body_case = OM__REQUEST__BODY_HEARTBEAT;
	req.heartbeat = &q;
	s = gw_peers_ask_costd(app->peers, &req, rq->arena, &rep, e);
	if (s == OM_OK && rep->body_case != OM__REPLY__BODY_HEARTBEAT)
		s = gw_read_mismatch(e);
	if (s != OM_OK)
		return s;
	rp->type = "application/json";
	rp->quiet = true;
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	om_jw_key(&w, "ok");
	om_jw_bool(&w, true);
	om_jw_close(&w, '}');
	return OM_OK;
}

/* ---- the list ---- */

static void
write_sender(struct om_jw *w, const Om__Sender *s)
{
	char id[37] = "";

	if (s->has_sender && s->sender.len == SENDER_ID)
		om_uuid_text(s->sender.data, id);
	om_jw_open(w, '{');
	gw_write_text(w, "sender", id[0] != '\0' ? id : NULL);
	gw_write_text(w, "plugin", s->plugin);
	gw_write_text(w, "openwebui", s->openwebui);
	gw_write_text(w, "tap", (unsigned)s->tap < sizeof taps / sizeof taps[0] ? taps[s->tap] : taps[0]);
	gw_write_text(w, "reason", s->reason);
	gw_write_count(w, "processes", s->processes);
	gw_write_count(w, "seen", s->seen);
	gw_write_count(w, "missed", s->missed);
	gw_write_count(w, "faults", s->faults);
	gw_write_count(w, "unnamed", s->unnamed);
	gw_write_count(w, "queued", s->queued);
	gw_write_count(w, "rejected", s->rejected);
	gw_write_time(w, "first_at", true, s->first_us);
	gw_write_time(w, "last_at", true, s->last_us);
	gw_write_text(w, "state", s->silent ? "silent" : "heard");
	om_jw_close(w, '}');
}

om_status
gw_api_senders(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__SendersQuery q = OM__SENDERS_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	struct om_jw w;
	om_status s;

	req.body_case = OM__REQUEST__BODY_SENDERS;
	req.senders = &q;
	s = gw_peers_ask_costd(app->peers, &req, rq->arena, &rep, e);
	if (s == OM_OK && rep->body_case != OM__REPLY__BODY_SENDERS)
		s = gw_read_mismatch(e);
	if (s != OM_OK)
		return s;
	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	om_jw_key(&w, "items");
	om_jw_open(&w, '[');
	for (size_t i = 0; i < rep->senders->n_items; i++)
		write_sender(&w, rep->senders->items[i]);
	om_jw_close(&w, ']');
	gw_write_text(&w, "next_cursor", NULL);
	om_jw_close(&w, '}');
	return OM_OK;
}
