/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * database_fixture.h - a database of the test's own on the server whose socket
 * METERING_TEST_DATABASE_SOCKET names (user root without password, as
 * mariadb-install-db makes it).  Links the room database alone.
 */
#ifndef CD_DATABASE_FIXTURE_H
#define CD_DATABASE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "database/pool.h"
#include "base/arena.h"
#include "base/clock.h"

struct cd_ledger;

struct fx {
	struct cd_db_opts opts;
	char name[64];
	struct cd_pool *pool;
	struct cd_ledger *ledger; /* of fx_open (fixture.h); NULL with fx_open_database */
	struct om_arena a;
};

#define FX_DEADLINE (om_mono_ms() + 30000)

/* fx_ok fails the test with the error's text. */
void fx_ok(om_status s, const om_err *e);

/* fx_open_database gives a database with the schema and the zone UTC; it skips the
 * test when there is no server. */
void fx_open_database(struct fx *f);
void fx_close(struct fx *f);
void fx_run(struct fx *f, const char *sql);
int64_t fx_int(struct fx *f, const char *sql);
/* fx_text gives all rows of a query as text, in the arena. */
char *fx_text(struct fx *f, const char *sql);

#endif
