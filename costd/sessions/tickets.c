/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sessions_in.h"

#define BYTES(b) CD_B((b), OM_SHA256)
#define KEPT_US  OM_DAY /* a stream that a ticket opened may last as long */

struct ticket {
	unsigned char id[OM_SHA256], session[OM_SHA256];
	om_time now;
	int64_t affected, ends_us;
};

static om_status
make(struct cd_db *db, void *arg, om_err *e)
{
	const struct ticket *t = arg;
	om_status s = cd_db_exec(
	    db, "DELETE FROM ticket WHERE ends_us<=?", (struct cd_val[]){CD_I(t->now - KEPT_US)}, 1, 1, NULL, e);

	if (s != OM_OK)
		return s;
	return cd_db_exec(db,
	    "INSERT INTO ticket (id,session,ends_us) VALUES (?,?,?) ON DUPLICATE KEY UPDATE id=ticket.id",
	    (struct cd_val[]){BYTES(t->id), BYTES(t->session), CD_I(t->ends_us)}, 3, 1, NULL, e);
}

om_status
cd_ticket_make(struct cd_sessions *s, const ProtobufCBinaryData *session, const Om__TicketMake *q, om_time now,
    int64_t deadline_ms, Om__TicketMakeReply *out, om_err *e)
{
	struct ticket t = {.now = now, .ends_us = now + CD_TICKET_US};
	om_status st = cd_secret_hash(&q->ticket, t.id, e);

	if (st == OM_OK)
		st = cd_secret_hash(session, t.session, e);
	if (st == OM_OK)
		st = cd_pool_run(s->pool, CD_TX_WRITE, deadline_ms, make, &t, e);
	out->left_us = CD_TICKET_US;
	return st;
}

static om_status
keep_end(void *arg, const struct cd_val *v, om_err *e)
{
	struct ticket *t = arg;

	(void)e;
	t->ends_us = v[0].i;
	return OM_OK;
}

static om_status
spend(struct cd_db *db, void *arg, om_err *e)
{
	struct ticket *t = arg;
	om_status s = cd_db_exec(db,
	    "UPDATE ticket t JOIN session s ON s.id=t.session SET t.spent_us=? "
	    "WHERE t.id=? AND t.spent_us IS NULL AND t.ends_us>? AND s.ends_us>?",
	    (struct cd_val[]){CD_I(t->now), BYTES(t->id), CD_I(t->now), CD_I(t->now)}, 4, 1, &t->affected, e);

	if (s != OM_OK || t->affected == 0)
		return s;
	return cd_db_query(db, "SELECT s.ends_us FROM ticket t JOIN session s ON s.id=t.session WHERE t.id=?",
	    (struct cd_val[]){BYTES(t->id)}, 1, keep_end, t, e);
}

om_status
cd_ticket_spend(struct cd_sessions *s, const Om__TicketSpend *q, om_time now, int64_t deadline_ms,
    Om__TicketSpendReply *out, om_err *e)
{
	struct ticket t = {.now = now};
	om_status st = cd_secret_hash(&q->ticket, t.id, e);

	if (st == OM_OK)
		st = cd_pool_run(s->pool, CD_TX_WRITE, deadline_ms, spend, &t, e);
	out->known = st == OM_OK && t.affected == 1;
	out->left_us = out->known ? t.ends_us - now : 0;
	return st;
}
