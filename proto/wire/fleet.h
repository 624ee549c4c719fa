/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * fleet.h - the processes of one service, one by one.
 *
 * A client of wire.h takes whichever process takes the request.  What lives in
 * one process only (a job, a reading) needs to be asked for where it is: a
 * fleet has one client for each URL.  A URL must then name one process.
 *
 * Threads   All calls from any thread.
 */
#ifndef OM_FLEET_H
#define OM_FLEET_H

#include "wire.h"
#include "envelope.pb-c.h"

struct om_fleet;

/* om_fleet_open makes a client of o->sockets sockets for each URL. */
om_status om_fleet_open(const struct om_wire_client_opts *o, struct om_fleet **out, om_err *e) OM_MUST;
void om_fleet_free(struct om_fleet **f);

unsigned om_fleet_size(const struct om_fleet *f);
struct om_wire_client *om_fleet_at(const struct om_fleet *f, unsigned i);

/* om_fleet_connected tells how many connections stand, of all together. */
unsigned om_fleet_connected(const struct om_fleet *f);

/* om_fleet_hurry is om_wire_client_hurry for all of them; om_fleet_hurried tells. */
void om_fleet_hurry(struct om_fleet *f, int ms);
bool om_fleet_hurried(const struct om_fleet *f);

/* om_fleet_call asks one after the other, each time beginning with the next and
 * those first that are connected, until one takes the request: after OM_UNAVAILABLE and
 * OM_THROTTLED it asks the next, every other answer is the result.  *at_out is who gave it. */
om_status om_fleet_call(struct om_fleet *f, Om__Request *req, int deadline_ms, struct om_arena *a,
    Om__Reply **reply_out, unsigned *at_out, om_err *e) OM_MUST;

#endif
