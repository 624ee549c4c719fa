/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * usage_key.h - the keys that rows of totals are grouped by: name and value.
 *
 * Threads   A pure function.
 */
#ifndef RD_USAGE_KEY_H
#define RD_USAGE_KEY_H

#include "usage.pb-c.h"

/* rd_usage_key gives the value and the name of one key of a row of totals; without
 * a row, the name alone. */
const char *rd_usage_key(const Om__UsageRow *row, Om__Dimension group, const char **name_out);

#endif
