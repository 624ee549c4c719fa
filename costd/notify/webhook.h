/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * webhook.h - sends what is in the outbox to the address of the settings.
 *
 * Call      POST with the message's JSON body and the headers
 *             X-Metering-Event      the event, "month.delivered"
 *             X-Metering-Delivery   the id, the same in every repetition
 *             X-Metering-Signature  t=SECONDS,v1=HEX
 *           where HEX is HMAC-SHA256 over "SECONDS.BODY" with the secret.
 * Promise   At least once, until the answer is 2xx (outbox.h).
 * Secrets   Neither the URL nor the secret is ever logged or kept.
 * Threads   cd_webhook_turn is a duty's, with one worker.
 */
#ifndef CD_WEBHOOK_H
#define CD_WEBHOOK_H

#include "database/pool.h"
#include "run/duty.h"

#define CD_SIGNATURE 128

/* For messages that other processes added, too. */
#define CD_WEBHOOK_EVERY_MS 15000

struct cd_webhook {
	struct cd_pool *pool; /* borrowed, as the texts */
	const char *url;      /* NULL: none is called */
	const char *secret;
};

/* cd_webhook_check says what is wrong with the settings. */
om_status cd_webhook_check(const struct cd_webhook *w, om_err *e) OM_MUST;

/* cd_webhook_turn sends one message that is due; arg is the webhook. */
om_status cd_webhook_turn(void *arg, struct om_duty_turn *t, om_err *e) OM_MUST;

/* cd_webhook_sign writes the signature's header value. */
om_status cd_webhook_sign(const char *secret, int64_t seconds, const char *body, char out[CD_SIGNATURE]) OM_MUST;

#endif
