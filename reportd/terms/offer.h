/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * offer.h - tells costd which terms this reportd's settings name, at intervals and
 * before the first document, and when reportd stops.
 *
 * Why       costd keeps the terms of each month; a changed setting becomes terms
 *           only through here, and two reportd with different settings are
 *           noticed there.
 * Threads   rd_offering_turn is a duty's, with one worker; rd_offering_made from any.
 */
#ifndef RD_OFFER_H
#define RD_OFFER_H

#include "terms.pb-c.h"
#include "run/duty.h"
#include "wire/wire.h"

#define RD_OFFER_MS 10000

struct rd_offering;

/* rd_offering_new borrows client and terms; the instance is 8 bytes, copied. */
om_status rd_offering_new(struct om_wire_client *costd, const Om__Terms *terms, const unsigned char *instance,
    struct rd_offering **out, om_err *e) OM_MUST;

/* rd_offering_turn tells costd of the terms. */
om_status rd_offering_turn(void *arg, struct om_duty_turn *t, om_err *e) OM_MUST;

/* rd_offering_free, after the duties ended, tells costd that this reportd stops, if
 * costd answers; NULL is allowed. */
void rd_offering_free(struct rd_offering **o);

/* rd_offering_made returns when costd has heard of the settings once; NULL: nothing
 * is offered.  OM_UNAVAILABLE: costd is not there. */
om_status rd_offering_made(struct rd_offering *o, om_err *e) OM_MUST;

#endif
