/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "callers.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_BUCKETS    64u
#define LOG_EVERY_MS 1000

enum refusal { NO_MAC, UNKNOWN_CALLER, WRONG_MAC, REPLAY, RIGHT, N_REFUSALS };

/* One set for a process: what a service refuses is told under its name. */
static struct om_stat refused[N_REFUSALS];
static char labels[N_REFUSALS][80];
static const char *const reasons[N_REFUSALS] = {
    [NO_MAC] = "no_mac",
    [UNKNOWN_CALLER] = "unknown_caller",
    [WRONG_MAC] = "mac",
    [REPLAY] = "replay",
    [RIGHT] = "right",
};
static const char *const words[N_REFUSALS] = {
    [NO_MAC] = "it has no MAC",
    [UNKNOWN_CALLER] = "it names a caller without a key",
    [WRONG_MAC] = "its MAC was made with another key",
    [REPLAY] = "it is a repeat",
    [RIGHT] = "its caller may not ask that",
};
static _Atomic int64_t logged_ms;

struct connection {
	uint32_t id; /* nng's number of the pipe */
	unsigned char nonce[OM_MAC_NONCE];
	uint64_t count; /* the last request's */
	struct connection *next;
};

struct om_callers {
	const char *key[OM_CALLER_REPORTD + 1]; /* by om_caller; borrowed */
	bool allow_no_mac;

	pthread_mutex_t lock;
	struct connection *buckets[N_BUCKETS]; /* owned; lock */
};

static void
register_refusals(void)
{
	static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;

	(void)pthread_mutex_lock(&once);
	for (unsigned i = 0; i < N_REFUSALS && refused[i].name == NULL; i++) {
		(void)snprintf(
		    labels[i], sizeof labels[i], "service=\"%s\",reason=\"%s\"", om_log_service(), reasons[i]);
		refused[i] = (struct om_stat)OM_COUNTER("owui_metering_wire_refused_total", labels[i],
		    "Requests of other services, or of programs that are none, which were refused.");
		om_stat_register(&refused[i]);
	}
	(void)pthread_mutex_unlock(&once);
}

static void
count_refusal(enum refusal why, const char *what)
{
	int64_t now = om_mono_ms(), last = atomic_load(&logged_ms);

	om_stat_add(&refused[why], 1);
	if ((last == 0 || now - last >= LOG_EVERY_MS) && atomic_compare_exchange_strong(&logged_ms, &last, now))
		om_log(OM_LOG_WARN, "a request on the wire was refused", "why", words[why],
		    what != NULL ? "call" : NULL, what, NULL);
}

