/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * refusal.h - what a door, one of the calls that take records, refused: kept in the spool, counted and logged, so that
 * people see it besides the sender.
 *
 * Promise   When the sender is answered, the line is on disk, unless the disk is full or
 *           does not keep up: then it is in the log only.
 *           A reason is a text of the program; nothing of a body is kept.
 */
#ifndef GW_REFUSAL_H
#define GW_REFUSAL_H

#include "http/request.h"

#include <stddef.h>
#include <stdint.h>

struct gw_spool;

#define GW_REFUSED_NO_JSON "not valid JSON"
#define GW_REFUSED_NO_KEY  "no generation_id and no turn_id"
#define GW_REFUSED_OBJECT  "not an object"

/* The reasons of one request; static texts. */
struct gw_refusals {
	struct {
		const char *reason;
		int64_t count;
	} of[8];
	size_t n;
};

void gw_refusals_add(struct gw_refusals *r, const char *reason, int64_t count);

/* gw_refusals_keep keeps and logs them under the door's name: events, record, traces. */
void gw_refusals_keep(struct gw_spool *spool, const struct gw_req *rq, const char *door, const struct gw_refusals *r);

/* gw_refusals_keep_body does for a body that could not be read at all. */
void gw_refusals_keep_body(struct gw_spool *spool, const struct gw_req *rq, const char *door, const char *reason);

#endif
