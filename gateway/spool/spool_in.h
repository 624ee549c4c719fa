/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * spool_in.h - the spool's inside: operations, and the thread that carries them
 * out.
 *
 * An operation is queued by its caller, who waits; the spool's thread takes all
 * that are queued, carries the changes out in one transaction, and only after
 * the commit tells their callers.  Reads come after the commit, so that nothing
 * is sent to costd that a power failure could still undo.
 *
 * An operation belongs to both sides; the last to release it frees it.  A
 * caller that has waited too long releases it first.  Each caller has a semaphore of its own,
 * so that callers woken together do not all wait for one lock again.
 */
#ifndef GW_SPOOL_IN_H
#define GW_SPOOL_IN_H

#include "spool.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>

enum gw_op_kind { OP_APPEND, OP_FORGET, OP_RUN, OP_REFUSE, OP_READ, OP_REFUSALS, OP_LOOK };

struct gw_op {
	enum gw_op_kind kind;
	struct gw_op *next;

	sem_t decided;
	_Atomic int state; /* which of the two released it first */
#define GW_OP_WAITING   0
#define GW_OP_DECIDED   1 /* status and err are set */
#define GW_OP_ABANDONED 2
	om_status status;
	om_err err;

	struct gw_batch *batch; /* OP_APPEND; owned */
	om_time at;             /* OP_APPEND: received */
	uint64_t first, last;   /* OP_FORGET */
	uint32_t n_new, n_duplicate, n_refused;
	gw_spool_work *run;                                        /* OP_RUN, OP_LOOK; OP_APPEND: NULL for none */
	void *look_arg;                                            /* OP_LOOK: the caller's, who waits to the end */
	_Alignas(max_align_t) unsigned char run_arg[GW_SPOOL_ARG]; /* OP_RUN, OP_APPEND: a copy */

	struct gw_refusal refused; /* OP_REFUSE; its texts are these: */
	char door[GW_DOOR], sender[GW_SENDER], reason[GW_REASON];
	size_t max_rows, max_bytes; /* OP_READ */
	struct om_arena *arena;     /* OP_READ, OP_REFUSALS, whose callers always wait to the end */
	struct gw_row *rows;
	size_t n_rows;
	struct gw_refusal *list; /* OP_REFUSALS */
	size_t n_list;
};

struct gw_spool {
	struct gw_store *store; /* the thread's */
	int64_t limit_bytes;
	void (*on_failure)(const char *why);
	pthread_t thread;
	unsigned char id[GW_SPOOL_ID];

	pthread_mutex_t lock;
	pthread_cond_t work; /* the queue is not empty, or stop */
	struct gw_op *head, **tail;
	bool stop;
	gw_spool_state state;
	struct gw_store_totals totals;
	int64_t commits;
	void (*on_records)(void *arg);
	void *arg;
	void (*on_batch)(void *arg, const struct gw_batch *b, om_time received_us);
	void *batch_arg;
};

void gw_op_free(struct gw_op *o);

/* gw_spool_publish copies the store's totals for readers and metrics. */
void gw_spool_publish(struct gw_spool *s);

/* gw_spool_thread is the thread; arg is the spool. */
void *gw_spool_thread(void *arg);

#endif
