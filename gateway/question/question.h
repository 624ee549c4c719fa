/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * question.h - the arguments of a URL, put into a message of the services.
 *
 * Does      Reads query parameters and parts of the path, and fills the question that
 *           costd or reportd is asked.
 * Owns      Nothing.
 * Promises  What a question says has been checked for kind and length; OM_INVALID names
 *           the parameter: "limit: must be ...".
 * Never     Asks, or writes a reply.
 * Owner     What a question points to lives in the request's arena.
 */
#ifndef GW_QUESTION_H
#define GW_QUESTION_H

#include "http/request.h"
#include "documents.pb-c.h"
#include "settle.pb-c.h"
#include "usage.pb-c.h"
#include "wire/codec.h"

/* gw_argument_text gives a copy in the arena, NULL when absent; lengths in code points. */
om_status gw_argument_text(struct gw_req *rq, const char *name, size_t min, size_t max, char **out, om_err *e) OM_MUST;

om_status gw_argument_limit(const struct gw_req *rq, uint32_t max, uint32_t def, uint32_t *out, om_err *e) OM_MUST;

/* gw_argument_flag reads 0 or 1; *has_out tells whether it was given. */
om_status gw_argument_flag(
    const struct gw_req *rq, const char *name, protobuf_c_boolean *has_out, protobuf_c_boolean *out, om_err *e) OM_MUST;

/* gw_argument_period reads from and to, days or instants but not mixed; an end that
 * is not given is for costd to fill in. */
om_status gw_argument_period(const struct gw_req *rq, Om__Period *out, om_err *e) OM_MUST;

/* A reader fills the question, an initialised message, from the request. */
typedef om_status gw_reader(struct gw_req *rq, void *question, om_err *e);

/* The readers of calls.def.  gw_read_page reads cursor and limit, which questions of
 * lists have; those that follow do it too where there are pages. */
gw_reader gw_read_page;
gw_reader gw_read_usage;       /* Om__UsageQuery */
gw_reader gw_read_generations; /* Om__GenerationsQuery */
gw_reader gw_read_users;       /* Om__UsersQuery */
gw_reader gw_read_letters;     /* Om__DeadLettersQuery */
gw_reader gw_read_prices;      /* Om__PricesQuery */
gw_reader gw_read_documents;   /* Om__DocumentsQuery */
gw_reader gw_read_generation;  /* Om__GenerationQuery, the id from the path; likewise the next */
gw_reader gw_read_unpair;      /* Om__UnpairQuery */
gw_reader gw_read_decision;    /* Om__DecisionQuery, and the body */
gw_reader gw_read_disputes;    /* Om__DisputesQuery */

/* gw_read_month reads "2026-11". */
om_status gw_read_month(const char *text, uint32_t *year, uint32_t *month, om_err *e) OM_MUST;

/* gw_read_kind reads "statement", "group_statement" or "report". */
om_status gw_read_kind(const char *text, Om__DocumentKind *out, om_err *e) OM_MUST;

#endif
