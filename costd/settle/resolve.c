/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "resolve.h"

#include "ledger/lookup.h"
#include "value/record.h"
#include "vendor/openrouter.h"
#include "record.pb-c.h"
#include "base/invariant.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/testpoint.h"
#include "run/backoff.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS      1000             /* other processes plan look-ups too */
#define LEASE_US     (90 * OM_SECOND) /* more than a look-up and its commit can take */
#define BODY_BYTES   ((size_t)1024 * 1024)
#define ARENA_BYTES  ((size_t)16 * 1024 * 1024)
#define DB_MS        15000
#define KEY_PAUSES   15 /* the longest pause, as a multiple of the first */
#define KEY_REFUSALS 3u /* so many rows refused in a row are the key's fault */
#define TROUBLES \
	60 /* the longest wait when the provider is in trouble, as a
#multiple of the first */
#define MINUTE_MS 60000

#define HELP            "Answers to look-ups of a cost."
#define LOOKUPS(result) OM_COUNTER("owui_metering_lookups_total", "result=\"" result "\"", HELP)
static struct om_stat stat_settled = LOOKUPS("settled");
static struct om_stat stat_not_yet = LOOKUPS("not_yet");
static struct om_stat stat_limited = LOOKUPS("limited");
static struct om_stat stat_failed = LOOKUPS("failed");
static struct om_stat stat_refused = LOOKUPS("refused");
static struct om_stat stat_garbage = LOOKUPS("garbage");
static struct om_stat stat_same =
    OM_COUNTER("owui_metering_costs_verified_total", "result=\"same\"", "Reported costs that were looked up too.");
static struct om_stat stat_differs =
    OM_COUNTER("owui_metering_costs_verified_total", "result=\"differs\"", "Reported costs that were looked up too.");
static struct om_stat stat_gave_up =
    OM_COUNTER("owui_metering_lookups_given_up_total", NULL, "Look-ups whose schedule ended without a cost.");

static struct om_stat stat_left_out[CD_N_REPLY_FIELDS] = {
#define CD_REPLY(id, key, name)                                                                  \
	[CD_REPLY_##id] = OM_COUNTER("owui_metering_fields_dropped_total", "field=\"" name "\"", \
	    "Fields that did not fit and were left out, or repaired, while their record was taken."),
#include "vendor/openrouter.def"
#undef CD_REPLY
};

struct cd_resolver {
	struct cd_ledger *ledger; /* borrowed */
	struct cd_provider_opts opts;
	struct cd_resolver_opts how;
	const atomic_bool *stop;                   /* borrowed */
	struct cd_http *http[CD_RESOLVER_WORKERS]; /* owned; one for each worker */

	pthread_mutex_t lock;
	int64_t paused_to_ms;                     /* lock; monotonic */
	om_time key_pause_us;                     /* lock; length of the running pause */
	om_time trouble_us;                       /* lock */
	int64_t turn_ms;                          /* lock; monotonic: when the next look-up may begin */
	char refused[KEY_REFUSALS][CD_KEY_BYTES]; /* lock; rows that got 403 since the last answer */
	unsigned n_refused;                       /* lock */
	uint64_t claims;                          /* lock; that were tried: whose turn it is */
};

/* One look-up on its way. */
struct ask {
	struct cd_resolver *r;
	struct cd_lookup_claim claim;
	uint64_t turn;
	struct om_arena a;
	om_time next_due; /* of others, when nothing was claimed */

	int status;            /* HTTP */
	int64_t retry_after_s; /* -1: none */
	om_time wait_us;       /* the key's pause; 0: none */
	bool count_attempt;
	om_time all_until; /* pause of all processes; 0: none */
	char why[256];
	Om__Record *found;
	const char *other; /* what contradicts a reply about another id, or NULL */
	om_time next;      /* of the postponement */
};

/* wait_left gives how long no look-up may begin: a pause, or as the rate wants it. */
static int64_t
wait_left(struct cd_resolver *r)
{
	int64_t now = om_mono_ms(), until;

	(void)pthread_mutex_lock(&r->lock);
	until = r->paused_to_ms > now ? r->paused_to_ms : r->turn_ms;
	(void)pthread_mutex_unlock(&r->lock);
	return until > now ? until - now : 0;
}

