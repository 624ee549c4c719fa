/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * batch.h - packed records of one request, on their way into the spool.
 */
#ifndef GW_BATCH_H
#define GW_BATCH_H

#include "record.pb-c.h"
#include "base/buf.h"

#include <stddef.h>

struct gw_batch {
	struct om_buf bytes;
	size_t *ends; /* owned; where each record ends in bytes */
	size_t n, cap;
};

struct gw_batch *gw_batch_new(void);
void gw_batch_free(struct gw_batch **b);

/* gw_batch_add packs the record and takes a copy. */
om_status gw_batch_add(struct gw_batch *b, Om__Record *r, om_err *e) OM_MUST;

#endif
