/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Snapshots that stay open, against a real database. */
#include "fixture.h"

#include "read/read.h"
#include "record.pb-c.h"
#include "statement.pb-c.h"

#include <stdio.h>
#include <string.h>

#define ROWS 10

static struct fx f;
static struct cd_readings *readings;

/* send delivers rows gen-FROM to gen-TO-1 of two users; some start at the same instant. */
static void
send(unsigned from, unsigned to)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	Om__Record *r[ROWS];

	for (unsigned i = from; i < to; i++) {
		char gen[16], user[16], cost[16];

		(void)snprintf(gen, sizeof gen, "gen-%u", i);
		(void)snprintf(user, sizeof user, "u-%u", i % 2);
		(void)snprintf(cost, sizeof cost, "0.%u1", i);
		r[i - from] = fx_record(&f.a, i, gen, user, i == 3 ? NULL : cost);
		r[i - from]->started_us += (om_time)(i / 3) * OM_SECOND;
	}
	assert_int_equal(fx_submit(&f, r, to - from, from + 1, &out), OM_OK);
}

static void
set_up(void)
{
	om_err e = {.text = ""};

	fx_open(&f);
	fx_ok(cd_readings_new(f.pool, &readings, &e), &e);
	send(0, ROWS);
}

static void
tear_down(void)
{
	cd_readings_free(&readings);
	fx_close(&f);
}

static om_status
open_reading(char *user, bool hold, Om__StatementReply *out, om_err *e)
{
	Om__StatementQuery q = OM__STATEMENT_QUERY__INIT;

	*out = (Om__StatementReply)OM__STATEMENT_REPLY__INIT;
	q.year = 2026;
	q.month = 11;
	q.user = user;
	q.has_open_reading = q.open_reading = true;
	q.has_hold = q.hold = hold;
	return cd_statement_read(f.pool, readings, &q, FX_DEADLINE, &f.a, out, e);
}

static om_status
begin(char *user, Om__StatementReply *out, om_err *e)
{
	return open_reading(user, false, out, e);
}

static om_status
begin_held(char *user, Om__StatementReply *out, om_err *e)
{
	return open_reading(user, true, out, e);
}

static om_status
page(const Om__StatementReply *st, uint64_t number, uint32_t limit, Om__RowsReply *out, om_err *e)
{
	Om__RowsQuery q = OM__ROWS_QUERY__INIT;

	*out = (Om__RowsReply)OM__ROWS_REPLY__INIT;
	q.reading_id = st->reading_id;
	q.page = number;
	q.has_limit = true;
	q.limit = limit;
	return cd_readings_rows(readings, &q, FX_DEADLINE, &f.a, out, e);
}

static void
test_pages_give_the_rows_of_the_statement_whatever_happens_meanwhile(void **state)
{
	Om__StatementReply st;
	Om__RowsReply rows;
	om_err e = {.text = ""};
	unsigned n = 0;

	(void)state;
	set_up();
	fx_ok(begin(NULL, &st, &e), &e);
	assert_true(st.has_reading_id);
	assert_int_equal(st.total->requests, ROWS);
	fx_run(&f, "UPDATE generation SET cost=cost+1");
	fx_run(&f, "DELETE FROM generation WHERE generation_id='gen-7'");
	fx_run(&f,
	    "INSERT INTO generation (generation_id,user_id,started_us,day,finished_us,state,cost_state,cost,byok_cost,"
	    "is_byok,prompt_tokens,completion_tokens,reasoning_tokens,cached_tokens,cache_write_tokens,model,provider,"
	    "requested_model,origin,task,source,chat_id,message_id,turn_id,ranks,user_groups,requests,unsettled,"
	    "link_kind,disputed,odd_day,unproven,marked) SELECT "
	    "'gen-45',user_id,started_us,day,finished_us,state,cost_state,cost,byok_cost,"
	    "is_byok,prompt_tokens,completion_tokens,reasoning_tokens,cached_tokens,cache_write_tokens,model,"
	    "provider,requested_model,origin,task,source,chat_id,message_id,turn_id,ranks,user_groups,"
	    "requests,unsettled,link_kind,disputed,odd_day,unproven,marked FROM generation "
	    "WHERE generation_id='gen-4'");
	for (uint64_t p = 0; p < 4; p++) {
		for (int again = 0; again < 2; again++) {
			fx_ok(page(&st, p, 3, &rows, &e), &e);
			assert_int_equal(rows.n_rows, p < 3 ? 3 : 1);
			assert_int_equal(rows.done, p == 3);
			for (size_t i = 0; i < rows.n_rows; i++) {
				char id[16];

				(void)snprintf(id, sizeof id, "gen-%zu", n + i);
				assert_string_equal(rows.rows[i]->generation_id, id);
			}
		}
		n += (unsigned)rows.n_rows;
	}
	assert_int_equal(page(&st, 4, 3, &rows, &e), OM_INVALID);
	cd_readings_sweep(readings, om_mono_ms() + 5000);
	assert_int_equal(page(&st, 3, 3, &rows, &e), OM_NOT_FOUND);
	tear_down();
}

