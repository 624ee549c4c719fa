/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * fixture.h - what the tests of costd share: records, and a database of their
 * own on the server whose socket METERING_TEST_DATABASE_SOCKET names (user
 * root without password, as mariadb-install-db makes it).
 */
#ifndef CD_FIXTURE_H
#define CD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/ledger.h"
#include "record.pb-c.h"

struct fx {
	struct cd_db_opts opts;
	char name[64];
	struct cd_pool *pool;
	struct cd_ledger ledger;
	struct om_arena a;
};

#define FX_DEADLINE (om_mono_ms() + 30000)

/* fx_open skips the test when there is no server. */
void fx_open(struct fx *f);
void fx_close(struct fx *f);
void fx_run(struct fx *f, const char *sql);
int64_t fx_int(struct fx *f, const char *sql);
/* fx_text gives all rows of a query as text, in the arena. */
char *fx_text(struct fx *f, const char *sql);

/* A small reproducible generator of numbers. */
uint64_t fx_random(uint64_t *state);
/* fx_same_cell does not ask the join's own order, which may be what is wrong. */
bool fx_same_cell(unsigned f, const struct cd_cell *a, const struct cd_cell *b);

uint64_t fx_seed(void); /* METERING_TEST_SEED or the clock; printed */

/* fx_record makes a final record of a generation with a cost. */
Om__Record *fx_record(struct om_arena *a, uint64_t id, const char *generation, const char *user, const char *cost);

/* fx_submit sends the records as one batch; first is the first sequence number. */
om_status fx_submit(struct fx *f, Om__Record *const *r, size_t n, uint64_t first, Om__SubmitReply *out);

#endif
