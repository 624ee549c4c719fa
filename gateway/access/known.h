/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * known.h - the sessions that costd confirmed to this gateway, for the time when it does not answer.
 *
 * Bounds    GW_KNOWN of them: the one confirmed longest ago makes room.
 * Threads   All calls from any thread.
 */
#ifndef GW_KNOWN_H
#define GW_KNOWN_H

#include "http/request.h"

#define GW_KNOWN 256

struct gw_known;

om_status gw_known_new(struct gw_known **out, om_err *e) OM_MUST;
void gw_known_free(struct gw_known **k);

/* gw_known_keep notes that costd confirmed the session just now. */
void gw_known_keep(struct gw_known *k, const struct gw_session *session);

/* gw_known_find gives the end of a session that was confirmed within the last within_ms. */
bool gw_known_find(
    struct gw_known *k, const unsigned char secret[GW_SECRET], int64_t within_ms, om_time *expires_at_out);

void gw_known_drop(struct gw_known *k, const unsigned char secret[GW_SECRET]);
void gw_known_clear(struct gw_known *k);

#endif
