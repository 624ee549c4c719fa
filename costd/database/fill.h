/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * fill.h - messages made of rows whose columns are named like the message's fields.
 *
 * Rules     A text field takes the text, a DECIMAL column's amount without trailing
 *           zeros; numbers, flags and states take the number, what cannot be negative
 *           takes 0 for less; bytes take the bytes; a list of texts takes a set
 *           (value/group_set.h).  Null leaves a field absent.
 *           Columns that are called otherwise than their fields stand in a short table
 *           in fill.c.  A column whose name begins with "_" is no field: the caller
 *           reads it off the row by its place, so it stands first.
 * Owner     Messages and what they point at live in the arena.
 * Failure   OM_INTERNAL  a column is neither a field nor begins with "_", or has another
 *                        kind than its field
 *           OM_DAMAGED   a text is not the amount or the set that it should be
 * Threads   As db.h.
 */
#ifndef CD_FILL_H
#define CD_FILL_H

#include "sql.h"
#include "wire/codec.h"

/* What is done with each message; row is the row it was made of. */
typedef om_status cd_fill_fn(void *arg, void *message, const struct cd_val *row, om_err *e);

/* cd_fill_query calls fn for each row with a new message of this kind; a failing fn ends it. */
om_status cd_fill_query(struct cd_db *db, const char *sql, const struct cd_val *params, size_t n_params,
    const ProtobufCMessageDescriptor *kind, struct om_arena *a, cd_fill_fn *fn, void *arg, om_err *e) OM_MUST;

/* cd_fill_sql is cd_fill_query of a statement that was put together; messages live in its arena. */
om_status cd_fill_sql(struct cd_db *db, struct cd_sql *q, const ProtobufCMessageDescriptor *kind, cd_fill_fn *fn,
    void *arg, om_err *e) OM_MUST;

/* cd_fill_into sets the fields of a message by the query's row; without a row nothing is
 * set.  Of several rows the last counts. */
om_status cd_fill_into(struct cd_db *db, const char *sql, const struct cd_val *params, size_t n_params,
    ProtobufCMessage *message, struct om_arena *a, om_err *e) OM_MUST;

/* cd_fill_sql_into is cd_fill_into of a statement that was put together; what is set lives in its arena. */
om_status cd_fill_sql_into(struct cd_db *db, struct cd_sql *q, ProtobufCMessage *message, om_err *e) OM_MUST;

/* cd_fill_has tells whether a column of this name sets a field. */
bool cd_fill_has(const ProtobufCMessageDescriptor *kind, const char *column);

#endif
