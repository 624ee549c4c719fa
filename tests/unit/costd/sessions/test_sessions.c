/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Sessions, tickets and login links, against a real database. */
#include "database_fixture.h"

#include "sessions/sessions.h"

#include <stdio.h>
#include <string.h>

#define NOW    ((om_time)1795000000 * OM_SECOND)
#define MINUTE (60 * OM_SECOND)

struct fixture {
	struct fx db;
	struct cd_sessions *here, *there; /* two processes */
};

static void
open_both(struct fixture *f)
{
	om_err e = {.text = ""};

	fx_open_database(&f->db);
	fx_ok(cd_sessions_new(f->db.pool, &f->here, &e), &e);
	fx_ok(cd_sessions_new(f->db.pool, &f->there, &e), &e);
}

static void
close_both(struct fixture *f)
{
	cd_sessions_free(&f->here);
	cd_sessions_free(&f->there);
	fx_close(&f->db);
}

/* secret gives the secret of that number; it is good until the same number is asked for again. */
static ProtobufCBinaryData
secret(unsigned char number)
{
	static unsigned char all[256][CD_SECRET];

	memset(all[number], number, CD_SECRET);
	return (ProtobufCBinaryData){.len = CD_SECRET, .data = all[number]};
}

static om_status
begin(struct fixture *f, unsigned char number, int64_t lasts_us)
{
	Om__SessionBegin q = OM__SESSION_BEGIN__INIT;

	q.session = secret(number);
	q.lasts_us = lasts_us;
	return cd_sessions_begin(f->here, &q, NOW, FX_DEADLINE, NULL);
}

static om_status
begin_by_link(struct fixture *f, unsigned char number, unsigned char link, int64_t link_lasts_us)
{
	Om__SessionBegin q = OM__SESSION_BEGIN__INIT;

	q.session = secret(number);
	q.lasts_us = 10 * MINUTE;
	q.has_link = q.has_link_left_us = 1;
	q.link = secret(link);
	q.link_left_us = link_lasts_us;
	return cd_sessions_begin(f->here, &q, NOW, FX_DEADLINE, NULL);
}

static bool
reads(struct fixture *f, unsigned char number, om_time at)
{
	Om__SessionReply out = OM__SESSION_REPLY__INIT;
	const ProtobufCBinaryData s = secret(number);
	om_err e = {.text = ""};

	fx_ok(cd_sessions_read(f->here, &s, at, FX_DEADLINE, &out, &e), &e);
	assert_true(out.known == (out.left_us > 0));
	return out.known;
}

static om_status
check(struct cd_sessions *s, unsigned char number, om_time at)
{
	const ProtobufCBinaryData one = secret(number);

	return cd_sessions_check(s, &one, at, FX_DEADLINE, NULL);
}

static void
test_a_session_runs_until_it_ends(void **state)
{
	struct fixture f;

	(void)state;
	open_both(&f);
	assert_false(reads(&f, 1, NOW));
	assert_int_equal(check(f.here, 1, NOW), OM_UNAUTHENTICATED);
	assert_int_equal(begin(&f, 1, 10 * MINUTE), OM_OK);
	assert_int_equal(begin(&f, 1, 10 * MINUTE), OM_OK); /* the same question again */
	assert_int_equal(fx_int(&f.db, "SELECT COUNT(*) FROM session"), 1);
	assert_true(reads(&f, 1, NOW));
	assert_int_equal(check(f.here, 1, NOW), OM_OK);
	assert_false(reads(&f, 2, NOW));
	assert_false(reads(&f, 1, NOW + 10 * MINUTE));
	assert_int_equal(check(f.there, 1, NOW + 10 * MINUTE), OM_UNAUTHENTICATED);
	assert_int_equal(begin(&f, 3, 0), OM_INVALID);
	close_both(&f);
}

static void
test_when_it_was_seen_is_noted_to_the_minute(void **state)
{
	struct fixture f;

	(void)state;
	open_both(&f);
	assert_int_equal(begin(&f, 1, 10 * MINUTE), OM_OK);
	assert_true(reads(&f, 1, NOW + MINUTE - 1));
	assert_int_equal(fx_int(&f.db, "SELECT seen_us FROM session"), NOW);
	assert_true(reads(&f, 1, NOW + MINUTE));
	assert_int_equal(fx_int(&f.db, "SELECT seen_us FROM session"), NOW + MINUTE);
	close_both(&f);
}

static void
test_the_database_has_no_secret(void **state)
{
	struct fixture f;

	(void)state;
	open_both(&f);
	assert_int_equal(begin(&f, 1, 10 * MINUTE), OM_OK);
	assert_int_equal(fx_int(&f.db, "SELECT COUNT(*) FROM session WHERE id=REPEAT(CHAR(1),32)"), 0);
	close_both(&f);
}

