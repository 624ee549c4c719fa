/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Which month is due, who writes it, and the webhook's calls, against a real database. */
#include "fixture.h"

#include "documents/delivery.h"
#include "notify/outbox.h"
#include "notify/webhook.h"
#include "read/read.h"
#include "terms/change.h"
#include "documents.pb-c.h"
#include "envelope.pb-c.h"
#include "record.pb-c.h"
#include "terms.pb-c.h"
#include "usage.pb-c.h"
#include "base/zone.h"

#include <stdio.h>
#include <string.h>

#define HOUR  (3600 * OM_SECOND)
#define GRACE (5 * OM_DAY)
#define KEEP  ((om_time)CD_DELIVERY_KEEP_MS * 1000)

static struct fx f;
static struct cd_schedule schedule;
static unsigned told;
static Om__Figures *totals; /* what ask says of the files; NULL: nothing */

static void
ok(om_status s, const om_err *e)
{
	if (s != OM_OK)
		fail_msg("%s", om_err_text(e, s));
}

static om_time
day(int year, int month, int d)
{
	return om_zone_day_start(om_day_from_civil(year, month, d));
}

static void
count_told(void *arg)
{
	(void)arg;
	told++;
}

static void
open_all(bool webhook)
{
	fx_open(&f);
	told = 0;
	totals = NULL;
	schedule = (struct cd_schedule){
	    .pool = f.pool, .grace_us = GRACE, .webhook = webhook, .written = count_told, .written_arg = NULL};
}

/* use sends one record that starts at an instant; cost NULL: not settled. */
static void
use(uint64_t id, om_time at, const char *cost)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	Om__Record *r[1];
	char gen[24];

	(void)snprintf(gen, sizeof gen, "gen-%llu", (unsigned long long)id);
	r[0] = fx_record(&f.a, id + (cost != NULL ? 1000 : 0), gen, "u-1", cost);
	r[0]->started_us = at;
	r[0]->finished_us = at + 1;
	assert_int_equal(fx_submit(&f, r, 1, 2 * id + (cost != NULL), &out), OM_OK);
}

/* ask takes a month, or tells how it went with the one that is held: a failure, that it
 * is written, or that it still is being written. */
static om_status
ask(const Om__DeliveryTakeReply *held, const char *failure, unsigned files, om_time now, Om__DeliveryTakeReply *out,
    om_err *e)
{
	Om__DeliveryKeep keep = OM__DELIVERY_KEEP__INIT;
	Om__DeliveryFail fail = OM__DELIVERY_FAIL__INIT;
	Om__DeliveryDone done = OM__DELIVERY_DONE__INIT;
	Om__DeliveredFile file = OM__DELIVERED_FILE__INIT, *list[1] = {&file};
	unsigned char sum[32] = {0xab};

	*out = (Om__DeliveryTakeReply)OM__DELIVERY_TAKE_REPLY__INIT;
	if (held == NULL)
		return cd_delivery_take(&schedule, now, FX_DEADLINE, &f.a, out, e);
	keep.lease_id = fail.lease_id = done.lease_id = held->lease_id;
	if (failure != NULL) {
		fail.failure = om_arena_strdup(&f.a, failure);
		return cd_delivery_fail(&schedule, &fail, now, FX_DEADLINE, &f.a, e);
	}
	if (files == 0)
		return cd_delivery_keep(&schedule, &keep, now, FX_DEADLINE, &f.a, e);
	file.name = om_arena_strdup(&f.a, "2026-000001-report-\"x\".pdf");
	file.bytes = 12;
	file.sha256 = (ProtobufCBinaryData){.len = sizeof sum, .data = sum};
	file.number = om_arena_strdup(&f.a, "2026-000001");
	done.n_files = files;
	done.files = list;
	done.totals = totals;
	return cd_delivery_done(&schedule, &done, now, FX_DEADLINE, &f.a, e);
}

/* due gives the month that is due as YYYYMM, 0 for none. */
static unsigned
due(om_time now, Om__DeliveryTakeReply *out)
{
	om_err e = {.text = ""};

	ok(ask(NULL, NULL, 0, now, out, &e), &e);
	return out->has_lease_id ? out->year * 100 + out->month : 0;
}