/* pause keeps all workers of this process from asking for a while. */
static void
pause_here(struct cd_resolver *r, om_time us)
{
	int64_t to = om_mono_ms() + (us + 999) / 1000;

	(void)pthread_mutex_lock(&r->lock);
	if (to > r->paused_to_ms)
		r->paused_to_ms = to;
	(void)pthread_mutex_unlock(&r->lock);
}

/* pause_all makes the other processes wait too, with the row's postponement. */
static void
pause_all(struct ask *k, om_time us)
{
	k->all_until = om_now() + us;
	pause_here(k->r, us);
}

/* grow doubles the length of a pause up to its bound and gives the new one. */
static om_time
grow(struct cd_resolver *r, om_time *length, om_time least, om_time most)
{
	om_time us;

	(void)pthread_mutex_lock(&r->lock);
	*length = *length == 0 ? least : 2 * *length > most ? most : 2 * *length;
	us = *length;
	(void)pthread_mutex_unlock(&r->lock);
	return us;
}

static void
trouble(struct ask *k)
{
	const om_time longest = k->r->how.pause_us;

	pause_here(k->r, grow(k->r, &k->r->trouble_us, longest / TROUBLES, longest));
}

static void
all_well(struct cd_resolver *r)
{
	(void)pthread_mutex_lock(&r->lock);
	r->key_pause_us = 0;
	r->trouble_us = 0;
	r->n_refused = 0;
	(void)pthread_mutex_unlock(&r->lock);
}

/* is_key_refused notes a 403 and says whether it is the key's fault: so many
 * different rows got one, and no row an answer. */
static bool
is_key_refused(struct cd_resolver *r, const char *id)
{
	bool known = false, full;

	(void)pthread_mutex_lock(&r->lock);
	for (unsigned i = 0; i < r->n_refused; i++)
		known = known || strcmp(r->refused[i], id) == 0;
	if (!known && r->n_refused < KEY_REFUSALS)
		(void)snprintf(r->refused[r->n_refused++], CD_KEY_BYTES, "%s", id);
	full = r->n_refused == KEY_REFUSALS;
	(void)pthread_mutex_unlock(&r->lock);
	return full;
}

/* take_turn puts the next look-up off as the rate wants it. */
static void
take_turn(struct cd_resolver *r)
{
	int64_t now = om_mono_ms();

	(void)pthread_mutex_lock(&r->lock);
	r->turn_ms = (r->turn_ms > now ? r->turn_ms : now) + MINUTE_MS / r->how.rate;
	(void)pthread_mutex_unlock(&r->lock);
}

static om_status
claim(struct cd_db *db, void *arg, om_err *e)
{
	struct ask *k = arg;
	om_time paused = 0;
	om_status s = cd_lookup_paused(db, &paused, e);

	if (s == OM_OK && paused > om_now()) {
		k->next_due = paused;
		return OM_OK;
	}
	if (s == OM_OK)
		s = cd_lookup_claim(db, k->turn, om_now(), LEASE_US, &k->claim, &k->a, e);
	if (s == OM_OK && !k->claim.found)
		s = cd_lookup_next(db, &k->next_due, e);
	if (s == OM_OK && k->claim.found && k->claim.settled)
		s = cd_lookup_drop(db, k->claim.id, e);
	return s;
}

static om_status
postpone(struct cd_db *db, void *arg, om_err *e)
{
	struct ask *k = arg;
	om_status s = OM_OK;

	if (k->all_until != 0)
		s = cd_lookup_pause(db, k->all_until, e);
	if (s != OM_OK)
		return s;
	if (k->next == 0 && k->claim.verify) /* the reported cost stands */
		return cd_lookup_drop(db, k->claim.id, e);
	return cd_lookup_postpone(
	    db, &k->claim, k->claim.attempts + (k->count_attempt ? 1 : 0), k->next, k->status, k->why, e);
}

static om_status
compare(struct cd_db *db, void *arg, om_err *e)
{
	struct ask *k = arg;

	return cd_lookup_compare(db, &k->claim, k->found, &k->a, &k->other, e);
}

/* check_other accepts a reply about another id unless something contradicts it. */
static om_status
check_other(struct ask *k, om_err *e)
{
	om_status s;

	if (k->found->other_id == NULL)
		return OM_OK;
	s = cd_pool_run(k->r->ledger->pool, CD_TX_SNAPSHOT, om_mono_ms() + DB_MS, compare, k, e);
	if (s == OM_OK && k->other != NULL)
		s = om_fail(
		    e, OM_PROTOCOL, "the reply is about another generation (%.128s), %s", k->found->other_id, k->other);
	return s;
}

