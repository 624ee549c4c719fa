/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * record_fixture.h - what tests without a database share: records, numbers by chance,
 * cells.  Links the room value alone.
 */
#ifndef CD_RECORD_FIXTURE_H
#define CD_RECORD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "value/join.h"
#include "record.pb-c.h"
#include "base/arena.h"
#include "base/clock.h"

/* A small reproducible generator of numbers. */
uint64_t fx_random(uint64_t *state);
/* fx_same_cell does not ask the join's own order, which may be what is wrong. */
bool fx_same_cell(unsigned f, const struct cd_cell *a, const struct cd_cell *b);

uint64_t fx_seed(void); /* METERING_TEST_SEED or the clock; printed */

#define FX_START ((om_time)1795000000 * OM_SECOND)

/* fx_record makes a final record of a generation with a cost, started at FX_START. */
Om__Record *fx_record(struct om_arena *a, uint64_t id, const char *generation, const char *user, const char *cost);

#endif
