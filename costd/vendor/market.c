/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "market.h"

#include "openrouter.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"

#include <stdlib.h>
#include <string.h>

#define MODELS_MS     ((int64_t)10 * 60 * 1000)
#define CREDITS_MS    ((int64_t)60 * 1000)
#define FAILED_MS     10000 /* as long a failure is not tried again */
#define FETCH_MS      15000L
#define WAIT_MS       5000 /* for the first fetch, on another thread */
#define MODELS_BYTES  ((size_t)16 * 1024 * 1024)
#define CREDITS_BYTES ((size_t)64 * 1024)
#define ARENA_BYTES   ((size_t)64 * 1024 * 1024)

/* A kind of answer: how it is fetched, and the last one as packed bytes. */
struct shelf {
	om_status (*fetch)(struct cd_market *m, struct om_arena *a, struct om_buf *packed, om_err *e);
	int64_t keep_ms;

	bool fetching;        /* lock, like all below */
	struct om_buf packed; /* empty: none yet */
	int64_t fresh_to_ms;  /* monotonic */
	int64_t no_try_to_ms; /* after a failure */
	om_status failed;
	om_err why;
};

struct cd_market {
	struct cd_provider_opts opts;
	atomic_bool stop;
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct shelf models, credits;
};

static om_status
get(struct cd_market *m, const char *path, const char *query, const char *value, size_t max_bytes,
    struct cd_http_reply *reply, om_err *e)
{
	struct cd_http *http = NULL;
	om_status s = cd_http_new(&m->opts, &m->stop, &http, e);

	memset(reply, 0, sizeof *reply);
	if (s == OM_OK)
		s = cd_http_get(http, path, query, value, max_bytes, FETCH_MS, reply, e);
	cd_http_free(&http);
	return s;
}

static om_status
fetch_models(struct cd_market *m, struct om_arena *a, struct om_buf *packed, om_err *e)
{
	Om__ModelsReply out = OM__MODELS_REPLY__INIT;
	struct cd_http_reply reply;
	om_status s = get(m, "/models", "output_modalities", "all", MODELS_BYTES, &reply, e);

	if (s == OM_OK && reply.status != 200)
		s = om_fail(e, OM_UNAVAILABLE, "the provider answers with HTTP status %d", reply.status);
	if (s == OM_OK)
		s = cd_provider_models(reply.body.data != NULL ? reply.body.data : "", reply.body.len, a, &out, e);
	if (s == OM_OK) {
		out.fetched_us = om_now();
		om_msg_pack(&out.base, packed);
	}
	cd_http_reply_fini(&reply);
	return s;
}

static om_status
fetch_credits(struct cd_market *m, struct om_arena *a, struct om_buf *packed, om_err *e)
{
	Om__CreditsReply out = OM__CREDITS_REPLY__INIT;
	struct cd_http_reply reply = {.status = 401};
	om_status s = OM_OK;

	if (m->opts.api_key != NULL)
		s = get(m, "/credits", NULL, NULL, CREDITS_BYTES, &reply, e);
	if (s == OM_OK && reply.status == 200)
		s = cd_provider_credits(reply.body.data != NULL ? reply.body.data : "", reply.body.len, a, &out, e);
	else if (s == OM_OK && reply.status != 401 && reply.status != 403)
		s = om_fail(e, OM_UNAVAILABLE, "the provider answers with HTTP status %d", reply.status);
	if (s == OM_OK) {
		out.fetched_us = om_now();
		om_msg_pack(&out.base, packed);
	}
	cd_http_reply_fini(&reply);
	return s;
}

