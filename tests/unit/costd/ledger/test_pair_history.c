/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Any history of turns, generations, look-ups, odd fields and copies with other
 * receipts gives one ledger, whatever the order, the repetitions and the batches it
 * came in; at every commit all rows, links and totals are what the journal makes of
 * them.
 *
 * METERING_TEST_SEED repeats a run, METERING_TEST_ROUNDS makes it longer.
 */
#include "pair_fixture.h"

#include "names/names.h"
#include "record.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 64u

static uint64_t
pick(uint64_t *seed, uint64_t n)
{
	return fx_random(seed) % n;
}

static const char *
any_user(uint64_t *seed)
{
	static const char *const users[] = {"u1", "u1", "u2", OM_USER_UNKNOWN};

	return users[pick(seed, 4)];
}

static void
any_usage(Om__Record *r, uint64_t *seed)
{
	static const char *const models[] = {"m", "a/one", "a/two", NULL};
	const char *model = models[pick(seed, 4)];

	r->model = model != NULL ? om_arena_strdup(&pf.a, model) : NULL;
	r->prompt_tokens = 10 + (int64_t)pick(seed, 2);
	r->completion_tokens = 5;
	if (pick(seed, 4) == 0)
		r->has_prompt_tokens = r->has_completion_tokens = false;
	if (pick(seed, 5) == 0)
		r->cost = NULL;
	r->has_cost_state = r->cost != NULL;
	if (pick(seed, 6) == 0)
		r->state = OM__STATE__STATE_OPEN;
	if (pick(seed, 3) == 0)
		r->has_request = true;
	r->request = 1 + (uint32_t)pick(seed, 2);
	if (pick(seed, 3) == 0)
		r->message_id = om_arena_printf(&pf.a, "msg%u", (unsigned)pick(seed, 3));
}

static Om__Record *
any_record(uint64_t *seed)
{
	static const char *const sources[] = {"filter-stream", "metering-record", "import"};
	om_time at = PF_NOW + (om_time)pick(seed, 8) * 400 * OM_SECOND;
	char *cost = om_arena_printf(&pf.a, "0.%u", 1u + (unsigned)pick(seed, 3));
	char *id = om_arena_printf(&pf.a, "gen-%u", (unsigned)pick(seed, 6)), *turn;
	Om__Record *r;

	turn = pick(seed, 4) == 0
	    ? om_arena_printf(&pf.a, "msg%u", (unsigned)pick(seed, 3))
	    : om_arena_printf(&pf.a, pick(seed, 2) == 0 ? "t%u:1" : "t%u", (unsigned)pick(seed, 4));
	switch (pick(seed, 5)) {
	case 0:
	case 1:
		r = pf_record(NULL, turn, any_user(seed), cost, at);
		break;
	case 2:
		r = pf_record(id, turn, any_user(seed), cost, at);
		break;
	case 3:
		r = pf_record(id, NULL, any_user(seed), cost, at);
		r->source = om_arena_strdup(&pf.a, OM_SOURCE_OTLP);
		break;
	default:
		r = pf_look_up(id, cost, at);
		if (pick(seed, 4) == 0)
			r->user->id = om_arena_strdup(&pf.a, "u2");
		return r;
	}
	any_usage(r, seed);
	if (pick(seed, 3) == 0)
		r->source = om_arena_strdup(&pf.a, sources[pick(seed, 3)]);
	if (pick(seed, 8) == 0)
		r->platform = om_arena_strdup(&pf.a, pick(seed, 2) == 0 ? "openrouter" : "openai");
	return r;
}

static void
empty(void)
{
	static const char *const tables[] = {"record", "generation", "turn", "link", "usage_day", "usage_sum", "lookup",
	    "batch", "discrepancy", "dead_letter", "person", "word", "group_set"};

	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
		fx_run(&pf, om_arena_printf(&pf.a, "DELETE FROM %s", tables[i]));
	/* names get other numbers the next time */
	fx_run(&pf, "INSERT INTO word (id,text) VALUES (1,'openrouter')");
	fx_run(&pf, "INSERT INTO person (id,handle,external_id) VALUES (1,'unknown','unknown')");
	cd_names_forget();
}