static void
count_left_out(unsigned left_out)
{
	for (unsigned f = 0; f < CD_N_REPLY_FIELDS; f++)
		if ((left_out & 1u << f) != 0)
			om_stat_add(&stat_left_out[f], 1);
}

/* judge_user: the provider repeats whom the request named. */
static void
judge_user(struct ask *k)
{
	Om__Record *r = k->found;
	const bool told = strcmp(r->user->id, OM_USER_UNKNOWN) != 0;

	r->has_user_state = 1;
	r->user_state = told ? OM__USER_STATE__USER_TOLD : OM__USER_STATE__USER_UNKNOWN;
	if (told && k->r->how.told_are_unknown)
		r->has_told_only = r->told_only = 1;
}

/* believe accepts the body of a 200, or says why not. */
static void
believe(struct ask *k, const struct cd_http_reply *reply)
{
	om_err e = {.text = ""};
	struct cd_reply said = {.record = NULL};
	om_time now = om_now();
	om_status s = OM_OK;

	if (!cd_http_is_json(reply))
		s = om_fail(&e, OM_PROTOCOL, "the reply is %s, not JSON", reply->type);
	if (s == OM_OK)
		s = cd_provider_generation(reply->body.data != NULL ? reply->body.data : "", reply->body.len,
		    k->claim.id, now, &k->a, &said, &e);
	count_left_out(said.left_out);
	k->found = said.record;
	if (s == OM_OK)
		judge_user(k);
	if (s == OM_OK)
		s = check_other(k, &e);
	if (s != OM_OK) {
		k->found = NULL;
		(void)snprintf(k->why, sizeof k->why, "%s", om_err_text(&e, s));
		om_stat_add(&stat_garbage, 1);
		om_log(OM_LOG_WARN, "look-up answered with something else", "generation_id", k->claim.id, "why", k->why,
		    NULL);
		return;
	}
	if (cd_provider_is_empty(k->found) && now - k->claim.first_us < k->r->how.zero_wait_us &&
	    !cd_provider_is_cache_hit(reply->body.data, reply->body.len)) {
		k->found = NULL;
		(void)snprintf(k->why, sizeof k->why, "no cost and no tokens yet");
		om_stat_add(&stat_not_yet, 1);
	}
}

/* key_refused keeps this process from asking with a key that opens nothing; the
 * row is asked for again after the pause. */
static void
key_refused(struct ask *k)
{
	om_time us = grow(k->r, &k->r->key_pause_us, k->r->how.pause_us, KEY_PAUSES * k->r->how.pause_us);

	k->count_attempt = false;
	k->wait_us = us;
	om_stat_add(&stat_refused, 1);
	om_log(OM_LOG_ERROR, "the provider refuses the key, look-ups pause", "status", OM_I64(k->status), "ms",
	    OM_I64(us / 1000), "generation_id", k->claim.id, NULL);
	pause_here(k->r, us);
}

/* weigh decides what an answer means. */
static void
weigh(struct ask *k, const struct cd_http_reply *reply)
{
	struct cd_resolver *r = k->r;

	k->retry_after_s = reply->retry_after[0] != '\0' ? cd_retry_after(reply->retry_after, om_now()) : -1;
	(void)snprintf(k->why, sizeof k->why, "HTTP status %d", reply->status);
	if (reply->status == 200) {
		all_well(r);
		believe(k, reply);
	} else if (reply->status == 404) {
		all_well(r);
		om_stat_add(&stat_not_yet, 1);
	} else if (reply->status == 429 || (reply->status == 402 && k->retry_after_s >= 0)) {
		om_stat_add(&stat_limited, 1);
		if (k->retry_after_s > 0)
			pause_all(k, k->retry_after_s * OM_SECOND);
		else
			trouble(k);
	} else if (reply->status == 401 || reply->status == 402) {
		key_refused(k);
	} else if (reply->status == 403) {
		if (is_key_refused(r, k->claim.id))
			key_refused(k);
		else
			om_stat_add(&stat_refused, 1);
	} else if (reply->status >= 500) {
		om_stat_add(&stat_failed, 1);
		if (k->retry_after_s > 0)
			pause_all(k, k->retry_after_s * OM_SECOND);
		else
			trouble(k);
	} else {
		om_stat_add(&stat_garbage, 1);
	}
}