om_status
cd_market_new(const struct cd_provider_opts *o, struct cd_market **out, om_err *e)
{
	struct cd_market *m = calloc(1, sizeof *m);

	*out = NULL;
	if (m == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	m->opts = *o;
	m->models = (struct shelf){.fetch = fetch_models, .keep_ms = MODELS_MS};
	m->credits = (struct shelf){.fetch = fetch_credits, .keep_ms = CREDITS_MS};
	om_buf_init(&m->models.packed, ARENA_BYTES);
	om_buf_init(&m->credits.packed, ARENA_BYTES);
	(void)pthread_mutex_init(&m->lock, NULL);
	om_cond_init(&m->change);
	*out = m;
	return OM_OK;
}

void
cd_market_stop(struct cd_market *m)
{
	if (m != NULL)
		atomic_store(&m->stop, true);
}

void
cd_market_free(struct cd_market **mp)
{
	struct cd_market *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	om_buf_fini(&m->models.packed);
	om_buf_fini(&m->credits.packed);
	(void)pthread_cond_destroy(&m->change);
	(void)pthread_mutex_destroy(&m->lock);
	free(m);
}

/* refill fetches outside the lock, which is held before and after. */
static void
refill(struct cd_market *m, struct shelf *sh)
{
	struct om_buf packed;
	struct om_arena a;
	om_err e = {.text = ""};
	om_status s;

	sh->fetching = true;
	(void)pthread_mutex_unlock(&m->lock);
	om_arena_init(&a, ARENA_BYTES);
	om_buf_init(&packed, ARENA_BYTES);
	s = sh->fetch(m, &a, &packed, &e);
	if (s == OM_OK)
		s = om_buf_done(&packed, &e);
	om_arena_fini(&a);
	(void)pthread_mutex_lock(&m->lock);
	sh->fetching = false;
	sh->failed = s == OM_OK ? OM_OK : OM_UNAVAILABLE;
	if (s == OM_OK) {
		struct om_buf old = sh->packed;

		sh->packed = packed;
		packed = old;
		sh->fresh_to_ms = om_mono_ms() + sh->keep_ms;
	} else {
		(void)om_fail(&sh->why, s, "%s", om_err_text(&e, s));
		sh->no_try_to_ms = om_mono_ms() + FAILED_MS;
		om_log(OM_LOG_WARN, "the provider's list or balance cannot be fetched", "why", sh->why.text, NULL);
	}
	om_buf_fini(&packed);
	(void)pthread_cond_broadcast(&m->change);
}

/* take gives a copy of the shelf's bytes, and fetches them again if they are too old. */
static om_status
take(struct cd_market *m, struct shelf *sh, int64_t deadline_ms, struct om_buf *out, om_err *e)
{
	int64_t limit = om_mono_ms() + WAIT_MS;
	om_status s = OM_OK;

	if (deadline_ms < limit)
		limit = deadline_ms;
	(void)pthread_mutex_lock(&m->lock);
	if (sh->packed.len == 0)
		while (sh->fetching && om_cond_wait(&m->change, &m->lock, limit))
			continue;
	if (!sh->fetching && om_mono_ms() >= sh->fresh_to_ms && om_mono_ms() >= sh->no_try_to_ms)
		refill(m, sh);
	if (sh->packed.len > 0)
		om_buf_add(out, sh->packed.data, sh->packed.len);
	else if (sh->failed != OM_OK)
		s = om_fail(e, sh->failed, "%s", sh->why.text);
	else
		s = om_fail(e, OM_UNAVAILABLE, "the provider has not answered yet");
	(void)pthread_mutex_unlock(&m->lock);
	return s == OM_OK ? om_buf_done(out, e) : s;
}

static om_status
answer(struct cd_market *m, struct shelf *sh, const ProtobufCMessageDescriptor *kind, int64_t deadline_ms,
    struct om_arena *a, void *out, om_err *e)
{
	void *read = NULL;
	struct om_buf b;
	om_status s;

	om_buf_init(&b, ARENA_BYTES);
	s = take(m, sh, deadline_ms, &b, e);
	if (s == OM_OK)
		s = om_msg_unpack(kind, b.data, b.len, a, &read, e);
	if (s == OM_OK)
		memcpy(out, read, kind->sizeof_message); /* what it points at stays in the arena */
	om_buf_fini(&b);
	return s;
}

om_status
cd_market_models(struct cd_market *m, int64_t deadline_ms, struct om_arena *a, Om__ModelsReply *out, om_err *e)
{
	return answer(m, &m->models, &om__models_reply__descriptor, deadline_ms, a, out, e);
}

om_status
cd_market_credits(struct cd_market *m, int64_t deadline_ms, struct om_arena *a, Om__CreditsReply *out, om_err *e)
{
	return answer(m, &m->credits, &om__credits_reply__descriptor, deadline_ms, a, out, e);
}
