/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * forward.h - spool to costd, in order, one batch in flight.
 *
 * Promise   A record is deleted only after costd named its batch's spool, first
 *           and last number and counts that add up.  After any other outcome
 *           the same batch is sent again: costd counts each record once.
 * Owner     Borrows the spool; close the forwarder first.
 * Threads   One of its own.
 */
#ifndef GW_FORWARD_H
#define GW_FORWARD_H

#include "spool.h"
#include "wire/wire.h"

struct gw_forward;

struct gw_forward_opts {
	struct gw_spool *spool;       /* borrowed */
	struct om_wire_client *costd; /* borrowed */
	/* 0 is what is usual, for each: */
	int deadline_ms;                       /* of one batch */
	int shortest_wait_ms, longest_wait_ms; /* between two tries */
	int look_ms;                           /* looks by itself, should a wake-up ever be missed */
	int quick_ms;                          /* a full batch below it lets the next one be larger */
	int slow_ms;                           /* a batch above it makes the next one smaller */
	int close_ms;                          /* gw_forward_close waits no longer */
};

om_status gw_forward_open(const struct gw_forward_opts *o, struct gw_forward **out, om_err *e) OM_MUST;

/* gw_forward_close waits a few seconds for the batch in flight.  False when it is
 * still under way: then the thread goes on until the process ends, and spool
 * and client must be left alone. */
bool gw_forward_close(struct gw_forward **f);

#endif
