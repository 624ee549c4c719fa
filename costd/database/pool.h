/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * pool.h - a bounded set of connections, and transactions that are tried again.
 *
 * Life      Connections are opened when they are needed.  One that breaks is
 *           closed, and with it all idle ones, which may be broken as well.  No
 *           connection is replaced while a transaction uses it.
 * Gate      Work is refused with OM_UNAVAILABLE until cd_pool_ready says that
 *           schema and settings were checked.
 * Threads   All calls from any thread.
 */
#ifndef CD_POOL_H
#define CD_POOL_H

#include "db.h"

struct cd_pool;

/* Work of one transaction.  It may run several times and must start afresh each
 * time.  It neither commits nor rolls back. */
typedef om_status cd_work_fn(struct cd_db *db, void *arg, om_err *e);

typedef enum cd_tx_kind {
	CD_TX_WRITE,    /* READ COMMITTED, committed when fn succeeds */
	CD_TX_SNAPSHOT, /* reads one state of the database, never changes it */
} cd_tx_kind;

/* o is borrowed, with all it points to. */
om_status cd_pool_new(const struct cd_db_opts *o, unsigned size, struct cd_pool **out, om_err *e) OM_MUST;
void cd_pool_free(struct cd_pool **p);

/* cd_pool_run carries fn out in a transaction on one connection.  What may
 * succeed when tried again (deadlock, lock wait, lost connection, an unknown
 * outcome of the commit) is tried again with jitter, five times at most and
 * not beyond the deadline (monotonic milliseconds). */
om_status cd_pool_run(
    struct cd_pool *p, cd_tx_kind kind, int64_t deadline_ms, cd_work_fn *fn, void *arg, om_err *e) OM_MUST;

/* cd_pool_gate: OM_UNAVAILABLE while work is refused, with the reason. */
om_status cd_pool_gate(struct cd_pool *p, om_err *e) OM_MUST;

/* A connection that is held for longer than one transaction. */
struct cd_slot;

/* cd_pool_take gives a connection to the caller alone until cd_pool_give. */
om_status cd_pool_take(struct cd_pool *p, int64_t deadline_ms, struct cd_slot **out, om_err *e) OM_MUST;
struct cd_db *cd_slot_db(struct cd_slot *slot);
/* cd_pool_give takes the connection back, rolled back, and nulls the pointer. */
void cd_pool_give(struct cd_pool *p, struct cd_slot **slot);

void cd_pool_ready(struct cd_pool *p);
/* cd_pool_not_ready keeps the reason, which work that is refused is told. */
void cd_pool_not_ready(struct cd_pool *p, const char *why);

/* cd_pool_check says whether the database answers now. */
om_status cd_pool_check(struct cd_pool *p, int64_t deadline_ms, om_err *e) OM_MUST;

/* cd_pool_end: after grace_ms new work and further tries are refused, and what is at the
 * database then is cut, and again after as long, until cd_pool_free.  Returns at once;
 * NULL is allowed. */
void cd_pool_end(struct cd_pool *p, int64_t grace_ms);

#endif