static void
test_a_month_is_due_when_it_is_settled_or_the_grace_is_over(void **state)
{
	Om__DeliveryTakeReply d;

	(void)state;
	open_all(false);
	use(1, day(2026, 9, 10), "1");
	use(2, day(2026, 10, 31) + 23 * HOUR, "1");
	use(3, day(2026, 10, 31) + 23 * HOUR, NULL);
	use(4, day(2026, 11, 1), NULL);
	assert_int_equal(due(day(2026, 11, 2), &d), 0); /* not settled */
	assert_int_equal(due(day(2026, 11, 1) + GRACE - 1, &d), 0);
	use(3, day(2026, 10, 31) + 23 * HOUR, "1");
	assert_int_equal(due(day(2026, 11, 1) + HOUR - 1, &d), 0); /* records may be on their way */
	assert_int_equal(due(day(2026, 11, 1) + HOUR, &d), 202610);
	assert_int_equal(strlen(d.delivery_id), 32);
	/* months before the first one asked for are history, those without usage are left out */
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM delivery"), 1);
	fx_run(&f, "UPDATE delivery SET state=1");
	assert_int_equal(due(day(2026, 12, 1) + GRACE - 1, &d), 0); /* gen-4 is not settled */
	assert_int_equal(due(day(2027, 2, 3), &d), 202611);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM delivery"), 2);
	fx_close(&f);
}

static void
test_a_month_without_usage_is_never_due(void **state)
{
	Om__DeliveryTakeReply d;

	(void)state;
	open_all(false);
	use(1, day(2026, 11, 10), "1");
	assert_int_equal(due(day(2026, 11, 20), &d), 0);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM delivery"), 0);
	assert_int_equal(due(day(2026, 12, 2), &d), 202611);
	fx_close(&f);
}

static void
test_one_at_a_time_writes_a_month_and_a_failure_is_tried_again(void **state)
{
	om_time now = day(2026, 12, 2);
	Om__DeliveryTakeReply first, second, d;
	om_err e = {.text = ""};

	(void)state;
	open_all(false);
	use(1, day(2026, 11, 10), "1");
	assert_int_equal(due(now, &first), 202611);
	assert_int_equal(due(now + 1, &d), 0);
	/* kept in time it stays, later it is another's, and the late one finds out */
	ok(ask(&first, NULL, 0, now + KEEP, &d, &e), &e);
	assert_int_equal(due(now + 2 * KEEP - 1, &d), 0);
	assert_int_equal(due(now + 2 * KEEP, &second), 202611);
	assert_string_equal(second.delivery_id, first.delivery_id);
	assert_int_equal(ask(&first, NULL, 1, now + 2 * KEEP, &d, &e), OM_CONFLICT);
	ok(ask(&second, "the disk is full", 0, now + 2 * KEEP, &d, &e), &e);
	assert_int_equal(
	    fx_int(&f, "SELECT last_error='the disk is full' AND attempts=1 AND state=0 FROM delivery"), 1);
	assert_int_equal(due(now + 2 * KEEP + 40 * OM_SECOND, &d), 0);
	assert_int_equal(due(now + 2 * KEEP + 75 * OM_SECOND, &d), 202611);
	ok(ask(&d, NULL, 1, now + 3 * KEEP, &second, &e), &e);
	assert_int_equal(ask(&d, NULL, 1, now + 3 * KEEP, &second, &e), OM_CONFLICT); /* said twice */
	assert_int_equal(due(now + OM_DAY, &d), 0);
	assert_int_equal(told, 0);
	assert_int_equal(fx_int(&f, "SELECT state=1 AND (SELECT COUNT(*) FROM outbox)=0 FROM delivery"), 1);
	fx_close(&f);
}

/* next_message claims what is due; its texts are in the arena. */
static struct cd_sending
next_message(om_time now)
{
	struct cd_sending out;
	om_err e = {.text = ""};

	ok(cd_outbox_take(f.pool, now, FX_DEADLINE, &out, &f.a, &e), &e);
	return out;
}

