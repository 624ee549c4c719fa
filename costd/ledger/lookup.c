/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "lookup.h"

#include "database/meta.h"
#include "price/estimate.h"
#include "price/model.h"
#include "value/record.h"
#include "base/digest.h"
#include "base/invariant.h"

#include <string.h>

#define N_PLAN       5u
#define MAX_ATTEMPTS 64u /* numbers of attempts that are told apart in each lane */
#define PAUSED       "lookups_paused_until_us"
#define NEAR_US      ((om_time)3600 * OM_SECOND) /* a reply's time and its row's differ at most so much */

static const struct cd_lease_of a_lookup = {.table = "lookup", .key = "generation_id", .scheduled = true};

static bool
is_open(const struct cd_row *row)
{
	return row->cell[CD_F_STATE].v.i == OM__STATE__STATE_OPEN;
}

/* to_verify picks by a hash of the key with a secret, so that a row is picked each time or never,
 * and a sender that reports wrong costs cannot choose ids that are not. */
static om_status
to_verify(const struct cd_lookup_times *t, const struct cd_row *row, bool *out, om_err *e)
{
	const struct om_bytes parts[] = {{t->secret, sizeof t->secret}, {row->key.p, row->key.n}};
	unsigned char sum[OM_SHA256];
	uint32_t x;

	*out = t->verify >= CD_VERIFY_ALL;
	if (*out || t->verify == 0)
		return OM_OK;
	if (om_sha256(parts, 2, sum) != OM_OK)
		return om_fail(e, OM_INTERNAL, "SHA-256 failed");
	memcpy(&x, sum, sizeof x);
	*out = x % CD_VERIFY_ALL < t->verify;
	return OM_OK;
}

/* Whether a row is asked for, and what for. */
typedef enum want {
	WANT_NOTHING,
	WANT_COST,   /* `verify` of the plan is 0 */
	WANT_PROOF,  /* 1: the cost is only compared */
	WANT_VERDICT /* 2: on a dispute */
} want;

/* wanted decides for one row; NULL: there is none. */
static om_status
wanted(struct cd_db *db, const struct cd_lookup_times *t, const struct cd_row *row, want *out, struct om_arena *a,
    om_err *e)
{
	bool proof = false, is_free = false;
	om_status s = OM_OK;

	*out = WANT_NOTHING;
	if (row == NULL || !cd_row_can_look_up(row))
		return OM_OK;
	if (cd_row_is_unsettled(row)) {
		*out = WANT_COST;
		return OM_OK;
	}
	if (!cd_row_is_claimed(row))
		return OM_OK;
	if (cd_row_disputed(row) != 0) {
		*out = WANT_VERDICT;
		return OM_OK;
	}
	s = to_verify(t, row, &proof, e);
	if (s == OM_OK && !proof && cd_row_claims_zero(row)) {
		s = cd_estimate_is_free(db, row, a, &is_free, e);
		proof = !is_free;
	}
	*out = proof ? WANT_PROOF : WANT_NOTHING;
	return s;
}

unsigned
cd_lookup_lane(const Om__Record *r)
{
	return r->has_sender ? 1 + om_crc32(0, r->sender.data, r->sender.len) % (CD_LANES - 1) : 0;
}

