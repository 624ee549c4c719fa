/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "serve.h"

#include "documents/document.h"
#include "documents/issue.h"
#include "ledger/lookup.h"
#include "read/read.h"
#include "senders/senders.h"
#include "settle/letters.h"
#include "store/journal.h"
#include "terms/change.h"
#include "terms/offers.h"
#include "envelope.pb-c.h"
#include "base/clock.h"
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
static struct om_stat dead_letters = OM_GAUGE("owui_metering_dead_letters", NULL, "Records the ledger could not take.");
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
status(struct cd_parts *p, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	Om__StatusReply *out = om_msg_new(a, &om__status_reply__descriptor);
	om_err why = {.text = ""};
	bool found = false;
	om_day first = 0;
	om_status s;

	if (out == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = cd_pool_check(p->pool, soon(deadline_ms, STATUS_MS), &why);
	om_stat_set(&database_up, s == OM_OK);
	out->version = om_arena_strdup(a, OM_PROGRAM_VERSION);
	out->timezone = om_arena_strdup(a, om_zone_name());
	if (s == OM_OK && cd_query_first_day(p->pool, soon(deadline_ms, STATUS_MS), &found, &first, NULL) == OM_OK &&
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
	rep->body_case = OM__REPLY__BODY_STATUS_REPLY;
	rep->status_reply = out;
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
	int64_t letters, discrepancies, missing, held;
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
metrics(struct cd_parts *p, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	Om__MetricsReply *out = om_msg_new(a, &om__metrics_reply__descriptor);
	struct counts counts = {.a = a};
	struct om_buf b;
	om_status s;

	if (out == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	/* without a database the last counts stand */
	s = cd_pool_run(p->pool, CD_TX_SNAPSHOT, soon(deadline_ms, STATUS_MS), count, &counts, NULL);
	om_stat_set(&database_up, s == OM_OK);
	if (s == OM_OK) {
		om_stat_set(&lookups_pending, counts.lookups.pending);
		om_stat_set(&lookups_given_up, counts.lookups.given_up);
		om_stat_set(&lookups_verifying, counts.lookups.verifying);
		om_stat_set(&dead_letters, counts.letters);
		om_stat_set(&missing, counts.missing);
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
		rep->body_case = OM__REPLY__BODY_METRICS;
		rep->metrics = out;
		if (out->text == NULL)
			s = om_fail(e, OM_NOMEM, "out of memory");
	}
	om_buf_fini(&b);
	return s;
}

static om_status
pipeline(struct cd_parts *p, int64_t deadline_ms, struct om_arena *a, Om__PipelineReply *out, om_err *e)
{
	om_time until = cd_resolver_paused_until(p->resolver);

	out->has_paused_until_us = until > 0;
	out->paused_until_us = until;
	return cd_query_pipeline(p->pool, soon(deadline_ms, STATUS_MS), out, a, e);
}

/* ANSWER makes the reply's message, hands it to the call and puts it in place. */
#define ANSWER(CASE, member, kind, call)                                \
	do {                                                            \
		rep->member = om_msg_new(a, &om__##kind##__descriptor); \
		if (rep->member == NULL)                                \
			return om_fail(e, OM_NOMEM, "out of memory");   \
		rep->body_case = OM__REPLY__BODY_##CASE;                \
		return call;                                            \
	} while (0)

om_status
cd_serve(void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e)
{
	struct cd_parts *p = arg;

	switch (req->body_case) {
	case OM__REQUEST__BODY_STATUS:
		return status(p, deadline_ms, a, rep, e);
	case OM__REQUEST__BODY_SUBMIT:
		ANSWER(SUBMIT, submit, submit_reply,
		    cd_ledger_submit(p->ledger, req->submit, deadline_ms, a, rep->submit, e));
	case OM__REQUEST__BODY_USAGE:
		ANSWER(USAGE, usage, usage_reply, cd_query_usage(p->pool, req->usage, deadline_ms, a, rep->usage, e));
	case OM__REQUEST__BODY_GENERATIONS:
		ANSWER(GENERATIONS, generations, generations_reply,
		    cd_query_generations(p->pool, req->generations, deadline_ms, a, rep->generations, e));
	case OM__REQUEST__BODY_GENERATION:
		ANSWER(GENERATION, generation, generation_reply,
		    cd_query_generation(p->pool, req->generation, deadline_ms, a, rep->generation, e));
	case OM__REQUEST__BODY_PIPELINE:
		ANSWER(PIPELINE, pipeline, pipeline_reply, pipeline(p, deadline_ms, a, rep->pipeline, e));
	case OM__REQUEST__BODY_SETTINGS:
		ANSWER(SETTINGS, settings, settings_reply, om_settings_describe(p->self, p->conf, a, rep->settings, e));
	case OM__REQUEST__BODY_USERS:
		ANSWER(USERS, users, users_reply, cd_query_users(p->pool, req->users, deadline_ms, a, rep->users, e));
	case OM__REQUEST__BODY_STATEMENT:
		ANSWER(STATEMENT, statement, statement_reply,
		    cd_query_statement(p->pool, p->readings, req->statement, deadline_ms, a, rep->statement, e));
	case OM__REQUEST__BODY_ROWS:
		ANSWER(ROWS, rows, rows_reply, cd_readings_rows(p->readings, req->rows, deadline_ms, a, rep->rows, e));
	case OM__REQUEST__BODY_ISSUE_BEGIN:
		ANSWER(ISSUE_BEGIN, issue_begin, issue_begin_reply,
		    cd_issue_begin(p->pool, req->issue_begin, om_now(), deadline_ms, a, rep->issue_begin, e));
	case OM__REQUEST__BODY_ISSUE_KEEP:
		ANSWER(ISSUE_KEEP, issue_keep, issue_keep_reply,
		    cd_issue_keep(p->pool, req->issue_keep, om_now(), deadline_ms, e));
	case OM__REQUEST__BODY_ISSUE_FINISH:
		ANSWER(ISSUE_FINISH, issue_finish, issue_reply,
		    cd_issue_finish(p->pool, req->issue_finish, om_now(), deadline_ms, a, rep->issue_finish, e));
	case OM__REQUEST__BODY_DELIVERY:
		ANSWER(DELIVERY, delivery, delivery_reply,
		    cd_delivery_serve(p->schedule, req->delivery, om_now(), deadline_ms, a, rep->delivery, e));
	case OM__REQUEST__BODY_DOCUMENTS:
		ANSWER(DOCUMENTS, documents, documents_reply,
		    cd_documents_list(p->pool, req->documents, deadline_ms, a, rep->documents, e));
	case OM__REQUEST__BODY_DOCUMENT_FILE:
		ANSWER(DOCUMENT_FILE, document_file, document_file_reply,
		    cd_document_file(p->pool, req->document_file, deadline_ms, a, rep->document_file, e));
	case OM__REQUEST__BODY_MODELS:
		ANSWER(MODELS, models, models_reply, cd_market_models(p->market, deadline_ms, a, &rep->models, e));
	case OM__REQUEST__BODY_CREDITS:
		ANSWER(CREDITS, credits, credits_reply, cd_market_credits(p->market, deadline_ms, a, &rep->credits, e));
	case OM__REQUEST__BODY_PRICES:
		ANSWER(PRICES, prices, prices_reply,
		    cd_query_prices(p->pool, req->prices, deadline_ms, a, rep->prices, e));
	case OM__REQUEST__BODY_UNSETTLED:
		ANSWER(UNSETTLED, unsettled, unsettled_reply,
		    cd_query_unsettled(p->pool, p->have_key, req->unsettled, deadline_ms, a, rep->unsettled, e));
	case OM__REQUEST__BODY_DEAD_LETTERS:
		ANSWER(DEAD_LETTERS, dead_letters, dead_letters_reply,
		    cd_query_dead_letters(p->pool, req->dead_letters, deadline_ms, a, rep->dead_letters, e));
	case OM__REQUEST__BODY_RETRY:
		ANSWER(
		    RETRY, retry, retry_reply, cd_letters_retry(p->ledger, req->retry, deadline_ms, a, rep->retry, e));
	case OM__REQUEST__BODY_DISCREPANCIES:
		ANSWER(DISCREPANCIES, discrepancies, discrepancies_reply,
		    cd_query_discrepancies(p->pool, req->discrepancies, deadline_ms, a, rep->discrepancies, e));
	case OM__REQUEST__BODY_UNPAIR:
		ANSWER(UNPAIR, unpair, unpair_reply,
		    cd_ledger_unpair(p->ledger, req->unpair, deadline_ms, a, rep->unpair, e));
	case OM__REQUEST__BODY_HEARTBEAT:
		ANSWER(HEARTBEAT, heartbeat, heartbeat_reply,
		    cd_senders_hear(p->pool, req->heartbeat, om_now(), deadline_ms, e));
	case OM__REQUEST__BODY_SENDERS:
		ANSWER(SENDERS, senders, senders_reply,
		    cd_senders_list(p->pool, om_now(), deadline_ms, a, rep->senders, e));
	case OM__REQUEST__BODY_TERMS:
		ANSWER(TERMS, terms, terms_reply, cd_terms_query(p->pool, om_now(), deadline_ms, a, rep->terms, e));
	case OM__REQUEST__BODY_TERMS_CHANGE:
		ANSWER(TERMS, terms, terms_reply,
		    cd_terms_change(p->pool, req->terms_change, om_now(), deadline_ms, a, rep->terms, e));
	case OM__REQUEST__BODY_TERMS_OFFER:
		ANSWER(TERMS_OFFER, terms_offer, terms_offer_reply,
		    cd_terms_offer(p->pool, req->terms_offer, om_now(), deadline_ms, a, rep->terms_offer, e));
	case OM__REQUEST__BODY_METRICS:
		return metrics(p, deadline_ms, a, rep, e);
	case OM__REQUEST__BODY_RENDER:
	case OM__REQUEST__BODY_ISSUE:
	case OM__REQUEST__BODY__NOT_SET:
	default:
		return om_fail(e, OM_PROTOCOL, "costd does not answer requests of kind %d", (int)req->body_case);
	}
}