static void
test_the_webhook_is_called_until_it_is_taken_and_given_up_after_three_days(void **state)
{
	om_time now = day(2026, 12, 2);
	const struct cd_sent no = {.status = 500, .why = "the receiver refused it"},
			     yes = {.status = 204, .taken = true};
	struct cd_sending c, other;
	Om__DeliveryTakeReply d, done;
	bool given_up = false;
	om_err e = {.text = ""};

	(void)state;
	open_all(true);
	use(1, day(2026, 11, 10), "1.5");
	use(2, day(2026, 12, 1), "1.5");
	assert_int_equal(due(now, &d), 202611);
	assert_false(next_message(now).found); /* nothing is told before the month is written */
	ok(ask(&d, NULL, 1, now, &done, &e), &e);
	assert_int_equal(told, 1);
	c = next_message(now);
	assert_true(c.found);
	assert_string_equal(c.message.id, d.delivery_id);
	assert_string_equal(c.message.event, "month.delivered");
	assert_string_equal(c.message.subject, "2026-11");
	assert_non_null(strstr(c.message.body, "\"month\":\"2026-11\""));
	assert_non_null(strstr(c.message.body, "\"cost\":\"1.5\""));
	assert_non_null(strstr(c.message.body, "\"name\":\"2026-000001-report-\\\"x\\\".pdf\""));
	assert_non_null(strstr(c.message.body, "\"sha256\":\"ab00"));
	/* another process leaves it alone for a minute, then takes over */
	assert_false(next_message(now + 59 * OM_SECOND).found);
	other = next_message(now + 60 * OM_SECOND);
	assert_true(other.found);
	assert_int_equal(
	    cd_outbox_note(f.pool, &c, &no, now + 61 * OM_SECOND, FX_DEADLINE, &given_up, &e), OM_CONFLICT);
	ok(cd_outbox_note(f.pool, &other, &no, now + 61 * OM_SECOND, FX_DEADLINE, &given_up, &e), &e);
	assert_false(given_up);
	assert_false(next_message(now + 70 * OM_SECOND).found);
	use(3, day(2026, 11, 11), "1"); /* the ledger goes on, the message does not change */
	other = next_message(now + HOUR);
	assert_string_equal(other.message.body, c.message.body);
	assert_int_equal(other.attempts, 1);
	ok(cd_outbox_note(f.pool, &other, &yes, now + HOUR, FX_DEADLINE, &given_up, &e), &e);
	assert_false(given_up);
	assert_string_equal(fx_text(&f,
				"SELECT CONCAT_WS(' "
				"',state,attempts,last_status,IFNULL(last_error,'-'),IFNULL(next_us,'-')) FROM outbox"),
	    "2 1 204 - -\n");
	assert_false(next_message(now + 10 * OM_DAY).found);

	fx_run(&f, "UPDATE outbox SET state=1,next_us=1");
	c = next_message(now + 2 * OM_DAY);
	ok(cd_outbox_note(f.pool, &c, &no, now + 4 * OM_DAY, FX_DEADLINE, &given_up, &e), &e);
	assert_true(given_up);
	assert_int_equal(fx_int(&f, "SELECT state=3 AND next_us IS NULL FROM outbox"), 1);
	assert_false(next_message(now + 10 * OM_DAY).found);
	fx_close(&f);
}

static void
test_the_webhook_announces_the_totals_of_the_files(void **state)
{
	Om__Figures of_files = OM__FIGURES__INIT;
	om_time now = day(2026, 12, 2);
	struct cd_sending c;
	Om__DeliveryTakeReply d, done;
	om_err e = {.text = ""};

	(void)state;
	open_all(true);
	use(1, day(2026, 11, 10), "1.5");
	assert_int_equal(due(now, &d), 202611);
	of_files.requests = 1;
	of_files.unsettled = 1;
	of_files.cost = om_arena_strdup(&f.a, "1.50");
	of_files.byok_cost = om_arena_strdup(&f.a, "0.25");
	use(2, day(2026, 11, 11), "7"); /* while the files were made */
	totals = &of_files;
	of_files.cost = om_arena_strdup(&f.a, "a lot");
	assert_int_equal(ask(&d, NULL, 1, now, &done, &e), OM_INVALID);
	assert_string_equal(e.text, "totals.cost: is no amount");
	of_files.cost = om_arena_strdup(&f.a, "1.50");
	ok(ask(&d, NULL, 1, now, &done, &e), &e);
	c = next_message(now);
	assert_non_null(strstr(
	    c.message.body, "\"totals\":{\"requests\":1,\"cost\":\"1.5\",\"byok_cost\":\"0.25\",\"unsettled\":1}"));
	fx_close(&f);
}

/* set_rate adds terms with a rate of EUR that is dated on a day. */
static void
set_rate(om_day from, const char *date, bool confirmed)
{
	Om__TermsChange q = OM__TERMS_CHANGE__INIT;
	Om__TermsReply out = OM__TERMS_REPLY__INIT;
	Om__Terms t = OM__TERMS__INIT;
	om_err e = {.text = ""};

	t.currency = om_arena_strdup(&f.a, "EUR");
	t.exchange_rate = om_arena_strdup(&f.a, "0.9");
	t.exchange_rate_source = om_arena_strdup(&f.a, "ECB");
	t.exchange_rate_date = om_arena_strdup(&f.a, date);
	t.has_exchange_rate_confirmed = t.exchange_rate_confirmed = confirmed;
	q.terms = &t;
	q.has_valid_from_day = true;
	q.valid_from_day = from;
	ok(cd_terms_change(f.pool, &q, day(2026, 12, 1), FX_DEADLINE, &f.a, &out, &e), &e);
}

