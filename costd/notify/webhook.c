/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "webhook.h"

#include "outbox.h"
#include "vendor/http.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/invariant.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define DB_MS       10000
#define CALL_MS     20000L
#define ARENA_BYTES ((size_t)32 * 1024 * 1024)
#define LINE_BYTES  256 /* of a header */

#define HELP "Calls of the webhook."
static struct om_stat taken = OM_COUNTER("owui_metering_webhook_calls_total", "result=\"taken\"", HELP);
static struct om_stat refused = OM_COUNTER("owui_metering_webhook_calls_total", "result=\"failed\"", HELP);
static struct om_stat gave_up = OM_COUNTER("owui_metering_webhook_calls_total", "result=\"given_up\"", HELP);

om_status
cd_webhook_check(const struct cd_webhook *w, om_err *e)
{
	om_stat_register(&taken);
	om_stat_register(&refused);
	om_stat_register(&gave_up);
	if ((w->url == NULL) == (w->secret == NULL))
		return OM_OK;
	return om_fail(e, OM_INVALID, "%s: is missing, but %s is set",
	    w->url == NULL ? "DELIVERY_WEBHOOK_URL" : "DELIVERY_WEBHOOK_SECRET",
	    w->url == NULL ? "DELIVERY_WEBHOOK_SECRET" : "DELIVERY_WEBHOOK_URL");
}

om_status
cd_webhook_sign(const char *secret, int64_t seconds, const char *body, char out[CD_SIGNATURE])
{
	char stamp[32], hex[2 * OM_SHA256 + 1];
	unsigned char mac[OM_SHA256];
	int n = snprintf(stamp, sizeof stamp, "%lld.", (long long)seconds);
	const struct om_bytes parts[] = {{stamp, (size_t)n}, {body, strlen(body)}};
	om_status s = om_hmac_sha256(secret, parts, 2, mac);

	om_hex(mac, sizeof mac, hex);
	(void)snprintf(out, CD_SIGNATURE, "t=%lld,v1=%s", (long long)seconds, hex);
	return s;
}

/* call sends the message once. */
static void
call(const struct cd_webhook *w, const struct cd_message *m, const atomic_bool *stop, struct cd_sent *out, om_err *why)
{
	char signature[CD_SIGNATURE], event[LINE_BYTES], id[LINE_BYTES], signed_by[LINE_BYTES];
	const char *const headers[] = {
	    "Content-Type: application/json; charset=utf-8", "Accept:", "Expect:", event, id, signed_by};
	const struct cd_http_post post = {.url = w->url,
	    .headers = headers,
	    .n_headers = sizeof headers / sizeof headers[0],
	    .body = m->body,
	    .timeout_ms = CALL_MS};
	om_status s = cd_webhook_sign(w->secret, om_now() / OM_SECOND, m->body, signature);

	*out = (struct cd_sent){.status = 0};
	if (s != OM_OK)
		s = om_fail(why, s, "it cannot be signed");
	(void)snprintf(event, sizeof event, "X-Metering-Event: %s", m->event);
	(void)snprintf(id, sizeof id, "X-Metering-Delivery: %s", m->id);
	(void)snprintf(signed_by, sizeof signed_by, "X-Metering-Signature: %s", signature);
	if (s == OM_OK)
		s = cd_http_post(&post, stop, &out->status, why);
	out->taken = s == OM_OK && out->status >= 200 && out->status < 300;
	out->why = out->taken ? NULL : s == OM_OK ? "the receiver refused it" : om_err_text(why, s);
}

static void
log_call(const struct cd_message *m, const struct cd_sent *r, bool given_up)
{
	om_stat_add(r->taken ? &taken : given_up ? &gave_up : &refused, 1);
	om_log(r->taken    ? OM_LOG_INFO
		: given_up ? OM_LOG_ERROR
			   : OM_LOG_WARN,
	    r->taken       ? "webhook called"
		: given_up ? "webhook not called: it was tried for three days"
			   : "webhook not called, it is tried again",
	    "event", m->event, "subject", m->subject, "status", OM_I64(r->status), "why", r->why, NULL);
}

/* send_next sends one message that is due, if there is one. */
static om_status
send_next(const struct cd_webhook *w, struct om_duty_turn *t, struct om_arena *a, om_err *e)
{
	struct cd_sending sending;
	struct cd_sent sent;
	om_err why = {.text = ""};
	bool given_up = false;
	om_status s = cd_outbox_take(w->pool, om_now(), om_mono_ms() + DB_MS, &sending, a, e);

	if (s != OM_OK || !sending.found)
		return s;
	call(w, &sending.message, t->stop, &sent, &why);
	if (!om_duty_goes_on(t) && !sent.taken)
		return OM_OK; /* the stop cut it off: the lease ends by itself */
	s = cd_outbox_note(w->pool, &sending, &sent, om_now(), om_mono_ms() + DB_MS, &given_up, e);
	if (s == OM_OK)
		log_call(&sending.message, &sent, given_up);
	om_duty_again(t);
	return s;
}

om_status
cd_webhook_turn(void *arg, struct om_duty_turn *t, om_err *e)
{
	const struct cd_webhook *w = arg;
	struct om_arena a;
	om_status s;

	om_check(w->url != NULL && w->secret != NULL);
	om_arena_init(&a, ARENA_BYTES);
	s = send_next(w, t, &a, e);
	om_arena_fini(&a);
	return s;
}
