/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * answer.h - what the handlers of the read calls share.
 */
#ifndef GW_API_READ_H
#define GW_API_READ_H

#include "http/request.h"
#include "record.pb-c.h"
#include "usage.pb-c.h"
#include "base/json.h"

#include <stdint.h>

void gw_write_count(struct om_jw *w, const char *key, uint64_t v);
void gw_write_text(struct om_jw *w, const char *key, const char *text);
const char *gw_cost_state_name(Om__CostState s);

const char *gw_state_name(Om__State s);
void gw_write_int(struct om_jw *w, const char *key, protobuf_c_boolean has, int64_t v);
void gw_write_time(struct om_jw *w, const char *key, protobuf_c_boolean has, om_time t);

/* The questions of /usage and /generations, as their parameters put them; the
 * parts point at each other, so they are not copied. */
struct gw_usage_question {
	Om__UsageQuery query;
	Om__Period period;
	Om__Filter filter;
};

struct gw_generations_question {
	Om__GenerationsQuery query;
	Om__Period period;
	Om__Filter filter;
};

om_status gw_read_usage(struct gw_req *rq, struct gw_usage_question *q, om_err *e) OM_MUST;
om_status gw_read_generations(struct gw_req *rq, struct gw_generations_question *q, om_err *e) OM_MUST;
/* gw_read_filter reads the texts of a filter; rows: also those that only single rows can be filtered by. */
om_status gw_read_filter(struct gw_req *rq, bool rows, Om__Filter *f, om_err *e) OM_MUST;

/* gw_read_mismatch: a peer answered with another message than was asked for. */
om_status gw_read_mismatch(om_err *e);

#endif