static void
put_off(struct ask *k)
{
	struct cd_resolver *r = k->r;
	struct om_backoff b = {
	    .now = om_now(),
	    .first_us = k->claim.first_us,
	    .give_up_us = r->ledger->times.give_up_us,
	    .base_us = r->ledger->times.delay_us,
	    .max_us = r->ledger->times.max_delay_us,
	    .attempts = k->claim.attempts + (k->count_attempt ? 1 : 0),
	    .retry_after_s = k->retry_after_s,
	    .random = om_backoff_random(),
	};
	om_err e = {.text = ""};
	om_status s;

	k->next = atomic_load(r->stop) ? b.now : k->wait_us > 0 ? b.now + k->wait_us : om_backoff_next(&b);
	if (k->next == 0) {
		om_stat_add(&stat_gave_up, 1);
		om_log(OM_LOG_WARN, "look-up is given up, the cost stays unsettled", "generation_id", k->claim.id,
		    "attempts", OM_I64(b.attempts), "why", k->why, NULL);
	}
	s = k->next == 0 && k->status == 404
	    ? cd_ledger_not_found(r->ledger, k->claim.id, om_mono_ms() + DB_MS, &k->a, &e)
	    : OM_OK;
	if (s == OM_OK)
		s = cd_pool_run(r->ledger->pool, CD_TX_WRITE, om_mono_ms() + DB_MS, postpone, k, &e);
	if (s != OM_OK) /* the lease runs out by itself */
		om_log(OM_LOG_WARN, "the outcome of a look-up was not stored", "why", om_err_text(&e, s), NULL);
}

static bool
is_same_amount(const char *a, const char *b)
{
	om_money x, y;

	return a != NULL && b != NULL && om_money_parse(a, &x, NULL) == OM_OK && om_money_parse(b, &y, NULL) == OM_OK &&
	    om_money_cmp(x, y) == 0;
}

/* is_same: the provider's books say what was reported; of a call with a key of one's own, the bill of the
 * key's owner too. */
static bool
is_same(const struct ask *k)
{
	return is_same_amount(k->claim.cost, k->found->cost) &&
	    (k->found->byok_cost == NULL || is_same_amount(k->claim.byok_cost, k->found->byok_cost));
}

/* settle hands the provider's answer to the ledger; false when the row is to be
 * asked for again. */
static bool
settle(struct ask *k)
{
	om_err e = {.text = ""};
	om_status s;

	OM_CRASH_POINT("costd_after_look_up");
	s = cd_ledger_settle(k->r->ledger, k->found, om_mono_ms() + DB_MS, &k->a, &e);

	if (s == OM_OK && cd_provider_lacks_byok(k->found)) { /* the rest is asked for again */
		om_stat_add(&stat_not_yet, 1);
		k->claim.verify = false;
		(void)snprintf(k->why, sizeof k->why, "no cost of the upstream provider yet");
		return false;
	}
	if (s == OM_OK) {
		om_stat_add(&stat_settled, 1);
		if (k->claim.verify)
			om_stat_add(is_same(k) ? &stat_same : &stat_differs, 1);
		om_log(OM_LOG_DEBUG, "settled", "generation_id", k->claim.id, "cost", k->found->cost, NULL);
		return true;
	}
	(void)snprintf(k->why, sizeof k->why, "not stored: %.200s", om_err_text(&e, s));
	om_log(OM_LOG_WARN, "a looked-up cost was not stored", "generation_id", k->claim.id, "why", k->why, NULL);
	return false;
}

