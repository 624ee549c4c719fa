/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "webhook.h"

#include "documents/delivery.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sync.h"
#include "base/text.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS     15000 /* for calls that other processes planned, too */
#define DB_MS       10000
#define CONNECT_MS  5000L
#define CALL_MS     20000L
#define ARENA_BYTES ((size_t)32 * 1024 * 1024)

#define HELP "Calls of the webhook."
static struct om_stat taken = OM_COUNTER("owui_metering_webhook_calls_total", "result=\"taken\"", HELP);
static struct om_stat refused = OM_COUNTER("owui_metering_webhook_calls_total", "result=\"failed\"", HELP);
static struct om_stat gave_up = OM_COUNTER("owui_metering_webhook_calls_total", "result=\"given_up\"", HELP);

struct cd_webhook {
	struct cd_webhook_opts opts;
	pthread_t thread;
	bool running;
	atomic_bool stop;

	pthread_mutex_t lock;
	pthread_cond_t change;
	bool due; /* lock */
};

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

static size_t
drop_body(char *data, size_t size, size_t n, void *arg)
{
	size_t *total = arg;

	(void)data;
	*total += size * n;
	return *total <= (size_t)1024 * 1024 ? size * n : 0; /* nobody reads more than the status */
}

static int
look_at_stop(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct cd_webhook *w = arg;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return atomic_load(&w->stop) ? 1 : 0;
}

static struct curl_slist *
make_headers(const struct cd_webhook *w, const struct cd_hook_claim *c)
{
	char signature[CD_SIGNATURE], line[CD_SIGNATURE + 64];
	struct curl_slist *list = NULL, *more;
	const char *const fixed[] = {
	    "Content-Type: application/json; charset=utf-8", "Accept:", "Expect:", "X-Metering-Event: month.delivered"};

	if (cd_webhook_sign(w->opts.secret, om_now() / OM_SECOND, c->body, signature) != OM_OK)
		return NULL;
	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0] + 2; i++) {
		if (i < sizeof fixed / sizeof fixed[0])
			(void)snprintf(line, sizeof line, "%s", fixed[i]);
		else if (i == sizeof fixed / sizeof fixed[0])
			(void)snprintf(line, sizeof line, "X-Metering-Delivery: %s", c->id);
		else
			(void)snprintf(line, sizeof line, "X-Metering-Signature: %s", signature);
		more = curl_slist_append(list, line);
		if (more == NULL) {
			curl_slist_free_all(list);
			return NULL;
		}
		list = more;
	}
	return list;
}

static CURLcode
set_options(struct cd_webhook *w, CURL *c, struct curl_slist *headers, const char *body, size_t *received)
{
	CURLcode rv = CURLE_OK;

#define SET(option, value)                                       \
	do {                                                     \
		if (rv == CURLE_OK)                              \
			rv = curl_easy_setopt(c, option, value); \
	} while (0)
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_URL, w->opts.url);
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_USERAGENT, "OWUI-Metering/" OM_PROGRAM_VERSION);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	SET(CURLOPT_TIMEOUT_MS, CALL_MS);
	SET(CURLOPT_POSTFIELDSIZE, (long)strlen(body));
	SET(CURLOPT_POSTFIELDS, body);
	SET(CURLOPT_WRITEFUNCTION, drop_body);
	SET(CURLOPT_WRITEDATA, received);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, look_at_stop);
	SET(CURLOPT_XFERINFODATA, w);
#undef SET
	return rv;
}

