/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "zone_fixture.h"

#include "base/arena.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONES 8

const struct om_zone_table *
fx_zone(const char *name)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct om_arena arena;
	static struct om_zone_table zones[ZONES];
	static size_t n;
	char before[OM_ZONE_NAME];
	size_t i = 0;

	name = name != NULL ? name : "Europe/Berlin";
	(void)pthread_mutex_lock(&lock);
	while (i < n && strcmp(zones[i].name, name) != 0)
		i++;
	if (i == n) {
		if (n == 0)
			om_arena_init(&arena, (size_t)ZONES * 64 * 1024);
		(void)snprintf(before, sizeof before, "%s", om_zone_name());
		if (n == ZONES || om_zone_open(name, NULL) != OM_OK ||
		    om_zone_table_make(0, (om_time)230 * 366 * OM_DAY, &arena, &zones[n++], NULL) != OM_OK)
			abort();
		if (om_zone_open(before, NULL) != OM_OK)
			abort();
	}
	(void)pthread_mutex_unlock(&lock);
	return &zones[i];
}
