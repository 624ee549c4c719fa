/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Server-sent events.  A stream keeps one HTTP worker; every second it
 * looks whether the session and the client are still there and the gateway does not stop.
 */
#include "read.h"

#include "access/access.h"
#include "answer/message.h"
#include "intake/live.h"
#include "record.pb-c.h"
#include "wire/codec.h"

#define LOOK_MS      1000
#define HEARTBEAT_MS 10000
#define EVENT_BYTES  ((size_t)256 * 1024)
#define RECORD_BYTES ((size_t)2 * 1024 * 1024)
#define ARENA_BYTES  ((size_t)16 * 1024 * 1024)

/* What a page of live records shows of each. */
#define FIELDS                                                                                              \
	"received_us generation_id turn_id user model provider state cost prompt_tokens completion_tokens " \
	"origin task kind source started_us "

struct stream {
	struct gw_live *live;
	struct gw_access *access;
	struct gw_session session;
	uint64_t at;
	bool gap; /* lies before the first event */
};

/* write_event adds one event; what does not unpack is left out, costd says why. */
static void
write_event(const struct stream *st, const struct om_buf *packed, om_time received_us, struct om_buf *out)
{
	char mark[GW_LIVE_MARK];
	Om__Record *r = NULL;
	struct om_arena a;
	struct om_jw w;

	om_arena_init(&a, ARENA_BYTES);
	if (om_msg_unpack(&om__record__descriptor, packed->data, packed->len, &a, &r, NULL) == OM_OK &&
	    r->user != NULL) {
		gw_live_mark(st->live, st->at, mark);
		om_buf_printf(out, "event: record\nid: %s\ndata: ", mark);
		om_jw_init(&w, out);
		r->received_us = received_us;
		om_jw_open(&w, '{');
		gw_answer_some(&w, &r->base, FIELDS);
		om_jw_close(&w, '}');
		om_buf_str(out, "\n\n");
	}
	om_arena_fini(&a);
}

/* write_place tells a client where it stands, without an event. */
static void
write_place(const struct stream *st, struct om_buf *out)
{
	char mark[GW_LIVE_MARK];

	gw_live_mark(st->live, st->at, mark);
	om_buf_printf(out, "id: %s\n\n", mark);
}

static bool
flush(struct om_buf *out, struct gw_sink *to)
{
	bool ok = om_buf_done(out, NULL) == OM_OK && (out->len == 0 || to->write(to, out->data, out->len));

	om_buf_reset(out);
	return ok;
}

/* follow sends what comes until the session, the client or the gateway ends it. */
static bool
follow(struct stream *st, struct gw_sink *to, struct om_buf *packed, struct om_buf *out)
{
	int64_t beat = om_mono_ms() + HEARTBEAT_MS;

	for (;;) {
		om_time received_us = 0;
		gw_live_got got = gw_live_next(st->live, &st->at, LOOK_MS, packed, &received_us);

		if (got == GW_LIVE_STOPPED || to->gone(to) || !gw_access_runs(st->access, &st->session))
			return true;
		if (got == GW_LIVE_RECORD)
			write_event(st, packed, received_us, out);
		else if (got == GW_LIVE_GAP)
			om_buf_str(out, "event: gap\ndata: {}\n\n");
		else if (om_mono_ms() >= beat)
			om_buf_str(out, ": still here\n\n");
		if (out->len > 0) {
			beat = om_mono_ms() + HEARTBEAT_MS;
			if (!flush(out, to))
				return false;
		}
	}
}

static bool
send_stream(void *arg, struct gw_sink *to)
{
	struct stream *st = arg;
	struct om_buf packed, out;
	bool ok;

	om_buf_init(&packed, RECORD_BYTES);
	om_buf_init(&out, EVENT_BYTES);
	om_buf_str(&out, "retry: 2000\n");
	if (st->gap)
		om_buf_str(&out, "event: gap\ndata: {}\n");
	write_place(st, &out);
	ok = flush(&out, to) && follow(st, to, &packed, &out);
	om_buf_fini(&packed);
	om_buf_fini(&out);
	return ok;
}

static void
end_stream(void *arg)
{
	const struct stream *st = arg;

	gw_live_leave(st->live);
}

om_status
gw_live_follow(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	/* a browser's EventSource cannot set the header of its first request */
	const char *given = gw_req_arg(rq, "last_event_id");
	const char *mark = given != NULL ? given : gw_req_header(rq, "Last-Event-ID");
	struct stream *st = om_arena_alloc(rq->arena, sizeof *st);
	om_status s;

	if (st == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = gw_live_enter(parts->live, e);
	if (s != OM_OK) {
		gw_reply_header(rp, "Retry-After", "%d", 10);
		return s;
	}
	*st = (struct stream){.live = parts->live, .access = parts->access, .session = rq->session};
	st->gap = !gw_live_seek(parts->live, mark != NULL && mark[0] != '\0' ? mark : NULL, &st->at);
	rp->type = "text/event-stream; charset=utf-8";
	gw_reply_header(rp, "X-Accel-Buffering", "no");
	rp->send = send_stream;
	rp->send_done = end_stream;
	rp->send_arg = st;
	return OM_OK;
}