static void
call(struct cd_webhook *w, const struct cd_hook_claim *c, struct cd_hook_result *out)
{
	struct curl_slist *headers = make_headers(w, c);
	CURL *curl = curl_easy_init();
	size_t received = 0;
	long status = 0;
	CURLcode rv;

	*out = (struct cd_hook_result){.why = "out of memory"};
	if (headers != NULL && curl != NULL) {
		rv = set_options(w, curl, headers, c->body, &received);
		if (rv == CURLE_OK)
			rv = curl_easy_perform(curl);
		/* a reply that is too long has told its status all the same */
		if (rv == CURLE_OK || rv == CURLE_WRITE_ERROR)
			(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
		out->status = (int)status;
		out->taken = status >= 200 && status < 300;
		out->why = status != 0 ? "the receiver refused it" : curl_easy_strerror(rv);
	}
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
}

static void
tell(const struct cd_hook_claim *c, const struct cd_hook_result *r, bool given_up)
{
	om_stat_add(r->taken ? &taken : given_up ? &gave_up : &refused, 1);
	om_log(r->taken    ? OM_LOG_INFO
		: given_up ? OM_LOG_ERROR
			   : OM_LOG_WARN,
	    r->taken       ? "webhook called"
		: given_up ? "webhook not called: it was tried for three days"
			   : "webhook not called, it is tried again",
	    "month", c->month, "status", OM_I64(r->status), "why", r->taken ? NULL : r->why, NULL);
}

/* call_next makes one call that is due; false when there is none. */
static bool
call_next(struct cd_webhook *w)
{
	struct cd_hook_result result;
	struct cd_hook_claim claim;
	struct om_arena a;
	om_err e = {.text = ""};
	bool given_up = false, found = false;
	om_status s;

	om_arena_init(&a, ARENA_BYTES);
	s = cd_hook_take(w->opts.pool, om_now(), om_mono_ms() + DB_MS, &claim, &a, &e);
	if (s == OM_OK && claim.found) {
		found = true;
		call(w, &claim, &result);
		if (!atomic_load(&w->stop) || result.taken)
			s = cd_hook_note(w->opts.pool, &claim, &result, om_now(), om_mono_ms() + DB_MS, &given_up, &e);
		if (s == OM_OK)
			tell(&claim, &result, given_up);
	}
	if (s != OM_OK && s != OM_UNAVAILABLE)
		om_log(OM_LOG_WARN, "the webhook's calls cannot be read or noted", "why", om_err_text(&e, s), NULL);
	om_arena_fini(&a);
	return found && s == OM_OK;
}

static void *
work(void *arg)
{
	struct cd_webhook *w = arg;

	while (!atomic_load(&w->stop)) {
		int64_t until = om_mono_ms() + LOOK_MS;

		if (call_next(w))
			continue;
		(void)pthread_mutex_lock(&w->lock);
		while (!w->due && !atomic_load(&w->stop) && om_cond_wait(&w->change, &w->lock, until))
			continue;
		w->due = false;
		(void)pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}

om_status
cd_webhook_new(const struct cd_webhook_opts *o, struct cd_webhook **out, om_err *e)
{
	struct cd_webhook *w = calloc(1, sizeof *w);

	*out = NULL;
	if (w == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	om_stat_register(&taken);
	om_stat_register(&refused);
	om_stat_register(&gave_up);
	w->opts = *o;
	(void)pthread_mutex_init(&w->lock, NULL);
	om_cond_init(&w->change);
	if (pthread_create(&w->thread, NULL, work, w) != 0) {
		cd_webhook_free(&w);
		return om_fail(e, OM_NOMEM, "cannot start a thread");
	}
	w->running = true;
	*out = w;
	return OM_OK;
}

void
cd_webhook_wake(void *arg)
{
	struct cd_webhook *w = arg;

	(void)pthread_mutex_lock(&w->lock);
	w->due = true;
	(void)pthread_cond_broadcast(&w->change);
	(void)pthread_mutex_unlock(&w->lock);
}

void
cd_webhook_stop(struct cd_webhook *w)
{
	if (w == NULL)
		return;
	atomic_store(&w->stop, true);
	cd_webhook_wake(w);
}

void
cd_webhook_free(struct cd_webhook **wp)
{
	struct cd_webhook *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	cd_webhook_stop(w);
	if (w->running)
		(void)pthread_join(w->thread, NULL);
	(void)pthread_cond_destroy(&w->change);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}
