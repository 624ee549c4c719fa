/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What plugins say of themselves, against a real database. */
#include "database_fixture.h"

#include "senders/senders.h"
#include "senders.pb-c.h"

#include <stdio.h>
#include <string.h>

#define NOW    ((om_time)1795000000 * OM_SECOND)
#define MINUTE (60 * OM_SECOND)

static unsigned char id[16];

/* said is a heartbeat of the sender with that number; 0 has no name. */
static Om__Sender
said(unsigned char number)
{
	static char plugin[] = "1.1.0";
	Om__Sender s = OM__SENDER__INIT;

	s.plugin = plugin;
	s.tap = OM__TAP__TAP_ON;
	s.processes = 1;
	id[15] = number;
	s.has_sender = number != 0;
	if (s.has_sender)
		s.sender = (ProtobufCBinaryData){.len = sizeof id, .data = id};
	return s;
}

static om_status
hear(struct fx *f, Om__Sender s, om_time at)
{
	Om__HeartbeatQuery q = OM__HEARTBEAT_QUERY__INIT;
	om_err e = {.text = ""};

	q.sender = &s;
	return cd_senders_hear(f->pool, &q, at, FX_DEADLINE, &e);
}

static Om__SendersReply
list(struct fx *f, om_time at)
{
	Om__SendersReply out = OM__SENDERS_REPLY__INIT;
	om_err e = {.text = ""};

	if (cd_senders_list(f->pool, at, FX_DEADLINE, &f->a, &out, &e) != OM_OK)
		fail_msg("%s", e.text);
	return out;
}

static void
test_the_last_word_of_each_stays(void **state)
{
	Om__SendersReply got;
	Om__Sender s;
	struct fx f;

	(void)state;
	fx_open_database(&f);
	assert_int_equal(hear(&f, said(1), NOW), OM_OK);
	assert_int_equal(hear(&f, said(0), NOW + 1), OM_OK);
	assert_int_equal(hear(&f, said(0), NOW + 2), OM_OK); /* all without a name are one */
	s = said(1);
	s.tap = OM__TAP__TAP_DOES_NOT_FIT;
	s.reason = om_arena_strdup(&f.a, "no such method");
	s.openwebui = om_arena_strdup(&f.a, "0.12.4");
	s.seen = 1;
	s.missed = 2;
	s.faults = 3;
	s.unnamed = 4;
	s.queued = 5;
	s.rejected = INT64_MAX;
	assert_int_equal(hear(&f, s, NOW + MINUTE), OM_OK);
	got = list(&f, NOW + MINUTE);
	assert_int_equal(got.n_items, 2);
	assert_true(got.items[0]->has_sender && got.items[0]->sender.data[15] == 1);
	assert_false(got.items[1]->has_sender);
	assert_int_equal(got.items[0]->tap, OM__TAP__TAP_DOES_NOT_FIT);
	assert_string_equal(got.items[0]->reason, "no such method");
	assert_string_equal(got.items[0]->openwebui, "0.12.4");
	assert_true(got.items[0]->seen == 1 && got.items[0]->missed == 2 && got.items[0]->faults == 3);
	assert_true(got.items[0]->unnamed == 4 && got.items[0]->queued == 5 && got.items[0]->rejected == INT64_MAX);
	assert_true(got.items[0]->first_us == NOW && got.items[0]->last_us == NOW + MINUTE);
	assert_null(got.items[1]->reason);
	assert_int_equal(hear(&f, said(1), NOW + 2 * MINUTE), OM_OK); /* what it does not say any more is gone */
	got = list(&f, NOW + 2 * MINUTE);
	assert_true(got.items[0]->reason == NULL && got.items[0]->seen == 0);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM record"), 0);
	fx_close(&f);
}

static void
test_who_is_not_heard_is_silent_and_then_forgotten(void **state)
{
	struct cd_sender_counts n;
	Om__SendersReply got;
	struct cd_db *db = NULL;
	om_err e = {.text = ""};
	Om__Sender s;
	struct fx f;

	(void)state;
	fx_open_database(&f);
	assert_int_equal(hear(&f, said(1), NOW), OM_OK);
	s = said(2);
	s.tap = OM__TAP__TAP_OFF;
	assert_int_equal(hear(&f, s, NOW + 1), OM_OK);
	got = list(&f, NOW + 3 * MINUTE + 1);
	assert_true(!got.items[0]->silent && got.items[1]->silent);
	assert_int_equal(cd_db_open(&f.opts, &db, &e), OM_OK);
	assert_int_equal(cd_senders_count(db, NOW + 3 * MINUTE + 1, &n, &e), OM_OK);
	assert_true(n.on == 0 && n.off == 1 && n.does_not_fit == 0 && n.silent == 1);
	cd_db_close(&db);
	assert_int_equal(list(&f, NOW + 90 * OM_DAY).n_items, 2);
	assert_int_equal(list(&f, NOW + 90 * OM_DAY + 1).n_items, 1);
	assert_int_equal(hear(&f, said(3), NOW + 90 * OM_DAY + 1), OM_OK);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM sender"), 2);
	fx_close(&f);
}

static void
test_of_too_many_the_longest_unheard_go(void **state)
{
	struct fx f;

	(void)state;
	fx_open_database(&f);
	fx_run(&f,
	    "INSERT INTO sender "
	    "(sender,plugin,tap,processes,seen,missed,faults,unnamed,queued,rejected,first_us,last_us) "
	    "SELECT UNHEX(LPAD(HEX(seq),32,'0')),'1',1,1,0,0,0,0,0,0,1795000000000000-seq,1795000000000000-seq "
	    "FROM seq_1_to_1000");
	assert_int_equal(hear(&f, said(9), NOW), OM_OK); /* one that is known makes no room */
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM sender"), 1000);
	assert_int_equal(hear(&f, said(0), NOW), OM_OK);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM sender"), 1000);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM sender WHERE sender=UNHEX(LPAD(HEX(1000),32,'0'))"), 0);
	assert_int_equal(list(&f, NOW).n_items, 1000);
	fx_close(&f);
}

static void
test_what_does_not_fit_is_refused(void **state)
{
	char *wide, *line;
	Om__Sender s;
	struct fx f;

	(void)state;
	fx_open_database(&f);
	wide = om_arena_alloc(&f.a, 300);
	memset(wide, 'x', 257);
	line = om_arena_strdup(&f.a, "a\nb");
	s = said(1);
	s.sender.len = 15;
	assert_int_equal(hear(&f, s, NOW), OM_INVALID);
	s = said(1);
	s.tap = (Om__Tap)3;
	assert_int_equal(hear(&f, s, NOW), OM_INVALID);
	s = said(1);
	s.plugin = wide;
	assert_int_equal(hear(&f, s, NOW), OM_INVALID);
	s = said(1);
	s.reason = wide;
	assert_int_equal(hear(&f, s, NOW), OM_INVALID);
	s = said(1);
	s.openwebui = line;
	assert_int_equal(hear(&f, s, NOW), OM_INVALID);
	s = said(1);
	s.queued = (uint64_t)INT64_MAX + 1;
	assert_int_equal(hear(&f, s, NOW), OM_INVALID);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM sender"), 0);
	fx_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_last_word_of_each_stays),
	    cmocka_unit_test(test_who_is_not_heard_is_silent_and_then_forgotten),
	    cmocka_unit_test(test_of_too_many_the_longest_unheard_go),
	    cmocka_unit_test(test_what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