static void
test_pages_are_given_in_turn_and_of_one_user(void **state)
{
	Om__StatementReply st;
	Om__RowsReply rows;
	char user[] = "u-1";
	om_err e = {.text = ""};

	(void)state;
	set_up();
	fx_ok(begin(user, &st, &e), &e);
	assert_int_equal(page(&st, 1, 2, &rows, &e), OM_INVALID);
	assert_int_equal(page(&st, UINT64_MAX, 2, &rows, &e), OM_INVALID);
	assert_int_equal(page(&st, 0, 20001, &rows, &e), OM_INVALID);
	fx_ok(page(&st, 0, 2, &rows, &e), &e);
	fx_ok(page(&st, 1, 2, &rows, &e), &e);
	assert_int_equal(page(&st, 0, 2, &rows, &e), OM_INVALID);
	/* asked for again with another size, the next page goes on after it */
	fx_ok(page(&st, 1, 1, &rows, &e), &e);
	assert_string_equal(rows.rows[0]->generation_id, "gen-5");
	fx_ok(page(&st, 2, 100, &rows, &e), &e);
	assert_int_equal(rows.n_rows, 2);
	assert_string_equal(rows.rows[0]->generation_id, "gen-7");
	assert_true(rows.done);
	tear_down();
}

static void
test_readings_are_bounded_in_number_and_time(void **state)
{
	Om__StatementReply st[CD_READINGS], more;
	Om__RowsReply rows;
	om_err e = {.text = ""};

	(void)state;
	set_up();
	for (unsigned i = 0; i < CD_READINGS; i++)
		fx_ok(begin(NULL, &st[i], &e), &e);
	assert_int_equal(begin(NULL, &more, &e), OM_THROTTLED);
	/* one that was read to its end makes room, and so does one that is ended */
	fx_ok(page(&st[1], 0, 100, &rows, &e), &e);
	fx_ok(begin(NULL, &more, &e), &e);
	assert_int_equal(page(&st[1], 0, 100, &rows, &e), OM_NOT_FOUND);
	fx_ok(page(&st[2], 0, 0, &rows, &e), &e);
	assert_true(rows.done);
	fx_ok(begin(NULL, &st[2], &e), &e);
	assert_int_equal(begin(NULL, &more, &e), OM_THROTTLED);
	cd_readings_sweep(readings, om_mono_ms() + 50000);
	fx_ok(page(&st[0], 0, 1, &rows, &e), &e);
	cd_readings_sweep(readings, om_mono_ms() + 60001);
	assert_int_equal(page(&st[0], 0, 1, &rows, &e), OM_NOT_FOUND);
	fx_ok(begin(NULL, &more, &e), &e);
	tear_down();
}

static void
test_rows_that_do_not_amount_to_the_total_are_an_error(void **state)
{
	Om__StatementReply st;
	Om__RowsReply rows;
	om_err e = {.text = ""};

	(void)state;
	set_up();
	fx_run(&f, "UPDATE generation SET cost=cost+0.000000000000000001 WHERE generation_id='gen-4'");
	fx_ok(begin(NULL, &st, &e), &e);
	fx_ok(page(&st, 0, 5, &rows, &e), &e);
	assert_int_equal(page(&st, 1, 5, &rows, &e), OM_DAMAGED);
	tear_down();
}

/* cut_connection ends the newest connection, which is the reading's. */
static void
cut_connection(void)
{
	char kill[64];

	(void)snprintf(kill, sizeof kill, "KILL %lld",
	    (long long)fx_int(&f,
		"SELECT id FROM information_schema.processlist WHERE db=DATABASE() AND "
		"id<>CONNECTION_ID() ORDER BY id DESC LIMIT 1"));
	fx_run(&f, kill);
}