static void
look_up(struct cd_resolver *r, struct cd_http *http, struct ask *k)
{
	struct cd_http_reply reply;
	om_err e = {.text = ""};
	om_status s;

	k->retry_after_s = -1;
	k->count_attempt = true;
	if (!cd_generation_id_ok(k->claim.id, strlen(k->claim.id)))
		s = om_fail(&e, OM_INVALID, "not an id that can be asked for");
	else
		s = cd_http_get(http, "/generation", "id", k->claim.id, BODY_BYTES,
		    (long)((r->how.timeout_us + 999) / 1000), &reply, &e);
	if (s == OM_OK) {
		k->status = reply.status;
		weigh(k, &reply);
	} else {
		(void)snprintf(k->why, sizeof k->why, "%s", om_err_text(&e, s));
		k->count_attempt = !atomic_load(r->stop);
		om_stat_add(s == OM_TOO_LARGE ? &stat_garbage : &stat_failed, 1);
		if (s == OM_UNAVAILABLE && !atomic_load(r->stop))
			trouble(k);
	}
	if (k->found == NULL || !settle(k))
		put_off(k);
	if (s != OM_INVALID)
		cd_http_reply_fini(&reply);
}

/* next_in: other processes plan look-ups, too. */
static int64_t
next_in(om_time due)
{
	om_time left = due - om_now();

	return left <= 0 ? 0 : left / 1000 < POLL_MS ? left / 1000 + 1 : POLL_MS;
}

/* ask_next claims a row that is due and asks for it, or says when one is. */
static om_status
ask_next(struct cd_resolver *r, struct om_duty_turn *t, struct ask *k, om_err *e)
{
	om_status s;

	(void)pthread_mutex_lock(&r->lock);
	k->turn = r->claims++;
	(void)pthread_mutex_unlock(&r->lock);
	s = cd_pool_run(r->ledger->pool, CD_TX_WRITE, om_mono_ms() + DB_MS, claim, k, e);

	if (s != OM_OK)
		return s;
	if (!k->claim.found) {
		om_duty_next_in(t, next_in(k->next_due));
		return OM_OK;
	}
	if (!k->claim.settled) {
		take_turn(r);
		om_duty_more(t); /* another worker may ask for the next row meanwhile */
		look_up(r, r->http[t->worker], k);
	}
	om_duty_again(t);
	return OM_OK;
}

om_status
cd_resolver_turn(void *arg, struct om_duty_turn *t, om_err *e)
{
	struct cd_resolver *r = arg;
	struct ask k = {.r = r, .next_due = INT64_MAX};
	int64_t wait = wait_left(r);
	om_status s;

	om_check(t->worker < CD_RESOLVER_WORKERS && r->http[t->worker] != NULL);
	if (wait > 0) {
		om_duty_next_in(t, wait);
		return OM_OK;
	}
	om_arena_init(&k.a, ARENA_BYTES);
	s = ask_next(r, t, &k, e);
	om_arena_fini(&k.a);
	return s;
}

om_status
cd_resolver_new(struct cd_ledger *l, const struct cd_provider_opts *o, const struct cd_resolver_opts *how,
    const atomic_bool *stop, struct cd_resolver **out, om_err *e)
{
	struct om_stat *const stats[] = {&stat_settled, &stat_not_yet, &stat_limited, &stat_failed, &stat_refused,
	    &stat_garbage, &stat_gave_up, &stat_same, &stat_differs};
	struct cd_resolver *r = calloc(1, sizeof *r);
	om_status s = OM_OK;

	om_check(how->workers <= CD_RESOLVER_WORKERS);
	*out = NULL;
	if (r == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < sizeof stats / sizeof stats[0]; i++)
		om_stat_register(stats[i]);
	for (unsigned f = 0; f < CD_N_REPLY_FIELDS; f++)
		om_stat_register(&stat_left_out[f]);
	r->ledger = l;
	r->opts = *o;
	r->how = *how;
	r->stop = stop;
	(void)pthread_mutex_init(&r->lock, NULL);
	for (unsigned i = 0; s == OM_OK && i < how->workers; i++)
		s = cd_http_new(&r->opts, stop, &r->http[i], e);
	if (s != OM_OK) {
		cd_resolver_free(&r);
		return s;
	}
	*out = r;
	return OM_OK;
}

om_time
cd_resolver_paused_until(struct cd_resolver *r)
{
	int64_t now = om_mono_ms(), to;

	if (r == NULL)
		return 0;
	(void)pthread_mutex_lock(&r->lock);
	to = r->paused_to_ms;
	(void)pthread_mutex_unlock(&r->lock);
	return to > now ? om_now() + (to - now) * 1000 : 0;
}

void
cd_resolver_free(struct cd_resolver **rp)
{
	struct cd_resolver *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	for (unsigned i = 0; i < CD_RESOLVER_WORKERS; i++)
		cd_http_free(&r->http[i]);
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}