static void
test_what_was_ended_has_ended(void **state)
{
	Om__SessionsEndAllReply out = OM__SESSIONS_END_ALL_REPLY__INIT;
	const ProtobufCBinaryData one = secret(1);
	struct fixture f;

	(void)state;
	open_both(&f);
	for (unsigned char i = 1; i <= 3; i++) {
		assert_int_equal(begin(&f, i, 10 * MINUTE), OM_OK);
		assert_int_equal(check(f.here, i, NOW), OM_OK);
	}
	assert_int_equal(cd_sessions_end(f.here, &one, FX_DEADLINE, NULL), OM_OK);
	assert_int_equal(check(f.here, 1, NOW), OM_UNAUTHENTICATED); /* at once, although it was trusted */
	assert_int_equal(check(f.there, 1, NOW), OM_UNAUTHENTICATED);
	assert_int_equal(check(f.there, 2, NOW), OM_OK);
	assert_int_equal(cd_sessions_end_all(f.here, FX_DEADLINE, &out, NULL), OM_OK);
	assert_int_equal(out.ended, 2);
	assert_int_equal(check(f.here, 2, NOW), OM_UNAUTHENTICATED);
	assert_false(reads(&f, 3, NOW));
	close_both(&f);
}

static void
make_ticket(struct fixture *f, unsigned char session, unsigned char number)
{
	Om__TicketMakeReply out = OM__TICKET_MAKE_REPLY__INIT;
	Om__TicketMake q = OM__TICKET_MAKE__INIT;
	const ProtobufCBinaryData s = secret(session);
	om_err e = {.text = ""};

	q.ticket = secret(number);
	fx_ok(cd_ticket_make(f->here, &s, &q, NOW, FX_DEADLINE, &out, &e), &e);
	assert_true(out.left_us == CD_TICKET_US);
}

static bool
spend(struct fixture *f, unsigned char number, om_time at)
{
	Om__TicketSpendReply out = OM__TICKET_SPEND_REPLY__INIT;
	Om__TicketSpend q = OM__TICKET_SPEND__INIT;
	om_err e = {.text = ""};

	q.ticket = secret(number);
	fx_ok(cd_ticket_spend(f->there, &q, at, FX_DEADLINE, &out, &e), &e);
	assert_true(!out.known || out.left_us == NOW + 10 * MINUTE - at);
	return out.known;
}

static void
test_a_ticket_works_once_and_acts_for_its_session(void **state)
{
	const ProtobufCBinaryData one = secret(1);
	struct fixture f;

	(void)state;
	open_both(&f);
	assert_int_equal(begin(&f, 1, 10 * MINUTE), OM_OK);
	make_ticket(&f, 1, 100);
	assert_false(reads(&f, 100, NOW)); /* unspent it is no session */
	assert_false(spend(&f, 101, NOW));
	assert_false(spend(&f, 100, NOW + CD_TICKET_US));
	assert_true(spend(&f, 100, NOW + CD_TICKET_US - 1));
	assert_false(spend(&f, 100, NOW));
	assert_true(reads(&f, 100, NOW + 5 * MINUTE));
	make_ticket(&f, 1, 102);
	assert_int_equal(cd_sessions_end(f.here, &one, FX_DEADLINE, NULL), OM_OK);
	assert_false(reads(&f, 100, NOW));
	assert_false(spend(&f, 102, NOW));
	close_both(&f);
}

static void
test_a_login_link_begins_one_session(void **state)
{
	struct fixture f;

	(void)state;
	open_both(&f);
	assert_int_equal(begin_by_link(&f, 1, 200, 0), OM_UNAUTHENTICATED); /* it has ended */
	assert_int_equal(begin_by_link(&f, 1, 200, MINUTE), OM_OK);
	assert_int_equal(begin_by_link(&f, 1, 200, MINUTE), OM_OK); /* the same question again */
	assert_int_equal(begin_by_link(&f, 2, 200, MINUTE), OM_UNAUTHENTICATED);
	assert_false(reads(&f, 2, NOW));
	assert_int_equal(begin_by_link(&f, 2, 201, MINUTE), OM_OK);
	assert_true(reads(&f, 2, NOW));
	close_both(&f);
}

static void
test_a_secret_has_one_length(void **state)
{
	unsigned char bytes[CD_SECRET + 1] = {0};
	struct fixture f;

	(void)state;
	open_both(&f);
	for (size_t n = 0; n <= sizeof bytes; n += n == 0 ? CD_SECRET - 1 : 2) {
		const ProtobufCBinaryData odd = {.len = n, .data = bytes};

		assert_int_equal(cd_sessions_check(f.here, &odd, NOW, FX_DEADLINE, NULL), OM_INVALID);
	}
	close_both(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_session_runs_until_it_ends),
	    cmocka_unit_test(test_when_it_was_seen_is_noted_to_the_minute),
	    cmocka_unit_test(test_the_database_has_no_secret),
	    cmocka_unit_test(test_what_was_ended_has_ended),
	    cmocka_unit_test(test_a_ticket_works_once_and_acts_for_its_session),
	    cmocka_unit_test(test_a_login_link_begins_one_session),
	    cmocka_unit_test(test_a_secret_has_one_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
