/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "zone.h"

#include "base/log.h"
#include "wire/zones.h"

#include <pthread.h>
#include <string.h>

#define AHEAD       ((om_time)2 * 366 * OM_DAY)
#define AND_AGAIN   ((om_time)30 * OM_DAY) /* further than needed, so that it is rarely made again */
#define TABLE_BYTES ((size_t)64 * 1024)

/* The table is always the same but for its end. */
static struct {
	pthread_mutex_t lock;
	struct om_arena arena; /* of the table */
	struct om_zone_table table;
	om_time until; /* 0: not made yet */
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

static om_status
make(om_time until, om_err *e)
{
	om_status s;

	om_arena_fini(&known.arena);
	om_arena_init(&known.arena, TABLE_BYTES);
	s = om_zone_table_make(0, until, &known.arena, &known.table, e);
	known.until = s == OM_OK ? until : 0;
	return s;
}

Om__Zone *
cd_zone_reply(struct om_arena *a)
{
	om_time now = om_now();
	Om__Zone *z = NULL;
	om_status s = OM_OK;
	om_err e = {.text = ""};

	(void)pthread_mutex_lock(&known.lock);
	if (known.until < now + AHEAD || strcmp(known.table.name, om_zone_name()) != 0)
		s = make(now + AHEAD + AND_AGAIN, &e);
	if (s == OM_OK)
		z = om_zone_write(&known.table, a);
	(void)pthread_mutex_unlock(&known.lock);
	if (z == NULL)
		a->failed = true;
	return z;
}
