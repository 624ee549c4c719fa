/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * OTLP/HTTP: the reply, a failure too, is in the encoding the request came in.
 */
#include "intake.h"
#include "intake_in.h"
#include "otlp.h"
#include "record.h"
#include "refusal.h"
#include "answer/reply.h"
#include "http/gzip.h"
#include "spool/spool.h"
#include "otlp.pb-c.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stats.h"
#include "wire/codec.h"

#define PROTOBUF      "application/x-protobuf"
#define MESSAGE_BYTES 400

static struct om_stat st_rejected = OM_COUNTER("owui_metering_spans_rejected_total", NULL,
    "Generations in traces that could not become records because of what they say.");
static struct om_stat st_tests =
    OM_COUNTER("owui_metering_spans_test_total", NULL, "Test spans taken from traces and not metered.");

/* tell writes what was left out, "" for nothing.  OTLP allows a message without
 * rejected spans: a warning. */
static void
tell(const struct gw_traces *t, char *out, size_t bytes)
{
	int n = 0;

	out[0] = '\0';
	if (t->n_rejected > 0)
		n = snprintf(out, bytes, "generations refused: %zu; %s", t->n_rejected, t->reason);
	if (t->n_repaired > 0 && n >= 0 && (size_t)n < bytes)
		(void)snprintf(out + n, bytes - (size_t)n, "%sfields repaired or left out: %zu; the first: %s: %s",
		    n > 0 ? "; " : "", t->n_repaired, om_fit_name(t->repaired), t->repair);
}

static void
write_protobuf(struct gw_reply *rp, const struct gw_traces *t)
{
	Otlp__TracesReply reply = OTLP__TRACES_REPLY__INIT;
	Otlp__PartialSuccess partial = OTLP__PARTIAL_SUCCESS__INIT;
	char message[MESSAGE_BYTES];

	tell(t, message, sizeof message);
	partial.has_rejected_spans = 1;
	partial.rejected_spans = (int64_t)t->n_rejected;
	partial.error_message = message;
	if (message[0] != '\0')
		reply.partial_success = &partial;
	rp->type = PROTOBUF;
	om_msg_pack(&reply.base, &rp->body);
}

static void
write_json(struct gw_reply *rp, const struct gw_traces *t)
{
	struct om_jw w = gw_reply_json(rp);
	char count[24], message[MESSAGE_BYTES];

	tell(t, message, sizeof message);
	om_jw_open(&w, '{');
	if (message[0] != '\0') {
		gw_write_open(&w, "partialSuccess", '{');
		gw_write_text(&w, "rejectedSpans", om_i64_text(count, (int64_t)t->n_rejected));
		gw_write_text(&w, "errorMessage", message);
		om_jw_close(&w, '}');
	}
	om_jw_close(&w, '}');
}

static om_status
read_traces(struct gw_req *rq, struct gw_traces *t, om_err *e)
{
	struct om_buf plain;
	om_status s;

	om_buf_init(&plain, GW_BODY_TRACES);
	s = gw_gunzip_body(rq, &plain, e);
	if (s == OM_OK && rq->n_body > 0) /* none at all: a connection test */
		s = gw_media_is(rq, PROTOBUF) ? gw_otlp_protobuf(t, rq->body, rq->n_body, e)
					      : gw_otlp_json(t, rq->body, rq->n_body, e);
	rq->body = "";
	rq->n_body = 0;
	om_buf_fini(&plain);
	return s;
}

om_status
gw_traces_take(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	struct gw_traces t = {.arena = rq->arena,
	    .batch = gw_batch_new(),
	    .now = om_now(),
	    .tag_key = parts->tag_key,
	    .told_are_unknown = parts->told_are_unknown};
	struct gw_refusals r = {.n = 0};
	om_status s = t.batch != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");

	if (s == OM_OK)
		s = gw_intake_begin(parts, rq, rp, e);
	if (s == OM_OK)
		s = read_traces(rq, &t, e);
	if (s == OM_INVALID)
		gw_refusals_keep_body(parts->spool, rq, "traces", "not a trace as OTLP has it");
	if (s == OM_OK && t.n_accepted > 0)
		s = gw_intake_append(parts, rq, rp, &t.batch, t.now, e);
	gw_batch_free(&t.batch);
	if (s != OM_OK)
		return s;
	om_stat_add(&st_rejected, (int64_t)t.n_rejected);
	gw_refusals_add(&r, "gen_ai.response.id: is missing", (int64_t)t.n_rejected);
	gw_refusals_keep(parts->spool, rq, "traces", &r);
	om_stat_add(&st_tests, (int64_t)t.n_tests);
	if (gw_media_is(rq, PROTOBUF))
		write_protobuf(rp, &t);
	else
		write_json(rp, &t);
	return OM_OK;
}

/* gw_traces_fail makes the reply a google.rpc.Status, or a problem that is one too. */
void
gw_traces_fail(struct gw_reply *rp, const struct gw_req *rq, om_status s, const char *detail)
{
	Otlp__Failure f = OTLP__FAILURE__INIT;
	char text[sizeof((om_err *)0)->text];

	gw_reply_problem(rp, rq, s, detail, NULL);
	if (!gw_media_is(rq, PROTOBUF))
		return;
	(void)snprintf(text, sizeof text, "%s", detail);
	f.message = text;
	rp->type = PROTOBUF;
	om_buf_reset(&rp->body);
	om_msg_pack(&f.base, &rp->body);
}