static int64_t
held(void)
{
	struct cd_db *db = NULL;
	om_err e = {.text = ""};
	int64_t n = 0;

	ok(cd_db_open(&f.opts, &db, &e), &e);
	ok(cd_delivery_count_held(db, &n, &e), &e);
	cd_db_close(&db);
	return n;
}

static void
test_a_month_is_held_while_its_rate_is_of_another_month(void **state)
{
	const char *why = "the exchange rate of EUR is dated 2026-09-30, outside of 2026-10: confirm it, or set a "
			  "rate of that month";
	om_time now = day(2026, 11, 8);
	Om__PipelineReply p = OM__PIPELINE_REPLY__INIT;
	Om__DeliveryTakeReply d, done;
	om_err e = {.text = ""};

	(void)state;
	open_all(false);
	use(1, day(2026, 10, 10), "1");
	set_rate(om_day_from_civil(2026, 9, 1), "2026-09-30", true);
	assert_int_equal(due(day(2026, 11, 1) + HOUR - 1, &d), 0); /* it would not be due either way */
	assert_int_equal(held(), 0);
	assert_int_equal(due(now, &d), 0); /* that it was confirmed for September does not count */
	assert_int_equal(held(), 1);
	ok(cd_pipeline_read(f.pool, FX_DEADLINE, &p, &f.a, &e), &e);
	assert_string_equal(p.held_month, "2026-10");
	assert_string_equal(p.held_reason, why);
	/* nor are other months held back by it */
	use(2, day(2026, 11, 10), "1");
	set_rate(om_day_from_civil(2026, 11, 1), "2026-11-30", false);
	assert_int_equal(due(day(2026, 12, 8), &d), 202611);
	assert_int_equal(held(), 1);
	ok(ask(&d, NULL, 1, day(2026, 12, 8), &done, &e), &e);
	/* it goes on when the rate is confirmed */
	set_rate(om_day_from_civil(2026, 10, 1), "2026-09-30", true);
	assert_int_equal(due(day(2026, 12, 8), &d), 202610);
	assert_int_equal(held(), 0);
	ok(cd_pipeline_read(f.pool, FX_DEADLINE, &p, &f.a, &e), &e);
	assert_null(p.held_month);
	assert_null(p.held_reason);
	fx_close(&f);
}

static void
test_a_held_month_goes_on_when_there_is_a_rate_of_the_month(void **state)
{
	om_time now = day(2026, 11, 8);
	Om__DeliveryTakeReply d;

	(void)state;
	open_all(false);
	use(1, day(2026, 10, 10), "1");
	set_rate(om_day_from_civil(2026, 1, 1), "2026-11-02", false);
	assert_int_equal(due(now, &d), 0);
	assert_int_equal(due(now, &d), 0);
	assert_int_equal(held(), 1);
	set_rate(om_day_from_civil(2026, 10, 1), "2026-10-30", false);
	assert_int_equal(due(now, &d), 202610);
	assert_int_equal(held(), 0);
	fx_close(&f);
}

/* printf 1795000000.BODY | openssl dgst -sha256 -hmac SECRET */
static void
test_the_signature_is_what_openssl_computes(void **state)
{
	char out[CD_SIGNATURE];

	(void)state;
	assert_int_equal(cd_webhook_sign("a secret of the tests", 1795000000, "{\"id\":\"x\"}", out), OM_OK);
	assert_string_equal(out, "t=1795000000,v1=a16c19f2a77668ff6ca5767efcab409162cffe7caff9a857a6cfffeb55e5d48c");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_month_is_due_when_it_is_settled_or_the_grace_is_over),
	    cmocka_unit_test(test_a_month_without_usage_is_never_due),
	    cmocka_unit_test(test_one_at_a_time_writes_a_month_and_a_failure_is_tried_again),
	    cmocka_unit_test(test_the_webhook_is_called_until_it_is_taken_and_given_up_after_three_days),
	    cmocka_unit_test(test_the_webhook_announces_the_totals_of_the_files),
	    cmocka_unit_test(test_a_month_is_held_while_its_rate_is_of_another_month),
	    cmocka_unit_test(test_a_held_month_goes_on_when_there_is_a_rate_of_the_month),
	    cmocka_unit_test(test_the_signature_is_what_openssl_computes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