/* slot gives where the connection stands, or would; the lock is held. */
static struct connection **
slot(struct om_callers *c, uint32_t id)
{
	struct connection **at = &c->buckets[id % N_BUCKETS];

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

/* note_connection: without memory or random bytes the connection stays unknown, and its
 * requests are refused. */
static void
note_connection(nng_pipe p, nng_pipe_ev ev, void *arg)
{
	struct om_callers *c = arg;
	uint32_t id = (uint32_t)nng_pipe_id(p);
	struct connection *made = ev == NNG_PIPE_EV_ADD_PRE ? calloc(1, sizeof *made) : NULL;
	struct connection **at, *gone;

	if (made != NULL) {
		made->id = id;
		if (om_random(made->nonce, sizeof made->nonce, NULL) != OM_OK) {
			free(made);
			made = NULL;
		}
	}
	(void)pthread_mutex_lock(&c->lock);
	at = slot(c, id);
	gone = *at;
	if (gone != NULL)
		*at = gone->next;
	if (made != NULL) {
		made->next = c->buckets[id % N_BUCKETS];
		c->buckets[id % N_BUCKETS] = made;
	}
	(void)pthread_mutex_unlock(&c->lock);
	free(gone);
}

om_status
om_callers_new(const struct om_wire_server_opts *o, nng_socket s, struct om_callers **out, om_err *e)
{
	struct om_callers *c;
	int rv;

	*out = NULL;
	register_refusals();
	if (o->gateway_key == NULL && o->reportd_key == NULL)
		return OM_OK;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	c->key[OM_CALLER_GATEWAY] = o->gateway_key;
	c->key[OM_CALLER_REPORTD] = o->reportd_key;
	c->allow_no_mac = o->allow_no_mac;
	(void)pthread_mutex_init(&c->lock, NULL);
	rv = nng_pipe_notify(s, NNG_PIPE_EV_ADD_PRE, note_connection, c);
	if (rv == 0)
		rv = nng_pipe_notify(s, NNG_PIPE_EV_REM_POST, note_connection, c);
	if (rv != 0) {
		om_callers_free(&c);
		return om_fail(e, OM_INTERNAL, "nng: %s", nng_strerror(rv));
	}
	*out = c;
	return OM_OK;
}

void
om_callers_free(struct om_callers **cp)
{
	struct om_callers *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	for (unsigned i = 0; i < N_BUCKETS; i++) {
		while (c->buckets[i] != NULL) {
			struct connection *gone = c->buckets[i];

			c->buckets[i] = gone->next;
			free(gone);
		}
	}
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

/* check_connection: the frame names the nonce of the connection that it came by, and a count
 * that was not there before.  A caller that names no nonce learns it. */
static om_status
check_connection(struct om_callers *c, uint32_t id, struct om_asker *who)
{
	static const unsigned char none[OM_MAC_NONCE];
	struct connection *found;
	om_status s = OM_OK;

	(void)pthread_mutex_lock(&c->lock);
	found = *slot(c, id);
	if (found == NULL) {
		s = OM_UNAVAILABLE; /* without memory, or the connection has ended meanwhile */
	} else {
		who->learns_nonce = !om_bytes_equal(who->mac.nonce, found->nonce, OM_MAC_NONCE);
		memcpy(who->nonce, found->nonce, OM_MAC_NONCE);
		if (who->learns_nonce && !om_bytes_equal(who->mac.nonce, none, OM_MAC_NONCE))
			count_refusal(REPLAY, NULL);
		if (!who->learns_nonce && who->mac.count <= found->count)
			s = OM_PROTOCOL;
		else if (!who->learns_nonce)
			found->count = who->mac.count;
	}
	(void)pthread_mutex_unlock(&c->lock);
	if (s == OM_PROTOCOL)
		count_refusal(REPLAY, NULL);
	return s;
}

om_status
om_callers_check(struct om_callers *c, nng_msg *frame, struct om_asker *out)
{
	const void *data = nng_msg_body(frame);
	size_t n = nng_msg_len(frame);
	const char *key;
	om_status s;

	*out = (struct om_asker){.who = OM_CALLER_ANY};
	if (c == NULL)
		return OM_OK;
	if (!om_mac_read(data, n, &out->mac)) {
		if (c->allow_no_mac)
			return OM_OK;
		count_refusal(NO_MAC, NULL);
		return OM_VERSION;
	}
	key = out->mac.caller <= OM_CALLER_REPORTD ? c->key[out->mac.caller] : NULL;
	if (key == NULL) {
		count_refusal(UNKNOWN_CALLER, NULL);
		return OM_PROTOCOL;
	}
	if (!om_mac_fits(data, n, key, NULL, &out->mac)) {
		count_refusal(WRONG_MAC, NULL);
		return OM_PROTOCOL;
	}
	s = check_connection(c, (uint32_t)nng_pipe_id(nng_msg_get_pipe(frame)), out);
	if (s != OM_OK)
		return s;
	out->who = out->mac.caller;
	out->key = key;
	return OM_OK;
}

om_status
om_callers_may(const struct om_asker *asker, unsigned may, const char *what, om_err *e)
{
	if ((asker->who & may) != 0)
		return OM_OK;
	count_refusal(RIGHT, what);
	return om_fail(e, OM_FORBIDDEN, "%s may not ask %s for %s",
	    asker->who == OM_CALLER_GATEWAY ? "a gateway" : "reportd", om_log_service(), what);
}