static void
test_a_reading_whose_connection_is_lost_is_over(void **state)
{
	Om__StatementReply st;
	Om__RowsReply rows;
	om_err e = {.text = ""};

	(void)state;
	set_up();
	fx_ok(begin(NULL, &st, &e), &e);
	cut_connection();
	assert_int_equal(page(&st, 0, 5, &rows, &e), OM_UNAVAILABLE);
	assert_int_equal(page(&st, 0, 5, &rows, &e), OM_NOT_FOUND);
	fx_ok(begin(NULL, &st, &e), &e);
	fx_ok(page(&st, 0, 100, &rows, &e), &e);
	tear_down();
}

/* again asks for another statement of an open reading. */
static om_status
again(const Om__StatementReply *st, char *user, uint32_t month, Om__StatementReply *out, om_err *e)
{
	Om__StatementQuery q = OM__STATEMENT_QUERY__INIT;

	*out = (Om__StatementReply)OM__STATEMENT_REPLY__INIT;
	*e = (om_err){.text = ""};
	q.year = 2026;
	q.month = month;
	q.user = user;
	q.has_reading_id = true;
	q.reading_id = st->reading_id;
	return cd_statement_read(f.pool, readings, &q, FX_DEADLINE, &f.a, out, e);
}

static om_status
keep(const Om__StatementReply *st, om_err *e)
{
	Om__RowsQuery q = OM__ROWS_QUERY__INIT;
	Om__RowsReply rows = OM__ROWS_REPLY__INIT;
	om_status s;

	q.reading_id = st->reading_id;
	q.has_keep = q.keep = q.has_limit = true; /* limit 0 would end it, and is not looked at */
	q.page = 77;
	s = cd_readings_rows(readings, &q, FX_DEADLINE, &f.a, &rows, e);
	assert_int_equal(rows.n_rows, 0);
	return s;
}

static void
test_several_statements_of_one_reading_are_of_one_moment(void **state)
{
	Om__StatementReply all, one, two, later;
	Om__RowsReply rows;
	char u0[] = "u-0", u1[] = "u-1";
	om_money sum = OM_MONEY_ZERO, part, total;
	om_err e = {.text = ""};

	(void)state;
	set_up();
	fx_ok(begin_held(NULL, &all, &e), &e);
	fx_ok(page(&all, 0, 4, &rows, &e), &e);
	/* the ledger goes on */
	fx_run(&f, "UPDATE generation SET cost=cost+1");
	fx_run(&f, "UPDATE usage_day SET cost=cost+5,requests=requests+5");
	fx_run(&f, "UPDATE usage_sum SET cost=cost+5,requests=requests+5");
	fx_ok(again(&all, u0, 11, &one, &e), &e);
	assert_true(one.has_reading_id);
	assert_memory_equal(one.reading_id.data, all.reading_id.data, CD_READING_ID);
	assert_int_equal(one.total->requests, ROWS / 2);
	/* its rows are the reading's now, from the first on */
	fx_ok(page(&all, 0, 100, &rows, &e), &e);
	assert_true(rows.done);
	assert_int_equal(rows.n_rows, ROWS / 2);
	for (size_t i = 0; i < rows.n_rows; i++)
		assert_string_equal(rows.rows[i]->user, "u-0");
	fx_ok(again(&all, u1, 11, &two, &e), &e);
	fx_ok(page(&all, 0, 2, &rows, &e), &e);
	assert_string_equal(rows.rows[0]->generation_id, "gen-1");
	fx_ok(om_money_parse(all.total->cost, &total, &e), &e);
	fx_ok(om_money_parse(one.total->cost, &part, &e), &e);
	fx_ok(om_money_add(sum, part, &sum), &e);
	fx_ok(om_money_parse(two.total->cost, &part, &e), &e);
	fx_ok(om_money_add(sum, part, &sum), &e);
	assert_int_equal(om_money_cmp(sum, total), 0);
	/* another one is of now */
	fx_ok(begin(NULL, &later, &e), &e);
	assert_int_not_equal(later.total->requests, all.total->requests);
	tear_down();
}

