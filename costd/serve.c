/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "serve.h"

#include "documents/document.h"
#include "documents/issue.h"
#include "ledger/lookup.h"
#include "persons/merge.h"
#include "read/read.h"
#include "senders/senders.h"
#include "settle/letters.h"
#include "store/journal.h"
#include "terms/change.h"
#include "terms/offers.h"
#include "envelope.pb-c.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/zone.h"
#include "wire/describe.h"

#include <string.h>

#define METRICS_BYTES ((size_t)1024 * 1024)
#define STATUS_MS     2000

static struct om_stat lookups_pending =
    OM_GAUGE("owui_metering_lookups", "state=\"pending\"", "Ledger rows whose cost is looked up.");
static struct om_stat lookups_given_up =
    OM_GAUGE("owui_metering_lookups", "state=\"given_up\"", "Ledger rows whose cost is looked up.");
static struct om_stat lookups_verifying =
    OM_GAUGE("owui_metering_lookups", "state=\"verifying\"", "Ledger rows whose cost is looked up.");
static struct om_stat discrepancies =
    OM_GAUGE("owui_metering_discrepancies", NULL, "Rows whose reported cost differs from the one that was looked up.");
#define MARKED(mark) \
	OM_GAUGE("owui_metering_marked_rows", "mark=\"" mark "\"", "Ledger rows to look at: GET /api/v1/disputes.")
static struct om_stat disputed = MARKED("disputed");
static struct om_stat unproven = MARKED("unproven");
static struct om_stat odd_day = MARKED("odd_day");
static struct om_stat dead_letters =
    OM_GAUGE("owui_metering_dead_letters", NULL, "Records the ledger could not take and that nobody has set aside.");
static struct om_stat dead_letters_aside =
    OM_GAUGE("owui_metering_dead_letters_set_aside", NULL, "Records the ledger could not take, set aside.");
static struct om_stat missing = OM_GAUGE("owui_metering_missing_records", NULL,
    "Records that were acknowledged and are not in the database, because it was put back to an earlier state.");
static struct om_stat held = OM_GAUGE(
    "owui_metering_deliveries_held", NULL, "Closed months whose files are held back until their terms are right.");
static struct om_stat terms_conflict = OM_GAUGE("owui_metering_terms_conflict", NULL,
    "1 while reportd instances with different settings are heard, so that none of them are adopted as terms.");
static struct om_stat database_up = OM_GAUGE("owui_metering_database_up", NULL, "1 while the database answers.");

static int64_t
soon(int64_t deadline_ms, int64_t ms)
{
	int64_t limit = om_mono_ms() + ms;

	return deadline_ms < limit ? deadline_ms : limit;
}

