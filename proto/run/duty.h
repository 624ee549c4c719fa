/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * duty.h - what a service does by itself, again and again: a table of duties and
 * a few threads that serve all of them.
 *
 * Use       om_duties_new, om_duties_add for each row of the service's table,
 *           om_duties_start; at the end om_duties_stop and om_duties_free.
 * Turn      One call of a duty's `run`.  The turn says when the next one is due
 *           (om_duty_next_in, om_duty_again); if it does not, that is `every_ms`
 *           after it ended.  A wake makes a duty due earlier, never later.
 * Order     A free thread takes the duty that has been due for longest.  Turns
 *           that are slow leave one thread to those that are not.
 * Failure   A turn that fails is tried again by one rule (backoff.h): after 0.2 s,
 *           twice that, and so on up to a minute, or up to `every_ms` if that is
 *           less.  The reason is logged when it changes, and the end of it.
 * Stop      om_duties_stop begins no further turn; one that takes long asks
 *           om_duty_goes_on.  om_duties_free waits for those under way.
 * Metrics   owui_metering_duty_seconds, owui_metering_duty_failures_total and
 *           owui_metering_duty_last_success_timestamp_seconds, each {duty="name"}.
 * Threads   All calls from any thread; om_duties_new, om_duties_start and
 *           om_duties_free from one.  Each turn has a request id of its own.
 */
#ifndef OM_DUTY_H
#define OM_DUTY_H

#include "base/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define OM_DUTY_WORKERS 32u /* the most turns of one duty at a time */

struct om_duties;
struct om_duty_entry;

/* One turn, for the `run` that has it. */
struct om_duty_turn {
	unsigned worker;         /* below the duty's workers; no two turns at a time have the same */
	const atomic_bool *stop; /* becomes true when the turn is to end */

	struct om_duties *of; /* the rest is duty.c's */
	struct om_duty_entry *entry;
	int64_t next_ms;
	bool idle;
};

typedef om_status om_duty_fn(void *arg, struct om_duty_turn *t, om_err *e);

/* A row of the table.  Texts live as long as the process. */
struct om_duty {
	const char *name;   /* lower case, of a few words at most: for metrics and wakes */
	const char *failed; /* what the log says when a turn fails */
	int64_t every_ms;   /* 0: due only when it is woken, or as its turns say */
	bool asleep;        /* not due before it is woken; false: due at once */
	bool slow;          /* a turn may take longer than a moment */
	unsigned workers;   /* turns at a time; 0 means 1 */
	om_duty_fn *run;
	void *arg;
};

/* om_duties_new: `threads` serve the table.  With 0 there are none, and
 * om_duties_step does the work; clock_ms gives the instants of the schedule, NULL:
 * om_mono_ms.  Both are for tests. */
om_status om_duties_new(unsigned threads, int64_t (*clock_ms)(void), struct om_duties **out, om_err *e) OM_MUST;

/* om_duties_add copies the row.  *out, if it is not NULL, names it for
 * om_duties_remove. */
om_status om_duties_add(struct om_duties *d, const struct om_duty *row, struct om_duty_entry **out, om_err *e) OM_MUST;

/* om_duties_remove takes a row out, waits until none of its turns is under way,
 * and nulls the pointer; NULL in it is allowed.  Never from a turn of that duty. */
void om_duties_remove(struct om_duties *d, struct om_duty_entry **ep);

om_status om_duties_start(struct om_duties *d, om_err *e) OM_MUST;

/* om_duties_stop returns at once; NULL is allowed, as in om_duties_free. */
void om_duties_stop(struct om_duties *d);
void om_duties_free(struct om_duties **d);

/* om_duties_stopping is the flag that om_duties_stop sets, for what waits outside
 * of this module; it lives as long as the table. */
const atomic_bool *om_duties_stopping(const struct om_duties *d);

/* om_duties_wake makes all rows of that name due now; om_duties_wake_in, in so many
 * milliseconds if they are not due earlier.  A name that no row has is passed over:
 * which duties there are depends on the settings. */
void om_duties_wake(struct om_duties *d, const char *name);
void om_duties_wake_in(struct om_duties *d, const char *name, int64_t ms);
void om_duties_wake_all(struct om_duties *d);

/* om_duties_step carries out one turn that is due, in the calling thread; false
 * when none is. */
bool om_duties_step(struct om_duties *d);

/* ---- for turns ---- */

/* om_duty_next_in sets when this duty is due again, counted from now. */
void om_duty_next_in(struct om_duty_turn *t, int64_t ms);
/* om_duty_again: there is more to do, at once. */
void om_duty_again(struct om_duty_turn *t);
/* om_duty_more: there is more to do beside what this turn still does, so another
 * worker may begin now. */
void om_duty_more(struct om_duty_turn *t);
/* om_duty_idle: nothing was due, so the turn does not show that a duty works which failed
 * the time before. */
void om_duty_idle(struct om_duty_turn *t);
/* om_duty_goes_on tells whether a turn that takes long should go on. */
bool om_duty_goes_on(const struct om_duty_turn *t);

#endif
