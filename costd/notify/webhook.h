/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * webhook.h - tells another system that a month's files are there.
 *
 * Call      POST with a JSON body (delivery.h) and the headers
 *             X-Metering-Event      month.delivered
 *             X-Metering-Delivery   the id, the same in every repetition
 *             X-Metering-Signature  t=SECONDS,v1=HEX
 *           where HEX is HMAC-SHA256 over "SECONDS.BODY" with the secret.
 * Secrets   Neither the URL nor the secret is ever logged or kept.
 * Threads   One of its own; all calls from any thread.
 */
#ifndef CD_WEBHOOK_H
#define CD_WEBHOOK_H

#include "database/pool.h"

#define CD_SIGNATURE 128

struct cd_webhook;

struct cd_webhook_opts {
	struct cd_pool *pool; /* borrowed, as the texts */
	const char *url;
	const char *secret;
};

om_status cd_webhook_new(const struct cd_webhook_opts *o, struct cd_webhook **out, om_err *e) OM_MUST;

/* cd_webhook_wake makes it look at once; arg is the webhook. */
void cd_webhook_wake(void *arg);

/* cd_webhook_stop ends what is under way; both allow NULL. */
void cd_webhook_stop(struct cd_webhook *w);
void cd_webhook_free(struct cd_webhook **w);

/* cd_webhook_sign writes the signature's header value. */
om_status cd_webhook_sign(const char *secret, int64_t seconds, const char *body, char out[CD_SIGNATURE]) OM_MUST;

#endif