om_status
cd_lookup_plan(struct cd_db *db, const struct cd_lookup_times *t, const struct cd_lookup_change *c, size_t n,
    om_time now, om_time *next_out, struct om_arena *a, om_err *e)
{
	/* a row that ended is asked for sooner than planned while it was open; one
	 * that was asked for already keeps its schedule, but a dispute is brought before the
	 * provider at once, whatever was asked before */
	static const char plan[] =
	    "INSERT INTO lookup (generation_id,first_us,attempts,next_us,verify,lane) VALUES (?,?,0,?,?,?) "
	    "ON DUPLICATE KEY UPDATE first_us=IF(VALUES(verify)=2,VALUES(first_us),first_us),"
	    "next_us=IF(VALUES(verify)=2,VALUES(next_us),"
	    "IF(attempts=0,LEAST(next_us,VALUES(next_us)),next_us)),"
	    "attempts=IF(VALUES(verify)=2,0,attempts),verify=VALUES(verify)";
	static const char drop[] = "DELETE FROM lookup WHERE generation_id=?";
	struct cd_val *planned = om_arena_array(a, n * N_PLAN + 1, sizeof *planned);
	struct cd_val *dropped = om_arena_array(a, n + 1, sizeof *dropped);
	size_t n_planned = 0, n_dropped = 0;
	om_status s = OM_OK;

	if (planned == NULL || dropped == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		const struct cd_row *row = c[i].now, *old = c[i].old;
		om_time next;
		want is, was;

		s = wanted(db, t, row, &is, a, e);
		if (s == OM_OK)
			s = wanted(db, t, old, &was, a, e);
		if (s != OM_OK)
			return s;
		om_check(i == 0 || cd_text_cmp(c[i - 1].now->key, row->key) < 0);
		if (is == WANT_NOTHING) {
			if (was != WANT_NOTHING)
				dropped[n_dropped++] = CD_B(row->key.p, row->key.n);
			continue;
		}
		if (was == is && is_open(old) == is_open(row))
			continue;
		next = is == WANT_VERDICT ? now : now + (is_open(row) ? t->open_delay_us : t->delay_us);
		planned[N_PLAN * n_planned] = CD_B(row->key.p, row->key.n);
		planned[N_PLAN * n_planned + 1] = CD_I(now);
		planned[N_PLAN * n_planned + 2] = CD_I(next);
		planned[N_PLAN * n_planned + 3] = CD_I(is - WANT_COST);
		planned[N_PLAN * n_planned + 4] = CD_I(c[i].lane);
		n_planned++;
		if (next < *next_out)
			*next_out = next;
	}
	om_check(n_planned + n_dropped <= n);
	if (n_planned > 0)
		s = cd_db_exec(db, plan, planned, N_PLAN, n_planned, NULL, e);
	if (s == OM_OK && n_dropped > 0)
		s = cd_db_exec(db, drop, dropped, 1, n_dropped, NULL, e);
	return s;
}

struct claim_scan {
	struct cd_lookup_claim *out;
	struct om_arena *a;
};

