/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * api_read.h - what the handlers of the read calls share.
 */
#ifndef GW_API_READ_H
#define GW_API_READ_H

#include "json.h"
#include "metering.pb-c.h"

#include <stdint.h>

void gw_write_count(struct om_jw *w, const char *key, uint64_t v);
void gw_write_text(struct om_jw *w, const char *key, const char *text);
const char *gw_cost_state_name(Om__CostState s);

/* gw_read_mismatch: a peer answered with another message than was asked for. */
om_status gw_read_mismatch(om_err *e);

#endif