static om_status
tell_status(struct cd_parts *p, int64_t deadline_ms, struct om_arena *a, Om__StatusReply *out, om_err *e)
{
	om_err why = {.text = ""};
	bool found = false;
	om_day first = 0;
	om_status s = cd_pool_check(p->pool, soon(deadline_ms, STATUS_MS), &why);

	om_stat_set(&database_up, s == OM_OK);
	out->version = om_arena_strdup(a, OM_PROGRAM_VERSION);
	out->timezone = om_arena_strdup(a, om_zone_name());
	if (s == OM_OK && cd_first_day_read(p->pool, soon(deadline_ms, STATUS_MS), &found, &first, NULL) == OM_OK &&
	    found) {
		out->has_first_day = true;
		out->first_day = first;
	}
	out->has_today = out->has_today_ends_us = true;
	out->today = om_zone_day(om_now());
	out->today_ends_us = om_zone_day_start(out->today + 1);
	out->has_database_ok = true;
	out->database_ok = s == OM_OK;
	if (s != OM_OK)
		out->detail = om_arena_strdup(a, om_err_text(&why, s));
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

#define SENDERS_HELP "Plugins by the state of their tap; silent: not heard for three minutes."
static struct om_stat senders_on = OM_GAUGE("owui_metering_senders", "state=\"on\"", SENDERS_HELP);
static struct om_stat senders_off = OM_GAUGE("owui_metering_senders", "state=\"off\"", SENDERS_HELP);
static struct om_stat senders_unfit = OM_GAUGE("owui_metering_senders", "state=\"does_not_fit\"", SENDERS_HELP);
static struct om_stat senders_silent = OM_GAUGE("owui_metering_senders", "state=\"silent\"", SENDERS_HELP);

struct counts {
	struct cd_lookup_counts lookups;
	struct cd_sender_counts senders;
	int64_t discrepancies, missing, held;
	struct cd_letters_counts letters;
	struct cd_marked_counts marked;
	char *conflict; /* in the arena */
	struct om_arena *a;
};

static om_status
count(struct cd_db *db, void *arg, om_err *e)
{
	struct counts *c = arg;
	om_status s = cd_lookup_count(db, &c->lookups, e);

	if (s == OM_OK)
		s = cd_letters_count(db, &c->letters, e);
	if (s == OM_OK)
		s = cd_disputes_count(db, &c->marked, e);
	if (s == OM_OK)
		s = cd_journal_missing(db, &c->missing, e);
	if (s == OM_OK)
		s = cd_journal_differing(db, &c->discrepancies, e);
	if (s == OM_OK)
		s = cd_delivery_count_held(db, &c->held, e);
	if (s == OM_OK)
		s = cd_terms_conflict(db, om_now(), c->a, &c->conflict, e);
	return s == OM_OK ? cd_senders_count(db, om_now(), &c->senders, e) : s;
}

static om_status
tell_metrics(struct cd_parts *p, int64_t deadline_ms, struct om_arena *a, Om__MetricsReply *out, om_err *e)
{
	struct counts counts = {.a = a};
	struct om_buf b;
	om_status s;

	/* without a database the last counts stand */
	s = cd_pool_run(p->pool, CD_TX_SNAPSHOT, soon(deadline_ms, STATUS_MS), count, &counts, NULL);
	om_stat_set(&database_up, s == OM_OK);
	if (s == OM_OK) {
		om_stat_set(&lookups_pending, counts.lookups.pending);
		om_stat_set(&lookups_given_up, counts.lookups.given_up);
		om_stat_set(&lookups_verifying, counts.lookups.verifying);
		om_stat_set(&dead_letters, counts.letters.waiting);
		om_stat_set(&dead_letters_aside, counts.letters.aside);
		om_stat_set(&missing, counts.missing);
		om_stat_set(&disputed, counts.marked.disputed);
		om_stat_set(&unproven, counts.marked.unproven);
		om_stat_set(&odd_day, counts.marked.odd_day);
		om_stat_set(&discrepancies, counts.discrepancies);
		om_stat_set(&held, counts.held);
		om_stat_set(&terms_conflict, counts.conflict != NULL);
		om_stat_set(&senders_on, counts.senders.on);
		om_stat_set(&senders_off, counts.senders.off);
		om_stat_set(&senders_unfit, counts.senders.does_not_fit);
		om_stat_set(&senders_silent, counts.senders.silent);
	}
	om_buf_init(&b, METRICS_BYTES);
	om_stats_write(&b);
	s = om_buf_done(&b, e);
	if (s == OM_OK) {
		out->text = om_arena_strndup(a, b.data, b.len);
		if (out->text == NULL)
			s = om_fail(e, OM_NOMEM, "out of memory");
	}
	om_buf_fini(&b);
	return s;
}

static om_status
tell_pipeline(struct cd_parts *p, int64_t deadline_ms, struct om_arena *a, Om__PipelineReply *out, om_err *e)
{
	om_time until = cd_resolver_paused_until(p->resolver);

	out->has_paused_until_us = until > 0;
	out->paused_until_us = until;
	return cd_pipeline_read(p->pool, soon(deadline_ms, STATUS_MS), out, a, e);
}

/* ---- the table of calls ---- */

/* One function per row: the types of request and reply are the members'. */
#define CD_CALL(request_, reply_, who_, does_, viewer_, call_)                                                        \
	static om_status answer_##request_(struct cd_parts *p, const ProtobufCBinaryData *session, const void *query, \
	    int64_t deadline_ms, struct om_arena *a, void *reply, om_err *e)                                          \
	{                                                                                                             \
		const __typeof__(*((Om__Request *)NULL)->request_) *q = query;                                        \
		__typeof__(*((Om__Reply *)NULL)->reply_) *out = reply;                                                \
                                                                                                                      \
		(void)p, (void)session, (void)q, (void)deadline_ms, (void)a, (void)out;                               \
		return call_;                                                                                         \
	}