static void
test_a_statement_that_fails_leaves_the_reading_open(void **state)
{
	Om__StatementReply st, other;
	Om__RowsReply rows;
	char nobody[] = "u-99", u1[] = "u-1";
	om_err e = {.text = ""};

	(void)state;
	set_up();
	fx_ok(begin_held(NULL, &st, &e), &e);
	fx_ok(page(&st, 0, 4, &rows, &e), &e);
	assert_int_equal(again(&st, nobody, 11, &other, &e), OM_NOT_FOUND);
	assert_string_equal(e.text, "no such user");
	assert_false(other.has_reading_id);
	assert_int_equal(again(&st, NULL, 13, &other, &e), OM_INVALID);
	/* and its rows as they were */
	fx_ok(page(&st, 1, 4, &rows, &e), &e);
	assert_string_equal(rows.rows[0]->generation_id, "gen-4");
	fx_ok(again(&st, u1, 11, &other, &e), &e);
	/* one that was ended is not there */
	fx_ok(page(&st, 0, 0, &rows, &e), &e);
	assert_int_equal(again(&st, u1, 11, &other, &e), OM_NOT_FOUND);
	assert_int_equal(keep(&st, &e), OM_NOT_FOUND);
	tear_down();
}

static void
test_a_held_reading_outlives_its_rows_while_somebody_asks(void **state)
{
	Om__StatementReply st, other;
	Om__RowsReply rows;
	char u1[] = "u-1";
	om_err e = {.text = ""};

	(void)state;
	set_up();
	fx_ok(begin_held(NULL, &st, &e), &e);
	fx_ok(page(&st, 0, 100, &rows, &e), &e);
	assert_true(rows.done);
	cd_readings_sweep(readings, om_mono_ms() + 50000);
	fx_ok(again(&st, u1, 11, &other, &e), &e);
	fx_ok(keep(&st, &e), &e);
	fx_ok(page(&st, 0, 100, &rows, &e), &e);
	/* a reading that is not asked for a minute */
	cd_readings_sweep(readings, om_mono_ms() + 60001);
	assert_int_equal(keep(&st, &e), OM_NOT_FOUND);

	/* the others end as before, also when another statement was read in them */
	fx_ok(begin(NULL, &st, &e), &e);
	fx_ok(again(&st, u1, 11, &other, &e), &e);
	fx_ok(page(&st, 0, 100, &rows, &e), &e);
	cd_readings_sweep(readings, om_mono_ms() + 5000);
	assert_int_equal(page(&st, 0, 100, &rows, &e), OM_NOT_FOUND);
	tear_down();
}

static void
test_held_readings_make_no_room_when_their_rows_were_read(void **state)
{
	Om__StatementReply st[CD_READINGS], more;
	Om__RowsReply rows;
	om_err e = {.text = ""};

	(void)state;
	set_up();
	for (unsigned i = 0; i < CD_READINGS; i++) {
		fx_ok(begin_held(NULL, &st[i], &e), &e);
		fx_ok(page(&st[i], 0, 100, &rows, &e), &e);
	}
	assert_int_equal(begin(NULL, &more, &e), OM_THROTTLED);
	fx_ok(page(&st[2], 0, 0, &rows, &e), &e);
	fx_ok(begin(NULL, &more, &e), &e);
	tear_down();
}

static void
test_a_held_reading_whose_connection_is_lost_is_over(void **state)
{
	Om__StatementReply st, other;
	char u1[] = "u-1";
	om_err e = {.text = ""};

	(void)state;
	set_up();
	fx_ok(begin_held(NULL, &st, &e), &e);
	cut_connection();
	assert_int_equal(again(&st, u1, 11, &other, &e), OM_UNAVAILABLE); /* never an answer of another moment */
	assert_int_equal(again(&st, u1, 11, &other, &e), OM_NOT_FOUND);
	fx_ok(begin_held(NULL, &st, &e), &e);
	cut_connection();
	assert_int_equal(keep(&st, &e), OM_UNAVAILABLE);
	assert_int_equal(keep(&st, &e), OM_NOT_FOUND);
	tear_down();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pages_give_the_rows_of_the_statement_whatever_happens_meanwhile),
	    cmocka_unit_test(test_pages_are_given_in_turn_and_of_one_user),
	    cmocka_unit_test(test_readings_are_bounded_in_number_and_time),
	    cmocka_unit_test(test_rows_that_do_not_amount_to_the_total_are_an_error),
	    cmocka_unit_test(test_a_reading_whose_connection_is_lost_is_over),
	    cmocka_unit_test(test_several_statements_of_one_reading_are_of_one_moment),
	    cmocka_unit_test(test_a_statement_that_fails_leaves_the_reading_open),
	    cmocka_unit_test(test_a_held_reading_outlives_its_rows_while_somebody_asks),
	    cmocka_unit_test(test_held_readings_make_no_room_when_their_rows_were_read),
	    cmocka_unit_test(test_a_held_reading_whose_connection_is_lost_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
