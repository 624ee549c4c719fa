/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * column.h - values of a result's row as they stand in messages.
 *
 * Owner     What is copied lives in the arena; when the arena is full, its member
 * `failed` says so.
 * Threads   Pure functions, one arena each.
 */
#ifndef CD_COLUMN_H
#define CD_COLUMN_H

#include "db.h"

#include <protobuf-c/protobuf-c.h>

/* cd_column_text copies a text; NULL for null. */
char *cd_column_text(const struct cd_val *v, struct om_arena *a);

/* cd_column_money copies an amount without trailing zeros; NULL, with the reason,
 * when there is none. */
char *cd_column_money(const struct cd_val *v, struct om_arena *a, om_err *e);

/* cd_column_bytes copies bytes, zeros too; empty when the arena is full. */
ProtobufCBinaryData cd_column_bytes(const void *data, size_t n, struct om_arena *a);

#endif