#include "calls.def"
#undef CD_CALL

#define GATEWAY OM_CALLER_GATEWAY
#define REPORTD OM_CALLER_REPORTD
#define EITHER  OM_CALLER_ANY

static const struct cd_serve_call calls[] = {
#define CD_CALL(request_, reply_, who_, does_, viewer_, call_) \
	{#request_, #reply_, who_, CD_##does_, CD_VIEWER_##viewer_, answer_##request_},
#include "calls.def"
#undef CD_CALL
};
#define N_CALLS (sizeof calls / sizeof calls[0])

/* How long each call takes, in the order of the table. */
static struct om_stat seconds[N_CALLS] = {
#define CD_CALL(request_, reply_, who_, does_, viewer_, call_) \
	OM_HISTOGRAM("owui_metering_call_seconds", "call=\"" #request_ "\"", "How long costd took to answer, by call."),
#include "calls.def"
#undef CD_CALL
};

const struct cd_serve_call *
cd_serve_call_of(unsigned body_case)
{
	const ProtobufCFieldDescriptor *f =
	    protobuf_c_message_descriptor_get_field(&om__request__descriptor, body_case);

	for (size_t i = 0; f != NULL && i < N_CALLS; i++)
		if (strcmp(calls[i].request, f->name) == 0)
			return &calls[i];
	return NULL;
}

unsigned
cd_serve_may(const Om__Request *req)
{
	const struct cd_serve_call *call = cd_serve_call_of((unsigned)req->body_case);

	return call != NULL ? call->who : OM_CALLER_ANY;
}

/* log_act: the request's id stands on the line, as on the gateway's; whose act it was is the gateway's to tell. */
static void
log_act(const struct cd_serve_call *call, om_status s)
{
	if (call->does == CD_ACTS)
		om_log(OM_LOG_INFO, "act", "call", call->request, "outcome", s == OM_OK ? "done" : om_status_text(s),
		    NULL);
}

/* check_viewer holds a question that a gateway asks for a person against the sessions that run: the gateway's
 * own word is not taken for one. */
static om_status
check_viewer(
    const struct cd_parts *p, const struct cd_serve_call *call, const Om__Request *req, int64_t deadline_ms, om_err *e)
{
	if (call->viewer == CD_VIEWER_NONE || (call->viewer == CD_VIEWER_READER && !req->has_session))
		return OM_OK;
	if (!req->has_session)
		return om_fail(e, OM_UNAUTHENTICATED, "only a session may ask this");
	return cd_sessions_check(p->sessions, &req->session, om_now(), deadline_ms, e);
}

/* place makes the reply's message and puts it into the envelope; NULL without memory. */
static void *
place(const struct cd_serve_call *call, struct om_arena *a, Om__Reply *rep)
{
	const ProtobufCFieldDescriptor *f =
	    protobuf_c_message_descriptor_get_field_by_name(&om__reply__descriptor, call->reply);
	void *made = om_msg_new(a, f->descriptor);

	memcpy((char *)rep + f->offset, &made, sizeof made);
	rep->body_case = (Om__Reply__BodyCase)f->id;
	return made;
}

om_status
cd_serve(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	const struct cd_serve_call *call = cd_serve_call_of((unsigned)req->body_case);
	int64_t began = om_mono_us();
	void *reply;
	om_status s;

	if (call == NULL)
		return om_fail(e, OM_PROTOCOL, "costd does not answer requests of kind %d", (int)req->body_case);
	reply = place(call, a, rep);
	if (reply == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = check_viewer(arg, call, req, deadline_ms, e);
	if (s == OM_OK) /* all members of the body lie at one place */
		s = call->answer(arg, &req->session, req->status, deadline_ms, a, reply, e);
	om_stat_observe_us(&seconds[call - calls], om_mono_us() - began);
	log_act(call, s);
	return s;
}
