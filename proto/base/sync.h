/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * sync.h - condition variables on the monotonic clock, so that a change of the
 * wall clock neither shortens nor lengthens a wait.
 */
#ifndef OM_SYNC_H
#define OM_SYNC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* om_cond_init prepares c for om_cond_wait; end it with pthread_cond_destroy. */
void om_cond_init(pthread_cond_t *c);

/* om_cond_wait waits, with m locked, until c is signalled or the instant
 * deadline_ms (om_mono_ms) has passed; false when it has.  Wakes without a
 * reason, too: look at the condition again. */
bool om_cond_wait(pthread_cond_t *c, pthread_mutex_t *m, int64_t deadline_ms);

#endif
