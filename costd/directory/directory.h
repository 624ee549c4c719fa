/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * directory.h - keeps who Open WebUI's users are: fetches its list on a schedule that
 * all processes share.
 *
 * Room directory
 *   Does      brings Open WebUI's list of users and groups into the table person
 *             (listed.h), and takes its weight from it when there is no list any more
 *   Promises  a list is taken whole or not at all; nobody is deleted; one process fetches
 *             at a time (the task "openwebui" of database/lease.h)
 *   Never     logs a person; believes a list without users
 *
 * When      As soon as a process starts, then an interval after each list; after one that
 *           failed within a minute.
 * Metrics   owui_metering_openwebui_lists_total{result}, owui_metering_openwebui_persons{state}.
 * Owner     Borrows the pool, the flag and the options' texts.
 * Threads   cd_directory_turn is a duty's, with one worker.
 */
#ifndef CD_DIRECTORY_H
#define CD_DIRECTORY_H

#include "database/pool.h"
#include "vendor/http.h"
#include "base/clock.h"
#include "run/duty.h"

struct cd_directory;

/* cd_directory_new: a fetch under way ends soon after *stop becomes true.  o->base_url NULL: there is no
 * list. */
om_status cd_directory_new(struct cd_pool *p, const struct cd_provider_opts *o, om_time interval_us,
    const atomic_bool *stop, struct cd_directory **out, om_err *e) OM_MUST;
void cd_directory_free(struct cd_directory **d);

/* cd_directory_turn fetches the list if that is due, and says when it is; where there is none, it
 * releases what an earlier one said, once. */
om_status cd_directory_turn(void *arg, struct om_duty_turn *t, om_err *e) OM_MUST;

#endif
