/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "outbox.h"

#include "base/invariant.h"
#include "run/backoff.h"

#include <string.h>

#define LEASE_US   (60 * OM_SECOND) /* more than a call can take */
#define GIVE_UP_US (3 * OM_DAY)
#define FIRST_US   (30 * OM_SECOND)
#define MOST_US    (3600 * OM_SECOND)

/* outbox.state */
enum { TO_BE_SENT = 1, TAKEN = 2, GIVEN_UP = 3 };

static const struct cd_lease_of messages = {.table = "outbox", .key = "id", .scheduled = true};

om_status
cd_outbox_add(struct cd_db *db, const struct cd_message *m, om_time now, om_err *e)
{
	om_check(strlen(m->id) == CD_OUTBOX_ID - 1);
	return cd_db_exec(db,
	    "INSERT INTO outbox (id,event,subject,body,state,first_us,next_us,attempts) VALUES (?,?,?,?,?,?,?,0)",
	    (struct cd_val[]){
		cd_t(m->id), cd_t(m->event), cd_t(m->subject), cd_t(m->body), CD_I(TO_BE_SENT), CD_I(now), CD_I(now)},
	    7, 1, NULL, e);
}

struct take {
	struct cd_sending *out;
	om_time now;
	struct om_arena *a;
};

static om_status
read_message(void *arg, const struct cd_val *v, om_err *e)
{
	struct take *t = arg;
	struct cd_sending *out = t->out;

	out->found = true;
	out->message = (struct cd_message){.id = om_arena_strndup(t->a, v[0].p, v[0].n),
	    .event = om_arena_strndup(t->a, v[1].p, v[1].n),
	    .subject = om_arena_strndup(t->a, v[2].p, v[2].n),
	    .body = om_arena_strndup(t->a, v[3].p, v[3].n)};
	out->attempts = v[4].i;
	out->first_us = v[5].i;
	return t->a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

static om_status
take(struct cd_db *db, void *arg, om_err *e)
{
	struct take *t = arg;
	om_status s;

	*t->out = (struct cd_sending){.found = false};
	s = cd_db_query(db,
	    "SELECT id,event,subject,body,attempts,first_us FROM outbox WHERE next_us<=? AND " CD_LEASE_FREE
	    " ORDER BY next_us LIMIT 1 FOR UPDATE SKIP LOCKED",
	    (struct cd_val[]){CD_I(t->now), CD_LEASE_FREE_VALUES(t->now, LEASE_US)}, 3, read_message, t, e);
	if (s != OM_OK || !t->out->found)
		return s;
	s = cd_lease_take(db, &messages, cd_t(t->out->message.id), t->now, LEASE_US, &t->out->lease, e);
	t->out->found = s == OM_OK && t->out->lease.taken;
	return s;
}

om_status
cd_outbox_take(
    struct cd_pool *p, om_time now, int64_t deadline_ms, struct cd_sending *out, struct om_arena *a, om_err *e)
{
	struct take t = {.out = out, .now = now, .a = a};

	return cd_pool_run(p, CD_TX_WRITE, deadline_ms, take, &t, e);
}

struct note {
	const struct cd_sending *of;
	const struct cd_sent *result;
	om_time next_us; /* CD_LEASE_NEVER: it is given up, if it was not taken */
};

static om_status
note(struct cd_db *db, void *arg, om_err *e)
{
	const struct note *n = arg;
	const bool taken = n->result->taken;
	const struct cd_lease_end end = {.next_us = taken ? CD_LEASE_NEVER : n->next_us,
	    .attempts = n->of->attempts + !taken,
	    .error = taken ? NULL : n->result->why};
	int state = taken ? TAKEN : n->next_us == CD_LEASE_NEVER ? GIVEN_UP : TO_BE_SENT;
	om_status s = cd_lease_done(db, &messages, cd_t(n->of->message.id), n->of->lease.id, &end, e);

	return s != OM_OK
	    ? s
	    : cd_db_exec(db, "UPDATE outbox SET state=?,last_status=? WHERE id=?",
		  (struct cd_val[]){CD_I(state), CD_I(n->result->status), cd_t(n->of->message.id)}, 3, 1, NULL, e);
}

om_status
cd_outbox_note(struct cd_pool *p, const struct cd_sending *of, const struct cd_sent *r, om_time now,
    int64_t deadline_ms, bool *given_up_out, om_err *e)
{
	const struct om_backoff b = {.now = now,
	    .first_us = of->first_us,
	    .give_up_us = GIVE_UP_US,
	    .base_us = FIRST_US,
	    .max_us = MOST_US,
	    .attempts = of->attempts + 1,
	    .retry_after_s = -1,
	    .random = om_backoff_random()};
	struct note n = {.of = of, .result = r, .next_us = om_backoff_next(&b)};

	om_check(of->found);
	*given_up_out = !r->taken && n.next_us == CD_LEASE_NEVER;
	return cd_pool_run(p, CD_TX_WRITE, deadline_ms, note, &n, e);
}
