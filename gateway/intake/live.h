/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * live.h - the newest accepted records, for the clients of /live.
 *
 * Shape     A ring of the last GW_LIVE_RECORDS records (and at most
 *           GW_LIVE_BYTES), numbered from 1.  A mark names a place in it:
 *           this process's number and the record's; marks of other
 *           processes, and those that fell out of the ring, are a gap.
 * Owner     Records are copied in by the spool's thread and copied out.
 * Threads   All calls from any thread.
 */
#ifndef GW_LIVE_H
#define GW_LIVE_H

#include "spool/batch.h"
#include "base/clock.h"

#include <stdbool.h>

#define GW_LIVE_RECORDS 1000u
#define GW_LIVE_BYTES   ((size_t)4 * 1024 * 1024)
#define GW_LIVE_MARK    48

struct gw_live;

om_status gw_live_open(unsigned streams, struct gw_live **out, om_err *e) OM_MUST;
void gw_live_close(struct gw_live **l);

/* gw_live_stop ends all streams and lets no new one begin. */
void gw_live_stop(struct gw_live *l);

/* gw_live_note takes a batch in; arg is the struct gw_live. */
void gw_live_note(void *arg, const struct gw_batch *b, om_time received_us);

/* gw_live_newest is when the newest record was received; 0: none yet. */
om_time gw_live_newest(struct gw_live *l);

/* gw_live_enter takes one of the bounded number of streams. */
om_status gw_live_enter(struct gw_live *l, om_err *e) OM_MUST;
void gw_live_leave(struct gw_live *l);

/* gw_live_seek finds the place after a mark; NULL: what comes next.  false: a gap
 * lies before it. */
bool gw_live_seek(struct gw_live *l, const char *mark, uint64_t *at_out);
void gw_live_mark(const struct gw_live *l, uint64_t at, char out[GW_LIVE_MARK]);

typedef enum gw_live_got { GW_LIVE_RECORD, GW_LIVE_GAP, GW_LIVE_QUIET, GW_LIVE_STOPPED } gw_live_got;

/* gw_live_next waits for the record after *at and moves on to it; its packed
 * bytes replace those of *packed. */
gw_live_got gw_live_next(struct gw_live *l, uint64_t *at, int64_t wait_ms, struct om_buf *packed, om_time *received_us);

#endif
