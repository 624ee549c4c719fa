/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "record_fixture.h"

#include "base/clock.h"
#include "wire/codec.h"

#include <stdlib.h>
#include <string.h>

uint64_t
fx_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

bool
fx_same_cell(unsigned f, const struct cd_cell *a, const struct cd_cell *b)
{
	if (a->rank != b->rank || a->rank == CD_RANK_NONE)
		return a->rank == b->rank;
	switch (cd_fields[f].kind) {
	case CD_KIND_INT:
		return a->v.i == b->v.i;
	case CD_KIND_MONEY:
		return a->v.money.v == b->v.money.v;
	case CD_KIND_TEXT:
		break;
	}
	return a->v.text.n == b->v.text.n && memcmp(a->v.text.p, b->v.text.p, a->v.text.n) == 0;
}

uint64_t
fx_seed(void)
{
	const char *text = getenv("METERING_TEST_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : (uint64_t)om_now();

	print_message("METERING_TEST_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

Om__Record *
fx_record(struct om_arena *a, uint64_t id, const char *generation, const char *user, const char *cost)
{
	Om__Record *r = om_msg_new(a, &om__record__descriptor);

	assert_non_null(r);
	r->record_id.len = 16;
	r->record_id.data = om_arena_alloc(a, 16);
	for (unsigned i = 0; i < 8; i++)
		r->record_id.data[15 - i] = (unsigned char)(id >> (8 * i));
	r->generation_id = generation != NULL ? om_arena_strdup(a, generation) : NULL;
	r->state = OM__STATE__STATE_FINAL;
	r->user = om_msg_new(a, &om__user__descriptor);
	r->user->id = om_arena_strdup(a, user);
	r->source = om_arena_strdup(a, "filter-stream");
	r->model = om_arena_strdup(a, "anthropic/claude-x");
	r->provider = om_arena_strdup(a, "Anthropic");
	r->has_prompt_tokens = r->has_completion_tokens = true;
	r->prompt_tokens = 30;
	r->completion_tokens = 7;
	r->cost = cost != NULL ? om_arena_strdup(a, cost) : NULL;
	r->has_cost_state = cost != NULL;
	r->cost_state = OM__COST_STATE__COST_REPORTED;
	r->has_started_us = r->has_finished_us = true;
	r->started_us = FX_START;
	r->finished_us = r->started_us + 3 * OM_SECOND;
	r->received_us = r->finished_us;
	return r;
}
