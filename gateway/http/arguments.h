/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * arguments.h - query parameters: strict decoding, known names only; and the kinds of
 * bodies that calls take.
 */
#ifndef GW_ARGUMENTS_H
#define GW_ARGUMENTS_H

#include "request.h"
#include "usage.pb-c.h"

/* gw_arguments_read fills rq->args.  `names` lists what is allowed, each name followed
 * by a space; anything else, and a name given twice, is OM_INVALID. */
om_status gw_arguments_read(struct gw_req *rq, const char *names, om_err *e) OM_MUST;

/* gw_media_check wants JSON in UTF-8 and not compressed, or what else the call takes. */
enum gw_media {
	GW_MEDIA_JSON,
	GW_MEDIA_EVENTS, /* NDJSON too */
	GW_MEDIA_TRACES, /* protobuf too, and gzip; a body of no bytes has no type */
};
/* gw_media_is_lines tells whether a content type is one of NDJSON's names. */
bool gw_media_is_lines(const struct gw_req *rq);
om_status gw_media_check(const struct gw_req *rq, enum gw_media wanted, om_err *e) OM_MUST;

#endif
