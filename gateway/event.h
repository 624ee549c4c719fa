/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * event.h - JSON records in, packed records out.
 *
 * Promise   Every record is judged alone: a bad one is listed with its index and
 *           a reason that names the field, the others go into the batch.
 */
#ifndef GW_EVENT_H
#define GW_EVENT_H

#include "arena.h"
#include "batch.h"
#include "clock.h"
#include "json.h"

#define GW_EVENTS_MAX 10000 /* records in one body */

struct gw_rejection {
	size_t index;
	const char *reason; /* in the arena */
};

struct gw_events {
	size_t n_accepted;
	struct gw_rejection *rejected; /* in the arena */
	size_t n_rejected, cap_rejected;
};

/* gw_event_read reads one version 1 record; what *out points to lives as long as
 * the JSON and the arena. */
om_status gw_event_read(const json_t *o, om_time now, struct om_arena *a, Om__Record *out, om_err *e) OM_MUST;

/* gw_events_json reads a body of one record or an array of them, and records by
 * line under JSON's name; OM_INVALID when it is no JSON at all. */
om_status gw_events_json(const char *text, size_t n, om_time now, struct om_arena *a, struct gw_batch *b,
    struct gw_events *out, om_err *e) OM_MUST;

/* gw_events_ndjson reads a record per line; empty lines do not count. */
om_status gw_events_ndjson(const char *text, size_t n, om_time now, struct om_arena *a, struct gw_batch *b,
    struct gw_events *out, om_err *e) OM_MUST;

/* gw_legacy_read reads the record body of the older OWUI-Metering. */
om_status gw_legacy_read(const json_t *o, om_time now, struct om_arena *a, Om__Record *out, om_err *e) OM_MUST;

/* Shared by the readers. */
#define GW_TOKENS_MAX   1000000000
#define GW_COST_MAX_USD "10000"
om_status gw_event_cost(
    const json_t *o, const char *where, const char *key, struct om_arena *a, char **out, om_err *e) OM_MUST;
/* gw_event_derive_id hashes the record as packed, before its receive time is set:
 * the same content gives the same id. */
om_status gw_event_derive_id(struct om_arena *a, Om__Record *r, om_err *e) OM_MUST;
om_status gw_event_time_check(om_time t, const char *what, om_time now, om_err *e) OM_MUST;

#endif