/* make_odd gives a record what senders get wrong; the record and its key stay. */
static void
make_odd(Om__Record *r, uint64_t *seed)
{
	char longest[300];

	r->has_content = pick(seed, 2) == 0;
	r->content = (ProtobufCBinaryData){.len = 32, .data = om_arena_alloc(&pf.a, 32)};
	for (unsigned i = 0; i < 32; i++)
		r->content.data[i] = (unsigned char)fx_random(seed);
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	switch (pick(seed, 8)) {
	case 0:
		r->prompt_tokens = -35;
		break;
	case 1:
		r->provider = om_arena_strdup(&pf.a, longest);
		break;
	case 2:
		r->user->name = om_arena_strdup(&pf.a,
		    "A\xc2\x85"
		    "da");
		break;
	case 3:
		if (r->cost != NULL)
			r->cost = om_arena_strdup(&pf.a, "-1");
		break;
	case 4:
		r->started_us = 0;
		break;
	case 5:
		r->finished_us = r->started_us + OM_DAY;
		break;
	case 6:
		r->has_started_us = r->has_finished_us = false;
		break;
	default:
		break;
	}
}

/* A record as one gateway received it: its copies have other receipts. */
struct copy {
	Om__Record *r;
	om_time received_us;
};

/* play sends the copies in an order, some of them twice, in batches cut anywhere. */
static char *
play(const struct copy *copies, size_t n, uint64_t *seed, bool check_each)
{
	struct copy order[2 * MOST];
	size_t total = 0;
	Om__SubmitReply out;

	for (size_t i = 0; i < n; i++) {
		order[total++] = copies[i];
		if (pick(seed, 4) == 0)
			order[total++] = copies[i];
	}
	for (size_t i = total; i > 1; i--) {
		size_t k = pick(seed, i);
		struct copy t = order[i - 1];

		order[i - 1] = order[k];
		order[k] = t;
	}
	pf.ledger->books = true; /* look-ups are delivered like all others here */
	for (size_t at = 0; at < total;) {
		Om__Record *batch[6];
		size_t size = 0, most = 1 + pick(seed, 6);

		while (size < most && at < total) {
			batch[size] = om_msg_new(&pf.a, &om__record__descriptor);
			assert_non_null(batch[size]);
			*batch[size] = *order[at].r;
			batch[size++]->received_us = order[at++].received_us;
		}
		assert_int_equal(fx_submit(&pf, batch, size, pf_next_seq, &out), OM_OK);
		assert_int_equal(out.refused_records, 0);
		pf_next_seq += size;
		if (check_each)
			pf_holds();
	}
	pf_holds();
	return om_arena_printf(&pf.a, "%s\n%s", pf_rows(), pf_links());
}

static void
test_any_history_gives_one_ledger(void **state)
{
	const char *text = getenv("METERING_TEST_ROUNDS");
	unsigned rounds = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 12;
	uint64_t seed = fx_seed();

	(void)state;
	pf_set_up();
	for (unsigned round = 0; round < rounds; round++) {
		struct copy copies[MOST];
		size_t n_records = 4 + pick(&seed, 24), n = 0;
		char *first = NULL;

		for (size_t i = 0; i < n_records; i++) {
			Om__Record *r = any_record(&seed);

			if (pick(&seed, 3) == 0)
				make_odd(r, &seed);
			for (uint64_t k = pick(&seed, 2) + 1; k > 0; k--)
				copies[n++] =
				    (struct copy){r, r->received_us + (om_time)pick(&seed, 3) * 200 * OM_SECOND};
		}
		for (unsigned k = 0; k < 4; k++) {
			char *now;

			empty();
			now = play(copies, n, &seed, k == 0);
			if (first == NULL)
				first = now;
			if (strcmp(first, now) != 0) {
				(void)printf(
				    "--- first\n%s\n--- now\n%s\n--- end\n", first, now); /* cmocka cuts long texts */
				fail_msg("round %u, order %u", round, k);
			}
		}
	}
	fx_close(&pf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_any_history_gives_one_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
