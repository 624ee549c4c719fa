/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sessions_in.h"

#include <stdlib.h>
#include <string.h>

#define SEEN_US    (60 * OM_SECOND)
#define OF_TEN     (INT64_C(3650) * OM_DAY) /* no session is meant to last longer */
#define BYTES(b)   CD_B((b), OM_SHA256)
#define ADMIN_ROLE "admin"

om_status
cd_sessions_new(struct cd_pool *pool, struct cd_sessions **out, om_err *e)
{
	struct cd_sessions *s = calloc(1, sizeof *s);

	*out = s;
	if (s == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s->pool = pool;
	(void)pthread_mutex_init(&s->lock, NULL);
	return OM_OK;
}

void
cd_sessions_free(struct cd_sessions **sp)
{
	struct cd_sessions *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

om_status
cd_secret_hash(const ProtobufCBinaryData *secret, unsigned char out[OM_SHA256], om_err *e)
{
	static const char label[] = "owui-metering secret of a session";
	const struct om_bytes parts[] = {{label, sizeof label}, {secret->data, secret->len}};

	if (secret->len != CD_SECRET)
		return om_fail(e, OM_INVALID, "the secret of a session has %u bytes", CD_SECRET);
	return om_sha256(parts, 2, out);
}

/* ---- what was found, for a moment ---- */

static bool
is_trusted(struct cd_sessions *s, const unsigned char id[OM_SHA256])
{
	int64_t now_ms = om_mono_ms();
	bool found = false;

	(void)pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < CD_TRUSTED && !found; i++)
		found = s->trusted[i].until_ms > now_ms && memcmp(s->trusted[i].id, id, OM_SHA256) == 0;
	(void)pthread_mutex_unlock(&s->lock);
	return found;
}

/* trust: a session that ends sooner than CD_SESSION_TRUST_MS is not trusted beyond its end. */
static void
trust(struct cd_sessions *s, const unsigned char id[OM_SHA256], int64_t left_us)
{
	int64_t left_ms = left_us / 1000;
	struct cd_trusted one = {
	    .until_ms = om_mono_ms() + (left_ms < CD_SESSION_TRUST_MS ? left_ms : CD_SESSION_TRUST_MS)};

	memcpy(one.id, id, OM_SHA256);
	(void)pthread_mutex_lock(&s->lock);
	s->trusted[s->next++ % CD_TRUSTED] = one;
	(void)pthread_mutex_unlock(&s->lock);
}

void
cd_sessions_forget(struct cd_sessions *s)
{
	(void)pthread_mutex_lock(&s->lock);
	memset(s->trusted, 0, sizeof s->trusted);
	(void)pthread_mutex_unlock(&s->lock);
}

/* ---- beginning ---- */

struct begin {
	const Om__SessionBegin *q;
	unsigned char id[OM_SHA256], link[OM_SHA256];
	bool has_link;
	om_time now;
};

static om_status
keep_owner(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	if (v[0].n == OM_SHA256)
		memcpy(arg, v[0].p, OM_SHA256);
	return OM_OK;
}

/* spend_link: whoever inserts it first has it; the row says who that was, so that a repeat of the same
 * transaction is not refused. */
static om_status
spend_link(struct cd_db *db, const struct begin *b, om_err *e)
{
	unsigned char owner[OM_SHA256] = {0};
	const struct cd_val row[] = {BYTES(b->link), BYTES(b->id), CD_I(b->now + b->q->link_left_us)};
	om_status s;

	if (b->q->link_left_us <= 0)
		return om_fail(e, OM_UNAUTHENTICATED, "the login link is too old");
	s = cd_db_exec(db, "DELETE FROM login_link WHERE ends_us<=?", (struct cd_val[]){CD_I(b->now)}, 1, 1, NULL, e);
	if (s == OM_OK)
		s = cd_db_exec(
		    db, "INSERT IGNORE INTO login_link (id,session,ends_us) VALUES (?,?,?)", row, 3, 1, NULL, e);
	if (s == OM_OK)
		s = cd_db_query(
		    db, "SELECT session FROM login_link WHERE id=? FOR UPDATE", row, 1, keep_owner, owner, e);
	if (s == OM_OK && memcmp(owner, b->id, OM_SHA256) != 0)
		return om_fail(e, OM_UNAUTHENTICATED, "the login link was used already");
	return s;
}

static om_status
begin(struct cd_db *db, void *arg, om_err *e)
{
	const struct begin *b = arg;
	const struct cd_val now = CD_I(b->now);
	const struct cd_val row[] = {
	    BYTES(b->id), cd_t(ADMIN_ROLE), CD_I(b->now), CD_I(b->now), CD_I(b->now + b->q->lasts_us)};
	om_status s = b->has_link ? spend_link(db, b, e) : OM_OK;

	if (s == OM_OK)
		s = cd_db_exec(db, "DELETE FROM session WHERE ends_us<=?", &now, 1, 1, NULL, e);
	if (s == OM_OK)
		s = cd_db_exec(db,
		    "INSERT INTO session (id,role,begun_us,seen_us,ends_us) VALUES (?,?,?,?,?) "
		    "ON DUPLICATE KEY UPDATE id=session.id",
		    row, sizeof row / sizeof row[0], 1, NULL, e);
	return s;
}

om_status
cd_sessions_begin(struct cd_sessions *s, const Om__SessionBegin *q, om_time now, int64_t deadline_ms, om_err *e)
{
	struct begin b = {.q = q, .has_link = q->has_link != 0, .now = now};
	om_status st = cd_secret_hash(&q->session, b.id, e);

	if (st == OM_OK && (q->lasts_us <= 0 || q->lasts_us > OF_TEN || q->link_left_us > OF_TEN))
		st = om_fail(e, OM_INVALID, "a session lasts for up to ten years");
	if (st == OM_OK && b.has_link)
		st = cd_secret_hash(&q->link, b.link, e);
	return st == OM_OK ? cd_pool_run(s->pool, CD_TX_WRITE, deadline_ms, begin, &b, e) : st;
}

/* ---- looking ---- */

struct look {
	unsigned char id[OM_SHA256];
	om_time now;
	bool known;
	int64_t ends_us, seen_us;
};

static om_status
keep_session(void *arg, const struct cd_val *v, om_err *e)
{
	struct look *l = arg;

	(void)e;
	l->known = true;
	l->ends_us = v[0].i;
	l->seen_us = v[1].i;
	return OM_OK;
}

/* look finds the session itself, or the one that a spent ticket acts for. */
static om_status
look(struct cd_db *db, void *arg, om_err *e)
{
	struct look *l = arg;

	l->known = false;
	return cd_db_query(db,
	    "SELECT ends_us,seen_us FROM session WHERE id=? AND ends_us>? UNION ALL SELECT s.ends_us,s.seen_us FROM "
	    "ticket t JOIN session s ON s.id=t.session WHERE t.id=? AND t.spent_us IS NOT NULL AND s.ends_us>?",
	    (struct cd_val[]){BYTES(l->id), CD_I(l->now), BYTES(l->id), CD_I(l->now)}, 4, keep_session, l, e);
}

static om_status
note_seen(struct cd_db *db, void *arg, om_err *e)
{
	const struct look *l = arg;

	return cd_db_exec(db, "UPDATE session SET seen_us=? WHERE id=?", (struct cd_val[]){CD_I(l->now), BYTES(l->id)},
	    2, 1, NULL, e);
}

static om_status
find(struct cd_sessions *s, const ProtobufCBinaryData *session, struct look *l, int64_t deadline_ms, om_err *e)
{
	om_status st = cd_secret_hash(session, l->id, e);

	if (st == OM_OK)
		st = cd_pool_run(s->pool, CD_TX_SNAPSHOT, deadline_ms, look, l, e);
	if (st == OM_OK && l->known)
		trust(s, l->id, l->ends_us - l->now);
	return st;
}

om_status
cd_sessions_read(struct cd_sessions *s, const ProtobufCBinaryData *session, om_time now, int64_t deadline_ms,
    Om__SessionReply *out, om_err *e)
{
	struct look l = {.now = now};
	om_status st = find(s, session, &l, deadline_ms, e);

	if (st != OM_OK)
		return st;
	out->known = l.known;
	out->left_us = l.known ? l.ends_us - now : 0;
	if (l.known && l.seen_us <= now - SEEN_US)
		st = cd_pool_run(s->pool, CD_TX_WRITE, deadline_ms, note_seen, &l, e);
	return st;
}

om_status
cd_sessions_check(
    struct cd_sessions *s, const ProtobufCBinaryData *session, om_time now, int64_t deadline_ms, om_err *e)
{
	struct look l = {.now = now};
	om_status st = cd_secret_hash(session, l.id, e);

	if (st == OM_OK && is_trusted(s, l.id))
		return OM_OK;
	if (st == OM_OK)
		st = find(s, session, &l, deadline_ms, e);
	if (st == OM_OK && !l.known)
		return om_fail(e, OM_UNAUTHENTICATED, "the session has ended; log in again");
	return st;
}

/* ---- ending ---- */

/* end takes the session's tickets with it. */
static om_status
end(struct cd_db *db, void *arg, om_err *e)
{
	const struct cd_val id = BYTES(arg);
	om_status s = cd_db_exec(db, "DELETE FROM ticket WHERE session=?", &id, 1, 1, NULL, e);

	return s == OM_OK ? cd_db_exec(db, "DELETE FROM session WHERE id=?", &id, 1, 1, NULL, e) : s;
}

om_status
cd_sessions_end(struct cd_sessions *s, const ProtobufCBinaryData *session, int64_t deadline_ms, om_err *e)
{
	unsigned char id[OM_SHA256];
	om_status st = cd_secret_hash(session, id, e);

	if (st == OM_OK)
		st = cd_pool_run(s->pool, CD_TX_WRITE, deadline_ms, end, id, e);
	cd_sessions_forget(s); /* after the commit: what was looked up before it must not be trusted after it */
	return st;
}

static om_status
end_all(struct cd_db *db, void *arg, om_err *e)
{
	om_status s = cd_db_exec(db, "DELETE FROM ticket", NULL, 0, 1, NULL, e);

	return s == OM_OK ? cd_db_exec(db, "DELETE FROM session", NULL, 0, 1, arg, e) : s;
}

om_status
cd_sessions_end_all(struct cd_sessions *s, int64_t deadline_ms, Om__SessionsEndAllReply *out, om_err *e)
{
	int64_t ended = 0;
	om_status st = cd_pool_run(s->pool, CD_TX_WRITE, deadline_ms, end_all, &ended, e);

	cd_sessions_forget(s);
	out->ended = (uint64_t)ended;
	return st;
}
