/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * arguments.h - query parameters: strict decoding, known names only, and the kinds of
 * values the read calls share.
 */
#ifndef GW_QUERY_H
#define GW_QUERY_H

#include "request.h"
#include "usage.pb-c.h"

/* gw_query_parse fills rq->args.  `names` lists what is allowed, each name followed
 * by a space; anything else, and a name given twice, is OM_INVALID. */
om_status gw_query_parse(struct gw_req *rq, const char *names, om_err *e) OM_MUST;

/* gw_query_text gives a copy in the arena, NULL when absent; lengths in code points. */
om_status gw_query_text(struct gw_req *rq, const char *name, size_t min, size_t max, char **out, om_err *e) OM_MUST;

om_status gw_query_limit(const struct gw_req *rq, uint32_t max, uint32_t def, uint32_t *out, om_err *e) OM_MUST;

/* gw_query_period reads from and to, days or instants but not mixed; an end that
 * is not given is for costd to fill in. */
om_status gw_query_period(const struct gw_req *rq, Om__Period *out, om_err *e) OM_MUST;

/* gw_media_check wants JSON in UTF-8 and not compressed, or what else the call takes. */
enum gw_media {
	GW_MEDIA_JSON,
	GW_MEDIA_EVENTS, /* NDJSON too */
	GW_MEDIA_TRACES, /* protobuf too, and gzip; a body of no bytes has no type */
};
/* gw_media_is_lines knows the names NDJSON goes by. */
bool gw_media_is_lines(const struct gw_req *rq);
om_status gw_media_check(const struct gw_req *rq, enum gw_media wanted, om_err *e) OM_MUST;

#endif