static om_status
keep_claim(void *arg, const struct cd_val *v, om_err *e)
{
	struct claim_scan *scan = arg;

	scan->out->found = true;
	scan->out->id = om_arena_strndup(scan->a, v[0].p, v[0].n);
	scan->out->first_us = v[1].i;
	scan->out->attempts = v[2].i;
	scan->out->verify = v[3].i != 0;
	return scan->out->id != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

static om_time
time_of(const struct cd_val *v)
{
	return v->kind == CD_INT ? v->i : 0;
}

static char *
text_of(const struct cd_val *v, struct om_arena *a)
{
	return v->kind == CD_TEXT ? om_arena_strndup(a, v->p, v->n) : NULL;
}

static om_status
keep_row(void *arg, const struct cd_val *v, om_err *e)
{
	struct claim_scan *scan = arg;
	struct cd_lookup_claim *out = scan->out;
	bool unsettled = v[1].i != 0;

	out->user = text_of(&v[0], scan->a);
	out->verify = out->verify && !unsettled && v[2].i == OM__COST_STATE__COST_REPORTED;
	out->settled = !unsettled && !out->verify;
	out->cost = text_of(&v[3], scan->a);
	out->byok_cost = text_of(&v[7], scan->a);
	out->model = text_of(&v[4], scan->a);
	out->began_us = time_of(&v[5]);
	out->ended_us = v[6].kind == CD_INT && v[6].i > out->began_us ? v[6].i : out->began_us;
	return !scan->a->failed ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

/* Rows of one lane that were asked for equally often. */
struct class
{
	int64_t lane, attempts;
	om_time first_due_us;
};

struct class_scan {
	om_time now;
	struct class due[CD_LANES * MAX_ATTEMPTS]; /* ascending */
	size_t n;
};

static om_status
keep_class(void *arg, const struct cd_val *v, om_err *e)
{
	struct class_scan *scan = arg;

	(void)e;
	if (v[2].kind == CD_INT && v[2].i <= scan->now && scan->n < sizeof scan->due / sizeof scan->due[0])
		scan->due[scan->n++] = (struct class){.lane = v[0].i, .attempts = v[1].i, .first_due_us = v[2].i};
	return OM_OK;
}

/* choose gives the class whose turn it is, of those that are due. */
static const struct class *
choose(const struct class_scan *scan, uint64_t turn, bool newest)
{
	const int64_t wanted = (int64_t)(turn / 2 % CD_LANES);
	size_t first = 0, n = 0;
	const struct class *oldest;

	while (first < scan->n && scan->due[first].lane < wanted)
		first++;
	first = first < scan->n ? first : 0; /* no later lane waits: from the first again */
	while (first + n < scan->n && scan->due[first + n].lane == scan->due[first].lane)
		n++;
	if (newest)
		return &scan->due[first + turn / ((size_t)2 * CD_LANES) % n];
	oldest = &scan->due[first];
	for (size_t i = first; i < first + n; i++)
		if (scan->due[i].first_due_us < oldest->first_due_us)
			oldest = &scan->due[i];
	return oldest;
}

static om_status
keep_id(void *arg, const struct cd_val *v, om_err *e)
{
	struct claim_scan *scan = arg;

	scan->out->id = om_arena_strndup(scan->a, v[0].p, v[0].n);
	return scan->out->id != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

#define IS_DUE   "next_us<=? AND " CD_LEASE_FREE
#define OF_CLASS "lane=? AND attempts=? AND " IS_DUE
#define LOCK_SQL(where) \
	"SELECT generation_id,first_us,attempts,verify FROM lookup WHERE " where " LIMIT 1 FOR UPDATE SKIP LOCKED"

/* find_newest locks the newest row of a class.  It is found without locks, as the newer
 * ones that are not due yet are passed on the way. */
static om_status
find_newest(struct cd_db *db, const struct cd_val of_class[5], struct claim_scan *scan, om_err *e)
{
	static const char newest[] =
	    "SELECT generation_id FROM lookup FORCE INDEX (by_age) WHERE " OF_CLASS " ORDER BY first_us DESC LIMIT 1";
	om_status s = cd_db_query(db, newest, of_class, 5, keep_id, scan, e);
	struct cd_val v[4] = {CD_NONE, of_class[2], of_class[3], of_class[4]};

	if (s != OM_OK || scan->out->id == NULL)
		return s;
	v[0] = cd_t(scan->out->id);
	return cd_db_query(db, LOCK_SQL("generation_id=? AND " IS_DUE), v, 4, keep_claim, scan, e);
}

/* find_due locks the row whose turn it is; where others hold it, or all of its class, that
 * which waits longest of all. */
static om_status
find_due(struct cd_db *db, uint64_t turn, om_time now, om_time lease_us, struct claim_scan *scan, om_err *e)
{
	/* the index gives the first of each class, and nothing between them is read */
	static const char classes[] =
	    "SELECT lane,attempts,MIN(next_us) FROM lookup FORCE INDEX FOR GROUP BY (by_turn) GROUP BY lane,attempts";
	static const char oldest[] =
	    "SELECT generation_id,first_us,attempts,verify FROM lookup FORCE INDEX (by_turn) WHERE " OF_CLASS
	    " ORDER BY next_us LIMIT 1 FOR UPDATE SKIP LOCKED";
	const bool newest = turn % 2 == 0;
	struct class_scan *found = om_arena_alloc(scan->a, sizeof *found);
	struct cd_val v[] = {CD_NONE, CD_NONE, CD_I(now), CD_LEASE_FREE_VALUES(now, lease_us)};
	const struct class *k;
	om_status s;

	if (found == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	found->n = 0;
	found->now = now;
	s = cd_db_query(db, classes, NULL, 0, keep_class, found, e);
	if (s != OM_OK || found->n == 0)
		return s;
	k = choose(found, turn, newest);
	v[0] = CD_I(k->lane);
	v[1] = CD_I(k->attempts);
	s = newest ? find_newest(db, v, scan, e) : cd_db_query(db, oldest, v, 5, keep_claim, scan, e);
	if (s == OM_OK && !scan->out->found)
		s = cd_db_query(db, LOCK_SQL(IS_DUE " ORDER BY next_us"), v + 2, 3, keep_claim, scan, e);
	return s;
}

om_status
cd_lookup_claim(struct cd_db *db, uint64_t turn, om_time now, om_time lease_us, struct cd_lookup_claim *out,
    struct om_arena *a, om_err *e)
{
	static const char row[] =
	    "SELECT " CD_HANDLE_TEXT("g.user_id") ",g.unsettled,g.cost_state,g.cost," CD_MODEL_TEXT(
		"g.model") ",g.started_us,g.finished_us,g.byok_cost FROM generation AS g WHERE g.generation_id=?";
	struct claim_scan scan = {.out = out, .a = a};
	om_status s;

	memset(out, 0, sizeof *out);
	s = find_due(db, turn, now, lease_us, &scan, e);
	if (s != OM_OK || !out->found)
		return s;
	s = cd_lease_take(db, &a_lookup, cd_t(out->id), now, lease_us, &out->lease, e);
	out->found = s == OM_OK && out->lease.taken;
	if (out->found)
		s = cd_db_query(db, row, (struct cd_val[]){cd_t(out->id)}, 1, keep_row, &scan, e);
	if (s == OM_OK && out->found && out->user == NULL)
		out->settled = true; /* the row is gone */
	return s;
}

/* same_model compares two names of the list without their variants (":free"), of
 * which the books say nothing. */
static bool
same_model(const char *a, const char *b)
{
	const size_t n = strcspn(a, ":");

	return n == strcspn(b, ":") && strncmp(a, b, n) == 0;
}

om_status
cd_lookup_compare(struct cd_db *db, const struct cd_lookup_claim *c, const Om__Record *found, struct om_arena *a,
    const char **why_out, om_err *e)
{
	const char *model = NULL;
	char user[CD_HANDLE + 1] = "";
	bool counted = false;
	size_t n = 0;
	om_status s = cd_db_query(db, "SELECT 1 FROM generation WHERE generation_id=?",
	    (struct cd_val[]){cd_t(found->other_id)}, 1, cd_found, &counted, e);

	*why_out = NULL;
	if (s == OM_OK)
		s = cd_handle(found->user->id, strlen(found->user->id), user, e);
	if (s == OM_OK && found->model != NULL)
		s = cd_model_name(db, found->model, strlen(found->model), a, &model, &n, e);
	if (s != OM_OK)
		return s;
	if (counted)
		*why_out = "which the ledger has as a call of its own";
	else if (model != NULL && c->model != NULL && !same_model(model, c->model))
		*why_out = "whose model is another";
	else if (strcmp(user, OM_USER_UNKNOWN) != 0 && strcmp(c->user, OM_USER_UNKNOWN) != 0 &&
	    strcmp(user, c->user) != 0)
		*why_out = "whose user is another";
	else if (found->finished_us < c->began_us - NEAR_US || found->finished_us > c->ended_us + NEAR_US)
		*why_out = "whose time is another";
	return OM_OK;
}

static om_status
keep_next(void *arg, const struct cd_val *v, om_err *e)
{
	om_time *out = arg;

	(void)e;
	if (v[0].kind == CD_INT)
		*out = v[0].i;
	return OM_OK;
}

om_status
cd_lookup_next(struct cd_db *db, om_time *out, om_err *e)
{
	*out = INT64_MAX;
	/* a lease that runs out makes its row due again */
	return cd_db_query(db,
	    "SELECT MIN(GREATEST(next_us,COALESCE(lease_until_us,0))) FROM (SELECT next_us,"
	    "lease_until_us FROM lookup WHERE next_us IS NOT NULL ORDER BY next_us LIMIT 64) AS t",
	    NULL, 0, keep_next, out, e);
}

om_status
cd_lookup_postpone(struct cd_db *db, const struct cd_lookup_claim *c, int64_t attempts, om_time next, int http_status,
    const char *why, om_err *e)
{
	const struct cd_lease_end end = {
	    .next_us = next == 0 ? CD_LEASE_NEVER : next, .attempts = attempts, .error = why};
	om_status s = cd_lease_done(db, &a_lookup, cd_t(c->id), c->lease.id, &end, e);

	if (s == OM_CONFLICT)
		return OM_OK;
	return s != OM_OK ? s
			  : cd_db_exec(db, "UPDATE lookup SET last_status=? WHERE generation_id=?",
				(struct cd_val[]){CD_I(http_status), cd_t(c->id)}, 2, 1, NULL, e);
}

om_status
cd_lookup_drop(struct cd_db *db, const char *id, om_err *e)
{
	return cd_db_exec(db, "DELETE FROM lookup WHERE generation_id=?", (struct cd_val[]){cd_t(id)}, 1, 1, NULL, e);
}

om_status
cd_lookup_pause(struct cd_db *db, om_time until, om_err *e)
{
	om_time known = 0;
	om_status s = cd_meta_take_int(db, PAUSED, &known, e);

	return s == OM_OK && until > known ? cd_meta_set_int(db, PAUSED, until, e) : s;
}

om_status
cd_lookup_paused(struct cd_db *db, om_time *out, om_err *e)
{
	return cd_meta_get_int(db, PAUSED, out, e);
}

static om_status
keep_counts(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_lookup_counts *c = arg;

	(void)e;
	c->pending = v[0].i;
	c->given_up = v[1].i;
	c->verifying = v[2].i;
	return OM_OK;
}

om_status
cd_lookup_count(struct cd_db *db, struct cd_lookup_counts *out, om_err *e)
{
	*out = (struct cd_lookup_counts){0};
	return cd_db_query(db,
	    "SELECT COUNT(IF(verify=0,next_us,NULL)),COUNT(*)-COUNT(next_us),COUNT(IF(verify>0,next_us,NULL)) FROM "
	    "lookup",
	    NULL, 0, keep_counts, out, e);
}
