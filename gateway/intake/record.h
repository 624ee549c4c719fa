/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * record.h - JSON records in, packed records out.
 *
 * Promise   Every record is judged alone.  One that is no JSON, no object, or has neither a
 *           generation id nor a turn id, is listed with its index and a reason; all
 *           others go into the batch.  What of a record does not fit (fit.h) is
 *           repaired or left out, and listed.
 * Content   A record carries the hash of what its sender sent, before any repair.
 *           It is that of the JSON in a canonical form where the sender gave a
 *           record id.  A record without one gets an id cut from its content hash,
 *           so that the same id always is the same content:
 *             - nothing was repaired: the hash is of the packed record as read,
 *               without receipt, as it always was, so that a record sent to an
 *               older gateway too is the same one;
 *             - something was: of the JSON in a canonical form, since two that
 *               become the same by repair are not the same.
 *           The times are the sender's; the receipt is no part of either.
 */
#ifndef GW_RECORD_H
#define GW_RECORD_H

#include "spool/batch.h"
#include "record.pb-c.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "wire/fit.h"

#define GW_RECORDS_MAX 10000 /* records in one body */
#define GW_REPAIRS_MAX 1000  /* listed in one reply */

struct gw_rejection {
	size_t index;
	const char *reason; /* in the arena */
	const char *kind;   /* static: the same without what was sent */
};

struct gw_repair {
	size_t index;
	om_fit_field field;
	const char *reason; /* static */
};

struct gw_records {
	size_t n_accepted;
	struct gw_rejection *rejected; /* in the arena */
	size_t n_rejected, cap_rejected;
	struct gw_repair *repaired; /* in the arena; the first GW_REPAIRS_MAX */
	size_t n_repaired;
};

/* gw_record_read reads one record; what *out points to lives as long as the JSON
 * and the arena.  notes says what was repaired. */
om_status gw_record_read(
    const json_t *o, om_time now, struct om_arena *a, Om__Record *out, struct om_fit *notes, om_err *e) OM_MUST;

/* gw_records_json reads a body of one record or an array of them, and records by
 * line under JSON's name; OM_INVALID when it is one record that is no JSON.  An item
 * or a line that is no JSON is listed, and those after it are read; where an array
 * cannot be followed (json.h), the rest of it is listed as one. */
om_status gw_records_json(const char *text, size_t n, om_time now, struct om_arena *a, struct gw_batch *b,
    struct gw_records *out, om_err *e) OM_MUST;

/* gw_records_ndjson reads a record per line; empty lines do not count. */
om_status gw_records_ndjson(const char *text, size_t n, om_time now, struct om_arena *a, struct gw_batch *b,
    struct gw_records *out, om_err *e) OM_MUST;

/* gw_legacy_read reads the record body of the older OWUI-Metering. */
om_status gw_legacy_read(
    const json_t *o, om_time now, struct om_arena *a, Om__Record *out, struct om_fit *notes, om_err *e) OM_MUST;

/* Shared by the readers: a member of any kind becomes what the record has there,
 * or is noted and left out.  Empty texts are none. */
om_status gw_record_text(const json_t *o, const char *key, om_fit_field f, struct om_arena *a, struct om_fit *notes,
    char **out, om_err *e) OM_MUST;
/* gw_record_id: a whole number is its digits. */
om_status gw_record_id(const json_t *o, const char *key, om_fit_field f, struct om_arena *a, struct om_fit *notes,
    char **out, om_err *e) OM_MUST;
void gw_record_count(
    const json_t *o, const char *key, om_fit_field f, struct om_fit *notes, int64_t *out, protobuf_c_boolean *has_out);
om_status gw_record_cost(const json_t *o, const char *key, om_fit_field f, struct om_arena *a, struct om_fit *notes,
    char **out, om_err *e) OM_MUST;
/* gw_record_object gives a member that is an object, NULL for any other. */
const json_t *gw_record_object(const json_t *o, const char *key, om_fit_field f, struct om_fit *notes);

/* gw_record_user gives the record's user, made if need be. */
om_status gw_record_user(
    const json_t *user, struct om_arena *a, struct om_fit *notes, Om__Record *out, om_err *e) OM_MUST;

/* gw_record_finish makes the record fit, and gives it its content hash, its id if it
 * has none, and its receipt.  o is the JSON it was read from, NULL for a trace. */
om_status gw_record_finish(
    const json_t *o, om_time now, struct om_arena *a, Om__Record *r, struct om_fit *notes, om_err *e) OM_MUST;

/* gw_record_count_repairs counts what was repaired, by field. */
void gw_record_count_repairs(const struct om_fit *notes);

#endif
